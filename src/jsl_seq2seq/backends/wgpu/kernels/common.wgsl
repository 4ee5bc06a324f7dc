// Common to every kernel; it stands in front of each file of this folder when that is compiled.
//
// All arrays lie in one list of 32-bit words, `memory`; an array is the index where it begins.
// A dispatch carries up to 64 jobs of one kernel that do not depend on each other. Its workgroups are
// numbered through, and job j owns the numbers from jobs[j].first up to the next job's.

const NONE = 0xffffffffu; // the address of an operand that a job does not have

struct Turn {
    job: u32,
    group: u32, // number of the workgroup within its job
}

fn turn(workgroup: vec3<u32>) -> Turn {
    let number = workgroup.y * jobs[0].width + workgroup.x;
    var job = 0u;
    while (job + 1u < jobs[0].count && number >= jobs[job + 1u].first) {
        job += 1u;
    }
    return Turn(job, number - jobs[job].first);
}

// Place of element (i0, i1, i2, i3) in an array with these strides.
fn at(index: vec4<u32>, strides: vec4<u32>) -> u32 {
    let steps = index * strides;
    return steps.x + steps.y + steps.z + steps.w;
}

// The four indices of element number `i` of a C-ordered array.
fn unravel(i: u32, shape: vec4<u32>) -> vec4<u32> {
    let rows = i / shape.w;
    let planes = rows / shape.z;
    return vec4(planes / shape.y, planes % shape.y, rows % shape.z, i % shape.w);
}
