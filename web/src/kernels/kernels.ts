/** What nearly all of the time goes to, in WebAssembly SIMD, or in JavaScript where that is not allowed. */
import module from "./kernels.wat";

/** Outputs of a linear layer that are computed together; weights and biases are zero-filled to a multiple of it. */
export const BLOCK = 16;
/** Rows of an embedding are zero-filled to a multiple of it. */
export const STEP = 8;

export const roundUp = (size: number, multiple: number): number => Math.ceil(size / multiple) * multiple;

/** Products of arrays in one memory. All places are indices of `floats`. */
export interface Kernels {
  readonly simd: boolean;
  readonly floats: Float32Array<ArrayBuffer>;
  /** The same memory. */
  readonly integers: Int32Array;
  /**
   * y[r] = max(floor, x[r] W + b). x is [rows, inputs]; W is [blocks, inputs, BLOCK]; b is [blocks · BLOCK], y
   * [rows, blocks · BLOCK].
   */
  linear(
    x: number,
    weight: number,
    bias: number,
    y: number,
    rows: number,
    inputs: number,
    blocks: number,
    floor: number,
  ): void;
  /** y[k] = x · E[ids[k]]. Rows of E are `width` wide, a multiple of {@link STEP}; `ids` are integers, `count` > 0. */
  dots(x: number, rows: number, ids: number, y: number, count: number, width: number): void;
  /** y[r] = (x[r] - mean) / √(variance + ε) · weight + bias. x and y are [rows, width]. */
  normalize(x: number, weight: number, bias: number, y: number, rows: number, width: number): void;
  /**
   * w[h] = softmax(q[h] Kᵀ[h] / √E), y[h] = w[h] V[h] for every head. q and y are [D], K and V [rows, D], with D = heads · E
   * and `size` = E; w is [heads, rows], and four floats behind it are overwritten.
   */
  attend(
    query: number,
    keys: number,
    values: number,
    weights: number,
    y: number,
    rows: number,
    heads: number,
    size: number,
  ): void;
}

const PAGE = 1 << 16;

/**
 * Kernels over a memory of `size` floats: in WebAssembly SIMD, if it is there and may be used.
 *
 * @param head E: of few models it is no whole number of vectors.
 */
export async function createKernels(size: number, allowSimd: boolean, head: number): Promise<Kernels> {
  if (allowSimd) {
    try {
      const memory = new WebAssembly.Memory({ initial: Math.ceil((size * 4) / PAGE) });
      const { instance } = await WebAssembly.instantiate(module, { js: { memory } });
      const { linear, dots, ...whole } = instance.exports;
      const kernels = { ...javascriptKernels(memory.buffer), simd: true, linear, dots, ...(head % 4 ? {} : whole) };
      return kernels as unknown as Kernels;
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
    linear(x, weight, bias, y, rows, inputs, blocks, floor) {
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
            floats[to + output] = Math.max(a, floor);
            floats[to + output + 1] = Math.max(b, floor);
            floats[to + output + 2] = Math.max(c, floor);
            floats[to + output + 3] = Math.max(d, floor);
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
    normalize(x, weight, bias, y, rows, width) {
      for (let row = 0; row < rows; row++, x += width, y += width) {
        let [sum, squares] = [0, 0];
        for (let i = 0; i < width; i++) sum += floats[x + i];
        const mean = sum / width;
        for (let i = 0; i < width; i++) squares += (floats[x + i] - mean) ** 2;
        const deviation = Math.sqrt(squares / width + 1e-5);
        for (let i = 0; i < width; i++) {
          floats[y + i] = ((floats[x + i] - mean) / deviation) * floats[weight + i] + floats[bias + i];
        }
      }
    },
    attend(query, keys, values, weights, y, rows, heads, size) {
      for (let head = 0; head < heads; head++, query += size, keys += size, weights += rows) {
        let [largest, total] = [-Infinity, 0];
        for (let row = 0, key = keys; row < rows; row++, key += heads * size) {
          let sum = 0;
          for (let element = 0; element < size; element++) sum += floats[query + element] * floats[key + element];
          floats[weights + row] = sum / Math.sqrt(size);
          largest = Math.max(largest, floats[weights + row]);
        }
        // the largest is subtracted, or exp would overflow
        for (let row = 0; row < rows; row++) {
          total += floats[weights + row] = Math.exp(floats[weights + row] - largest);
        }
        for (let row = 0; row < rows; row++) floats[weights + row] /= total;
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
