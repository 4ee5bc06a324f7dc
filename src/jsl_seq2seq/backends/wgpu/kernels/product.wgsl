// For the kernels that multiply matrices:
//
//     out = f(α · Σ_t A_t B_t + bias)      A_t [M, K], B_t [K, N], for every batch, at most 4 terms t
//     f(y) = y,  y + extra,  max(0, y)  or  y where extra > 0, else 0
//     sums = Σ_k B[k, :]                   (the bias' gradient, beside the weight's)
//
// Strides say where row, column and batch lie, so a transposed matrix or a head of many is only another
// stride. K may be split into `splits` pieces of `k_piece`, whose results lie `out_split` apart and are
// added up by another job.

struct Job {
    first: u32, count: u32, width: u32, epilogue: u32,
    a: vec4<u32>,
    b: vec4<u32>,
    m: u32, n: u32, k: u32, terms: u32,
    heads: u32, batches: u32, splits: u32, k_piece: u32,
    a_batch: u32, a_head: u32, a_row: u32, a_column: u32,
    b_batch: u32, b_head: u32, b_row: u32, b_column: u32,
    out: u32, bias: u32, extra: u32, sums: u32,
    out_batch: u32, out_head: u32, out_row: u32, out_split: u32,
    alpha: f32,
}

const ADD = 1u;
const RELU = 2u;
const GATE = 3u;

@group(0) @binding(0) var<storage, read_write> memory: array<f32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

// What happens to a sum of products on its way into memory.
struct Ending {
    alpha: f32,
    epilogue: u32,
    bias: u32,
    extra: u32,
    out: u32,
}

fn ending(j: u32) -> Ending {
    return Ending(jobs[j].alpha, jobs[j].epilogue, jobs[j].bias, jobs[j].extra, jobs[j].out);
}

// Store one element of the result, `place` words after `out` and in this column.
fn store(e: Ending, product: f32, place: u32, column: u32) {
    var value = product * e.alpha;
    if (e.bias != NONE) { value += memory[e.bias + column]; }
    if (e.epilogue == ADD) { value += memory[e.extra + place]; }
    if (e.epilogue == RELU) { value = max(0.0, value); }
    if (e.epilogue == GATE) { value = select(0.0, value, memory[e.extra + place] > 0.0); }
    memory[e.out + place] = value;
}

// Four elements, `ks` steps along K from their starts; past the end of K they are 0.
fn fetch(starts: vec4<u32>, ks: vec4<u32>, stride: u32, end: u32) -> vec4<f32> {
    let places = starts + ks * stride;
    var x = vec4(0.0);
    if (ks.x < end) { x.x = memory[places.x]; }
    if (ks.y < end) { x.y = memory[places.y]; }
    if (ks.z < end) { x.z = memory[places.z]; }
    if (ks.w < end) { x.w = memory[places.w]; }
    return x;
}
