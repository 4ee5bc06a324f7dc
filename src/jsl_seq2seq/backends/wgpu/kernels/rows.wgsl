// For kernels that work row by row: LANES threads share a row, 64 / LANES rows share a workgroup.

override LANES: u32 = 1u;

var<workgroup> partial: array<f32, 64>;

// The sum of `value` over the lanes of a row, in an order that never changes.
fn sum_of_row(value: f32, thread: u32) -> f32 {
    if (LANES == 1u) { return value; }
    let lane = thread % LANES;
    partial[thread] = value;
    for (var step = LANES / 2u; step > 0u; step /= 2u) {
        workgroupBarrier();
        if (lane < step) { partial[thread] += partial[thread + step]; }
    }
    workgroupBarrier();
    let sum = partial[thread - lane];
    workgroupBarrier();
    return sum;
}

fn max_of_row(value: f32, thread: u32) -> f32 {
    if (LANES == 1u) { return value; }
    let lane = thread % LANES;
    partial[thread] = value;
    for (var step = LANES / 2u; step > 0u; step /= 2u) {
        workgroupBarrier();
        if (lane < step) { partial[thread] = max(partial[thread], partial[thread + step]); }
    }
    workgroupBarrier();
    let largest = partial[thread - lane];
    workgroupBarrier();
    return largest;
}
