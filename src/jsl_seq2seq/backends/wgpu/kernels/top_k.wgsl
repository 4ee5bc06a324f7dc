//! with rows
// The `k` largest elements of each row, largest first, and where they stand; of equal ones the first.
//
// Round after round the largest of those that come after the last one found. A place in a row is an exact
// float up to 2^24.

struct Job {
    first: u32, count: u32, width: u32, rows: u32,
    x: u32, values: u32, places: u32, length: u32,
    k: u32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<u32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

const LOWEST = -3.4e38;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let row = mine.group * (64u / LANES) + thread / LANES;
    let lane = thread % LANES;
    let inside = row < jobs[j].rows;
    let length = select(0u, jobs[j].length, inside);
    let x = jobs[j].x + row * jobs[j].length;
    let k = jobs[j].k;

    var last = 3.4e38;
    var last_place = -1.0;
    for (var round = 0u; round < k; round += 1u) {
        var largest = LOWEST;
        var place = 1.0e9;
        for (var i = lane; i < length; i += LANES) {
            let value = bitcast<f32>(memory[x + i]);
            let after = value < last || (value == last && f32(i) > last_place);
            // -infinity counts as the lowest finite number, so that it, too, has a place
            if (after && (value > largest || place == 1.0e9)) {
                largest = max(value, LOWEST);
                place = f32(i);
            }
        }
        let overall = max_of_row(largest, thread);
        last_place = -max_of_row(select(-1.0e9, -place, largest == overall), thread);
        last = overall;
        if (lane == 0u && inside) {
            let i = min(u32(last_place), length - 1u);
            last = bitcast<f32>(memory[x + i]);
            memory[jobs[j].values + row * k + round] = bitcast<u32>(last);
            memory[jobs[j].places + row * k + round] = i;
        }
    }
}
