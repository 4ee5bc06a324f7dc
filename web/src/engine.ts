/** Translations one at a time, in small amounts of work between which others may run; in a Worker or beside the page. */
import { toThrown, type Reply, type Request } from "./messages.ts";
import type { Translation } from "./translate/translation.ts";
import { Translator, type TranslateOptions } from "./translate/translator.ts";

/** Milliseconds of work at a time. */
const SLICE = 10;

/** What is done with a text; yields between small amounts of work. */
export type Work = (translator: Translator, text: string, options: TranslateOptions) => Generator<void, unknown>;

/** Answers requests with `reply`. A request ends the one before it, which is then not answered. */
export class Engine {
  private translator: Translator | null = null;
  private current = -1;

  constructor(
    private readonly reply: (message: Reply) => void,
    private readonly work: Work = (translator, text, options) => translator.translate(text, options),
  ) {}

  async receive(request: Request): Promise<void> {
    if ("cancel" in request) {
      if (request.cancel === this.current) this.current = -1;
      return;
    }
    try {
      if ("open" in request) {
        this.translator = await Translator.of(request.open, request.simd);
        this.reply({ opened: { simd: this.translator.simd } });
        return;
      }
      this.current = request.id;
      const work = this.work(this.translator!, request.text, request.options);
      for (let step = work.next(), end = performance.now() + SLICE; ; step = work.next()) {
        if (step.done) return this.reply({ id: request.id, translation: step.value as Translation });
        if (performance.now() < end) continue;
        await othersRan();
        if (this.current !== request.id) return;
        end = performance.now() + SLICE;
      }
    } catch (error) {
      this.reply({ ...("id" in request && { id: request.id }), error: toThrown(error) });
    }
  }
}

/** Resolves once messages, timers and events that were waiting have been handled. (A timer alone may wait longer.) */
function othersRan(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
