//! with rows
// out = (Σ loss / count, count) over the rows of `cross_entropy`; the mean of nothing is 0.

struct Job {
    first: u32, count: u32, width: u32, rows: u32,
    x: u32, out: u32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<f32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    var loss = 0.0;
    var counted = 0.0;
    let rows = select(0u, jobs[j].rows, mine.group == 0u);
    for (var row = thread % LANES; row < rows; row += LANES) {
        loss += memory[jobs[j].x + 3u * row];
        counted += memory[jobs[j].x + 3u * row + 2u];
    }
    loss = sum_of_row(loss, thread);
    counted = max(sum_of_row(counted, thread), 1.0);
    if (thread == 0u && mine.group == 0u) {
        memory[jobs[j].out] = loss / counted;
        memory[jobs[j].out + 1u] = counted;
    }
}
