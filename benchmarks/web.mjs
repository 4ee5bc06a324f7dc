// A contender of web.py, in a process of its own: translates a sentence some times for every line that it reads.
//   node web.mjs ours|plain|onnxruntime PACKAGE MODEL SENTENCE IDS COUNT
// PACKAGE is the built dist/index.js, or onnxruntime-web's folder.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [contender, where, model, sentence, ids, count] = process.argv.slice(2);

async function ours(simd) {
  const { load } = await import(pathToFileURL(where));
  const t = await load({ model, simd });
  if (t.engine.simd !== simd) throw new Error("not the kernels that were asked for");
  return async () => (await t.translate(sentence)).tags.length;
}

async function theirs() {
  const ort = createRequire(`${where}/`)("onnxruntime-web");
  ort.env.wasm.numThreads = 1; // a page without cross-origin isolation has one
  const session = await ort.InferenceSession.create(model, { executionProviders: ["wasm"] });
  const source = Int32Array.from(JSON.parse(ids));
  return async () => {
    const feeds = {
      source: new ort.Tensor("int32", source, [1, source.length]),
      max_length: new ort.Tensor("int32", Int32Array.of(64), []),
    };
    const { tags } = await session.run(feeds);
    return tags.data.filter((id) => id !== 2).length;
  };
}

const turn = contender === "onnxruntime" ? await theirs() : await ours(contender === "ours");
console.log("ready");
for await (const _ of createInterface({ input: process.stdin })) {
  let tags = 0;
  for (let left = Number(count); left; left--) tags = await turn();
  console.log(tags);
}
process.exit();
