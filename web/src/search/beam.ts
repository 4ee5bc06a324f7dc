/**
 * Beam search: the most probable sequences of tags, not the sequence of most probable tags; as `search/beam.py`.
 *
 * At every length the `width` most probable prefixes are kept, those that have ended included; the others compete for the
 * rest of the width.
 *
 *     score(Y) = log P(Y|X) / lp(Y),   lp(Y) = ((5 + |Y|) / 6)^α           (Wu et al. 2016, §7, eq. 14)
 *
 * |Y| counts the tags and the end. Prefixes of one search are equally long, so the penalty only ranks what has ended.
 */
import type { Transformer } from "../model/transformer.ts";
import { EOS } from "../tokenize/tokenizer.ts";
import { argmax, type State } from "./constraints.ts";
import { begin, extended, forked, next, type Hypothesis, type Row, type Rules } from "./decoding.ts";

/** The tags so far, each one's log-probability, their sum, and where decoding stands. */
interface Prefix {
  readonly ids: readonly number[];
  readonly logProbs: readonly number[];
  readonly total: number;
  readonly row: Row;
}

interface Ranked {
  readonly score: number;
  readonly hypothesis: Hypothesis;
}

/** log P / lp; `length` counts the end. */
const penalized = (logProb: number, length: number, alpha: number): number => logProb / ((5 + length) / 6) ** alpha;

/**
 * The `nBest` best translations, best first; those that the model ended come before the others. Yields between steps.
 *
 * @param maxLength most tags in a translation.
 * @param width prefixes that are kept at every length, at least `nBest`.
 * @param alpha length penalty α; 0 ranks by probability alone, more favours longer translations.
 */
export function* beamSearch(
  model: Transformer,
  source: readonly number[],
  maxLength: number,
  rules: Rules,
  width: number,
  nBest: number,
  alpha: number,
): Generator<void, Hypothesis[]> {
  let prefixes: Prefix[] = [{ ids: [], logProbs: [], total: 0, row: yield* begin(model, source, rules) }];
  const ended: Ranked[] = [];
  const cut: Ranked[] = [];
  const end = ({ ids }: Prefix, logProbs: readonly number[], total: number): void => {
    ended.push({ score: penalized(total, logProbs.length, alpha), hypothesis: { ids, logProbs, finished: true } });
  };

  while (prefixes.length) {
    const found: [Float64Array, State][] = [];
    for (const { row } of prefixes) {
      found.push(next(model, rules, row));
      yield;
    }
    if (prefixes[0].ids.length === maxLength) {
      // a prefix ends if its most probable next tag is the end, and is cut off otherwise
      prefixes.forEach((prefix, place) => {
        const [logProbs] = found[place];
        const column = argmax(logProbs);
        if (rules.possible[column] === EOS) {
          end(prefix, [...prefix.logProbs, logProbs[column]], prefix.total + logProbs[column]);
        } else {
          const { ids, logProbs, total } = prefix;
          cut.push({ score: penalized(total, ids.length, alpha), hypothesis: { ids, logProbs, finished: false } });
        }
      });
      break;
    }
    const columns = rules.possible.length;
    const totals = new Float64Array(prefixes.length * columns);
    found.forEach(([logProbs], place) => {
      totals.set(
        logProbs.map((one) => prefixes[place].total + one),
        place * columns,
      );
    });
    const grown: Prefix[] = [];
    const continued = new Set<Prefix>();
    for (const place of largest(totals, width - ended.length)) {
      const parent = Math.floor(place / columns);
      const prefix = prefixes[parent];
      const [logProbs, state] = found[parent];
      const id = rules.possible[place % columns];
      const scores = [...prefix.logProbs, logProbs[place % columns]];
      if (id === EOS) {
        end(prefix, scores, totals[place]);
        continue;
      }
      const row = continued.has(prefix) ? forked(prefix.row) : prefix.row;
      continued.add(prefix);
      grown.push({
        ids: [...prefix.ids, id],
        logProbs: scores,
        total: totals[place],
        row: extended(row, rules, state, id),
      });
    }
    prefixes = grown;
    // a longer prefix is never more probable, and no end is later than the last
    const kept = ended.map(({ score }) => score).sort((a, b) => b - a)[nBest - 1];
    const best = Math.max(...prefixes.map(({ total }) => total));
    if (kept !== undefined && kept >= penalized(best, maxLength + 1, alpha)) break;
  }
  const ranked = [ended, cut].flatMap((group) => group.sort((a, b) => b.score - a.score));
  return ranked.slice(0, nBest).map(({ hypothesis }) => hypothesis);
}

/** Indices of the `count` largest finite values, largest first, of equals the first. */
function largest(values: Float64Array, count: number): number[] {
  const threshold = values.slice().sort()[Math.max(0, values.length - count)];
  const places: number[] = [];
  values.forEach((value, place) => {
    if (value >= threshold && Number.isFinite(value)) places.push(place);
  });
  return places.sort((a, b) => values[b] - values[a] || a - b).slice(0, count);
}
