//! with rows
// Softmax of scaled, masked scores, row by row:
//
//     y_k = e^(s_k - max s) / Σ e^(s - max s)   with   s = factor · x where the mask is not 0, else left out
//
// A row whose every position is left out becomes all zeros.

struct Job {
    first: u32, count: u32, width: u32, rows: u32,
    shape: vec4<u32>,
    x_strides: vec4<u32>,
    mask_strides: vec4<u32>,
    x: u32, mask: u32, out: u32, factor: f32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<u32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

const LOWEST = -3.0e38;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let row = mine.group * (64u / LANES) + thread / LANES;
    let lane = thread % LANES;
    let length = select(0u, jobs[j].shape.w, row < jobs[j].rows); // threads past the end still meet the others
    let index = unravel(row * jobs[j].shape.w, jobs[j].shape);
    let x = jobs[j].x + at(index, jobs[j].x_strides);
    let mask = jobs[j].mask + at(index, jobs[j].mask_strides);
    let masked = jobs[j].mask != NONE;
    let out = jobs[j].out + row * jobs[j].shape.w;
    let x_stride = jobs[j].x_strides.w;
    let mask_stride = jobs[j].mask_strides.w;
    let factor = jobs[j].factor;

    var largest = LOWEST;
    for (var k = lane; k < length; k += LANES) {
        var seen = true;
        if (masked) { seen = memory[mask + k * mask_stride] != 0u; }
        if (seen) { largest = max(largest, factor * bitcast<f32>(memory[x + k * x_stride])); }
    }
    largest = max_of_row(largest, thread);

    var total = 0.0;
    for (var k = lane; k < length; k += LANES) {
        var seen = true;
        if (masked) { seen = memory[mask + k * mask_stride] != 0u; }
        var power = 0.0;
        if (seen) { power = exp(factor * bitcast<f32>(memory[x + k * x_stride]) - largest); }
        memory[out + k] = bitcast<u32>(power);
        total += power;
    }
    total = sum_of_row(total, thread);
    let share = select(0.0, 1.0 / total, total > 0.0);
    for (var k = lane; k < length; k += LANES) {
        memory[out + k] = bitcast<u32>(bitcast<f32>(memory[out + k]) * share);
    }
}
