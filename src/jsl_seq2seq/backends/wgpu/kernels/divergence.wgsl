//! with rows
// The divergence of R-Drop (Liang et al. 2021, §2.2) between rows of logits [R, V] that are R/2 rows apart, with the
// distributions p of row r and q of row r ± R/2:
//
//     losses[r].loss += α ½ (KL(p‖q) + KL(q‖p)) where the row is counted;    out[r] = KL(p‖q)
//
// losses [R, 3] are what `cross_entropy` keeps of each row: (loss, log Σ e^x, 1 if counted else 0).

struct Job {
    first: u32, count: u32, width: u32, rows: u32,
    logits: u32, losses: u32, out: u32, length: u32,
    consistency: f32,
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
    let half = jobs[j].rows / 2u;
    let other = select(row - half, row + half, row < half);
    let x = jobs[j].logits + row * jobs[j].length;
    let y = jobs[j].logits + other * jobs[j].length;
    let this_loss = jobs[j].losses + 3u * row;
    let other_loss = jobs[j].losses + 3u * other;

    var forward = 0.0;
    var backward = 0.0;
    for (var k = lane; k < length; k += LANES) {
        let log_p = memory[x + k] - memory[this_loss + 1u];
        let log_q = memory[y + k] - memory[other_loss + 1u];
        forward += exp(log_p) * (log_p - log_q);
        backward += exp(log_q) * (log_q - log_p);
    }
    forward = sum_of_row(forward, thread);
    backward = sum_of_row(backward, thread);
    if (lane == 0u && inside) {
        let counted = memory[this_loss + 2u] > 0.0;
        memory[this_loss] += select(0.0, jobs[j].consistency * (forward + backward) / 2.0, counted);
        memory[jobs[j].out + row] = forward;
    }
}
