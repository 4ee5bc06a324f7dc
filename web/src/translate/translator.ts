/** Translation by a model: a text in, tags with probabilities and attention out; as `translate/translator.py`. */
import { JslError } from "../errors.ts";
import type { Observe } from "../model/encoder.ts";
import { Transformer } from "../model/transformer.ts";
import { beamSearch } from "../search/beam.ts";
import { greedy, Unconstrained, type Hypothesis, type Rules } from "../search/decoding.ts";
import { beginning } from "../text.ts";
import { EOS, SourceTokenizer, SOS, TargetTokenizer, Vocabulary, type Encoding } from "../tokenize/tokenizer.ts";
import { readModel, type Header } from "../weights.ts";
import { Dictionary, type Match } from "./dictionary.ts";
import { OpenWords, type Evidence } from "./open-words.ts";
import { splitSentences } from "./sentences.ts";
import type { Attention, Candidate, Tag, Translation } from "./translation.ts";

/** Longest text that is tried at all, and longest translation of a sentence, whatever the model says. */
const [MAX_CHARACTERS, MAX_TAGS, LAYER_STEPS] = [2_000, 512, 8_192];
const [MAX_BEAM, MAX_PENALTY] = [1_000, 10];

/** How a text is translated. */
export interface TranslateOptions {
  /** Compute the attention weights of every layer, too. */
  readonly attention?: boolean;
  /** How many translations to find; the others are the first one's `alternatives`. Default 1. */
  readonly nBest?: number;
  /** How many beginnings beam search keeps; 1 is greedy decoding. Default: the model's own, or `nBest` if that is more. */
  readonly beam?: number;
  /** How much beam search favours longer translations, 0 for not at all. Default: the model's own. */
  readonly lengthPenalty?: number;
  /** Words of the user's own, which always win over what the model has learnt: `{ ポチ: ["犬", "名前"] }`. */
  readonly dictionary?: Readonly<Record<string, string | readonly string[]>>;
}

/** One sentence of a text, as the model reads it. */
export interface Piece {
  readonly start: number;
  readonly end: number;
  readonly source: Encoding<Match>;
  readonly evidence: readonly Evidence[];
  /** Entries of the dictionary for which there were no slots. */
  readonly unused: readonly Match[];
}

/** A candidate, and of its tags the ids. */
export type Part = Omit<Candidate, "probability">;

export class Translator {
  readonly simd: boolean;
  readonly source: SourceTokenizer;
  readonly target: TargetTokenizer;
  readonly free: Rules;
  private readonly words: OpenWords | null;
  private readonly maxTags: number;

  private constructor(
    private readonly header: Header,
    readonly network: Transformer,
  ) {
    const { config, vocabulary, source, target } = header;
    const side = (name: "source" | "target") =>
      new Vocabulary(vocabulary[name], vocabulary.special_tokens?.[name]);
    this.simd = network.simd;
    this.source = new SourceTokenizer(side("source"), source.kind, source.normalizer);
    this.target = new TargetTokenizer(side("target"), target.kind, vocabulary.evidence);
    this.words = source.kind === "char" && target.kind === "open-tags" ? new OpenWords(this.target) : null;
    this.free = new Unconstrained(this.target.vocabulary.size);
    const affordable = Math.min(MAX_TAGS, Math.floor(LAYER_STEPS / config.n_layers));
    this.maxTags = Math.max(1, Math.min(config.max_seq_len, affordable));
  }

  /** Read a model file (weights.ts). */
  static async of(file: Uint8Array<ArrayBuffer>, allowSimd: boolean): Promise<Translator> {
    const model = await readModel(file);
    return new Translator(model.header, await Transformer.of(model, allowSimd));
  }

