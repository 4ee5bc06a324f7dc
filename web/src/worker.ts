/** The engine in a Worker. build.mjs makes one string of it, so that no bundler has to know about it. */
import { Engine } from "./engine.ts";
import type { Reply, Request } from "./messages.ts";

const scope = self as unknown as DedicatedWorkerGlobalScope;
const engine = new Engine((message) => scope.postMessage(message));
scope.onmessage = ({ data }: MessageEvent<Request>) => void engine.receive(data);
scope.postMessage({ ready: true } satisfies Reply);
