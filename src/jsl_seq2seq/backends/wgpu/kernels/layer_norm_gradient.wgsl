//! with rows
// dx = (gw - mean(gw) - x̂ mean(gw ⊙ x̂)) / σ + extra   with   gw = g ⊙ weight,  x̂ = (x - mean) / σ, row by row.
// `extra` is what reaches x along other ways (the residual connection).

struct Job {
    first: u32, count: u32, width: u32, rows: u32,
    g: u32, x: u32, weight: u32, stats: u32,
    extra: u32, out: u32, length: u32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<f32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let row = mine.group * (64u / LANES) + thread / LANES;
    let lane = thread % LANES;
    let inside = row < jobs[j].rows;
    let length = select(0u, jobs[j].length, inside);
    let start = row * jobs[j].length;
    let g = jobs[j].g + start;
    let x = jobs[j].x + start;
    let out = jobs[j].out + start;
    let weight = jobs[j].weight;
    let size = f32(jobs[j].length);
    let stats = jobs[j].stats + 2u * select(0u, row, inside);
    let mean = memory[stats];
    let inverse = memory[stats + 1u];

    var sum = 0.0;
    var product = 0.0;
    for (var k = lane; k < length; k += LANES) {
        let gw = memory[g + k] * memory[weight + k];
        sum += gw;
        product += gw * (memory[x + k] - mean) * inverse;
    }
    sum = sum_of_row(sum, thread) / size;
    product = sum_of_row(product, thread) / size;
    for (var k = lane; k < length; k += LANES) {
        let normal = (memory[x + k] - mean) * inverse;
        var dx = (memory[g + k] * memory[weight + k] - sum - normal * product) * inverse;
        if (jobs[j].extra != NONE) { dx += memory[jobs[j].extra + start + k]; }
        memory[out + k] = dx;
    }
}
