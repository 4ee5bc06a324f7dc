/** What a page and the engine in its Worker tell each other. */
import { JslError } from "./errors.ts";
import type { Translation } from "./translate/translation.ts";
import type { TranslateOptions } from "./translate/translator.ts";

/** What a Worker is told. */
export type Request =
  | { readonly open: Uint8Array<ArrayBuffer>; readonly simd: boolean }
  | { readonly id: number; readonly text: string; readonly options: TranslateOptions }
  | { readonly cancel: number };

/** What a Worker answers: that it runs, that the model is open, or what became of a request. */
export type Reply =
  | { readonly ready: true }
  | { readonly opened: { readonly simd: boolean } }
  | { readonly id: number; readonly translation: Translation }
  | { readonly id?: number; readonly error: Thrown };

/** An error as plain values. */
export interface Thrown {
  readonly message: string;
  readonly hint?: string;
  readonly code?: string;
  readonly facts?: Record<string, unknown>;
}

export const toThrown = (error: unknown): Thrown =>
  error instanceof JslError
    ? { message: error.message, hint: error.hint, code: error.code, facts: error.facts }
    : { message: String(error) };

export const fromThrown = ({ message, hint, code, facts }: Thrown): Error =>
  code === undefined ? new Error(message) : new JslError(message, hint ?? "", code, facts);
