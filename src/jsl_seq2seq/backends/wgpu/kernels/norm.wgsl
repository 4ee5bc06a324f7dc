//! with rows
// The first half of ‖g‖² = Σ g²: piece p of [N] floats adds up its share into out[p]. At most 256 pieces.

struct Job {
    first: u32, count: u32, width: u32, size: u32,
    g: u32, out: u32, piece: u32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<f32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let begin = mine.group * jobs[j].piece;
    let end = min(begin + jobs[j].piece, jobs[j].size);
    var squares = 0.0;
    for (var i = begin + thread; i < end; i += 64u) {
        let g = memory[jobs[j].g + i];
        squares += g * g;
    }
    squares = sum_of_row(squares, thread);
    if (thread == 0u) { memory[jobs[j].out + mine.group] = squares; }
}
