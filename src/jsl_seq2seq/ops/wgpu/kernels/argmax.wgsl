// The index of each row's largest element; of equal ones the first.

struct Job {
    first: u32, count: u32, width: u32, rows: u32,
    x: u32, out: u32, length: u32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<u32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let row = mine.group * (64u / LANES) + thread / LANES;
    let lane = thread % LANES;
    let length = select(0u, jobs[j].length, row < jobs[j].rows);
    let x = jobs[j].x + row * jobs[j].length;

    var largest = -3.4e38;
    var where_ = 0u;
    for (var k = lane; k < length; k += LANES) {
        let value = bitcast<f32>(memory[x + k]);
        if (value > largest) { largest = value; where_ = k; }
    }
    let overall = max_of_row(largest, thread);
    // indices below 2^24 are exact floats, so the smallest index is minus the largest of their negatives
    let first = -max_of_row(select(-16777216.0, -f32(where_), largest == overall), thread);
    if (lane == 0u && row < jobs[j].rows) { memory[jobs[j].out + row] = u32(first); }
}
