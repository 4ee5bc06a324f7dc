//! with rows
// y = x - max x - log Σ e^(x - max x), row by row.

struct Job {
    first: u32, count: u32, width: u32, rows: u32,
    x: u32, out: u32, length: u32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<f32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let row = mine.group * (64u / LANES) + thread / LANES;
    let lane = thread % LANES;
    let length = select(0u, jobs[j].length, row < jobs[j].rows);
    let x = jobs[j].x + row * jobs[j].length;
    let out = jobs[j].out + row * jobs[j].length;

    var largest = -3.0e38;
    for (var k = lane; k < length; k += LANES) { largest = max(largest, memory[x + k]); }
    largest = max_of_row(largest, thread);
    var total = 0.0;
    for (var k = lane; k < length; k += LANES) { total += exp(memory[x + k] - largest); }
    total = log(sum_of_row(total, thread));
    for (var k = lane; k < length; k += LANES) { memory[out + k] = memory[x + k] - largest - total; }
}
