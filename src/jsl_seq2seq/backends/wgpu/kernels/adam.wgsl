//! with rows
// One step of Adam (Kingma & Ba 2015, Algorithm 1) on flat arrays, in place:
//
//     m ← β₁ m + (1 - β₁) g,   v ← β₂ v + (1 - β₂) g²,   θ ← θ - α m / (√v + ε)
//
// α and ε, with the bias corrections inside, come from `rates`. Where `norms` is given, g is clipped on the
// way as `clip` does it.

struct Job {
    first: u32, count: u32, width: u32, size: u32,
    parameters: u32, g: u32, m: u32, v: u32,
    rates: u32, norms: u32, pieces: u32, max_norm: f32,
    beta1: f32, beta2: f32, rest1: f32, rest2: f32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<f32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    var factor = 1.0;
    if (jobs[j].norms != NONE) {
        var squares = 0.0;
        for (var p = thread; p < jobs[j].pieces; p += 64u) { squares += memory[jobs[j].norms + p]; }
        let norm = sqrt(sum_of_row(squares, thread));
        factor = select(1.0, jobs[j].max_norm / norm, norm > jobs[j].max_norm);
    }
    let alpha = memory[jobs[j].rates];
    let epsilon = memory[jobs[j].rates + 1u];
    for (var part = 0u; part < 16u; part += 1u) {
        let i = mine.group * 1024u + part * 64u + thread;
        if (i < jobs[j].size) {
            let g = factor * memory[jobs[j].g + i];
            let m = jobs[j].beta1 * memory[jobs[j].m + i] + jobs[j].rest1 * g;
            let v = jobs[j].beta2 * memory[jobs[j].v + i] + jobs[j].rest2 * (g * g);
            memory[jobs[j].m + i] = m;
            memory[jobs[j].v + i] = v;
            memory[jobs[j].parameters + i] -= alpha * m / (sqrt(v) + epsilon);
        }
    }
}
