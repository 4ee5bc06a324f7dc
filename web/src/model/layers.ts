/** The layers around attention: linear, layer norm, feed-forward, embedding, with their weights in the kernels' memory. */
import { BLOCK, createKernels, roundUp, STEP, type Kernels } from "../kernels/kernels.ts";
import type { Model } from "../weights.ts";
import { MOST_ROWS, type Places } from "./attention.ts";

/** Rows that a linear layer computes in one call; also how much is computed between two looks at the clock. */
export const ROWS = 16;

/** A linear layer, or rows of an embedding, at a place of the kernels' memory. */
interface Plan {
  readonly name: string;
  readonly at: number;
  readonly rows: boolean;
}

/** The kernels, and where each matrix lies in their memory. */
export class Layers {
  private constructor(
    readonly kernels: Kernels,
    private readonly model: Model,
    private readonly places: ReadonlyMap<string, number>,
    private readonly x: number,
    private readonly y: number,
    private readonly ids: number,
    readonly attention: Places,
  ) {}

  /** Copy the matrices of a model into the memory of new kernels. */
  static async of(model: Model, allowSimd: boolean): Promise<Layers> {
    const { config, tensors } = model.header;
    const plans: Plan[] = [];
    let end = 0;
    const take = (size: number): number => (end += roundUp(size, STEP)) - roundUp(size, STEP);
    for (const { name, shape } of tensors) {
      if (shape.length < 2) continue;
      const rows = isRows(name);
      const [inputs, outputs] = shape;
      const size = rows
        ? inputs * roundUp(outputs, STEP)
        : (inputs + 1) * roundUp(outputs, BLOCK); // the bias lies behind the weights
      plans.push({ name, at: take(size), rows });
    }
    const widest = roundUp(Math.max(config.d_model, config.d_ff), BLOCK);
    const [x, y] = [take(ROWS * widest), take(Math.max(ROWS * widest, config.vocab_size.target))];
    const ids = take(config.vocab_size.target);
    const rows = MOST_ROWS * config.d_model;
    const attention = {
      query: take(config.d_model),
      keys: take(rows),
      values: take(rows),
      weights: take(MOST_ROWS * config.n_heads),
      result: take(config.d_model),
    };
    const kernels = await createKernels(end, allowSimd);
    const places = new Map(plans.map(({ name, at }) => [name, at]));
    const layers = new Layers(kernels, model, places, x, y, ids, attention);
    for (const plan of plans) layers.copy(plan);
    return layers;
  }

  private copy({ name, at, rows }: Plan): void {
    const { floats } = this.kernels;
    const values = this.model.values(name);
    const [height, width] = this.model.header.tensors.find((tensor) => tensor.name === name)!.shape;
    if (rows) {
      const stride = roundUp(width, STEP);
      for (let row = 0; row < height; row++) {
        floats.set(values.subarray(row * width, (row + 1) * width), at + row * stride);
      }
      return;
    }
    for (let output = 0; output < width; output += BLOCK, at += height * BLOCK) {
      const last = Math.min(output + BLOCK, width);
      for (let input = 0; input < height; input++) {
        floats.set(values.subarray(input * width + output, input * width + last), at + input * BLOCK);
      }
    }
    floats.set(this.model.values(name.replace(/weight$/, "bias")), at);
  }

  /** x W + b: [rows, I] -> [rows, O]. */
  linear(name: string): Layer {
    const { floats } = this.kernels;
    const [inputs, outputs] = this.model.header.tensors.find((tensor) => tensor.name === `${name}.weight`)!.shape;
    const weight = this.places.get(`${name}.weight`)!;
    const blocks = roundUp(outputs, BLOCK) / BLOCK;
    const bias = weight + inputs * blocks * BLOCK;
    return (x) => {
      const rows = x.length / inputs;
      const y = new Float32Array(rows * outputs);
      for (let first = 0; first < rows; first += ROWS) {
        const last = Math.min(first + ROWS, rows);
        floats.set(x.subarray(first * inputs, last * inputs), this.x);
        this.kernels.linear(this.x, weight, bias, this.y, last - first, inputs, blocks);
        for (let row = first, at = this.y; row < last; row++, at += blocks * BLOCK) {
          y.set(floats.subarray(at, at + outputs), row * outputs);
        }
      }
      return y;
    };
  }

  /** (x - mean) / sqrt(var + ε) · weight + bias for each row: [rows, D] -> [rows, D] (Ba et al. 2016). */
  layerNorm(name: string): Layer {
    const [weight, bias] = [this.model.values(`${name}.weight`), this.model.values(`${name}.bias`)];
    const width = weight.length;
    return (x) => {
      const y = new Float32Array(x.length);
      for (let start = 0; start < x.length; start += width) {
        let [sum, squares] = [0, 0];
        for (let i = 0; i < width; i++) sum += x[start + i];
        const mean = sum / width;
        for (let i = 0; i < width; i++) squares += (x[start + i] - mean) ** 2;
        const deviation = Math.sqrt(squares / width + 1e-5);
        for (let i = 0; i < width; i++) y[start + i] = ((x[start + i] - mean) / deviation) * weight[i] + bias[i];
      }
      return y;
    };
  }

  /** FFN(x) = max(0, x W₁ + b₁) W₂ + b₂ (Vaswani et al. 2017, §3.3, eq. 2). */
  feedForward(name: string): Layer {
    const [first, second] = [this.linear(`${name}.linear1`), this.linear(`${name}.linear2`)];
    return (x) => {
      const hidden = first(x);
      for (let i = 0; i < hidden.length; i++) if (hidden[i] < 0) hidden[i] = 0;
      return second(hidden);
    };
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

/** One function of each row of its argument. */
export type Layer = (x: Float32Array) => Float32Array;

/** x + y, element by element. (A loop: the methods of arrays are several times as slow.) */
export function add(x: Float32Array, y: Float32Array): Float32Array {
  const sum = new Float32Array(x.length);
  for (let i = 0; i < sum.length; i++) sum[i] = x[i] + y[i];
  return sum;
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
