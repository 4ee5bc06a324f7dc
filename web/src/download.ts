/** A model's file from wherever it is: checked, and kept for the next time and for offline. */
import { JslError } from "./errors.ts";
import { sha256 } from "./sha256.ts";

/** Bytes so far, and in all where the server says it. */
export interface Progress {
  readonly loaded: number;
  readonly total: number | null;
}

export interface DownloadOptions {
  /** SHA-256 of the whole file in hexadecimal digits, as `model.json` and `sha256sum` have it. */
  readonly sha256?: string | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

const CACHE = "jsl-seq2seq";

/**
 * The bytes at an address. With a SHA-256 a copy that was kept is used without asking the server; without, only when the
 * server cannot be reached.
 *
 * @param model http:, https:, data:, blob: or file: address, relative to the page; in Node also a path.
 */
export async function download(model: string | URL, options: DownloadOptions): Promise<Uint8Array<ArrayBuffer>> {
  const base = globalThis.document?.baseURI ?? globalThis.location?.href;
  const url = URL.canParse(model, base) ? new URL(model, base) : null;
  if (!url || url.protocol === "file:") return readFile(url ?? String(model), options);
  const cache = /^https?:$/.test(url.protocol) ? await globalThis.caches?.open(CACHE).catch(() => undefined) : undefined;
  const kept = async (): Promise<Uint8Array<ArrayBuffer> | null> => {
    const response = await cache?.match(url).catch(() => undefined);
    return response ? new Uint8Array(await response.arrayBuffer()) : null;
  };
  if (options.sha256) {
    const bytes = await kept();
    if (bytes && (await sha256(bytes)) === options.sha256) return finished(bytes, options);
  }
  // a copy that the browser kept by itself may be of an older file
  const mode = options.sha256 ? "no-cache" : "default";
  const response = await fetch(url, { signal: options.signal ?? null, cache: mode }).catch((error) => error as Error);
  options.signal?.throwIfAborted();
  if (!(response instanceof Response)) {
    const bytes = options.sha256 ? null : await kept();
    if (bytes) return finished(bytes, options);
    throw unreadable(url, response.message);
  }
  if (response.status === 404) {
    throw new JslError(`モデルがありません: ${url}`, "URL を確かめてください。", "model-not-found", { path: String(url) });
  }
  if (!response.ok) throw unreadable(url, `HTTP ${response.status}`);
  const bytes = await body(response, options).catch((error) => {
    options.signal?.throwIfAborted();
    throw unreadable(url, (error as Error).message);
  });
  await requireSame(url, bytes, options);
  // copied before this returns, and kept while the model is opened; no room is no reason to fail
  void cache?.put(url, new Response(bytes)).catch(() => undefined);
  return bytes;
}

async function readFile(path: string | URL, options: DownloadOptions): Promise<Uint8Array<ArrayBuffer>> {
  const fs = globalThis.process?.getBuiltinModule?.("node:fs/promises");
  if (!fs) throw unreadable(path, "file:");
  const bytes = await fs.readFile(path, { signal: options.signal }).catch((error: NodeJS.ErrnoException) => {
    options.signal?.throwIfAborted();
    if (error.code !== "ENOENT") throw unreadable(path, error.message);
    throw new JslError(`モデルがありません: ${path}`, "場所を確かめてください。", "model-not-found", {
      path: String(path),
    });
  });
  const copy = new Uint8Array(bytes); // of its own memory, which can be transferred
  await requireSame(path, copy, options);
  return finished(copy, options);
}

function finished(bytes: Uint8Array<ArrayBuffer>, { onProgress }: DownloadOptions): Uint8Array<ArrayBuffer> {
  onProgress?.({ loaded: bytes.length, total: bytes.length });
  return bytes;
}

async function body(response: Response, { onProgress }: DownloadOptions): Promise<Uint8Array<ArrayBuffer>> {
  // the length of what was compressed on the way says nothing about what comes out
  const length = response.headers.has("content-encoding") ? null : response.headers.get("content-length");
  const total = length === null ? null : Number(length);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let loaded = 0;
  onProgress?.({ loaded, total });
  const reader = response.body!.getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    parts.push(part.value);
    loaded += part.value.length;
    onProgress?.({ loaded, total });
  }
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

async function requireSame(
  path: string | URL,
  bytes: Uint8Array<ArrayBuffer>,
  { sha256: expected }: DownloadOptions,
): Promise<void> {
  if (!expected || (await sha256(bytes)) === expected) return;
  throw new JslError(
    `モデルのファイルが、期待したものと違います: ${path}`,
    "壊れているか、置き換えられています。sha256 と URL を確かめてください。",
    "file-damaged",
    { path: String(path), bytes: bytes.length, expected },
  );
}

const unreadable = (path: string | URL, reason: string): JslError =>
  new JslError(
    `モデルを読めません: ${path}（${reason}）`,
    "ネットワークと、モデルのあるサーバーの CORS の設定を確かめてください。",
    "model-unreadable",
    { path: String(path), reason },
  );
