/**
 * One spelling for what looks the same, and where each character of it stood in the text as it was written; step by step
 * what `tokenize/normalize.py` does.
 */
import { SPACE, type Offset } from "../text.ts";

/** A text's characters, and where each of them stood in the text as it was written. */
interface Aligned {
  readonly characters: readonly string[];
  readonly offsets: readonly Offset[];
}

type Step = (text: Aligned) => Aligned;

/** Single characters by other single characters. */
const map =
  (table: ReadonlyMap<string, string>): Step =>
  ({ characters, offsets }) => ({ characters: characters.map((one) => table.get(one) ?? one), offsets });

/** What matches, by at most one character; that character covers all of the match. */
const replace =
  (pattern: RegExp, by: string): Step =>
  (text) => {
    const characters: string[] = [];
    const offsets: Offset[] = [];
    let place = 0; // in characters
    let unit = 0; // the same place in the string
    const copyUntil = (end: number): void => {
      for (; unit < end; place++) {
        characters.push(text.characters[place]);
        offsets.push(text.offsets[place]);
        unit += text.characters[place].length;
      }
    };
    const joined = text.characters.join("");
    for (const match of joined.matchAll(pattern)) {
      copyUntil(match.index);
      const start = text.offsets[place][0];
      for (; unit < match.index + match[0].length; place++) unit += text.characters[place].length;
      if (by) {
        characters.push(by);
        offsets.push([start, text.offsets[place - 1][1]]);
      }
    }
    copyUntil(joined.length);
    return { characters, offsets };
  };

/** A Unicode normalization form. Characters that it makes of several are made of all of them. */
const form =
  (name: "NFC" | "NFKC"): Step =>
  (text) => {
    const plain = (part: string): string => part.normalize(name);
    const characters: string[] = [];
    const offsets: Offset[] = [];
    const add = (begin: number, end: number): void => {
      const place: Offset = [text.offsets[begin][0], text.offsets[end - 1][1]];
      for (const one of plain(text.characters.slice(begin, end).join(""))) {
        characters.push(one);
        offsets.push(place);
      }
    };
    // pieces that can be normalized one by one: each begins with a character that begins with a starter and does not
    // compose with what stands before it
    let begin = 0;
    let segment = "";
    let before = "";
    text.characters.forEach((character, end) => {
      const own = plain(character);
      const isBoundary = !combines(decomposed(character)[0]) && plain(segment + character) === before + own;
      if (end && !isBoundary) {
        segment += character;
        before = plain(segment);
        return;
      }
      if (end) add(begin, end);
      [begin, segment, before] = [end, character, own];
    });
    if (text.characters.length) add(begin, text.characters.length);
    return { characters, offsets };
  };

/** The characters that a character is made of. */
const decomposed = (character: string): string[] => [...character.normalize("NFKD")];

/**
 * Whether a character's canonical combining class is not 0. JavaScript has no table of them, but canonical order sorts by
 * them: U+0345 has the largest, 240, and alone, so any other mark behind it comes to stand before it.
 */
const combines = (character: string): boolean =>
  character === "\u0345" || !("\u0345" + character).normalize("NFD").startsWith("\u0345");

const MOST_MARKS = 30;
/** A run of characters of which none is one that Japanese is usually written with: few texts have any. */
const POSSIBLE_MARKS =
  /[^\0-\u02ff\u3040-\u3098\u309b-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff01-\uff9d]{31}/u;

/** At most 30 combining marks in a run: canonical order takes a time that grows with the square of its length. */
const marks: Step = (text) => {
  if (!POSSIBLE_MARKS.test(text.characters.join(""))) return text;
  let run = 0;
  const kept = text.characters.map((character) => {
    const parts = decomposed(character);
    const count = parts.filter(combines).length;
    const begins = !combines(parts[0]);
    run = begins ? (count ? parts.length - 1 : 0) : run + count;
    return begins || run <= MOST_MARKS;
  });
  return {
    characters: text.characters.filter((_, place) => kept[place]),
    offsets: text.offsets.filter((_, place) => kept[place]),
  };
};

/** No blanks at the ends; all of them are U+0020 by then. */
const strip: Step = ({ characters, offsets }) => {
  const isBlank = (one: string): boolean => one === " ";
  const begin = characters.findIndex((one) => !isBlank(one));
  const end = characters.findLastIndex((one) => !isBlank(one)) + 1;
  return { characters: characters.slice(begin, end), offsets: offsets.slice(begin, end) };
};

