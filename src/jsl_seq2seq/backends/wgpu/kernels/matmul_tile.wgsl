//! with product
// Large matrix products: a workgroup computes a tile of 64 x 64, each of its 256 threads 4 x 4 of it.
//
// The workgroup walks along K in steps of 16. It keeps a strip of A, turned so that 4 rows stand together,
// and a strip of B where all its threads see them, and fetches the next strips while it multiplies these.

const STRIDE = 17u; // 16 quads and one to spare, so that columns fall into different banks

var<workgroup> a_tile: array<vec4<f32>, 272>; // [16 k, 17 quads of rows]
var<workgroup> b_tile: array<vec4<f32>, 272>; // [16 k, 17 quads of columns]

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let m = jobs[j].m;
    let n = jobs[j].n;
    let across = (n + 63u) / 64u;
    let down = (m + 63u) / 64u;
    let plane = mine.group / (across * down);
    let split = plane % jobs[j].splits;
    let batch = plane / jobs[j].splits;
    if (batch >= jobs[j].batches) { return; }
    let tile_row = ((mine.group / across) % down) * 64u;
    let tile_column = (mine.group % across) * 64u;
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
    let a_ks = select(vec4(thread / 64u) + each * 4u, vec4(thread % 16u), a_along_k);
    let a_ms = select(vec4(thread % 64u), vec4(thread / 16u) + each * 16u, a_along_k);
    let b_ks = select(vec4(thread / 64u) + each * 4u, vec4(thread % 16u), b_along_k);
    let b_ns = select(vec4(thread % 64u), vec4(thread / 16u) + each * 16u, b_along_k);
    // rows and columns past the edge repeat the last one and are not stored
    let rows = min(vec4(tile_row) + a_ms, vec4(m - 1u));
    let columns = min(vec4(tile_column) + b_ns, vec4(n - 1u));

    let quad_row = thread / 16u;
    let quad_column = thread % 16u;
    let with_sums = jobs[j].sums != NONE && tile_row == 0u;
    var y0 = vec4(0.0);
    var y1 = vec4(0.0);
    var y2 = vec4(0.0);
    var y3 = vec4(0.0);
    var sums = vec4(0.0);

    for (var term = 0u; term < jobs[j].terms; term += 1u) {
        let a = vec4(jobs[j].a[term] + a_start) + rows * a_row;
        let b = vec4(jobs[j].b[term] + b_start) + columns * b_column;
        var a_next = fetch(a, a_ks + begin, a_column, end);
        var b_next = fetch(b, b_ks + begin, b_row, end);
        for (var k = begin; k < end; k += 16u) {
            workgroupBarrier();
            for (var i = 0u; i < 4u; i += 1u) {
                a_tile[a_ks[i] * STRIDE + a_ms[i] / 4u][a_ms[i] % 4u] = a_next[i];
                b_tile[b_ks[i] * STRIDE + b_ns[i] / 4u][b_ns[i] % 4u] = b_next[i];
            }
            workgroupBarrier();
            a_next = fetch(a, a_ks + k + 16u, a_column, end);
            b_next = fetch(b, b_ks + k + 16u, b_row, end);
            for (var step = 0u; step < 16u; step += 1u) {
                let x = a_tile[step * STRIDE + quad_row];
                let w = b_tile[step * STRIDE + quad_column];
                y0 += x.x * w;
                y1 += x.y * w;
                y2 += x.z * w;
                y3 += x.w * w;
            }
            // each row of threads adds up one of the 16 rows of B
            if (with_sums) { sums += b_tile[quad_row * STRIDE + quad_column]; }
        }
    }

    let row = tile_row + 4u * quad_row;
    let column = tile_column + 4u * quad_column;
    let place = outer * jobs[j].out_batch + head * jobs[j].out_head + split * jobs[j].out_split + column;
    let out_row = jobs[j].out_row;
    let e = ending(j);
    for (var c = 0u; c < 4u; c += 1u) {
        if (column + c < n) {
            if (row < m) { store(e, y0[c], place + row * out_row + c, column + c); }
            if (row + 1u < m) { store(e, y1[c], place + (row + 1u) * out_row + c, column + c); }
            if (row + 2u < m) { store(e, y2[c], place + (row + 2u) * out_row + c, column + c); }
            if (row + 3u < m) { store(e, y3[c], place + (row + 3u) * out_row + c, column + c); }
        }
    }

    if (with_sums) {
        workgroupBarrier();
        a_tile[quad_row * STRIDE + quad_column] = sums;
        workgroupBarrier();
        if (quad_row == 0u) {
            sums = vec4(0.0);
            for (var i = 0u; i < 16u; i += 1u) { sums += a_tile[i * STRIDE + quad_column]; }
            for (var c = 0u; c < 4u; c += 1u) {
                if (column + c < n) {
                    memory[jobs[j].sums + split * jobs[j].out_split + column + c] = sums[c];
                }
            }
        }
    }
}
