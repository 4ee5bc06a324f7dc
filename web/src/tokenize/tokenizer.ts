/** From text to ids and back, as `tokenize/tokenizer.py` does it for characters or words in, and tags or words out. */
import { isAlphanumeric, SPACE, type Offset } from "../text.ts";
import { kanaSibling, normalize, type NormalizerName } from "./normalize.ts";

/** Ids that every vocabulary begins with. */
export const [PAD, SOS, EOS] = [0, 1, 2];
const SPECIALS = ["PAD", "SOS", "EOS"];

/** Characters that are left out in silence if the vocabulary lacks them: no tag stands for them. */
const SILENT = new Set(" 。、！");

/** Tokens that stand for whatever a vocabulary with them lacks, in the order in which a text uses them. */
export const SLOTS: readonly string[] = Array.from({ length: 8 }, (_, number) => String.fromCharCode(0xe000 + number));
export const isSlot = (token: string): boolean => SLOTS.includes(token);

/** Tokens in a fixed order. Ids: first the special tokens, then the tokens. */
export class Vocabulary {
  readonly size: number;
  private readonly names: readonly string[];
  private readonly ids: ReadonlyMap<string, number>;

  constructor(
    readonly tokens: readonly string[],
    moreSpecials: readonly string[] = [],
  ) {
    const first = SPECIALS.length + moreSpecials.length;
    this.names = [...SPECIALS, ...moreSpecials, ...tokens];
    this.size = this.names.length;
    this.ids = new Map(tokens.map((token, place) => [token, first + place]));
  }

  has = (token: string): boolean => this.ids.has(token);
  idOf = (token: string): number => this.ids.get(token)!;
  tokenOf = (id: number): string => this.names[id];
}

/** A piece of a text that is encoded as one slot. */
export interface Piece {
  readonly start: number;
  readonly end: number;
}

/** A token of {@link SLOTS} in an encoded text, and what it stands for, as it was written. */
export interface Slot<P extends Piece = Piece> extends Piece {
  readonly token: string;
  readonly text: string;
  /** The piece that was asked for; `null` for a run of unknown characters. */
  readonly piece: P | null;
}

/** A text as numbers. */
export interface Encoding<P extends Piece = Piece> {
  readonly ids: readonly number[];
  readonly tokens: readonly string[];
  /** Of each token. */
  readonly offsets: readonly Offset[];
  /** What was left out, in order. */
  readonly unknown: readonly string[];
  readonly slots: readonly Slot<P>[];
}

/** The side that reads: characters or words. */
export class SourceTokenizer {
  readonly slots: number;
  private readonly free: readonly string[];

  constructor(
    readonly vocabulary: Vocabulary,
    private readonly kind: "char" | "word",
    private readonly normalizer: NormalizerName,
  ) {
    this.free = SLOTS.filter(vocabulary.has);
    this.slots = this.free.length;
  }

  /**
   * A text as ids. What the vocabulary lacks becomes a slot where it has slots, and is left out and reported otherwise.
   *
   * @param pieces to be encoded as one slot each, from left to right, none overlapping another; at most as many as
   *   there are slots.
   */
  encode<P extends Piece>(written: string, pieces: readonly P[] = []): Encoding<P> {
    const { characters, offsets } = normalize(written, this.normalizer);
    return this.kind === "char"
      ? this.encodeCharacters(written, characters, offsets, pieces)
      : this.encodeWords(characters, offsets);
  }

