/** A model that is being downloaded and then translates, wherever its engine runs. */
import { download, type DownloadOptions } from "./download.ts";
import { JslError } from "./errors.ts";
import { requireModel } from "./file.ts";
import { fromThrown, type Reply, type Request } from "./messages.ts";
import type { Translation } from "./translate/translation.ts";
import type { TranslateOptions } from "./translate/translator.ts";

/** A way to an engine, and back. */
export interface Channel {
  readonly worker: boolean;
  onReply: (reply: Reply) => void;
  send(request: Request, transfer?: ArrayBuffer[]): void;
  close(): void;
}

/** A Worker that runs, or null where there are none or none is allowed. */
export function started(create: () => Worker): Promise<Channel | null> {
  return new Promise((resolve) => {
    try {
      const worker = create();
      const channel: Channel = {
        worker: true,
        onReply: () => resolve(channel), // the first reply says that it runs
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

/**
 * Download a model, check it, and give it to an engine.
 *
 * @param starting an engine, which starts while the model is on its way.
 * @param instead another one, if that is null.
 * @throws {@link JslError} and what `signal` was aborted with, as `load` does.
 */
export async function open(
  model: string | URL | ArrayBuffer | Uint8Array,
  options: DownloadOptions & { readonly simd?: boolean },
  starting: Promise<Channel | null>,
  instead: () => Promise<Channel>,
): Promise<Session> {
  const { signal, simd = true } = options;
  let channel: Channel | null = null;
  try {
    const file =
      typeof model === "string" || model instanceof URL
        ? await download(model, options)
        : new Uint8Array(model as ArrayBuffer).slice();
    await requireModel(file);
    channel = (await starting) ?? (await instead());
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
    void starting.then((one) => one?.close());
    throw error;
  }
}

interface Pending {
  readonly id: number;
  settle(outcome: { readonly value: Translation } | { readonly error: unknown }): void;
}

/** A model that translates one text at a time. */
export class Session {
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
