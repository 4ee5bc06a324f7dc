/**
 * Translates Japanese text into Japanese Sign Language tags, in the browser or in Node, without a server.
 *
 * ```js
 * import { load } from "jsl-seq2seq";
 *
 * const t = await load({ model: "/model.int8.bin" });
 * const { written, tags } = await t.translate("私は食べます");
 * t.dispose();
 * ```
 *
 * The tags are words of the language in their order; facial expression, space and simultaneity are not in them. They are
 * not Japanese Sign Language itself.
 *
 * @module
 */
import workerText from "worker-text";
import type { DownloadOptions, Progress } from "./download.ts";
import { JslError } from "./errors.ts";
import { open, started, type Channel } from "./session.ts";
import type { Translation } from "./translate/translation.ts";
import type { TranslateOptions } from "./translate/translator.ts";

export { JslError };
export type { Progress, TranslateOptions };
export type { Attention, Candidate, Tag, Translation } from "./translate/translation.ts";

/** What {@link load} is given. */
export interface LoadOptions extends DownloadOptions {
  /** The file of `jsl-seq2seq export --format web`, or where it is: an address relative to the page, or in Node a path. */
  readonly model: string | URL | ArrayBuffer | Uint8Array;
  /** Whether to compute in a Worker, where there are Workers. Default true. */
  readonly worker?: boolean;
  /** Whether to compute in WebAssembly SIMD, where it is allowed. Default true. */
  readonly simd?: boolean;
}

/** A model that is ready. */
export interface Translator {
  /** Where and how it computes. The tags are the same everywhere. */
  readonly engine: { readonly worker: boolean; readonly simd: boolean };

  /**
   * Translate a text of one or several sentences.
   *
   * A call supersedes the one before it, which then rejects with the code `superseded`: for a field that somebody types
   * into, call it on every input. To translate many texts, await each.
   *
   * @throws {@link JslError} `nothing-to-translate`, `text-too-long`, `dictionary-line`, ...; what `signal` was aborted
   *   with, at once.
   */
  translate(text: string, options?: TranslateOptions & { readonly signal?: AbortSignal }): Promise<Translation>;

  /** Free the model's memory, and end its Worker. What is being translated rejects with the code `disposed`. */
  dispose(): void;
}

/**
 * Download a model, check it, and make it ready.
 *
 * @throws {@link JslError} `model-not-found`, `model-unreadable`, `file-damaged`, `config-foreign`, `format-too-new`,
 *   `export-unsupported`; what `signal` was aborted with.
 */
export async function load(options: LoadOptions): Promise<Translator> {
  const { model, signal, worker = true } = options;
  signal?.throwIfAborted();
  return open(model, options, worker ? startWorker() : Promise.resolve(null), besidePage);
}

/** A Worker made of a string, so that no bundler has to know about it. */
async function startWorker(): Promise<Channel | null> {
  let url = "";
  const channel = await started(() => {
    url = URL.createObjectURL(new Blob([workerText], { type: "text/javascript" }));
    return new Worker(url);
  });
  URL.revokeObjectURL(url);
  return channel;
}

/** The same engine without a Worker; pages that have one do not download it again. */
async function besidePage(): Promise<Channel> {
  const { Engine } = await import("./engine.ts");
  let open = true;
  const channel: Channel = {
    worker: false,
    onReply: () => undefined,
    send: (request) => void (open && engine.receive(request)),
    close: () => {
      open = false;
    },
  };
  const engine = new Engine((reply) => channel.onReply(reply));
  return channel;
}
