/** The encoder: a sentence's ids -> one vector for each position, computed from all positions. */
import type { ModelConfig } from "../weights.ts";
import { MultiHeadAttention, noMemory, type Observer } from "./attention.ts";
import { add, ROWS, type Layer, type Layers } from "./layers.ts";

/** Receives the weights of every attention: `encoder.0.self`, ..., and the query's row. */
export type Observe = (name: string, row: number) => Observer;

/** x ← x + SelfAttention(LayerNorm(x));  x ← x + FeedForward(LayerNorm(x)) (Xiong et al. 2020, Figure 1b). */
class EncoderLayer {
  private readonly width: number;
  private readonly norm1: Layer;
  private readonly norm2: Layer;
  private readonly selfAttention: MultiHeadAttention;
  private readonly feedForward: Layer;

  constructor(
    layers: Layers,
    { d_model: width, n_heads: heads }: ModelConfig,
    private readonly index: number,
  ) {
    const name = `encoder.layers.${index}`;
    this.width = width;
    this.norm1 = layers.layerNorm(`${name}.norm1`);
    this.selfAttention = new MultiHeadAttention(layers, `${name}.self_attn`, width, heads);
    this.norm2 = layers.layerNorm(`${name}.norm2`);
    this.feedForward = layers.feedForward(`${name}.feed_forward`);
  }

  /** Rows [S, D] of a sentence, in place; yields between some of them. */
  *forward(x: Float32Array, observe?: Observe): Generator<void> {
    const { selfAttention: attention } = this;
    const memory = noMemory();
    for (const rows of parts(x, this.width)) {
      attention.append(memory, this.norm1(rows));
      yield;
    }
    let row = 0;
    for (const rows of parts(x, this.width)) {
      const first = row;
      const queries = attention.queries(this.norm1(rows));
      add(rows, attention.attend(queries, memory, (at) => observe?.(`encoder.${this.index}.self`, first + at)));
      add(rows, this.feedForward(this.norm2(rows)));
      row += ROWS;
      yield;
    }
  }
}

/** Rows [S, D], at most {@link ROWS} at a time. */
export function* parts(x: Float32Array, width: number): Generator<Float32Array> {
  for (let first = 0; first < x.length; first += ROWS * width) yield x.subarray(first, first + ROWS * width);
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
    const x = new Float32Array(ids.length * this.config.d_model);
    ids.forEach((id, position) => x.set(this.embedding(id, position), position * this.config.d_model));
    for (const layer of this.layers) yield* layer.forward(x, observe);
    for (const rows of parts(x, this.config.d_model)) rows.set(this.finalNorm(rows));
    return x;
  }
}
