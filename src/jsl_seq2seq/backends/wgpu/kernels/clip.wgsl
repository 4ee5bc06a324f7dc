//! with rows
// y = g · min(1, max_norm / ‖g‖) (Pascanu et al. 2013, Algorithm 1); ‖g‖² is the sum of `pieces` from `norm`.

struct Job {
    first: u32, count: u32, width: u32, size: u32,
    g: u32, out: u32, norms: u32, pieces: u32,
    max_norm: f32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<f32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    var squares = 0.0;
    for (var p = thread; p < jobs[j].pieces; p += 64u) { squares += memory[jobs[j].norms + p]; }
    let norm = sqrt(sum_of_row(squares, thread));
    let factor = select(1.0, jobs[j].max_norm / norm, norm > jobs[j].max_norm);
    for (var part = 0u; part < 16u; part += 1u) {
        let i = mine.group * 1024u + part * 64u + thread;
        if (i < jobs[j].size) { memory[jobs[j].out + i] = factor * memory[jobs[j].g + i]; }
    }
}