const table = (from: string, to: string): ReadonlyMap<string, string> => {
  const values = [...to];
  return new Map([...from].map((one, place) => [one, values[place]]));
};

/** NFKC would turn the free-standing voicing marks into a space and a mark; people type them for か゛. */
const voicing = map(table("゛゜", "\u3099\u309a"));
/** Radicals and strokes that NFKC leaves alone, as the ideographs that they look like: from a code point on, and a blank
 * for those that it does not. */
const radicals = map(
  new Map(
    (
      [
        [0x2e81, "厂乛乚乙亻冂𠘨刀刂卜㔾小小兀尣尢𡯂巳幺彑彐忄心扌攵 旡日月歺 民氵氺灬爫爫丬牛犭王𤴔目示礻𥫗糹纟罓罒㓁冗𦉫羊𦍌𦍋耂肀聿肉𦥑艹艹艹虎衤覀西见角𧢲讠贝𧾷车辶辶辶邑钅長镸长门𨸏阝雨青韦页风飞食𩙿飠饣𩠐马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀"],
        [0x31c6, "𠃌"],
        [0x31cf, "乀一丨丿丿丶𠃍乛𠃊𠃎𠄌亅𡿨𠃋乀𠃑乚乙𠄎"],
      ] as const
    ).flatMap(([first, ideographs]) =>
      Array.from(ideographs, (to, place) => [String.fromCodePoint(first + place), to] as const).filter(
        ([, to]) => to !== " ",
      ),
    ),
  ),
);
const surrogates = replace(/[\ud800-\udfff]/gu, "\ufffd");
/** Joiners, directions, fillers, variation selectors, tags: nothing a reader sees. */
const invisible = replace(
  /[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\u{e0000}-\u{e0fff}]/gu,
  "",
);
const blanks = replace(new RegExp(`[${SPACE}\\x00-\\x1f\\x7f-\\x9f]+`, "gu"), " ");

const FORMAT_1: readonly Step[] = [
  surrogates,
  voicing,
  invisible,
  replace(/．(?!\p{Nd})/gu, "。"), // a full-width full stop that is no decimal point
  marks,
  form("NFKC"),
  replace(/(?<=[0-9]),(?=[0-9]{3}(?![0-9]))/gu, ""), // the comma in 1,500; the one in 1,2 separates two numbers
  map(table("!?,", "！？、")),
  blanks,
  strip,
];

/** The steps by the name in a model file's header; `tag` is for the names of tags. */
export const NORMALIZERS = {
  japanese: [radicals, ...FORMAT_1],
  "format-1": FORMAT_1,
  nfc: [surrogates, replace(/\ufeff/gu, ""), marks, form("NFC"), blanks, strip],
  tag: [voicing, invisible, radicals, marks, form("NFKC")],
} satisfies Record<string, readonly Step[]>;

export type NormalizerName = keyof typeof NORMALIZERS;

/** What most Japanese sentences consist of; no step changes it. */
const SETTLED = /^[ぁ-ゖァ-ヺ一-鿿々ー、。！？]*$/u;

/** The spelling that vocabularies are made of, and for each of its characters [start, end) in the text. */
export function normalize(text: string, name: NormalizerName): Aligned {
  let end = 0;
  const characters = [...text];
  const unchanged: Aligned = {
    characters,
    offsets: characters.map((one): Offset => [end, (end += one.length)]),
  };
  if (SETTLED.test(text)) return unchanged;
  const steps: readonly Step[] = NORMALIZERS[name];
  const changed = steps.reduce((value, step) => step(value), unchanged);
  return changed.characters.join("") === text ? unchanged : changed;
}

const shifted = (character: string, by: number): string => String.fromCharCode(character.charCodeAt(0) + by);

/** The characters with katakana as hiragana: a word is the same word in either. */
export const hiragana = (characters: readonly string[]): string[] =>
  characters.map((one) => (one >= "ァ" && one <= "ヶ" ? shifted(one, -0x60) : one));

/** The hiragana of a katakana and the reverse; anything else as it is. */
export function kanaSibling(character: string): string {
  if (character >= "ァ" && character <= "ヶ") return shifted(character, -0x60);
  if (character >= "ぁ" && character <= "ゖ") return shifted(character, 0x60);
  return character;
}
