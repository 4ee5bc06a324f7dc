// out[i, :] = factor · weight[ids[i], :]

struct Job {
    first: u32, count: u32, width: u32, size: u32,
    ids: u32, weight: u32, out: u32, vocabulary: u32,
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
    let id = min(memory[jobs[j].ids + i / length], jobs[j].vocabulary - 1u);
    let value = bitcast<f32>(memory[jobs[j].weight + id * length + i % length]);
    memory[jobs[j].out + i] = bitcast<u32>(jobs[j].factor * value);
}
