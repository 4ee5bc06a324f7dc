/** The sentences of a text, as `split_sentences` of `translate/translator.py` finds them. */
import { SPACE, type Offset } from "../text.ts";

const [OPENING, CLOSING] = ["「『（(【〈《［[", "」』）)】〉》］]"];
const LINE = /[^\r\n\u2028\u2029]+/gu;
/** Marks that end a sentence. An ASCII full stop ends one only before a blank: 3.5 and example.jp hold none. */
const END = new RegExp(`[。．！？!?…]+|\\.(?=[${SPACE}]|$)`, "gu");
const BLANKS_BEFORE = new RegExp(`^[${SPACE}]*`);
const BLANKS_BEHIND = new RegExp(`[${SPACE}]*$`);
const WORD = /[\p{L}\p{N}]/u;

/**
 * The sentences in order, [start, end) each; none of them blank.
 *
 * A sentence ends behind 。 ！ ？ ! ? … (and behind what follows of these at once), and at a line end. Inside of quotation
 * marks and brackets nothing ends, unless they are never closed on the line.
 */
export function splitSentences(text: string): Offset[] {
  const found: Offset[] = [];
  for (const { 0: line, index: first } of text.matchAll(LINE)) {
    const quoted = quotedIn(line);
    let start = 0;
    for (const mark of line.matchAll(END)) {
      if (quoted[mark.index]) continue;
      add(found, text, first + start, first + mark.index + mark[0].length);
      start = mark.index + mark[0].length;
    }
    add(found, text, first + start, first + line.length);
  }
  return found;
}

/** For each place of a line whether it stands between a bracket and its partner. */
function quotedIn(line: string): boolean[] {
  const quoted = new Array<boolean>(line.length).fill(false);
  const opened: [character: string, position: number][] = [];
  for (let position = 0; position < line.length; position++) {
    const character = line[position];
    if (OPENING.includes(character)) opened.push([character, position]);
    if (!CLOSING.includes(character) || !opened.length) continue;
    const partner = OPENING[CLOSING.indexOf(character)];
    while (opened.length && opened.at(-1)![0] !== partner) opened.pop();
    const pair = opened.pop();
    if (pair) quoted.fill(true, pair[1], position + 1);
  }
  return quoted;
}

function add(found: Offset[], text: string, start: number, end: number): void {
  const piece = text.slice(start, end);
  start += BLANKS_BEFORE.exec(piece)![0].length;
  end -= BLANKS_BEHIND.exec(piece)![0].length;
  if (start >= end) return;
  const previous = found.at(-1);
  // marks alone belong to the sentence before them
  if (previous && !WORD.test(text.slice(start, end))) found[found.length - 1] = [previous[0], end];
  else found.push([start, end]);
}
