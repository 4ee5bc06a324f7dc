/** The decoder: the tags so far and the encoder's memory -> scores of the next tag, one step for each tag. */
import type { ModelConfig } from "../weights.ts";
import { MultiHeadAttention, noMemory, type Memory } from "./attention.ts";
import { parts, type Observe } from "./encoder.ts";
import { add, type Layer, type Layers } from "./layers.ts";

/** The state of decoding: keys and values of every layer's own positions; those of the memory never change. */
export interface DecoderCache {
  readonly self: readonly Memory[];
  readonly memory: readonly Memory[];
  /** Logits of some tags alone. */
  readonly shortlist: Layer;
}

/** x ← x + SelfAttention(LN(x));  x ← x + CrossAttention(LN(x), memory);  x ← x + FeedForward(LN(x)) */
class DecoderLayer {
  private readonly norm1: Layer;
  private readonly norm2: Layer;
  private readonly norm3: Layer;
  private readonly selfAttention: MultiHeadAttention;
  readonly crossAttention: MultiHeadAttention;
  private readonly feedForward: Layer;

  constructor(
    layers: Layers,
    config: ModelConfig,
    private readonly index: number,
  ) {
    const name = `decoder.layers.${index}`;
    this.norm1 = layers.layerNorm(`${name}.norm1`);
    this.selfAttention = new MultiHeadAttention(layers, `${name}.self_attn`, config.d_model, config.n_heads);
    this.norm2 = layers.layerNorm(`${name}.norm2`);
    this.crossAttention = new MultiHeadAttention(layers, `${name}.cross_attn`, config.d_model, config.n_heads);
    this.norm3 = layers.layerNorm(`${name}.norm3`);
    this.feedForward = layers.feedForward(`${name}.feed_forward`);
  }

  /** One new position [D], in place; its key and value are appended to `own`. It sees all before it. */
  step(x: Float32Array, own: Memory, memory: Memory, observe?: Observe): void {
    const { selfAttention, crossAttention } = this;
    const normed = this.norm1(x);
    selfAttention.append(own, normed);
    const row = own.length - 1;
    const seen = (kind: string) => observe && (() => observe(`decoder.${this.index}.${kind}`, row));
    add(x, selfAttention.attend(selfAttention.queries(normed), own, seen("self")));
    add(x, crossAttention.attend(crossAttention.queries(this.norm2(x)), memory, seen("cross")));
    add(x, this.feedForward(this.norm3(x)));
  }
}

/** N layers between an embedding and a final LayerNorm, then the projection onto the tags. */
export class Decoder {
  private readonly embedding: (id: number, position: number) => Float32Array;
  private readonly layers: readonly DecoderLayer[];
  private readonly finalNorm: Layer;
  private readonly width: number;

  constructor(
    private readonly weights: Layers,
    config: ModelConfig,
  ) {
    this.width = config.d_model;
    this.embedding = weights.embedding("decoder.embedding");
    this.layers = Array.from({ length: config.n_layers }, (_, index) => new DecoderLayer(weights, config, index));
    this.finalNorm = config.final_norm ? weights.layerNorm("decoder.final_norm") : (x) => x;
  }

  /**
   * An empty cache; the memory's keys and values are computed here, once.
   *
   * @param memory [S, D].
   * @param ids the tags whose logits steps compute.
   */
  start(memory: Float32Array, ids: readonly number[]): DecoderCache {
    return {
      self: this.layers.map(noMemory),
      memory: this.layers.map(({ crossAttention }) => {
        const own = noMemory();
        for (const rows of parts(memory, this.width)) crossAttention.append(own, rows);
        return own;
      }),
      shortlist: this.weights.shortlist(ids),
    };
  }

  /** One more tag -> logits [K] of the next one, in the order of the shortlist; the cache grows, in place. */
  step(id: number, cache: DecoderCache, observe?: Observe): Float32Array {
    const x = this.embedding(id, cache.self[0].length);
    this.layers.forEach((layer, index) => layer.step(x, cache.self[index], cache.memory[index], observe));
    return cache.shortlist(this.finalNorm(x));
  }
}

/** A copy that grows on its own; both have the same memory. */
export function copied(cache: DecoderCache): DecoderCache {
  const copy = ({ keys, values, length }: Memory): Memory => ({ keys: keys.slice(), values: values.slice(), length });
  return { ...cache, self: cache.self.map(copy) };
}
