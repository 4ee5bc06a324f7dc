/** Translating with open words: what a model may write for a sentence, and where each tag came from. */
import { OpenWordConstraint, type OpenWordIds } from "../search/constraints.ts";
import { isAlphanumeric, type Offset } from "../text.ts";
import { hiragana } from "../tokenize/normalize.ts";
import {
  BEGIN,
  END,
  EOS,
  isOpenCharacter,
  isSlot,
  OPEN,
  type Encoding,
  type TargetTokenizer,
} from "../tokenize/tokenizer.ts";
import type { Entry, Match } from "./dictionary.ts";

/** What makes a dictionary form of a copied stem: 受け取 + る, 隠れ + る, 美味し + い, 愛 + する. */
const ENDINGS = "う く ぐ す つ ぬ ぶ む る い する".split(" ");
/** Characters that are part of a word though they are neither letter nor digit: Wi-Fi, AT&T, C++. */
const JOINING = new Set("-‐‑–—'’&+#@/_~々ー・");

/** A piece of evidence among the tokens of a sentence, [start, end), and the tags that it is evidence for. */
export interface Evidence {
  readonly start: number;
  readonly end: number;
  readonly tags: readonly string[];
}

/** A decoded tag, its probability, and where it comes from. */
export interface Settled {
  readonly tag: string;
  readonly probability: number;
  readonly known: boolean;
  readonly span: Offset | null;
  readonly entry?: Entry;
}

/** What sentences' translations may hold, and what a decoded one means; as `translate/open_words.py`. */
export class OpenWords {
  private readonly ids: ReadonlyMap<string, number>;
  private readonly brackets: OpenWordIds;
  /** What may stand outside of words without evidence. */
  private readonly free: readonly number[];
  private readonly evidenceOf = new Map<string, string[]>();
  private readonly longest: number;

  constructor(private readonly target: TargetTokenizer) {
    const { vocabulary, evidence } = target;
    const characters = vocabulary.tokens.filter(isOpenCharacter);
    const ids = new Map(characters.map((token) => [token.slice(OPEN.length), vocabulary.idOf(token)]));
    this.ids = ids;
    this.brackets = {
      begin: vocabulary.idOf(BEGIN),
      end: vocabulary.idOf(END),
      endings: ENDINGS.filter((ending) => [...ending].every((one) => ids.has(one))).map((ending) =>
        Array.from(ending, (one) => ids.get(one)!),
      ),
    };
    const free = [EOS, this.brackets.begin];
    let longest = 0;
    for (const token of vocabulary.tokens) {
      if (isOpenCharacter(token) || token === BEGIN || token === END) continue;
      const pieces = Object.hasOwn(evidence, token) ? evidence[token] : undefined;
      if (!pieces) free.push(vocabulary.idOf(token));
      for (const piece of pieces ?? []) {
        const characters = hiragana([...piece]);
        const key = characters.join("");
        this.evidenceOf.set(key, [...(this.evidenceOf.get(key) ?? []), token]);
        longest = Math.max(longest, characters.length);
      }
    }
    [this.free, this.longest] = [free, longest];
  }

  /** Whether there is a letter or a digit to translate, rather than marks alone. */
  isReadable(source: Encoding): boolean {
    return source.tokens.some((token) => isAlphanumeric(token) || isSlot(token));
  }

  /** Every piece of evidence among the tokens. */
  evidence(source: Encoding): Evidence[] {
    const text = hiragana(source.tokens);
    const found: Evidence[] = [];
    for (let start = 0; start < text.length; start++) {
      let piece = "";
      for (let end = start + 1; end <= Math.min(start + this.longest, text.length); end++) {
        piece += text[end - 1];
        const tags = this.evidenceOf.get(piece);
        if (tags) found.push({ start, end, tags });
      }
    }
    return found;
  }

