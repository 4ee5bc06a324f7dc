// out[o, i] = factor · Σ_r x[o, r, i]: the middle axis added up, one thread to a sum, in order.
// Where there is a bias, bias[i mod columns] is added.

struct Job {
    first: u32, count: u32, width: u32, size: u32,
    x: u32, out: u32, inner: u32, repeat: u32,
    outer_stride: u32, repeat_stride: u32, inner_stride: u32, factor: f32,
    bias: u32, columns: u32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<f32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let i = mine.group * 64u + thread;
    if (i >= jobs[j].size) { return; }
    var x = jobs[j].x + (i / jobs[j].inner) * jobs[j].outer_stride + (i % jobs[j].inner) * jobs[j].inner_stride;
    let stride = jobs[j].repeat_stride;
    var sum = 0.0;
    for (var r = 0u; r < jobs[j].repeat; r += 1u) {
        sum += memory[x];
        x += stride;
    }
    sum *= jobs[j].factor;
    if (jobs[j].bias != NONE) { sum += memory[jobs[j].bias + i % jobs[j].columns]; }
    memory[jobs[j].out + i] = sum;
}
