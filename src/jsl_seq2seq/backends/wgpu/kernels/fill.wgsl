// y = value, everywhere.

struct Job {
    first: u32, count: u32, width: u32, size: u32,
    out: u32, value: f32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<f32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    for (var part = 0u; part < 4u; part += 1u) {
        let i = mine.group * 256u + part * 64u + thread;
        if (i < jobs[j].size) { memory[jobs[j].out + i] = jobs[j].value; }
    }
}
