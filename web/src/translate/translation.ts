/** What a translation is: plain values, the same as the JSON form of the Python package, whose keys they have. */
import type { Offset } from "../text.ts";

/** One tag of a translation. */
export interface Tag {
  /** Without brackets. A word that is no tag of the model, written letter by letter, begins with `+`. */
  readonly tag: string;
  /** Given the tags before it, 0 to 1. */
  readonly probability: number;
  /** False for a word that the model's vocabulary does not have as a tag. */
  readonly known: boolean;
  /** What the tag came from, `text.slice(...span)`; `null` for a tag that stands for grammar. */
  readonly span: Offset | null;
  /** Whether the probability is below the threshold that the model was calibrated with. */
  readonly uncertain: boolean;
  /** The word of the dictionary that gave the tag, if one did. */
  readonly entry?: string;
}

/** One way to translate a text. */
export interface Candidate {
  readonly tags: readonly Tag[];
  /** Of the whole sequence, its end included. */
  readonly probability: number;
  /** Natural logarithm of the same, which does not become 0 for long texts. */
  readonly logProb: number;
  /** Whether the model ended every sentence itself. */
  readonly finished: boolean;
}

/** The attention weights of one layer. */
export interface Attention {
  /** Of each head: one row for each query, which sums to 1 over the keys. */
  readonly weights: readonly (readonly Float32Array[])[];
  /** The tag that is produced at each row (the last `<EOS>`), or the token. */
  readonly queryLabels: readonly string[];
  /** The token of each key; in the decoder's self-attention the tag that is read there (the first `<SOS>`). */
  readonly keyLabels: readonly string[];
}

/** A translated text. */
export interface Translation extends Candidate {
  readonly text: string;
  /** The tags as one writes them, such as `<私> <食べる>`. */
  readonly written: string;
  /** Whether a sentence's or a tag's probability is below the model's threshold, or there are warnings. */
  readonly uncertain: boolean;
  /** What a reader should know about this translation, in Japanese. */
  readonly warnings: readonly string[];
  /** Each sentence's place in the text and its tags' place among the tags, if there are several sentences. */
  readonly sentences?: readonly { readonly span: Offset; readonly tags: Offset }[];
  /** The next best translations, best first, if more than one was asked for. */
  readonly alternatives?: readonly Candidate[];
  /** By name (`encoder.0.self`, `decoder.0.cross`, ...), if it was asked for. Of several sentences each one's weights are
   * a block; all others are 0. */
  readonly attention?: Readonly<Record<string, Attention>>;
}
