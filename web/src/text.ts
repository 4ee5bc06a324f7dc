/** Texts as characters (code points). Offsets everywhere are those of JavaScript strings: `text.slice(start, end)`. */

/** [start, end) in the text as it was written. */
export type Offset = readonly [start: number, end: number];

/** What Python's `str.isspace` says of a character, as the inside of a character class. */
export const SPACE = "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const WORD_CHARACTER = /^[\p{L}\p{N}]$/u;

/** Whether a character is a letter or a digit of any script; what Python's `str.isalnum` says of it. */
export const isAlphanumeric = (character: string): boolean => WORD_CHARACTER.test(character);

/** The first characters of a text. */
export const beginning = (text: string, count: number): string => [...text].slice(0, count).join("");
