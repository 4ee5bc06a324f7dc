// One result per element of a shape of up to four axes; an operand with stride 0 along an axis is repeated there.
//
//     SCALE  y = α a            ADD  y = α a + β b         RELU  y = max(0, α a)
//     GATE   y = α a where b > 0, else 0  (relu's gradient)
//     COPY   y = a, any 32-bit word        DIFFERS  y = 1 where the integer a is not `value`, else 0
//     WEIGH  y = a + w b with the number at `weight`
//     REACH  y = 1 up to and including the place that the integer a says, else 0
//
// The result begins `shift_stride` times the integer at `shift` later, if there is one.

struct Job {
    first: u32, count: u32, width: u32, operation: u32,
    shape: vec4<u32>,
    a_strides: vec4<u32>,
    b_strides: vec4<u32>,
    out_strides: vec4<u32>,
    a: u32, b: u32, out: u32, value: u32,
    alpha: f32, beta: f32, contiguous: u32, size: u32,
    weight: u32, shift: u32, shift_stride: u32,
}

const SCALE = 0u;
const ADD = 1u;
const RELU = 2u;
const GATE = 3u;
const COPY = 4u;
const DIFFERS = 5u;
const WEIGH = 6u;
const REACH = 7u;

@group(0) @binding(0) var<storage, read_write> memory: array<u32>;
@group(0) @binding(1) var<uniform> jobs: array<Job, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) workgroup: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let mine = turn(workgroup);
    let j = mine.job;
    var start = jobs[j].out;
    if (jobs[j].shift != NONE) { start += memory[jobs[j].shift] * jobs[j].shift_stride; }
    for (var part = 0u; part < 4u; part += 1u) {
        let i = mine.group * 256u + part * 64u + thread;
        if (i >= jobs[j].size) { return; }
        var a = i;
        var b = i;
        var out = i;
        if (jobs[j].contiguous == 0u) {
            let index = unravel(i, jobs[j].shape);
            a = at(index, jobs[j].a_strides);
            b = at(index, jobs[j].b_strides);
            out = at(index, jobs[j].out_strides);
        }
        let word = memory[jobs[j].a + a];
        let x = bitcast<f32>(word) * jobs[j].alpha;
        var y = word;
        switch (jobs[j].operation) {
            case SCALE: { y = bitcast<u32>(x); }
            case ADD: { y = bitcast<u32>(x + jobs[j].beta * bitcast<f32>(memory[jobs[j].b + b])); }
            case RELU: { y = bitcast<u32>(max(0.0, x)); }
            case GATE: { y = bitcast<u32>(select(0.0, x, bitcast<f32>(memory[jobs[j].b + b]) > 0.0)); }
            case DIFFERS: { y = select(0u, 1u, word != jobs[j].value); }
            case WEIGH: {
                y = bitcast<u32>(x + bitcast<f32>(memory[jobs[j].weight]) * bitcast<f32>(memory[jobs[j].b + b]));
            }
            case REACH: { y = select(0u, 1u, i <= word); }
            default: {}
        }
        memory[start + out] = y;
    }
}