  /**
   * Translate a text. Yields between small amounts of work.
   *
   * @throws JslError nothing in it can be translated, it is far too long, or the search is impossible.
   */
  *translate(text: string, options: TranslateOptions): Generator<void, Translation> {
    const { beam: usual = 1, length_penalty = 0.6 } = this.header.config;
    const { attention = false, nBest = 1, beam = Math.max(usual, nBest), lengthPenalty = length_penalty } = options;
    requireSearch(beam, nBest, lengthPenalty);
    const [pieces, unread] = this.prepared(text, options.dictionary);
    const found: Hypothesis[][] = [];
    for (const piece of pieces) {
      found.push(
        beam === 1
          ? [yield* this.greedy(piece)]
          : yield* beamSearch(this.network, piece.source.ids, this.maxTags, this.rules(piece), beam, nBest, lengthPenalty),
      );
    }
    const weights = attention ? yield* this.attention(pieces, found) : null;

    const parts = pieces.map((piece, place) => distinct(found[place].map((one) => this.candidate(one, piece))));
    const firsts = parts.map(([first]) => first);
    const best = joined(firsts);
    const warnings = [...new Set(this.warnings(pieces, found, unread))];
    const { uncertain_below: threshold } = this.header.config;
    let at = 0;
    const sentences = pieces.map(({ start, end }, place) => {
      const first = at;
      at += firsts[place].tags.length;
      return { span: [start, end] as const, tags: [first, at] as const };
    });
    return {
      text,
      written: this.target.join(best.tags.map(({ tag }) => tag)),
      ...finish(best),
      uncertain:
        warnings.length > 0 ||
        (threshold > 0 &&
          (firsts.some(({ logProb }) => Math.exp(logProb) < threshold) || best.tags.some((tag) => tag.uncertain))),
      warnings,
      ...(sentences.length > 1 && { sentences }),
      ...(nBest > 1 && { alternatives: alternatives(parts).map(finish) }),
      ...(weights && { attention: weights }),
    };
  }

  /** A text's sentences if the model writes open words, the text as a whole otherwise; and what could not be read. */
  private prepared(text: string, entries: TranslateOptions["dictionary"]): [Piece[], readonly string[]] {
    const { words, source: tokenizer } = this;
    if (entries && !(words && tokenizer.slots)) {
      throw new JslError(
        "このモデルでは辞書を使えません。",
        "辞書は、語彙にない語を書けるように学習したモデルで使えます。",
        "dictionary-without-open-words",
      );
    }
    requireLength(text);
    const dictionary = entries && new Dictionary(entries);
    const pieces: Piece[] = [];
    const unread: string[] = [];
    for (const [start, end] of words ? splitSentences(text) : [[0, text.length] as const]) {
      const matches = dictionary?.matches(text.slice(start, end)) ?? [];
      const source = tokenizer.encode(text.slice(start, end), matches.slice(0, tokenizer.slots));
      const { length: found } = source.ids;
      if (found > MAX_CHARACTERS) {
        throw tooLong(text, found, `文が長すぎます（表記を揃えると ${found.toLocaleString("en")} 文字になります）: `);
      }
      if (words ? words.isReadable(source) : found) {
        const evidence = words?.evidence(source) ?? [];
        pieces.push({ start, end, source, evidence, unused: matches.slice(tokenizer.slots) });
      } else {
        unread.push(...new Set(source.unknown));
      }
    }
    if (!pieces.length) throw this.nothing(text, unread);
    return [pieces, unread];
  }

  /** The error of a text in which nothing can be translated. */
  nothing(text: string, unknown: readonly string[]): JslError {
    const { unit_name: unit, unknown_hint: hint } = this.header.source;
    return new JslError(
      `訳せる${unit}がありません: 「${[...text].length <= 20 ? text : beginning(text, 20) + "…"}」`,
      `空の文か、モデルが学習していない${unit}だけの文です。${hint}`,
      "nothing-to-translate",
      { text, unknown },
    );
  }

  private rules({ source, evidence }: Piece): Rules {
    return this.words?.constraint(source, evidence) ?? this.free;
  }