  private encodeCharacters<P extends Piece>(
    written: string,
    characters: readonly string[],
    offsets: readonly Offset[],
    pieces: readonly P[],
  ): Encoding<P> {
    const [tokens, places, unknown, slots]: [string[], Offset[], string[], Slot<P>[]] = [[], [], [], []];
    const within = (piece: P, [start, end]: Offset): boolean => piece.start <= start && end <= piece.end;
    let spare = this.free.length - pieces.length; // what is asked for comes first
    for (let position = 0, end: number; position < characters.length; position = end) {
      const unit = characters[position];
      const offset = offsets[position];
      const piece = pieces.find((one) => within(one, offset)) ?? null;
      end = position + 1;
      if (piece) while (end < characters.length && within(piece, offsets[end])) end++;
      const token = piece || isSlot(unit) ? undefined : this.tokenFor(unit);
      if (token !== undefined) {
        tokens.push(token);
        places.push(offset);
      } else if (piece || (spare > 0 && isWord(unit))) {
        if (!piece) {
          spare--;
          while (end < characters.length && isWord(characters[end]) && !this.tokenFor(characters[end])) end++;
        }
        const place: Offset = [offset[0], offsets[end - 1][1]];
        const slot = this.free[slots.length];
        slots.push({ token: slot, text: written.slice(...place), start: place[0], end: place[1], piece });
        tokens.push(slot);
        places.push(place);
      } else if (!SILENT.has(unit)) {
        unknown.push(unit);
      }
    }
    return { ids: tokens.map(this.vocabulary.idOf), tokens, offsets: places, unknown, slots };
  }

  private encodeWords<P extends Piece>(characters: readonly string[], offsets: readonly Offset[]): Encoding<P> {
    const [tokens, places, unknown]: [string[], Offset[], string[]] = [[], [], []];
    const isBlank = (one: string | undefined): boolean => one === undefined || BLANK.test(one);
    for (let start = 0, end: number; start < characters.length; start = end) {
      end = start + 1;
      if (isBlank(characters[start])) continue;
      while (!isBlank(characters[end])) end++;
      const word = characters.slice(start, end).join("");
      if (this.vocabulary.has(word)) {
        tokens.push(word);
        places.push([offsets[start][0], offsets[end - 1][1]]);
      } else {
        unknown.push(word);
      }
    }
    return { ids: tokens.map(this.vocabulary.idOf), tokens, offsets: places, unknown, slots: [] };
  }

  /** The vocabulary's token for a character: itself, or the other kana. */
  private tokenFor(unit: string): string | undefined {
    return [unit, kanaSibling(unit)].find(this.vocabulary.has);
  }
}

const BLANK = new RegExp(`^[${SPACE}]$`);
/** Whether a character can be part of a word: a letter, a digit, or a slot that somebody typed. */
const isWord = (character: string): boolean => isAlphanumeric(character) || isSlot(character);

/** What an open word begins with, the marks around one, and whether a token is one of its characters. */
export const [OPEN, BEGIN, END] = ["+", "+[", "+]"];
export const isOpenCharacter = (token: string): boolean =>
  token.startsWith(OPEN) && [...token].length === 2 && token !== BEGIN && token !== END;

/** The side that is written: tags, tags and open words, or words. */
export class TargetTokenizer {
  constructor(
    readonly vocabulary: Vocabulary,
    readonly kind: "tags" | "open-tags" | "words",
    /** For a tag the pieces of text of which one must be in a sentence for the tag to be possible. */
    readonly evidence: Readonly<Record<string, readonly string[]>> = {},
  ) {}

  /** Ids as tags, each with [start, end) of the ids that it is written with. A bracket without partner is left out. */
  decodeSpans(ids: readonly number[]): [tag: string, start: number, end: number][] {
    const found: [string, number, number][] = [];
    let start = -1;
    let word = "";
    ids.forEach((id, position) => {
      const token = this.vocabulary.tokenOf(id);
      if (this.kind !== "open-tags") {
        found.push([token, position, position + 1]);
      } else if (token === BEGIN) {
        [start, word] = [position, ""];
      } else if (token === END) {
        if (start >= 0 && word) found.push([OPEN + word, start, position + 1]);
        start = -1;
      } else if (isOpenCharacter(token)) {
        word += token.slice(OPEN.length);
      } else {
        found.push([token, position, position + 1]);
      }
    });
    return found;
  }

  /** Tags as one writes them. */
  join(tags: readonly string[]): string {
    return tags.map((tag) => (this.kind === "words" ? tag : `<${tag}>`)).join(" ");
  }

  /** One token as it stands beside a row of attention weights. */
  label(id: number): string {
    const token = this.vocabulary.tokenOf(id);
    if (this.kind === "words") return token;
    if (this.kind === "open-tags") {
      if (token === BEGIN) return "<+";
      if (token === END) return ">";
      if (isOpenCharacter(token)) return token.slice(OPEN.length);
    }
    return `<${token}>`;
  }
}
