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
import { ROWS, type Layer, type Layers } from "./layers.ts";

/** Receives the softmax's weights of one head for one query, one for each key. */
export type Observer = (head: number, weights: Float32Array) => void;

/** Keys and values, row by row. The arrays may have room for more rows than are there. */
export interface Memory {
  keys: Float32Array;
  values: Float32Array;
  /** How many rows there are. */
  length: number;
}

export const noMemory = (): Memory => ({ keys: new Float32Array(0), values: new Float32Array(0), length: 0 });

/** Of keys and values: as many as a sentence can have tokens (translate/translator.ts). */
export const MOST_ROWS = 2_000;

/** Where attention computes: indices of the kernels' memory. Keys and values have room for {@link MOST_ROWS}. */
export interface Places {
  /** Room for {@link ROWS} of them, and of results. */
  readonly queries: number;
  readonly keys: number;
  readonly values: number;
  readonly weights: number;
  readonly result: number;
}

/**
 * softmax(Q Kᵀ / √E) V of every head, side by side.
 *
 * @param queries T rows of D, at most {@link ROWS}.
 * @param memory S rows of D. No row is padding, and none comes later than the queries may see, so nothing is masked.
 * @param observe given a query's row, receives its weights.
 * @returns for each query the values, weighted by the softmax, [T, D].
 */
export function attention(
  { floats, attend }: Kernels,
  at: Places,
  queries: Float32Array,
  { keys, values, length }: Memory,
  width: number,
  heads: number,
  observe?: (row: number) => Observer | undefined,
): Float32Array {
  floats.set(queries, at.queries);
  floats.set(keys.subarray(0, length * width), at.keys);
  floats.set(values.subarray(0, length * width), at.values);
  for (let start = 0; start < queries.length; start += width) {
    attend(at.queries + start, at.keys, at.values, at.weights, at.result + start, length, heads, width / heads);
    const observer = observe?.(start / width);
    for (let head = 0, first = at.weights; observer && head < heads; head++, first += length) {
      observer(head, floats.slice(first, first + length));
    }
  }
  return floats.subarray(at.result, at.result + queries.length);
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

  /** Append K and V of rows [T, D] to a memory. Decoding computes those of the encoder's output once for a sentence. */
  append(memory: Memory, x: Float32Array): void {
    const end = memory.length * this.width;
    if (end + x.length > memory.keys.length) {
      for (const side of ["keys", "values"] as const) {
        const room = new Float32Array(2 * end + ROWS * this.width);
        room.set(memory[side]);
        memory[side] = room;
      }
    }
    memory.keys.set(this.keys(x), end);
    memory.values.set(this.values(x), end);
    memory.length += x.length / this.width;
  }

  /** Queries [T, D] attend to a memory -> [T, D]. */
  attend(queries: Float32Array, memory: Memory, observe?: (row: number) => Observer | undefined): Float32Array {
    const { kernels, attention: places } = this.layers;
    return this.project(attention(kernels, places, queries, memory, this.width, this.heads, observe));
  }
}
