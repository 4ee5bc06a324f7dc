//! with product
// The largest matrix products: a workgroup computes a tile of 128 x 128, each of its 256 threads 8 x 8 of it,
// as four squares of 4 x 4 that lie 64 apart. Otherwise like `matmul_tile`, in steps of 8 along K: twice as many
// products for each number that is fetched, for half as many workgroups.

const STRIDE = 33u; // 32 quads and one to spare, so that columns fall into different banks

var<workgroup> a_tile: array<vec4<f32>, 264>; // [8 k, 33 quads of rows]
var<workgroup> b_tile: array<vec4<f32>, 264>; // [8 k, 33 quads of columns]

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let m = jobs[j].m;
    let n = jobs[j].n;
    let across = (n + 127u) / 128u;
    let down = (m + 127u) / 128u;
    let plane = mine.group / (across * down);
    let split = plane % jobs[j].splits;
    let batch = plane / jobs[j].splits;
    if (batch >= jobs[j].batches) { return; }
    let tile_row = ((mine.group / across) % down) * 128u;
    let tile_column = (mine.group % across) * 128u;
    let outer = batch / jobs[j].heads;
    let head = batch % jobs[j].heads;
    let begin = split * jobs[j].k_piece;
    let end = min(begin + jobs[j].k_piece, jobs[j].k);
    let a_start = outer * jobs[j].a_batch + head * jobs[j].a_head;
    let b_start = outer * jobs[j].b_batch + head * jobs[j].b_head;
    let a_row = jobs[j].a_row;
    let a_column = jobs[j].a_column;
    let b_row = jobs[j].b_row;
    let b_column = jobs[j].b_column;

    // Which elements of the strips this thread fetches: neighbours fetch neighbours in memory.
    let each = vec4(0u, 1u, 2u, 3u);
    let a_along_k = a_column == 1u;
    let b_along_k = b_column != 1u;
    let a_ks = select(vec4(thread / 128u) + each * 2u, vec4(thread % 8u), a_along_k);
    let a_ms = select(vec4(thread % 128u), vec4(thread / 8u) + each * 32u, a_along_k);
    let b_ks = select(vec4(thread / 128u) + each * 2u, vec4(thread % 8u), b_along_k);
    let b_ns = select(vec4(thread % 128u), vec4(thread / 8u) + each * 32u, b_along_k);
    // rows and columns past the edge repeat the last one and are not stored
    let rows = min(vec4(tile_row) + a_ms, vec4(m - 1u));
    let columns = min(vec4(tile_column) + b_ns, vec4(n - 1u));

    let quad_row = thread / 16u;
    let quad_column = thread % 16u;
    let with_sums = jobs[j].sums != NONE && tile_row == 0u;
    // y<row><half>: row 0 to 3 of the upper squares and 4 to 7 of the lower ones, their left and right halves
    var y0l = vec4(0.0);
    var y0r = vec4(0.0);
    var y1l = vec4(0.0);
    var y1r = vec4(0.0);
    var y2l = vec4(0.0);
    var y2r = vec4(0.0);
    var y3l = vec4(0.0);
    var y3r = vec4(0.0);
    var y4l = vec4(0.0);
    var y4r = vec4(0.0);
    var y5l = vec4(0.0);
    var y5r = vec4(0.0);
    var y6l = vec4(0.0);
    var y6r = vec4(0.0);
    var y7l = vec4(0.0);
    var y7r = vec4(0.0);
    var sums = vec4(0.0);

    for (var term = 0u; term < jobs[j].terms; term += 1u) {
        let a = vec4(jobs[j].a[term] + a_start) + rows * a_row;
        let b = vec4(jobs[j].b[term] + b_start) + columns * b_column;
        var a_next = fetch(a, a_ks + begin, a_column, end);
        var b_next = fetch(b, b_ks + begin, b_row, end);
        for (var k = begin; k < end; k += 8u) {
            workgroupBarrier();
            for (var i = 0u; i < 4u; i += 1u) {
                a_tile[a_ks[i] * STRIDE + a_ms[i] / 4u][a_ms[i] % 4u] = a_next[i];
                b_tile[b_ks[i] * STRIDE + b_ns[i] / 4u][b_ns[i] % 4u] = b_next[i];
            }
            workgroupBarrier();
            a_next = fetch(a, a_ks + k + 8u, a_column, end);
            b_next = fetch(b, b_ks + k + 8u, b_row, end);
            for (var step = 0u; step < 8u; step += 1u) {
                let upper = a_tile[step * STRIDE + quad_row];
                let lower = a_tile[step * STRIDE + quad_row + 16u];
                let left = b_tile[step * STRIDE + quad_column];
                let right = b_tile[step * STRIDE + quad_column + 16u];
                y0l += upper.x * left;
                y0r += upper.x * right;
                y1l += upper.y * left;
                y1r += upper.y * right;
                y2l += upper.z * left;
                y2r += upper.z * right;
                y3l += upper.w * left;
                y3r += upper.w * right;
                y4l += lower.x * left;
                y4r += lower.x * right;
                y5l += lower.y * left;
                y5r += lower.y * right;
                y6l += lower.z * left;
                y6r += lower.z * right;
                y7l += lower.w * left;
                y7r += lower.w * right;
            }
            // each row of threads adds up a half of one of the 8 rows of B
            if (with_sums) { sums += b_tile[(quad_row % 8u) * STRIDE + quad_column + 16u * (quad_row / 8u)]; }
        }
    }

    let e = ending(j);
    let place = outer * jobs[j].out_batch + head * jobs[j].out_head + split * jobs[j].out_split;
    let row = tile_row + 4u * quad_row;
    let column = tile_column + 4u * quad_column;
    let out_row = jobs[j].out_row;
    let here = place + row * out_row + column;
    let below = here + 64u * out_row;
    let rest = m - min(row, m);
    let rest_below = m - min(row + 64u, m);
    if (rest > 0u) { store_quads(e, y0l, y0r, here, column, n); }
    if (rest > 1u) { store_quads(e, y1l, y1r, here + out_row, column, n); }
    if (rest > 2u) { store_quads(e, y2l, y2r, here + 2u * out_row, column, n); }
    if (rest > 3u) { store_quads(e, y3l, y3r, here + 3u * out_row, column, n); }
    if (rest_below > 0u) { store_quads(e, y4l, y4r, below, column, n); }
    if (rest_below > 1u) { store_quads(e, y5l, y5r, below + out_row, column, n); }
    if (rest_below > 2u) { store_quads(e, y6l, y6r, below + 2u * out_row, column, n); }
    if (rest_below > 3u) { store_quads(e, y7l, y7r, below + 3u * out_row, column, n); }

    if (with_sums) {
        workgroupBarrier();
        a_tile[(quad_row % 8u) * STRIDE + quad_column + 16u * (quad_row / 8u)] = sums;
        workgroupBarrier();
        if (thread < 32u) {
            sums = vec4(0.0);
            for (var i = 0u; i < 8u; i += 1u) { sums += a_tile[i * STRIDE + thread]; }
            let first = tile_column + 4u * thread;
            for (var c = 0u; c < 4u; c += 1u) {
                if (first + c < n) { memory[jobs[j].sums + split * jobs[j].out_split + first + c] = sums[c]; }
            }
        }
    }
}

// Two quads of a row, 64 columns apart.
fn store_quads(e: Ending, left: vec4<f32>, right: vec4<f32>, place: u32, column: u32, n: u32) {
    for (var c = 0u; c < 4u; c += 1u) {
        if (column + c < n) { store(e, left[c], place + c, column + c); }
        if (column + 64u + c < n) { store(e, right[c], place + 64u + c, column + 64u + c); }
    }
}
