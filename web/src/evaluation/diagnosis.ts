/**
 * One translation in detail, as `evaluation/diagnosis.py`: the alternatives at each position, and the effect of leaving
 * each source unit out. Part of the site that `export --format web` writes, not of the npm package.
 */
import { JslError } from "../errors.ts";
import { begin, logProbs } from "../search/decoding.ts";
import { EOS, PAD, SOS, type Encoding } from "../tokenize/tokenizer.ts";
import type { Match } from "../translate/dictionary.ts";
import { requireLength, shown, type Translator } from "../translate/translator.ts";

/** Units of a sentence that can be diagnosed: one without each unit is translated, which is cubic work. */
const LONGEST = 200;
/** Tags listed at each position, at most. */
const LISTED = 5;

/** A tag, or a character of an open word or one of the marks around it; `null` is the end of the sentence. */
type Token = string | null;

/** The values of `POST /v1/diagnose` that the page shows; their keys are the same. */
export interface Diagnosis {
  readonly text: string;
  readonly units: readonly string[];
  readonly tags: readonly string[];
  readonly places: readonly {
    readonly tag: Token;
    /** Given the tags before it, among all of the vocabulary. */
    readonly probability: number;
    readonly alternatives: readonly { readonly tag: Token; readonly probability: number }[];
  }[];
  readonly deletions: readonly {
    readonly unit: string;
    readonly tags: readonly string[];
    readonly same: boolean;
    /** Of the original tags and the end: negative where one is less probable without the unit. */
    readonly log_prob_changes: readonly number[];
    readonly log_prob_change: number;
  }[];
}

/**
 * Translate a text as one sentence, greedily, and look into it. Yields between small amounts of work.
 *
 * @throws JslError `text-too-long`, `nothing-to-translate`, or `text-too-long-to-explain`.
 */
export function* diagnose(translator: Translator, text: string): Generator<void, Diagnosis> {
  requireLength(text);
  const source: Encoding<Match> = translator.source.encode<Match>(text);
  const { length } = source.ids;
  if (!length) throw translator.nothing(text, source.unknown);
  if (length > LONGEST) {
    throw new JslError(
      `診断するには文が長すぎます（${length.toLocaleString("en")}、上限は ${LONGEST}）。`,
      "短く分けてください。",
      "text-too-long-to-explain",
      { found: length, limit: LONGEST },
    );
  }
  const [tags, { ids: found, finished }] = yield* translated(translator, source);
  // without brackets that have no partner
  const ids = translator.target.decodeSpans(found).flatMap(([, start, end]) => found.slice(start, end));
  const ends = [...ids, ...(finished ? [EOS] : [])];
  const rows = yield* forced(translator, source, ids);
  const label = (id: number): Token => (id === EOS ? null : translator.target.vocabulary.tokenOf(id));
  const places = ends.map((id, place) => ({
    tag: label(id),
    probability: Math.exp(rows[place][id]),
    alternatives: likeliest(rows[place]).map((other) => ({ tag: label(other), probability: Math.exp(rows[place][other]) })),
  }));

  const units = shown(source);
  const deletions: Diagnosis["deletions"][number][] = [];
  for (let index = 0; length > 1 && index < length; index++) {
    const shorter = without(source, index);
    const [others] = yield* translated(translator, shorter);
    const after = yield* forced(translator, shorter, ids);
    const changes = ends.map((id, place) => after[place][id] - rows[place][id]);
    deletions.push({
      unit: units[index],
      tags: others,
      same: others.join(" ") === tags.join(" "),
      log_prob_changes: changes,
      log_prob_change: changes.reduce((a, b) => a + b, 0),
    });
  }
  return { text, units, tags, places, deletions };
}

function* translated(translator: Translator, source: Encoding<Match>) {
  const piece = translator.piece(source);
  const found = yield* translator.greedy(piece);
  return [translator.candidate(found, piece).tags.map(({ tag }) => tag), found] as const;
}

/** Log-probabilities of every token at every place of a given translation, [T + 1, V]. */
function* forced(translator: Translator, source: Encoding, ids: readonly number[]): Generator<void, Float64Array[]> {
  const { network, free } = translator;
  const { cache } = yield* begin(network, source.ids, free);
  const rows: Float64Array[] = [];
  for (const id of [SOS, ...ids]) {
    rows.push(logProbs(network.decoder.step(id, cache), network.config.temperature));
    yield;
  }
  return rows;
}

/** Ids of the most probable tags, best first. */
function likeliest(row: Float64Array): number[] {
  const ids = Array.from(row, (_, id) => id).filter((id) => id !== PAD && id !== SOS);
  return ids.sort((a, b) => row[b] - row[a]).slice(0, LISTED);
}

function without<E extends Encoding<Match>>(source: E, index: number): Encoding<Match> {
  const kept = <T>(values: readonly T[]): T[] => values.toSpliced(index, 1);
  return {
    ids: kept(source.ids),
    tokens: kept(source.tokens),
    offsets: kept(source.offsets),
    unknown: source.unknown,
    slots: source.slots.filter(({ token }) => token !== source.tokens[index]),
  };
}
