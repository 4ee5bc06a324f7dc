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

/**
 * softmax(q Kᵀ / √E) V of every head, side by side, for one query.
 *
 * @param query [D].
 * @param memory S rows of D. No row is padding, and none comes later than the query may see, so nothing is masked.
 * @returns the values, weighted by the softmax, [D].
 */
export function attention(query: Float32Array, memory: Memory, heads: number, observe?: Observer): Float32Array {
  const { keys, values, length } = memory;
  const width = query.length;
  const size = width / heads;
  const result = new Float32Array(width);
  const weights = new Float32Array(length);
  for (let head = 0; head < heads; head++) {
    const [first, last] = [head * size, (head + 1) * size];
    let largest = -Infinity;
    for (let s = 0; s < length; s++) {
      let score = 0;
      for (let e = first; e < last; e++) score += query[e] * keys[s * width + e];
      weights[s] = score / Math.sqrt(size);
      largest = Math.max(largest, weights[s]);
    }
    let total = 0;
    for (let s = 0; s < length; s++) total += weights[s] = Math.exp(weights[s] - largest);
    for (let s = 0; s < length; s++) {
      const weight = (weights[s] /= total);
      for (let e = first; e < last; e++) result[e] += weight * values[s * width + e];
    }
    observe?.(head, weights);
  }
  return result;
}

/** H attentions in parallel, each on its own E = D / H wide projection of the same input. */
export class MultiHeadAttention {
  readonly queries: Layer;
  private readonly keys: Layer;
  private readonly values: Layer;
  private readonly project: Layer;

  /** @param name the parameters' prefix, such as `encoder.layers.0.self_attn`. */
  constructor(
    layers: Layers,
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
    const { width } = this;
    const heads = new Float32Array(queries.length);
    for (let row = 0; row * width < queries.length; row++) {
      const query = queries.subarray(row * width, (row + 1) * width);
      heads.set(attention(query, memory, this.heads, observe?.(row)), row * width);
    }
    return this.project(heads);
  }
}
