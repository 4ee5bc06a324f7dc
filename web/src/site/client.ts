/**
 * How the page reaches a model where there is no server: in a Worker of the same browser. It takes the place of
 * src/jsl_seq2seq/assets/page/client.js and offers the same functions. What `export --format web` wrote about the model
 * stands at the script's element.
 */
import { JslError } from "../errors.ts";
import type { Diagnosis } from "../evaluation/diagnosis.ts";
import { open, started, type Session } from "../session.ts";
import type { Candidate, Translation } from "../translate/translation.ts";
import type { TranslateOptions } from "../translate/translator.ts";

/** What the Worker is asked for. */
export type Asked = TranslateOptions & { readonly diagnosis?: boolean };

const script = document.currentScript as HTMLScriptElement;
const { model: name, sha256, bytes, threshold, version } = script.dataset as Record<string, string>;
const beside = (path: string): URL => new URL(path, script.src);

/** The model that is being loaded; null before, and after that failed. */
let loading: Promise<Session> | null = null;
/** Aborted by the next text that is typed. */
let typed = new AbortController();
/** What is asked about one text is answered in its order. */
let queue: Promise<unknown> = Promise.resolve();

async function load(): Promise<Session> {
  if (location.protocol === "file:") {
    throw new JslError(
      "ファイルを直接開いたページでは訳せません。",
      "このフォルダーで python -m http.server を動かして、http://localhost:8000/ を開いてください。",
      "model-unreadable",
    );
  }
  const line = document.createElement("p");
  const bar = document.createElement("progress");
  bar.setAttribute("aria-label", "モデルの読み込み");
  bar.max = Number(bytes);
  line.setAttribute("role", "status");
  line.append(`モデル（${(bar.max / 1e6).toFixed(1)} MB、はじめの 1 度だけ）を読み込んでいます。 `, bar);
  document.getElementById("status")!.before(line);
  const options = {
    sha256,
    onProgress: ({ loaded }: { readonly loaded: number }) => (bar.value = loaded),
  };
  try {
    const engine = started(() => new Worker(beside("worker.js")));
    const found = await open(beside(`../${name}`), options, engine, () => {
      throw new JslError("このブラウザーは、Worker を使わせてくれません。", "ほかのブラウザーで開いてください。", "model-unreadable");
    });
    // then the page can be opened without a network, too; not before, so that nothing delays the model
    void globalThis.navigator.serviceWorker?.register(beside("../service-worker.js")).catch(() => undefined);
    return found;
  } finally {
    line.remove();
  }
}

function session(): Promise<Session> {
  loading ??= load().catch((error) => {
    loading = null; // the next text tries again
    throw error;
  });
  return loading;
}

function ask<T>(text: string, options: Asked): Promise<T> {
  const { signal } = typed;
  const found = queue.then(async () => {
    signal.throwIfAborted();
    return (await (await session()).translate(text, { ...options, signal })) as T;
  });
  queue = found.catch(() => undefined);
  return found;
}

/** As `POST /v1/translate` answers: places are counted in code points. */
function answer({ text, ...found }: Translation): unknown {
  const place = (at: number): number => [...text.slice(0, at)].length;
  const candidate = ({ tags, probability, finished }: Candidate) => ({
    tags: tags.map((tag) => ({ ...tag, span: tag.span?.map(place) ?? null })),
    probability,
    finished,
  });
  return {
    text,
    ...candidate(found as Candidate),
    uncertain: found.uncertain,
    warnings: found.warnings,
    ...(found.sentences && {
      sentences: found.sentences.map(({ span, tags }) => ({ span: span.map(place), tags })),
    }),
    ...(found.attention && {
      attention: Object.fromEntries(
        Object.entries(found.attention).map(([layer, { weights, queryLabels, keyLabels }]) => [
          layer,
          { weights, query_labels: queryLabels, key_labels: keyLabels },
        ]),
      ),
    }),
  };
}

/** There is no token, and one model. */
export const use = (): void => undefined;
export const tokenRequired = async (): Promise<boolean> => false;

/** As `GET /v1/model`, of the file that is downloaded for it. */
export async function model(): Promise<unknown> {
  await session();
  return { name, sha256, version, models: [name], settings: { uncertain_below: Number(threshold) } };
}

/** As `POST /v1/translate` of one text. Without attention it is a new text, for which all others are taken back. */
export async function translate(
  text: string,
  { attention = false, signal }: { attention?: boolean; signal?: AbortSignal } = {},
): Promise<unknown> {
  if (!attention) {
    typed.abort();
    const own = (typed = new AbortController());
    signal?.addEventListener("abort", () => own.abort());
  }
  return answer(await ask<Translation>(text, { attention }));
}

/** As `POST /v1/diagnose`. */
export const diagnose = (text: string): Promise<Diagnosis> => ask(text, { diagnosis: true });

/** What to tell the reader; null for a request that was taken back. */
export function explain(error: Error): string | null {
  if (error.name === "AbortError" || (error instanceof JslError && error.code === "superseded")) return null;
  return error instanceof JslError ? `${error.message} ${error.hint}`.trim() : String(error);
}