  /** The most probable tag at every place of a sentence. */
  greedy(piece: Piece): Generator<void, Hypothesis> {
    return greedy(this.network, piece.source.ids, this.maxTags, this.rules(piece));
  }

  /** A sentence that is encoded already. */
  piece(source: Encoding<Match>): Piece {
    return { start: 0, end: 0, source, evidence: this.words?.evidence(source) ?? [], unused: [] };
  }

  candidate({ ids, logProbs, finished }: Hypothesis, piece: Piece): Part {
    const { uncertain_below: threshold } = this.header.config;
    const spans = this.target
      .decodeSpans(ids)
      .map(([tag, start, end]) => [tag, Math.exp(sum(logProbs.slice(start, end)))] as const);
    const settled =
      this.words?.settle(spans, piece.source, piece.evidence, piece.start) ??
      spans.map(([tag, probability]) => ({ tag, probability, known: true, span: null }));
    const tags = settled.map(
      ({ entry, ...one }: ReturnType<OpenWords["settle"]>[number]): Tag => ({
        ...one,
        uncertain: !entry && one.probability < threshold,
        ...(entry && { entry: entry.word }),
      }),
    );
    return { tags, logProb: sum(logProbs), finished };
  }

  private skipped(texts: readonly string[]): string {
    const listed = texts.slice(0, 10).map((text) => `「${text}」`);
    const { unit_name: unit } = this.header.source;
    return `学習していない${unit}を読み飛ばしました: ${listed.join("")}${texts.length > 10 ? "など" : ""}`;
  }

  private warnings(pieces: readonly Piece[], found: readonly Hypothesis[][], unread: readonly string[]): string[] {
    const { config, source: side, target } = this.header;
    const warnings = unread.length ? [this.skipped(unread)] : [];
    pieces.forEach(({ source, unused }, place) => {
      if (unused.length) {
        const listed = unused.map(({ entry }) => `「${entry.word}」`).join("");
        warnings.push(`辞書の言葉は 1 文に ${source.slots.length} 個まで使えます。使わなかった言葉: ${listed}`);
      }
      if (source.unknown.length) warnings.push(this.skipped([...new Set(source.unknown)]));
      if (source.ids.length > config.max_seq_len) {
        warnings.push(
          `モデルの上限より長い文です（${source.ids.length} ${side.name}、上限は ${config.max_seq_len}）。` +
            "訳は当てにできません。",
        );
      }
      if (!found[place][0].finished) {
        warnings.push(`文の終わりが出ないまま上限（${this.maxTags} ${target.name}）に達しました。`);
      }
    });
    return warnings;
  }

  /** Every layer's attention while the best translation is written once more: row t is the query that produced tag t. */
  private *attention(
    pieces: readonly Piece[],
    found: readonly Hypothesis[][],
  ): Generator<void, Record<string, Attention>> {
    const sources = pieces.map(({ source }) => shown(source));
    const produced = found.map(([{ ids, finished }]) => [
      ...ids.map((id) => this.target.label(id)),
      ...(finished ? ["<EOS>"] : []),
    ]);
    const read = produced.map((labels, place) =>
      ["<SOS>", ...found[place][0].ids.map((id) => this.target.label(id))].slice(0, labels.length),
    );
    const labels = {
      "encoder.self": [sources.flat(), sources.flat()],
      "decoder.self": [produced.flat(), read.flat()],
      "decoder.cross": [produced.flat(), sources.flat()],
    } as const;
    const { n_layers: layers, n_heads: heads } = this.header.config;
    const weights: Record<string, Attention & { weights: Float32Array[][] }> = {};
    for (const stack of ["encoder.self", "decoder.self", "decoder.cross"] as const) {
      const [part, kind] = stack.split(".");
      const [queryLabels, keyLabels] = labels[stack];
      for (let layer = 0; layer < layers; layer++) {
        const rows = () => queryLabels.map(() => new Float32Array(keyLabels.length));
        weights[`${part}.${layer}.${kind}`] = { weights: Array.from({ length: heads }, rows), queryLabels, keyLabels };
      }
    }
    let [character, tag] = [0, 0];
    for (const [place, { source }] of pieces.entries()) {
      const observe: Observe = (name, row) => {
        const [first, column] = name.startsWith("encoder")
          ? [character, character]
          : [tag, name.endsWith("self") ? tag : character];
        return (head, values) => weights[name].weights[head][first + row].set(values, column);
      };
      const { ids, finished } = found[place][0];
      const { encoder, decoder } = this.network;
      const memory = yield* encoder.forward(source.ids, observe);
      const cache = decoder.start(memory, [EOS]);
      for (const id of [SOS, ...(finished ? ids : ids.slice(0, -1))]) {
        decoder.step(id, cache, observe);
        yield;
      }
      character += source.ids.length;
      tag += produced[place].length;
    }
    return weights;
  }
}