  /** What may be written for a sentence. */
  constraint(source: Encoding, evidence: readonly Evidence[]): OpenWordConstraint {
    const outside = [...this.free, ...evidence.flatMap(({ tags }) => tags.map(this.target.vocabulary.idOf))];
    const characters = source.tokens.map((token) =>
      isAlphanumeric(token) || JOINING.has(token) || isSlot(token) ? (this.ids.get(token) ?? -1) : -1,
    );
    const required = source.slots.map((slot) => this.ids.get(slot.token)).filter((id) => id !== undefined);
    return new OpenWordConstraint(this.brackets, characters, outside, required);
  }

  /**
   * Decoded tags as a user sees them: slots give way to what they stand for, unknown characters to themselves, dictionary
   * entries to their tags.
   *
   * @param offset of the sentence in the text.
   */
  settle(
    tags: readonly (readonly [tag: string, probability: number])[],
    source: Encoding<Match>,
    evidence: readonly Evidence[],
    offset: number,
  ): Settled[] {
    const entries = new Map(source.slots.flatMap((slot) => (slot.piece ? [[slot.token, slot.piece]] : [])));
    const unknown = new Map(source.slots.flatMap((slot) => (slot.piece ? [] : [[slot.token, slot.text]])));
    const spans = new Spans(source, evidence, offset);
    return tags.flatMap(([tag, probability]): Settled[] => {
      if (!tag.startsWith(OPEN)) return [{ tag, probability, known: true, span: spans.ofTag(tag) }];
      const word = [...tag.slice(OPEN.length)];
      const span = spans.ofWord(word);
      return parts(word, entries).flatMap((part): Settled[] => {
        const match = entries.get(part);
        if (!match) {
          const text = Array.from(part, (one) => unknown.get(one) ?? one).join("");
          return [{ tag: OPEN + text, probability, known: false, span }];
        }
        const { entry } = match;
        const place: Offset = [offset + match.start, offset + match.end];
        return entry.tags.map((one) => ({ tag: one, probability, known: true, span: place, entry }));
      });
    });
  }
}

/** Where tags stand in a sentence: pieces of evidence and copied words, each used once, from left to right. */
class Spans {
  private readonly used = new Set<string>();

  constructor(
    private readonly source: Encoding<Match>,
    private readonly evidence: readonly Evidence[],
    private readonly offset: number,
  ) {}

  /** The longest piece of evidence for a tag that no earlier tag of that name has used; of equals the first. */
  ofTag(tag: string): Offset | null {
    let best: Evidence | null = null;
    for (const place of this.evidence) {
      if (!place.tags.includes(tag) || this.used.has(`${place.start} ${tag}`)) continue;
      if (!best || place.end - place.start > best.end - best.start) best = place;
    }
    return best && this.use(tag, best.start, best.end);
  }

  /** The longest beginning of an open word in the sentence. */
  ofWord(word: readonly string[]): Offset | null {
    const { tokens } = this.source;
    const name = word.join("");
    for (let length = word.length; length > 0; length--) {
      for (let start = 0; start + length <= tokens.length; start++) {
        if (this.used.has(`${start} ${name}`)) continue;
        if (word.slice(0, length).every((one, place) => tokens[start + place] === one)) {
          return this.use(name, start, start + length);
        }
      }
    }
    return null;
  }

  private use(name: string, start: number, end: number): Offset {
    this.used.add(`${start} ${name}`);
    const { offsets } = this.source;
    return [this.offset + offsets[start][0], this.offset + offsets[end - 1][1]];
  }
}

/** An open word cut at the slots of dictionary entries; the ending of a dictionary form behind one goes. */
function parts(word: readonly string[], entries: ReadonlyMap<string, unknown>): string[] {
  const found = [""];
  for (const character of word) {
    if (entries.has(character)) found.push(character, "");
    else found[found.length - 1] += character;
  }
  if (found.length > 1 && ENDINGS.includes(found.at(-1)!)) found.pop();
  return found.filter(Boolean);
}
