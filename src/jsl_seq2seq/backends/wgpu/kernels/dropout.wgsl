// y = x · scale where the hash of (key, site, position) reaches the threshold, else 0 (Srivastava et al. 2014);
// plus `extra`, the residual connection, where there is one.
//
// The hash is PCG (Jarzynski & Olano 2020, JCGT 9(3)), word for word the one in backends/numpy.py. The gradient is
// the same job on g.

struct Job {
    first: u32, count: u32, width: u32, size: u32,
    x: u32, out: u32, key: u32, site: u32,
    threshold: u32, scale: f32, extra: u32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<u32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

fn pcg(x: u32) -> u32 {
    let state = x * 747796405u + 2891336453u;
    let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
    return (word >> 22u) ^ word;
}

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let i = mine.group * 64u + thread;
    if (i >= jobs[j].size) { return; }
    let stream = pcg(jobs[j].site + pcg(memory[jobs[j].key]));
    let kept = pcg(i + stream) >= jobs[j].threshold;
    let x = bitcast<f32>(memory[jobs[j].x + i]);
    var y = select(0.0, x * jobs[j].scale, kept);
    if (jobs[j].extra != NONE) { y += bitcast<f32>(memory[jobs[j].extra + i]); }
    memory[jobs[j].out + i] = bitcast<u32>(y);
}