const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

const finish = ({ tags, logProb, finished }: Part): Candidate => ({
  tags,
  probability: Math.exp(logProb),
  logProb,
  finished,
});

/** A sentence's tokens, with the text that slots stand for in their place. */
export function shown(source: Encoding): string[] {
  const texts = new Map(source.slots.map(({ token, text }) => [token, text]));
  return source.tokens.map((token) => texts.get(token) ?? token);
}

/** The translations of consecutive sentences as one. */
const joined = (parts: readonly Part[]): Part => ({
  tags: parts.flatMap(({ tags }) => tags),
  logProb: sum(parts.map(({ logProb }) => logProb)),
  finished: parts.every(({ finished }) => finished),
});

/** Without those whose tags an earlier one has. */
function distinct(parts: readonly Part[]): Part[] {
  const found = new Map<string, Part>();
  for (const part of parts) {
    const tags = JSON.stringify(part.tags.map(({ tag }) => tag));
    if (!found.has(tags)) found.set(tags, part);
  }
  return [...found.values()];
}

/** The next best translations of a text: one sentence's best gives way to one of its alternatives. */
function alternatives(parts: readonly (readonly Part[])[]): Part[] {
  const first = parts.map(([one]) => one);
  const others = parts.flatMap((own, place) => own.slice(1).map((other) => joined(first.with(place, other))));
  if (parts.length > 1) others.sort((a, b) => b.logProb - a.logProb);
  return others.slice(0, Math.max(...parts.map((own) => own.length)) - 1);
}

const tooLong = (text: string, found: number, what: string): JslError =>
  new JslError(
    `${what}${beginning(text, 20)}…`,
    `一度に訳せるのは ${MAX_CHARACTERS.toLocaleString("en")} 文字までです。分けて渡してください。`,
    "text-too-long",
    { found, limit: MAX_CHARACTERS },
  );

/** @throws JslError `text-too-long`. */
export function requireLength(text: string): void {
  const { length } = [...text];
  if (length > MAX_CHARACTERS) throw tooLong(text, length, `文が長すぎます（${length.toLocaleString("en")} 文字）: `);
}

function requireSearch(beam: number, nBest: number, lengthPenalty: number): void {
  const range = (setting: string, value: number, low: number, high: number): void => {
    if (value >= low && value <= high && (setting === "lengthPenalty" || Number.isInteger(value))) return;
    throw new JslError(
      `${setting} は ${low} 以上 ${high.toLocaleString("en")} 以下でなければなりません（指定: ${value}）。`,
      "",
      "setting-out-of-range",
      { setting, value, low, high },
    );
  };
  range("nBest", nBest, 1, MAX_BEAM);
  range("beam", beam, 1, MAX_BEAM);
  range("lengthPenalty", lengthPenalty, 0, MAX_PENALTY);
  if (nBest > beam) {
    throw new JslError(
      `nBest（${nBest}）が beam（${beam}）より多くなっています。`,
      `beam を ${nBest} 以上にしてください。`,
      "n-best-over-beam",
      { settings: { nBest, beam } },
    );
  }
}
