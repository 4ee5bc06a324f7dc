/** The engine in the Worker of the site that `export --format web` writes: translations, and what the page asks of them. */
import { Engine } from "../engine.ts";
import { diagnose } from "../evaluation/diagnosis.ts";
import type { Reply, Request } from "../messages.ts";
import type { Asked } from "./client.ts";

const scope = self as unknown as DedicatedWorkerGlobalScope;
const engine = new Engine(
  (message) => scope.postMessage(message),
  (translator, text, options) =>
    (options as Asked).diagnosis ? diagnose(translator, text) : translator.translate(text, options),
);
scope.onmessage = ({ data }: MessageEvent<Request>) => void engine.receive(data);
scope.postMessage({ ready: true } satisfies Reply);
