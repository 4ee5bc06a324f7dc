//! with rows
// dx = factor · y ⊙ (g - Σ g ⊙ y), row by row; y is the softmax' result.

struct Job {
    first: u32, count: u32, width: u32, rows: u32,
    g: u32, y: u32, out: u32, length: u32,
    factor: f32,
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
    let start = row * jobs[j].length;
    let g = jobs[j].g + start;
    let y = jobs[j].y + start;
    let out = jobs[j].out + start;
    let factor = jobs[j].factor;

    var product = 0.0;
    for (var k = lane; k < length; k += LANES) { product += memory[g + k] * memory[y + k]; }
    product = sum_of_row(product, thread);
    for (var k = lane; k < length; k += LANES) {
        memory[out + k] = factor * memory[y + k] * (memory[g + k] - product);
    }
}
