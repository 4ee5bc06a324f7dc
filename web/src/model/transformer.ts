/** The whole model (Vaswani et al. 2017, Figure 1, Pre-LN). */
import type { Model, ModelConfig } from "../weights.ts";
import { Decoder } from "./decoder.ts";
import { Encoder } from "./encoder.ts";
import { Layers } from "./layers.ts";

export class Transformer {
  readonly encoder: Encoder;
  readonly decoder: Decoder;

  private constructor(
    layers: Layers,
    readonly config: ModelConfig,
    /** Whether the products are computed by WebAssembly SIMD. */
    readonly simd: boolean,
  ) {
    this.encoder = new Encoder(layers, config);
    this.decoder = new Decoder(layers, config);
  }

  static async of(model: Model, allowSimd: boolean): Promise<Transformer> {
    const layers = await Layers.of(model, allowSimd);
    return new Transformer(layers, model.header.config, layers.kernels.simd);
  }
}
