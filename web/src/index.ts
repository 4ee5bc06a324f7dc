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
import { download, type DownloadOptions, type Progress } from "./download.ts";
import { JslError } from "./errors.ts";
import { requireModel } from "./file.ts";
import { fromThrown, type Reply, type Request } from "./messages.ts";
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
  const { model, signal, worker = true, simd = true } = options;
  signal?.throwIfAborted();
  // a Worker starts while the model is on its way
  const starting = worker ? startWorker() : null;
  let channel: Channel | null = null;
  try {
    const file =
      typeof model === "string" || model instanceof URL
        ? await download(model, options)
        : new Uint8Array(model as ArrayBuffer).slice();
    await requireModel(file);
    channel = (await starting) ?? (await besidePage());
    const opened = new Promise<{ simd: boolean }>((resolve, reject) => {
      channel!.onReply = (reply) => {
        if ("opened" in reply) resolve(reply.opened);
        else if ("error" in reply) reject(fromThrown(reply.error));
      };
      signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
    });
    channel.send({ open: file, simd }, [file.buffer]);
    return new Session(channel, { worker: channel.worker, simd: (await opened).simd });
  } catch (error) {
    void starting?.then((one) => one?.close());
    throw error;
  }
}

/** A way to an engine, and back. */
interface Channel {
  readonly worker: boolean;
  onReply: (reply: Reply) => void;
  send(request: Request, transfer?: ArrayBuffer[]): void;
  close(): void;
}

/** A Worker that runs, or null where there are none or the page's Content-Security-Policy allows none. */
function startWorker(): Promise<Channel | null> {
  return new Promise((resolve) => {
    try {
      const url = URL.createObjectURL(new Blob([workerText], { type: "text/javascript" }));
      const worker = new Worker(url);
      const channel: Channel = {
        worker: true,
        onReply: () => {
          URL.revokeObjectURL(url);
          resolve(channel); // the first reply says that it runs
        },
        send: (request, transfer = []) => worker.postMessage(request, transfer),
        close: () => worker.terminate(),
      };
      worker.onmessage = ({ data }: MessageEvent<Reply>) => channel.onReply(data);
      worker.onerror = (event) => {
        event.preventDefault();
        resolve(null);
        channel.onReply({ error: { message: event.message } });
      };
    } catch {
      resolve(null);
    }
  });
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

interface Pending {
  readonly id: number;
  settle(outcome: { readonly value: Translation } | { readonly error: unknown }): void;
}

class Session implements Translator {
  private pending: Pending | null = null;
  private last = 0;
  private channel: Channel | null;

  constructor(
    channel: Channel,
    readonly engine: { readonly worker: boolean; readonly simd: boolean },
  ) {
    this.channel = channel;
    channel.onReply = (reply) => {
      const { pending } = this;
      if (!pending || ("id" in reply && reply.id !== pending.id)) return;
      if ("translation" in reply) pending.settle({ value: reply.translation });
      else if ("error" in reply) pending.settle({ error: fromThrown(reply.error) });
    };
  }

  async translate(text: string, options: TranslateOptions & { signal?: AbortSignal } = {}): Promise<Translation> {
    if (typeof text !== "string") throw new TypeError(`a text is a string, not ${typeof text}`);
    const { signal, ...rest } = options;
    signal?.throwIfAborted();
    if (!this.channel) throw disposed();
    this.end(new JslError("新しい文が来たので、この文は訳しませんでした。", "", "superseded"));
    const id = ++this.last;
    const abort = (): void => this.end(signal!.reason);
    const found = new Promise<Translation>((resolve, reject) => {
      this.pending = {
        id,
        settle: (outcome) => {
          this.pending = null;
          signal?.removeEventListener("abort", abort);
          if ("value" in outcome) resolve(outcome.value);
          else reject(outcome.error);
        },
      };
    });
    signal?.addEventListener("abort", abort);
    this.channel.send({ id, text, options: rest });
    return found;
  }

  dispose(): void {
    this.end(disposed());
    this.channel?.close();
    this.channel = null;
  }

  /** End what is being translated, for a reason. */
  private end(reason: unknown): void {
    const { pending } = this;
    if (!pending) return;
    this.channel?.send({ cancel: pending.id });
    pending.settle({ error: reason });
  }
}

const disposed = (): JslError => new JslError("dispose() のあとでは訳せません。", "", "disposed");
