/**
 * Answers for tests/interop/web/test_web.py, which compares them with what Python computes: reads requests as JSON from the
 * file that is named first and writes the answers into the second.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { diagnose } from "../src/evaluation/diagnosis.ts";
import { JslError, load } from "../src/index.ts";
import { normalize, type NormalizerName } from "../src/tokenize/normalize.ts";
import { Dictionary } from "../src/translate/dictionary.ts";
import { splitSentences } from "../src/translate/sentences.ts";
import { Translator } from "../src/translate/translator.ts";
import type { TranslateOptions } from "../src/index.ts";

interface Requests {
  readonly normalize?: { readonly name: NormalizerName; readonly texts: readonly string[] };
  readonly split?: readonly string[];
  readonly matches?: { readonly entries: Record<string, string[]>; readonly texts: readonly string[] };
  readonly diagnose?: { readonly model: string; readonly texts: readonly string[] };
  readonly translate?: {
    readonly model: string;
    readonly simd: boolean;
    readonly requests: readonly (readonly [text: string, options: TranslateOptions])[];
  };
}

async function answersTo(requests: Requests): Promise<unknown> {
  if (requests.normalize) {
    const { name, texts } = requests.normalize;
    return texts.map((text) => {
      const { characters, offsets } = normalize(text, name);
      return [characters.join(""), offsets];
    });
  }
  if (requests.split) return requests.split.map(splitSentences);
  if (requests.matches) {
    const dictionary = new Dictionary(requests.matches.entries);
    return requests.matches.texts.map((text) =>
      dictionary.matches(text).map(({ start, end, entry }) => [start, end, entry.word]),
    );
  }
  if (requests.diagnose) {
    const { model, texts } = requests.diagnose;
    const translator = await Translator.of(new Uint8Array(readFileSync(model)), true);
    return texts.map((text) => {
      try {
        return finished(diagnose(translator, text));
      } catch (error) {
        return refusal(error);
      }
    });
  }
  const { model, simd, requests: texts } = requests.translate!;
  const translator = await load({ model, simd });
  if (translator.engine.simd !== simd) throw new Error("not the kernels that were asked for");
  const answers = [];
  for (const [text, options] of texts) {
    try {
      answers.push(await translator.translate(text, options));
    } catch (error) {
      answers.push(refusal(error));
    }
  }
  return answers;
}

function finished<T>(work: Generator<void, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
  }
}

function refusal(error: unknown) {
  if (!(error instanceof JslError)) throw error;
  return { code: error.code, message: error.message, hint: error.hint, facts: error.facts };
}

const [asked, answered] = process.argv.slice(2);
const answers = await answersTo(JSON.parse(readFileSync(asked, "utf8")));
const plain = (_: string, value: unknown) => (value instanceof Float32Array ? Array.from(value) : value);
writeFileSync(answered, JSON.stringify(answers, plain));
