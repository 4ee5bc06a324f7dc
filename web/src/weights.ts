/** The file that `jsl-seq2seq export --format web` writes; src/jsl_seq2seq/interop/web/export.py says what is where in it. */
import { JslError } from "./errors.ts";
import { REST_AT } from "./file.ts";
import type { NormalizerName } from "./tokenize/normalize.ts";

/** The model's configuration, as `config.json` has it (settings/config.py: ModelConfig). */
export interface ModelConfig {
  readonly vocab_size: { readonly source: number; readonly target: number };
  readonly d_model: number;
  readonly n_heads: number;
  readonly n_layers: number;
  readonly d_ff: number;
  readonly max_seq_len: number;
  readonly final_norm: boolean;
  readonly embedding_scale: boolean;
  readonly tied_embeddings: boolean;
  readonly uncertain_below: number;
  readonly beam?: number;
  readonly length_penalty?: number;
  readonly temperature: number;
}

interface Tensor {
  readonly name: string;
  readonly dtype: "float32" | "float16" | "int8";
  readonly shape: readonly number[];
  readonly offset: number;
  /** Of int8: where one float32 for each index of `axis` begins. */
  readonly scales: number;
  readonly axis: 0 | 1;
  /** Of int8 with one row for each token: where one float32 for each column begins, which is added. */
  readonly mean?: number;
}

export interface Header {
  readonly config: ModelConfig;
  readonly vocabulary: {
    readonly source: readonly string[];
    readonly target: readonly string[];
    readonly special_tokens?: Readonly<Record<string, readonly string[]>>;
    readonly evidence?: Readonly<Record<string, readonly string[]>>;
  };
  readonly source: {
    readonly kind: "char" | "word";
    readonly normalizer: NormalizerName;
    /** A token and a unit in Japanese, and what a writer can do about unknown ones. */
    readonly name: string;
    readonly unit_name: string;
    readonly unknown_hint: string;
  };
  readonly target: { readonly kind: "tags" | "open-tags" | "words"; readonly name: string };
  readonly tensors: readonly Tensor[];
}

/** A model file that has been read. */
export interface Model {
  readonly header: Header;
  /** A tensor's values as float32, in the order of its shape. */
  values(name: string): Float32Array;
}

/** Of the rest: where the header begins, and what the tensors' places are multiples of. */
const [HEADER_AT, ALIGNMENT] = [4, 16];

/** Every setting, and for some the only values that the engine computes. */
const SETTINGS: Readonly<Record<string, readonly unknown[] | "any">> = {
  vocab_size: "any",
  d_model: "any",
  n_heads: "any",
  n_layers: "any",
  d_ff: "any",
  max_seq_len: "any",
  final_norm: [true, false],
  embedding_scale: [true, false],
  tied_embeddings: [true, false],
  uncertain_below: "any",
  temperature: "any",
  beam: "any",
  length_penalty: "any",
  attention_masks: [true],
  source_length: [0],
  source_cut: [false],
  specials_masked: [true],
  source_units: ["char", "word"],
  normalizer: ["japanese", "format-1", "nfc"],
  target_units: ["tags", "open-tags", "words"],
};

/**
 * Read a model.
 *
 * @param file whole, as file.ts checks.
 * @throws JslError `export-unsupported`: the engine does not compute such a model; names the setting.
 */
export async function readModel(file: Uint8Array<ArrayBuffer>): Promise<Model> {
  const rest = await unzipped(file.subarray(REST_AT));
  const end = HEADER_AT + new DataView(rest).getUint32(0, true);
  const header: Header = JSON.parse(new TextDecoder().decode(new Uint8Array(rest, HEADER_AT, end - HEADER_AT)));
  requireSupported(header);
  const start = Math.ceil(end / ALIGNMENT) * ALIGNMENT;
  const named = new Map(header.tensors.map((tensor) => [tensor.name, tensor]));
  return { header, values: (name) => read(rest, start, named.get(name)!) };
}

async function unzipped(bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

function requireSupported({ config, source, target }: Header): void {
  const found = {
    ...config,
    source_units: source.kind,
    normalizer: source.normalizer,
    target_units: target.kind,
  };
  for (const [setting, value] of Object.entries(found)) {
    const usable = SETTINGS[setting];
    if (usable === "any" || usable?.includes(value)) continue;
    throw new JslError(
      `${setting} が ${JSON.stringify(value)} のモデルを、この版は計算できません。`,
      "npm パッケージ jsl-seq2seq を更新してください。",
      "export-unsupported",
      { format: "web", setting, value },
    );
  }
}

function read(buffer: ArrayBuffer, start: number, { dtype, shape, offset, scales, axis, mean }: Tensor): Float32Array {
  const size = shape.reduce((product, length) => product * length, 1);
  if (dtype === "float32") return new Float32Array(buffer, start + offset, size);
  if (dtype === "float16") return fromFloat16(new Uint16Array(buffer, start + offset, size));
  const quantized = new Int8Array(buffer, start + offset, size);
  const scale = new Float32Array(buffer, start + scales, shape[axis]);
  const [rows, columns] = shape;
  const added = mean === undefined ? new Float32Array(columns) : new Float32Array(buffer, start + mean, columns);
  const values = new Float32Array(size);
  for (let row = 0, place = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, place++) {
      values[place] = quantized[place] * scale[axis ? column : row] + added[column];
    }
  }
  return values;
}

/** IEEE 754 half precision: sign, 5 bits of exponent, 10 of fraction. */
function fromFloat16(halves: Uint16Array): Float32Array {
  const bits = new Uint32Array(halves.length);
  const floats = new Float32Array(bits.buffer);
  halves.forEach((half, place) => {
    const exponent = (half >> 10) & 31;
    const fraction = half & 1023;
    const sign = half >> 15;
    if (exponent) bits[place] = (sign << 31) | ((exponent + 112) << 23) | (fraction << 13);
    else floats[place] = (sign ? -fraction : fraction) * 2 ** -24;
  });
  return floats;
}
