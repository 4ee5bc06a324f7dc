// dweight[v, :] = factor · Σ_{i: ids[i] = v} g[i, :]
//
// Every thread owns one place of the gradient and reads through all ids in order, so the sum's order never
// changes. Adding from the side of the ids would need atomics, whose order does.

struct Job {
    first: u32, count: u32, width: u32, size: u32,
    ids: u32, g: u32, out: u32, tokens: u32,
    length: u32, factor: f32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<u32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let i = mine.group * 64u + thread;
    if (i >= jobs[j].size) { return; }
    let length = jobs[j].length;
    let id = i / length;
    let ids = jobs[j].ids;
    let g = jobs[j].g + i % length;
    let tokens = jobs[j].tokens;
    var sum = 0.0;
    for (var token = 0u; token < tokens; token += 1u) {
        if (memory[ids + token] == id) { sum += bitcast<f32>(memory[g + token * length]); }
    }
    memory[jobs[j].out + i] = bitcast<u32>(jobs[j].factor * sum);
}
