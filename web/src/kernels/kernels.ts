/** The products that nearly all of the time goes to, in WebAssembly SIMD, or in JavaScript where that is not allowed. */
import module from "./kernels.wat";

/** Outputs of a linear layer that are computed together; weights and biases are zero-filled to a multiple of it. */
export const BLOCK = 16;
/** Rows of an embedding are zero-filled to a multiple of it. */
export const STEP = 8;

export const roundUp = (size: number, multiple: number): number => Math.ceil(size / multiple) * multiple;

/** Products of arrays in one memory. All places are indices of `floats`. */
export interface Kernels {
  readonly simd: boolean;
  readonly floats: Float32Array;
  /** The same memory. */
  readonly integers: Int32Array;
  /** y[r] = x[r] W + b. x is [rows, inputs]; W is [blocks, inputs, BLOCK]; b is [blocks · BLOCK], y [rows, blocks · BLOCK]. */
  linear(x: number, weight: number, bias: number, y: number, rows: number, inputs: number, blocks: number): void;
  /** y[k] = x · E[ids[k]]. Rows of E are `width` wide, a multiple of {@link STEP}; `ids` are integers, `count` > 0. */
  dots(x: number, rows: number, ids: number, y: number, count: number, width: number): void;
  /** y[h, s] = q[h] · K[s, h]. q is [D] and K [rows, D], with D = heads · size; y is [heads, rows]. */
  scores(query: number, keys: number, y: number, rows: number, heads: number, size: number): void;
  /** y[h] = Σₛ w[h, s] V[s, h]. w is [heads, rows], V [rows, D], y [D]. */
  mix(weights: number, values: number, y: number, rows: number, heads: number, size: number): void;
}

const PAGE = 1 << 16;

/** Kernels over a memory of `size` floats: in WebAssembly SIMD, if it is there and may be used. */
export async function createKernels(size: number, allowSimd: boolean): Promise<Kernels> {
  if (allowSimd) {
    try {
      const memory = new WebAssembly.Memory({ initial: Math.ceil((size * 4) / PAGE) });
      const { instance } = await WebAssembly.instantiate(module, { js: { memory } });
      const { linear, dots, scores, mix } = instance.exports as Record<
        "linear" | "dots" | "scores" | "mix",
        (...places: number[]) => void
      >;
      const plain = javascriptKernels(memory.buffer);
      return {
        ...plain,
        simd: true,
        linear: (x, weight, bias, y, ...sizes) => linear(x * 4, weight * 4, bias * 4, y * 4, ...sizes),
        dots: (x, rows, ids, y, count, width) => dots(x * 4, rows * 4, ids * 4, y * 4, count, width * 4),
        // heads of few models are no whole vectors
        scores: (q, keys, y, rows, heads, size) =>
          size % 4 ? plain.scores(q, keys, y, rows, heads, size) : scores(q * 4, keys * 4, y * 4, rows, heads, size * 4),
        mix: (w, values, y, rows, heads, size) =>
          size % 4 ? plain.mix(w, values, y, rows, heads, size) : mix(w * 4, values * 4, y * 4, rows, heads, size * 4),
      };
    } catch {
      // no WebAssembly, no SIMD, or a Content-Security-Policy without 'wasm-unsafe-eval'
    }
  }
  return javascriptKernels(new ArrayBuffer(size * 4));
}

function javascriptKernels(memory: ArrayBuffer): Kernels {
  const floats = new Float32Array(memory);
  const integers = new Int32Array(memory);
  return {
    simd: false,
    floats,
    integers,
    linear(x, weight, bias, y, rows, inputs, blocks) {
      for (let block = 0; block < blocks; block++, weight += inputs * BLOCK, bias += BLOCK) {
        for (let row = 0; row < rows; row++) {
          const from = x + row * inputs;
          const to = y + (row * blocks + block) * BLOCK;
          // four sums at a time stay in registers
          for (let output = 0; output < BLOCK; output += 4) {
            let a = floats[bias + output];
            let b = floats[bias + output + 1];
            let c = floats[bias + output + 2];
            let d = floats[bias + output + 3];
            for (let input = 0, w = weight + output; input < inputs; input++, w += BLOCK) {
              const value = floats[from + input];
              a += value * floats[w];
              b += value * floats[w + 1];
              c += value * floats[w + 2];
              d += value * floats[w + 3];
            }
            floats[to + output] = a;
            floats[to + output + 1] = b;
            floats[to + output + 2] = c;
            floats[to + output + 3] = d;
          }
        }
      }
    },
    dots(x, rows, ids, y, count, width) {
      for (let k = 0; k < count; k++) {
        let sum = 0;
        const row = rows + integers[ids + k] * width;
        for (let element = 0; element < width; element++) sum += floats[x + element] * floats[row + element];
        floats[y + k] = sum;
      }
    },
    scores(query, keys, y, rows, heads, size) {
      for (let head = 0; head < heads; head++, query += size, keys += size) {
        for (let row = 0, key = keys; row < rows; row++, key += heads * size) {
          let sum = 0;
          for (let element = 0; element < size; element++) sum += floats[query + element] * floats[key + element];
          floats[y++] = sum;
        }
      }
    },
    mix(weights, values, y, rows, heads, size) {
      for (let head = 0; head < heads; head++, weights += rows) {
        for (let element = 0; element < size; element++, values++) {
          let sum = 0;
          for (let row = 0, value = values; row < rows; row++, value += heads * size) {
            sum += floats[weights + row] * floats[value];
          }
          floats[y++] = sum;
        }
      }
    },
  };
}
