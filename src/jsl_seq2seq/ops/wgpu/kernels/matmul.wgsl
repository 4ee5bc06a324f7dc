// Small matrix products, one thread to a strip of 4 columns, nothing shared.
//
//     out = f(alpha · Σ_t A_t B_t + bias)      A_t [M, K], B_t [K, N], for every batch, at most 4 terms t
//     f(y) = y,  y + extra,  max(0, y)  or  y where extra > 0, else 0
//     sums = Σ_k B[k, :]                       (the bias' gradient, beside the weight's)
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

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let strips = (jobs[j].n + 3u) / 4u;
    let i = mine.group * 64u + thread;
    let row = (i / strips) % jobs[j].m;
    let plane = i / (strips * jobs[j].m);
    let split = plane % jobs[j].splits;
    let batch = plane / jobs[j].splits;
    if (batch >= jobs[j].batches) { return; }

    let n = jobs[j].n;
    let column = (i % strips) * 4u;
    let outer = batch / jobs[j].heads;
    let head = batch % jobs[j].heads;
    let begin = split * jobs[j].k_piece;
    let steps = min(jobs[j].k - begin, jobs[j].k_piece);
    let a_step = jobs[j].a_column;
    let b_step = jobs[j].b_row;
    // columns past the edge repeat the last one and are not stored
    let columns = min(vec4(column) + vec4(0u, 1u, 2u, 3u), vec4(n - 1u)) * jobs[j].b_column;
    let a_start = outer * jobs[j].a_batch + head * jobs[j].a_head + row * jobs[j].a_row + begin * a_step;
    let b_start = outer * jobs[j].b_batch + head * jobs[j].b_head + begin * b_step;

    var y = vec4(0.0);
    for (var term = 0u; term < jobs[j].terms; term += 1u) {
        var a = jobs[j].a[term] + a_start;
        var b = vec4(jobs[j].b[term] + b_start) + columns;
        for (var k = 0u; k < steps; k += 1u) {
            y += memory[a] * vec4(memory[b.x], memory[b.y], memory[b.z], memory[b.w]);
            a += a_step;
            b += vec4(b_step);
        }
    }
    y *= jobs[j].alpha;

    let place = outer * jobs[j].out_batch + head * jobs[j].out_head + row * jobs[j].out_row
        + split * jobs[j].out_split + column;
    let epilogue = jobs[j].epilogue;
    for (var c = 0u; c < min(4u, n - column); c += 1u) {
        var value = y[c];
        if (jobs[j].bias != NONE) { value += memory[jobs[j].bias + column + c]; }
        if (epilogue == ADD) { value += memory[jobs[j].extra + place + c]; }
        if (epilogue == RELU) { value = max(0.0, value); }
        if (epilogue == GATE) { value = select(0.0, value, memory[jobs[j].extra + place + c] > 0.0); }
        memory[jobs[j].out + place + c] = value;
    }

    if (jobs[j].sums != NONE && row == 0u) {
        var sums = vec4(0.0);
        var b = vec4(jobs[j].b.x + b_start) + columns;
        for (var k = 0u; k < steps; k += 1u) {
            sums += vec4(memory[b.x], memory[b.y], memory[b.z], memory[b.w]);
            b += vec4(b_step);
        }
        for (var c = 0u; c < min(4u, n - column); c += 1u) {
            memory[jobs[j].sums + split * jobs[j].out_split + column + c] = sums[c];
        }
    }
}
