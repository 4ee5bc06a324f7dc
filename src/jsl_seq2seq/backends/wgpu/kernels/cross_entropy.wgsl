//! with rows
// For each row of logits [R, V] with wanted distribution w = (1 - ε) [target] + ε/V:
//
//     loss = -Σ w log p = log Σ e^x - (1 - ε) x_target - ε/V Σ x        (0 where the target is `ignore`)
//
// rows[r] = (loss, log Σ e^x, 1 if counted else 0); `cross_entropy_mean` averages the losses.

struct Job {
    first: u32, count: u32, width: u32, rows: u32,
    logits: u32, targets: u32, out: u32, length: u32,
    ignore: u32, smoothing: f32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<u32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let row = mine.group * (64u / LANES) + thread / LANES;
    let lane = thread % LANES;
    let inside = row < jobs[j].rows;
    let length = select(0u, jobs[j].length, inside);
    let x = jobs[j].logits + row * jobs[j].length;

    var largest = -3.0e38;
    for (var k = lane; k < length; k += LANES) { largest = max(largest, bitcast<f32>(memory[x + k])); }
    largest = max_of_row(largest, thread);
    // relative to the largest, so that nothing is lost when logits are far from 0
    var total = 0.0;
    var sum = 0.0;
    for (var k = lane; k < length; k += LANES) {
        let shifted = bitcast<f32>(memory[x + k]) - largest;
        total += exp(shifted);
        sum += shifted;
    }
    let log_total = log(sum_of_row(total, thread));
    sum = sum_of_row(sum, thread);
    if (lane == 0u && inside) {
        let target_id = memory[jobs[j].targets + row];
        let counted = target_id != jobs[j].ignore;
        let shifted = bitcast<f32>(memory[x + min(target_id, length - 1u)]) - largest;
        let smoothing = jobs[j].smoothing;
        let loss = log_total - (1.0 - smoothing) * shifted - smoothing * sum / f32(length);
        let out = jobs[j].out + 3u * row;
        memory[out] = bitcast<u32>(select(0.0, loss, counted));
        memory[out + 1u] = bitcast<u32>(largest + log_total);
        memory[out + 2u] = bitcast<u32>(select(0.0, 1.0, counted));
    }
}
