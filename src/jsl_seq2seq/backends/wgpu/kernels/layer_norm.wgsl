//! with rows
// y = (x - mean) / σ · weight + bias   with   σ = sqrt(var + ε), row by row; mean and 1/σ are kept in `stats`.

struct Job {
    first: u32, count: u32, width: u32, rows: u32,
    x: u32, weight: u32, bias: u32, out: u32,
    stats: u32, length: u32, epsilon: f32,
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
    let weight = jobs[j].weight;
    let bias = jobs[j].bias;
    let size = f32(jobs[j].length);

    var total = 0.0;
    for (var k = lane; k < length; k += LANES) { total += memory[x + k]; }
    let mean = sum_of_row(total, thread) / size;
    var squares = 0.0;
    for (var k = lane; k < length; k += LANES) {
        let centred = memory[x + k] - mean;
        squares += centred * centred;
    }
    let inverse = 1.0 / sqrt(sum_of_row(squares, thread) / size + jobs[j].epsilon);
    for (var k = lane; k < length; k += LANES) {
        memory[out + k] = (memory[x + k] - mean) * inverse * memory[weight + k] + memory[bias + k];
    }
    if (lane == 0u && row < jobs[j].rows) {
        memory[jobs[j].stats + 2u * row] = mean;
        memory[jobs[j].stats + 2u * row + 1u] = inverse;
    }
}
