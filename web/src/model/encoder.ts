/** The encoder: a sentence's ids -> one vector for each position, computed from all positions. */
import type { ModelConfig } from "../weights.ts";
import { MultiHeadAttention, type Observer } from "./attention.ts";
import { add, ROWS, type Layer, type Layers } from "./layers.ts";

/** Receives the weights of every attention: `encoder.0.self`, ..., and the query's row. */
export type Observe = (name: string, row: number) => Observer;

/** x ← x + SelfAttention(LayerNorm(x));  x ← x + FeedForward(LayerNorm(x)) (Xiong et al. 2020, Figure 1b). */
class EncoderLayer {
  private readonly norm1: Layer;
  private readonly norm2: Layer;
  private readonly selfAttention: MultiHeadAttention;
  private readonly feedForward: Layer;

  constructor(
    layers: Layers,
    private readonly config: ModelConfig,
    private readonly index: number,
  ) {
    const name = `encoder.layers.${index}`;
    this.norm1 = layers.layerNorm(`${name}.norm1`);
    this.selfAttention = new MultiHeadAttention(layers, `${name}.self_attn`, config.d_model, config.n_heads);
    this.norm2 = layers.layerNorm(`${name}.norm2`);
    this.feedForward = layers.feedForward(`${name}.feed_forward`);
  }

  /** [S, D] -> [S, D], some rows at a time; yields between them. */
  *forward(x: Float32Array, length: number, observe?: Observe): Generator<void, Float32Array> {
    const { selfAttention } = this;
    const normed = this.norm1(x);
    const memory = { keys: new Float32Array(x.length), values: new Float32Array(x.length), length };
    for (const [first, last] of this.parts(length)) {
      const { keys, values } = selfAttention.keysAndValues(normed.subarray(first, last), length);
      memory.keys.set(keys, first);
      memory.values.set(values, first);
      yield;
    }
    const result = new Float32Array(x.length);
    for (const [first, last] of this.parts(length)) {
      const row = first / this.config.d_model;
      const queries = selfAttention.queries(normed.subarray(first, last));
      const attended = selfAttention.attend(queries, memory, (at) => observe?.(`encoder.${this.index}.self`, row + at));
      const middle = add(x.subarray(first, last), attended);
      result.set(add(middle, this.feedForward(this.norm2(middle))), first);
      yield;
    }
    return result;
  }

  /** [start, end) of a few rows each, in elements. */
  private *parts(length: number): Generator<[number, number]> {
    const width = this.config.d_model;
    for (let row = 0; row < length; row += ROWS) yield [row * width, Math.min(row + ROWS, length) * width];
  }
}

/** N layers between an embedding and a final LayerNorm. */
export class Encoder {
  private readonly embedding: (id: number, position: number) => Float32Array;
  private readonly layers: readonly EncoderLayer[];
  private readonly finalNorm: Layer;

  constructor(
    layers: Layers,
    private readonly config: ModelConfig,
  ) {
    this.embedding = layers.embedding("encoder.embedding");
    this.layers = Array.from({ length: config.n_layers }, (_, index) => new EncoderLayer(layers, config, index));
    this.finalNorm = config.final_norm ? layers.layerNorm("encoder.final_norm") : (x) => x;
  }

  /** Source ids -> memory [S, D]. */
  *forward(ids: readonly number[], observe?: Observe): Generator<void, Float32Array> {
    let x = new Float32Array(ids.length * this.config.d_model);
    ids.forEach((id, position) => x.set(this.embedding(id, position), position * this.config.d_model));
    for (const layer of this.layers) x = (yield* layer.forward(x, ids.length, observe)) as Float32Array<ArrayBuffer>;
    return this.finalNorm(x);
  }
}
