/**
 * Attention, by hand.
 *
 *     Attention(Q, K, V) = softmax(Q Kᵀ / √E) V                  (Vaswani et al. 2017, §3.2.1, eq. 1)
 *
 *     MultiHead(X, M) = [head_1 ... head_H] W_O + b_O            (§3.2.2)
 *         head_h = Attention(X W_Q^h, M W_K^h, M W_V^h)
 *
 * Each position of X is a query; each position of M has a key and a value. Self-attention is M = X; in cross-attention X
 * is the decoder's and M the encoder's. Rows are D = H · E wide; head h has the columns from h · E.
 */
import type { Kernels } from "../kernels/kernels.ts";
import type { Layer, Layers } from "./layers.ts";

/** Receives the softmax's weights of one head for one query, one for each key. */
export type Observer = (head: number, weights: Float32Array) => void;

/** Keys and values, row by row. The arrays may have room for more rows than are there. */
export interface Memory {
  keys: Float32Array;
  values: Float32Array;
  /** How many rows there are. */
  length: number;
}

/** Of keys and values: as many as a sentence can have tokens (translate/translator.ts). */
export const MOST_ROWS = 2_000;

/** Where attention computes: indices of the kernels' memory. Keys and values have room for {@link MOST_ROWS}. */
export interface Places {
  readonly query: number;
  readonly keys: number;
  readonly values: number;
  readonly weights: number;
  readonly result: number;
}

/**
 * softmax(Q Kᵀ / √E) V of every head, side by side.
 *
 * @param queries T rows of D.
 * @param memory S rows of D. No row is padding, and none comes later than the queries may see, so nothing is masked.
 * @param observe given a query's row, receives its weights.
 * @returns for each query the values, weighted by the softmax, [T, D].
 */
export function attention(
  { floats, scores, mix }: Kernels,
  at: Places,
  queries: Float32Array,
  { keys, values, length }: Memory,
  width: number,
  heads: number,
  observe?: (row: number) => Observer | undefined,
): Float32Array {
  const size = width / heads;
  const result = new Float32Array(queries.length);
  floats.set(keys.subarray(0, length * width), at.keys);
  floats.set(values.subarray(0, length * width), at.values);
  for (let start = 0; start < queries.length; start += width) {
    floats.set(queries.subarray(start, start + width), at.query);
    scores(at.query, at.keys, at.weights, length, heads, size);
    const observer = observe?.(start / width);
    for (let head = 0, first = at.weights; head < heads; head++, first += length) {
      softmax(floats, first, first + length, 1 / Math.sqrt(size));
      observer?.(head, floats.slice(first, first + length));
    }
    mix(at.weights, at.values, at.result, length, heads, size);
    result.set(floats.subarray(at.result, at.result + width), start);
  }
  return result;
}

/** exp(x · factor) / Σ exp(x · factor) of [first, last), in place; the largest is subtracted, or exp would overflow. */
function softmax(x: Float32Array, first: number, last: number, factor: number): void {
  let [largest, total] = [-Infinity, 0];
  for (let i = first; i < last; i++) if (x[i] > largest) largest = x[i];
  for (let i = first; i < last; i++) total += x[i] = Math.exp((x[i] - largest) * factor);
  for (let i = first; i < last; i++) x[i] /= total;
}

/** H attentions in parallel, each on its own E = D / H wide projection of the same input. */
export class MultiHeadAttention {
  readonly queries: Layer;
  private readonly keys: Layer;
  private readonly values: Layer;
  private readonly project: Layer;

  /** @param name the parameters' prefix, such as `encoder.layers.0.self_attn`. */
  constructor(
    private readonly layers: Layers,
    name: string,
    private readonly width: number,
    private readonly heads: number,
  ) {
    this.queries = layers.linear(`${name}.q_proj`);
    this.keys = layers.linear(`${name}.k_proj`);
    this.values = layers.linear(`${name}.v_proj`);
    this.project = layers.linear(`${name}.out_proj`);
  }

  /** K and V of rows [S, D]. Decoding computes those of the encoder's output once for a sentence. */
  keysAndValues(x: Float32Array, length: number): Memory {
    return { keys: this.keys(x), values: this.values(x), length };
  }

  /** Queries [T, D] attend to a memory -> [T, D]. */
  attend(queries: Float32Array, memory: Memory, observe?: (row: number) => Observer | undefined): Float32Array {
    const { kernels, attention: places } = this.layers;
    return this.project(attention(kernels, places, queries, memory, this.width, this.heads, observe));
  }
}
