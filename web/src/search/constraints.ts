/**
 * Which ids may follow in a target sequence with open words: `BEGIN`, characters, `END` among the tags, as
 * `search/constraints.py` says it. A word outside the vocabulary is written letter by letter between two brackets.
 *
 * 1. Brackets are paired; a word has at least one character.
 * 2. Its characters are a contiguous piece of the source, and after it at most one ending of a dictionary form.
 * 3. Outside of words only tags that the sentence gives evidence for are allowed.
 *
 * Characters that stand for something else (a word of the user's dictionary) are written exactly once.
 */
import { EOS } from "../tokenize/tokenizer.ts";

/** Ids of the brackets, and what may follow a copied piece to make a dictionary form, as character ids, none empty. */
export interface OpenWordIds {
  readonly begin: number;
  readonly end: number;
  readonly endings: readonly (readonly number[])[];
}

/** Where a hypothesis stands. */
export interface State {
  /** Whether a word is open. */
  readonly inside: boolean;
  /** Source positions that may be copied next; `null` at a word's first character (all of them). */
  readonly follow: ReadonlySet<number> | null;
  /** Endings begun so far, each still to be written from `written` on. */
  readonly ending: readonly (readonly number[])[];
  /** Characters of an ending that have been written; 0 while the source is copied. */
  readonly written: number;
  /** Required ids that have been written. */
  readonly copied: ReadonlySet<number>;
  /** Whether the open word was begun for what is required, so that it must begin with that. */
  readonly forced: boolean;
}

export const START: State = {
  inside: false,
  follow: null,
  ending: [],
  written: 0,
  copied: new Set(),
  forced: false,
};

/** The ids that may follow in the translation of one sentence. */
export class OpenWordConstraint {
  /** Ids that may stand anywhere, inside of words or outside, ascending; steps compute these alone. */
  readonly possible: readonly number[];
  private readonly column: ReadonlyMap<number, number>;
  private readonly atBegin: ReadonlySet<number>;
  private readonly outsideColumns: ReadonlySet<number>;

  /**
   * @param ids brackets and endings of the target vocabulary.
   * @param source for each position of the source the target id of its character; -1 where it can be in no word.
   * @param outside what may stand outside of words, `EOS` and `BEGIN` included.
   * @param required character ids that stand in exactly one word when `EOS` comes.
   */
  constructor(
    private readonly ids: OpenWordIds,
    private readonly source: readonly number[],
    outside: Iterable<number>,
    private readonly required: readonly number[],
  ) {
    this.atBegin = new Set(source.filter((id) => id >= 0));
    const free = new Set(outside);
    const inside = this.atBegin.size ? [...this.atBegin, ...ids.endings.flat(), ids.end] : [];
    if (!this.atBegin.size) free.delete(ids.begin);
    this.possible = [...new Set([...free, ...inside])].sort((a, b) => a - b);
    this.column = new Map(this.possible.map((id, column) => [id, column]));
    this.outsideColumns = this.columns(free);
  }

  /** Set log-probabilities [K] of what may not follow to -∞, in place; the state, which a forced word changes. */
  mask(logProbs: Float64Array, state: State): State {
    if (state.inside) {
      keepOnly(logProbs, this.columns(this.allowed(state)));
      if (!state.forced) return state;
      keepOnly(logProbs, this.columns(this.missing(state)));
      return { ...state, forced: false };
    }
    keepOnly(logProbs, this.outsideColumns);
    const end = this.column.get(EOS)!;
    if (this.missing(state).length) {
      const ends = argmax(logProbs) === end; // the translation would end without them
      if (ends) keepOnly(logProbs, this.columns([this.ids.begin]));
      logProbs[end] = -Infinity;
      return { ...state, forced: ends };
    }
    if (state.copied.size && [...this.atBegin].every((id) => state.copied.has(id))) {
      logProbs[this.column.get(this.ids.begin)!] = -Infinity; // no character may still be written
    }
    return state;
  }

  /** The state once an id, which must be allowed, has been written. */
  after(state: State, id: number): State {
    const { begin, end, endings } = this.ids;
    if (!state.inside) return { ...START, inside: id === begin, copied: state.copied, forced: state.forced };
    const copied = this.required.includes(id) ? new Set([...state.copied, id]) : state.copied;
    if (id === end) return { ...START, copied };
    const inside = { ...START, inside: true, copied, follow: new Set<number>() };
    if (state.written) {
      const ending = state.ending.filter((one) => one[state.written] === id);
      return { ...inside, ending, written: state.written + 1 };
    }
    const starts = state.follow ?? this.source.keys();
    const follow = [...starts].filter((position) => this.source[position] === id).map((position) => position + 1);
    // a piece that goes on; its last character may look like an ending
    if (follow.length) return { ...inside, follow: new Set(follow) };
    return { ...inside, ending: endings.filter((one) => one[0] === id), written: 1 };
  }

  /** The required ids that have not been written. */
  private missing(state: State): number[] {
    return this.required.filter((id) => !state.copied.has(id));
  }

  /** Ids that may follow inside a word. */
  private allowed({ follow, copied, ending, written }: State): number[] {
    if (!follow) return [...this.atBegin].filter((id) => !copied.has(id));
    if (written) {
      const complete = ending.some((one) => one.length === written);
      return [...ending.flatMap((one) => one.slice(written, written + 1)), ...(complete ? [this.ids.end] : [])];
    }
    const next = [...follow].map((position) => this.source[position]).filter((id) => id >= 0 && !copied.has(id));
    return [...next, ...this.ids.endings.map((one) => one[0]), this.ids.end];
  }

  private columns(ids: Iterable<number>): Set<number> {
    return new Set(Array.from(ids, (id) => this.column.get(id)!));
  }
}

function keepOnly(row: Float64Array, columns: ReadonlySet<number>): void {
  for (let column = 0; column < row.length; column++) if (!columns.has(column)) row[column] = -Infinity;
}

/** The index of the largest value, of equals the first. */
export function argmax(row: Float64Array): number {
  let best = 0;
  for (let column = 1; column < row.length; column++) if (row[column] > row[best]) best = column;
  return best;
}
