// dweight = Σ_rows g ⊙ x̂  and  dbias = Σ_rows g, side by side in out [pieces, 2, D].
// One thread to a column of a piece of `piece` rows; another job adds the pieces up.

struct Job {
    first: u32, count: u32, width: u32, rows: u32,
    g: u32, x: u32, stats: u32, out: u32,
    length: u32, piece: u32, pieces: u32,
}

@group(0) @binding(0) var<storage, read_write> memory: array<f32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    let i = mine.group * 64u + thread;
    let length = jobs[j].length;
    let piece = i / length;
    let k = i % length;
    if (piece >= jobs[j].pieces) { return; }
    let begin = piece * jobs[j].piece;
    let end = min(begin + jobs[j].piece, jobs[j].rows);
    var g = jobs[j].g + begin * length + k;
    var x = jobs[j].x + begin * length + k;
    var stats = jobs[j].stats + 2u * begin;
    var dweight = 0.0;
    var dbias = 0.0;
    for (var row = begin; row < end; row += 1u) {
        dweight += memory[g] * (memory[x] - memory[stats]) * memory[stats + 1u];
        dbias += memory[g];
        g += length;
        x += length;
        stats += 2u;
    }
    memory[jobs[j].out + piece * 2u * length + k] = dweight;
    memory[jobs[j].out + piece * 2u * length + length + k] = dbias;
}
