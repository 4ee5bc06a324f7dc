/**
 * The user's own words: entries that always win over what a model has learnt; as `translate/dictionary.py`.
 *
 * Nouns and phrases match as written, verbs and adjectives in any conjugation of the dictionary form that is given. Of
 * entries that match at one place the longest is taken, and from left to right none overlaps another.
 */
import { JslError } from "../errors.ts";
import { hiragana, normalize } from "../tokenize/normalize.ts";
import type { Piece } from "../tokenize/tokenizer.ts";

/** One word and what it is translated as. */
export interface Entry {
  readonly word: string;
  readonly tags: readonly string[];
}

/** An entry found in a text: `text.slice(start, end)` is the word, or the stem that all of its forms share. */
export interface Match extends Piece {
  readonly entry: Entry;
}

/** Dictionary ending of a godan verb -> every kana that can stand in its place (っ, い and ん before て and た). */
const GODAN: Readonly<Record<string, string>> = {
  う: "わいうえおっ",
  く: "かきくけこいっ",
  ぐ: "がぎぐげごい",
  す: "さしすせそ",
  つ: "たちつてとっ",
  ぬ: "なにぬねのん",
  ぶ: "ばびぶべぼん",
  む: "まみむめもん",
  る: "らりるれろっ",
};
/** What can follow the stem of an ichidan verb, of an i-adjective, and the noun of a verb in する. */
const ICHIDAN = [
  ..."るなまてたよれらさろずそすちとぬ続始終過直切方",
  ..."に行 にい に来 にき にく にこ にな つづ はじ おわ かた".split(" "),
];
const ADJECTIVE = [..."いくかけさそすみ"];
const SURU = "する すれ して した しま しな しよ しろ しそ しち しと しつ さ せ でき".split(" ");

const HAN = /[\u3400-\u9fff]/;
const KATAKANA = /[ァ-ヶ]/;

interface Stem {
  /** What must stand in the text as it is written; empty if either kana will do. */
  readonly exact: string;
  /** What must follow; `null` if anything may. */
  readonly follow: readonly string[] | null;
  readonly entry: Entry;
}

export class Dictionary {
  private readonly stems = new Map<string, Stem[]>();
  private readonly longest: number = 0;

  /**
   * @param entries words with their tags, in brackets or not; of equal words the last one counts.
   * @throws JslError `dictionary-line`: a word is empty, has no tags, or something is no tag.
   */
  constructor(entries: Readonly<Record<string, string | readonly string[]>>) {
    const read = new Map(Object.entries(entries).map(([word, tags]) => [word.trim(), entryOf(word, tags)]));
    for (const entry of read.values()) {
      const word = normalize(entry.word, "japanese").characters;
      if (!word.length) continue;
      for (const [stem, follow, isExact] of stemsOf(word)) {
        const key = hiragana(stem).join("");
        const found = this.stems.get(key) ?? [];
        this.stems.set(key, found);
        found.push({ exact: isExact ? stem.join("") : "", follow, entry });
        this.longest = Math.max(this.longest, stem.length);
      }
    }
  }

  /** The entries that a text holds, from left to right. */
  matches(text: string): Match[] {
    const { characters, offsets } = normalize(text, "japanese");
    const folded = hiragana(characters);
    const found: Match[] = [];
    for (let position = 0; position < folded.length;) {
      const [entry, length] = this.at(folded, characters, position);
      if (entry) found.push({ start: offsets[position][0], end: offsets[position + length - 1][1], entry });
      position += length;
    }
    return found;
  }

  /** The longest entry that begins at a position, and how many characters it covers; 1 without an entry. */
  private at(text: readonly string[], written: readonly string[], position: number): [Entry | null, number] {
    for (let length = Math.min(this.longest, text.length - position); length > 0; length--) {
      const end = position + length;
      for (const { exact, follow, entry } of this.stems.get(text.slice(position, end).join("")) ?? []) {
        if (exact && written.slice(position, end).join("") !== exact) continue;
        const rest = text.slice(end, end + 2).join("");
        if (!follow || follow.some((one) => rest.startsWith(one))) return [entry, length];
      }
    }
    return [null, 1];
  }
}

/** What stands in a text for a word, each with what must follow it, and whether it must stand as it is written. */
function stemsOf(word: readonly string[]): [stem: readonly string[], follow: string[] | null, exact: boolean][] {
  const stem = word.slice(0, -1);
  const ending = word.at(-1)!;
  const written = stem.join("");
  const found: [readonly string[], string[] | null, boolean][] = [
    [word, null, KATAKANA.test(written) && hiragana([ending])[0] === ending],
  ];
  if (word.length > 2 && word.slice(-2).join("") === "する") return [...found, [word.slice(0, -2), SURU, false]];
  // short words in hiragana alone are nouns more often (さる)
  const exact = stem.length < 3 && !HAN.test(written);
  if (exact && !KATAKANA.test(written)) return found;
  if (ending in GODAN) found.push([stem, [...GODAN[ending], ...(ending === "る" ? ICHIDAN : [])], exact]);
  else if (ending === "い") found.push([stem, ADJECTIVE, exact]);
  return found;
}

/** One entry, its tags spelled as vocabularies spell them. */
function entryOf(word: string, written: string | readonly string[]): Entry {
  const list = typeof written === "string" ? written.split(/(?<=>)\s*(?=<)/) : written;
  const tags = list.map((one) => {
    const inside = /^\s*<(.*)>\s*$/s.exec(one)?.[1] ?? one.trim();
    const tag = normalize(inside, "tag").characters.join("");
    if (!/^[^<>\s]+$/.test(tag) || /[<>\s]/.test(inside)) throw wrong(word, `タグとして読めません: ${one}`);
    return tag;
  });
  if (!word.trim()) throw wrong(word, "言葉がありません。");
  if (!tags.length) throw wrong(word, "タグがありません。");
  return { word: word.trim(), tags };
}

const wrong = (word: string, what: string): JslError =>
  new JslError(
    `辞書の「${word}」: ${what}`,
    '{ "言葉": ["タグ", "タグ"] } のように指定します。',
    "dictionary-line",
    { word },
  );
