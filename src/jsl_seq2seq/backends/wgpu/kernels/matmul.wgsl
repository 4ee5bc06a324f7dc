//! with product
// Small matrix products: one thread to a tile of 4 x 4, nothing shared.

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let m = jobs[j].m;
    let n = jobs[j].n;
    let across = (n + 3u) / 4u;
    let down = (m + 3u) / 4u;
    let i = mine.group * 64u + thread;
    let plane = i / (across * down);
    let splits = jobs[j].splits;
    let split = plane % splits;
    let batch = plane / splits;
    if (batch >= jobs[j].batches) { return; }

    let row = ((i / across) % down) * 4u;
    let column = (i % across) * 4u;
    let heads = jobs[j].heads;
    let outer = batch / heads;
    let head = batch % heads;
    let begin = split * jobs[j].k_piece;
    let steps = min(jobs[j].k - begin, jobs[j].k_piece);
    let a_step = jobs[j].a_column;
    let b_step = jobs[j].b_row;
    // rows and columns past the edge repeat the last one and are not stored
    let rows = min(vec4(row) + vec4(0u, 1u, 2u, 3u), vec4(m - 1u)) * jobs[j].a_row;
    let columns = min(vec4(column) + vec4(0u, 1u, 2u, 3u), vec4(n - 1u)) * jobs[j].b_column;
    let a_start = outer * jobs[j].a_batch + head * jobs[j].a_head + begin * a_step;
    let b_start = outer * jobs[j].b_batch + head * jobs[j].b_head + begin * b_step;
    let with_sums = jobs[j].sums != NONE && row == 0u;

    var y0 = vec4(0.0);
    var y1 = vec4(0.0);
    var y2 = vec4(0.0);
    var y3 = vec4(0.0);
    var sums = vec4(0.0);
    let terms = jobs[j].terms;
    for (var term = 0u; term < terms; term += 1u) {
        var a = vec4(jobs[j].a[term] + a_start) + rows;
        var b = vec4(jobs[j].b[term] + b_start) + columns;
        for (var k = 0u; k < steps; k += 1u) {
            let w = vec4(memory[b.x], memory[b.y], memory[b.z], memory[b.w]);
            y0 += memory[a.x] * w;
            y1 += memory[a.y] * w;
            y2 += memory[a.z] * w;
            y3 += memory[a.w] * w;
            sums += w;
            a += vec4(a_step);
            b += vec4(b_step);
        }
    }

    let place = outer * jobs[j].out_batch + head * jobs[j].out_head + split * jobs[j].out_split + column;
    let out_row = jobs[j].out_row;
    let e = ending(j);
    for (var c = 0u; c < min(4u, n - column); c += 1u) {
        store(e, y0[c], place + row * out_row + c, column + c);
        if (row + 1u < m) { store(e, y1[c], place + (row + 1u) * out_row + c, column + c); }
        if (row + 2u < m) { store(e, y2[c], place + (row + 2u) * out_row + c, column + c); }
        if (row + 3u < m) { store(e, y3[c], place + (row + 3u) * out_row + c, column + c); }
    }
    if (with_sums) {
        let place = jobs[j].sums + split * jobs[j].out_split + column;
        for (var c = 0u; c < min(4u, n - column); c += 1u) { memory[place + c] = sums[c]; }
    }
}
