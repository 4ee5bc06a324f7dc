// dlogits = (p - w) · g / count on counted rows, 0 elsewhere; p = e^(x - log Σ e^x), w as in `cross_entropy`.
// With `divergences`, p - w + α (p (log p - log q - KL(p‖q)) + p - q); q and KL(p‖q) as in `divergence`.

struct Job {
    first: u32, count: u32, width: u32, size: u32,
    logits: u32, targets: u32, rows: u32, mean: u32,
    g: u32, out: u32, length: u32, ignore: u32,
    smoothing: f32, factor: f32, divergences: u32, consistency: f32,
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
    let row = i / length;
    let target_id = memory[jobs[j].targets + row];
    var slope = 0.0;
    if (target_id != jobs[j].ignore) {
        let log_p = bitcast<f32>(memory[jobs[j].logits + i]) - bitcast<f32>(memory[jobs[j].rows + 3u * row + 1u]);
        let p = exp(log_p);
        let smoothing = jobs[j].smoothing;
        let wanted = smoothing / f32(length) + select(0.0, 1.0 - smoothing, i % length == target_id);
        slope = p - wanted;
        if (jobs[j].divergences != NONE) {
            let half = jobs[j].size / 2u;
            let k = select(i - half, i + half, i < half);
            let log_total = bitcast<f32>(memory[jobs[j].rows + 3u * (k / length) + 1u]);
            let log_q = bitcast<f32>(memory[jobs[j].logits + k]) - log_total;
            let divergence = bitcast<f32>(memory[jobs[j].divergences + row]);
            slope += jobs[j].consistency * (p * (log_p - log_q - divergence) + p - exp(log_q));
        }
        slope *= jobs[j].factor / bitcast<f32>(memory[jobs[j].mean + 1u]);
        if (jobs[j].g != NONE) { slope *= bitcast<f32>(memory[jobs[j].g]); }
    }
    memory[jobs[j].out + i] = bitcast<u32>(slope);
}
