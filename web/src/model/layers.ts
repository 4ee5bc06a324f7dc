/** The layers around attention: linear, layer norm, feed-forward, embedding, with their weights in the kernels' memory. */
import { BLOCK, createKernels, roundUp, STEP, type Kernels } from "../kernels/kernels.ts";
import type { Model } from "../weights.ts";
import { MOST_ROWS, type Places } from "./attention.ts";

/** Most rows that a layer computes in one call; also how much is computed between two looks at the clock. */
export const ROWS = 16;

/**
 * One function of each row of its argument. The result lies in the kernels' memory, until the next call: LayerNorms share
 * one place, linear layers and attention another.
 */
export type Layer = (x: Float32Array) => Float32Array;

/** The kernels, and where each parameter lies in their memory. */
export class Layers {
  private constructor(
    readonly kernels: Kernels,
    private readonly model: Model,
    private readonly places: ReadonlyMap<string, number>,
    private readonly x: number,
    private readonly y: number,
    private readonly normed: number,
    private readonly ids: number,
    readonly attention: Places,
  ) {}

  /** Copy the parameters of a model into the memory of new kernels. */
  static async of(model: Model, allowSimd: boolean): Promise<Layers> {
    const { config, tensors } = model.header;
    const places = new Map<string, number>();
    let end = 0;
    const take = (size: number): number => (end += roundUp(size, STEP)) - roundUp(size, STEP);
    for (const { name, shape } of tensors) {
      const [height, width] = shape.length < 2 ? [1, ...shape] : shape;
      places.set(name, take(height * roundUp(width, isRows(name) ? STEP : BLOCK)));
    }
    const widest = ROWS * roundUp(Math.max(config.d_model, config.d_ff), BLOCK);
    const [x, y, normed] = [take(widest), take(Math.max(widest, config.vocab_size.target)), take(widest)];
    const ids = take(config.vocab_size.target);
    const rows = MOST_ROWS * config.d_model;
    const attention = {
      queries: x,
      keys: take(rows),
      values: take(rows),
      weights: take(MOST_ROWS * config.n_heads + 4),
      result: y,
    };
    const kernels = await createKernels(end, allowSimd, config.d_model / config.n_heads);
    const layers = new Layers(kernels, model, places, x, y, normed, ids, attention);
    for (const { name, shape } of tensors) layers.copy(name, shape);
    return layers;
  }

  private copy(name: string, shape: readonly number[]): void {
    const { floats } = this.kernels;
    const values = this.model.values(name);
    let at = this.places.get(name)!;
    if (shape.length < 2) return floats.set(values, at);
    const [height, width] = shape;
    const part = isRows(name) ? roundUp(width, STEP) : BLOCK;
    for (let first = 0; first < width; first += part) {
      const last = Math.min(first + part, width);
      for (let row = 0; row < height * width; row += width, at += part) {
        floats.set(values.subarray(row + first, row + last), at);
      }
    }
  }

  /** max(floor, x W + b): [rows, I] -> [rows, O]. */
  linear(name: string, floor = -Infinity): Layer {
    const { floats, linear } = this.kernels;
    const [inputs, outputs] = this.model.header.tensors.find((tensor) => tensor.name === `${name}.weight`)!.shape;
    const [weight, bias] = this.parameters(name);
    const blocks = roundUp(outputs, BLOCK) / BLOCK;
    return (x) => {
      const rows = x.length / inputs;
      floats.set(x, this.x);
      linear(this.x, weight, bias, this.y, rows, inputs, blocks, floor);
      if (outputs % BLOCK) {
        for (let row = 1, from = this.y; row < rows; row++) {
          from += blocks * BLOCK;
          floats.copyWithin(this.y + row * outputs, from, from + outputs);
        }
      }
      return floats.subarray(this.y, this.y + rows * outputs);
    };
  }

  /** (x - mean) / sqrt(var + ε) · weight + bias for each row: [rows, D] -> [rows, D] (Ba et al. 2016). */
  layerNorm(name: string): Layer {
    const { floats, normalize } = this.kernels;
    const { d_model: width } = this.model.header.config;
    const [weight, bias] = this.parameters(name);
    return (x) => {
      floats.set(x, this.x);
      normalize(this.x, weight, bias, this.normed, x.length / width, width);
      return floats.subarray(this.normed, this.normed + x.length);
    };
  }

  private parameters(name: string): number[] {
    return ["weight", "bias"].map((one) => this.places.get(`${name}.${one}`)!);
  }

  /** FFN(x) = max(0, x W₁ + b₁) W₂ + b₂ (Vaswani et al. 2017, §3.3, eq. 2). */
  feedForward(name: string): Layer {
    const [first, second] = [this.linear(`${name}.linear1`, 0), this.linear(`${name}.linear2`)];
    return (x) => second(first(x));
  }

  /** A token's vector, times √D if the model wants it, plus its position's encoding (§3.4 and §3.5). */
  embedding(name: string): (id: number, position: number) => Float32Array {
    const { floats } = this.kernels;
    const { d_model: width, embedding_scale: scaled } = this.model.header.config;
    const stride = roundUp(width, STEP);
    const at = this.places.get(`${name}.weight`)!;
    const factor = scaled ? Math.sqrt(width) : 1;
    const waves: Float32Array[] = [];
    return (id, position) => {
      const row = at + id * stride;
      const wave = (waves[position] ??= sinusoid(position, width));
      const x = new Float32Array(width);
      for (let i = 0; i < width; i++) x[i] = floats[row + i] * factor + wave[i];
      return x;
    };
  }

  /** x Eᵀ + b for some rows of E alone, [D] -> [K] (Press & Wolf 2017; Jean et al. 2015, §3). */
  shortlist(ids: readonly number[]): Layer {
    const { config } = this.model.header;
    const { floats, integers } = this.kernels;
    const weight = config.tied_embeddings ? "decoder.embedding" : "decoder.output_projection";
    const rows = this.places.get(`${weight}.weight`)!;
    const bias = this.model.values("decoder.output_projection.bias");
    const width = roundUp(config.d_model, STEP);
    const columns = Int32Array.from(ids);
    return (x) => {
      floats.set(x, this.x);
      floats.fill(0, this.x + x.length, this.x + width);
      integers.set(columns, this.ids);
      this.kernels.dots(this.x, rows, this.ids, this.y, ids.length, width);
      const y = new Float32Array(columns.length);
      for (let k = 0; k < y.length; k++) y[k] = floats[this.y + k] + bias[columns[k]];
      return y;
    };
  }
}

/** x += y, element by element. (A loop: the methods of arrays are several times as slow.) */
export function add(x: Float32Array, y: Float32Array): void {
  for (let i = 0; i < x.length; i++) x[i] += y[i];
}

/** PE(pos, 2i) = sin(pos / 10000^(2i/D)), PE(pos, 2i+1) = cos(the same) (Vaswani et al. 2017, §3.5). */
function sinusoid(position: number, width: number): Float32Array {
  const wave = new Float32Array(width);
  for (let i = 0; i < width; i++) {
    const angle = position / 10000 ** ((i - (i % 2)) / width);
    wave[i] = i % 2 ? Math.cos(angle) : Math.sin(angle);
  }
  return wave;
}

/** Whether a matrix has one row for each token, rather than one column for each output (interop/web/export.py). */
const isRows = (name: string): boolean =>
  name.endsWith("embedding.weight") || name === "decoder.output_projection.weight";
