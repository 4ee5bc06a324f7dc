/** Decoding, tag by tag: the step to the next tag's probabilities, and greedy decoding. */
import { JslError } from "../errors.ts";
import { copied, type DecoderCache } from "../model/decoder.ts";
import type { Transformer } from "../model/transformer.ts";
import { EOS, PAD, SOS } from "../tokenize/tokenizer.ts";
import { argmax, START, type State } from "./constraints.ts";

/** One decoded target: tags without SOS and EOS. */
export interface Hypothesis {
  readonly ids: readonly number[];
  /** Natural logarithm of each tag's probability given those before it; one more, the end's, if `finished`. */
  readonly logProbs: readonly number[];
  /** Whether the model ended the sentence, before the maximum length was reached. */
  readonly finished: boolean;
}

/** What a sentence's translation may hold. */
export interface Rules {
  /** The ids whose log-probabilities are computed, ascending; they are normalized over these. */
  readonly possible: readonly number[];
  /** Set log-probabilities of what may not follow to -∞, in place; the state before the next id. */
  mask(logProbs: Float64Array, state: State): State;
  after(state: State, id: number): State;
}

/** Every tag may follow every other. */
export class Unconstrained implements Rules {
  readonly possible: readonly number[];

  constructor(size: number) {
    this.possible = Array.from({ length: size }, (_, id) => id);
  }

  mask(logProbs: Float64Array, state: State): State {
    logProbs[PAD] = logProbs[SOS] = -Infinity;
    return state;
  }

  after(state: State): State {
    return state;
  }
}

/** A prefix in the middle of being decoded. */
export interface Row {
  readonly cache: DecoderCache;
  readonly state: State;
  readonly latest: number;
}

/** Read a sentence. */
export function* begin(model: Transformer, source: readonly number[], rules: Rules): Generator<void, Row> {
  const memory = yield* model.encoder.forward(source);
  return { cache: model.decoder.start(memory, rules.possible), state: START, latest: SOS };
}

/** One step: log-probabilities [K] of what may follow a row, -∞ for what may not, and the row's state before that. */
export function next(model: Transformer, rules: Rules, { cache, state, latest }: Row): [Float64Array, State] {
  const found = logProbs(model.decoder.step(latest, cache), model.config.temperature);
  const masked = rules.mask(found, state);
  if (!Number.isFinite(found[argmax(found)])) {
    throw new JslError(
      "モデルの計算の結果が数になりません（NaN か無限大）。",
      "学習が発散したか、重みが壊れたモデルです。元のコピーに戻すか、学習し直してください。",
      "scores-not-finite",
    );
  }
  return [found, masked];
}

/** The row after one more id. The cache is the same one, which grows: a row can be continued once. */
export const extended = (row: Row, rules: Rules, state: State, id: number): Row => ({
  cache: row.cache,
  state: rules.after(state, id),
  latest: id,
});

/** The same row with a cache of its own. */
export const forked = (row: Row): Row => ({ ...row, cache: copied(row.cache) });

/** log softmax(z / T); T is fitted to development data (Guo et al. 2017, §4.2). */
export function logProbs(logits: Float32Array, temperature: number): Float64Array {
  const found = new Float64Array(logits.length);
  let [largest, total] = [-Infinity, 0];
  for (let k = 0; k < found.length; k++) largest = Math.max(largest, (found[k] = logits[k] / temperature));
  for (let k = 0; k < found.length; k++) total += Math.exp(found[k] - largest);
  const shift = largest + Math.log(total);
  for (let k = 0; k < found.length; k++) found[k] -= shift;
  return found;
}

/** The most probable tag at every position, at most `maxLength` of them; yields between the steps. */
export function* greedy(
  model: Transformer,
  source: readonly number[],
  maxLength: number,
  rules: Rules,
): Generator<void, Hypothesis> {
  let row = yield* begin(model, source, rules);
  const ids: number[] = [];
  const scores: number[] = [];
  for (;;) {
    const [found, state] = next(model, rules, row);
    const column = argmax(found);
    const id = rules.possible[column];
    if (id !== EOS && ids.length === maxLength) return { ids, logProbs: scores, finished: false };
    scores.push(found[column]);
    if (id === EOS) return { ids, logProbs: scores, finished: true };
    ids.push(id);
    row = extended(row, rules, state, id);
    yield;
  }
}
