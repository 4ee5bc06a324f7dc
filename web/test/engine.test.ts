/** What the API promises beside its translations; JSL_WEB_MODEL names a model file (tests/interop/web/test_web.py). */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, test } from "node:test";
import { Engine } from "../src/engine.ts";
import { JslError, load, type Progress, type Translator } from "../src/index.ts";
import type { Reply } from "../src/messages.ts";
import { computed } from "../src/sha256-computed.ts";
import { hexadecimal } from "../src/sha256.ts";

const path = process.env.JSL_WEB_MODEL!;
const file = readFileSync(path);
const digest = createHash("sha256").update(file).digest("hex");
const long = "本を受け取ります、".repeat(200);

const withCode = (code: string) => (error: unknown) => error instanceof JslError && error.code === code;

let translator: Translator;
before(async () => {
  translator = await load({ model: path });
});
after(() => translator.dispose());

test("SHA-256 without crypto.subtle", () => {
  for (const length of [0, 1, 55, 56, 63, 64, 65, 1000]) {
    const bytes = new Uint8Array(randomBytes(length));
    assert.equal(hexadecimal(computed(bytes)), createHash("sha256").update(bytes).digest("hex"));
  }
});

test("a new text supersedes the one before", async () => {
  const first = translator.translate(long);
  const second = translator.translate("ありがとう");
  await assert.rejects(first, withCode("superseded"));
  assert.equal((await second).written, "<ありがとう>");
});

test("an abort settles at once, with its reason, and the next text is translated", async () => {
  const controller = new AbortController();
  const translating = translator.translate(long, { signal: controller.signal });
  const reason = new Error("因");
  setTimeout(() => controller.abort(reason), 15);
  await assert.rejects(translating, reason);
  assert.equal((await translator.translate("ありがとう")).written, "<ありがとう>");
  await assert.rejects(translator.translate("ありがとう", { signal: controller.signal }), reason);
});

test("long work gives way to what waits", async () => {
  const order: string[] = [];
  const translating = translator.translate(long).then(() => order.push("translated"));
  setTimeout(() => order.push("timer"), 0);
  await translating;
  assert.deepEqual(order, ["timer", "translated"]);
});

test("what was cancelled is not computed to its end", async () => {
  const replies: Reply[] = [];
  const engine = new Engine((reply) => replies.push(reply));
  await engine.receive({ open: new Uint8Array(file), simd: true });
  const translating = engine.receive({ id: 1, text: long, options: {} });
  await engine.receive({ cancel: 1 });
  await translating;
  assert.deepEqual(replies, [{ opened: { simd: true } }]);
});

test("after dispose() nothing is translated", async () => {
  const other = await load({ model: file });
  const translating = other.translate(long);
  other.dispose();
  other.dispose();
  await assert.rejects(translating, withCode("disposed"));
  await assert.rejects(other.translate("ありがとう"), withCode("disposed"));
});

test("the given bytes stay as they are", async () => {
  const bytes = new Uint8Array(file);
  (await load({ model: bytes })).dispose();
  assert.deepEqual(bytes, new Uint8Array(file));
});

test("files that are no model", async (t) => {
  const changed = (place: number, value: number): Uint8Array => {
    const bytes = new Uint8Array(file);
    bytes[place] ^= value;
    return bytes;
  };
  await t.test("something else", () => assert.rejects(load({ model: changed(0, 1) }), withCode("config-foreign")));
  await t.test("empty", () => assert.rejects(load({ model: new Uint8Array() }), withCode("config-foreign")));
  await t.test("of a later version", () => assert.rejects(load({ model: changed(4, 2) }), withCode("format-too-new")));
  for (const place of [8, 41, 60, file.length >> 1, file.length - 1]) {
    await t.test(`damaged at ${place}`, () =>
      assert.rejects(load({ model: changed(place, 4) }), withCode("file-damaged")),
    );
  }
  await t.test("cut off", () => assert.rejects(load({ model: file.subarray(0, -1) }), withCode("file-damaged")));
  await t.test("missing", () => assert.rejects(load({ model: `${path}.none` }), withCode("model-not-found")));
});

test("over HTTP", async (t) => {
  const server = createServer((request, response) => {
    if (request.url !== "/model") return response.writeHead(request.url === "/none" ? 404 : 500).end();
    response.writeHead(200, { "content-length": file.length });
    response.write(file.subarray(0, 1000));
    return response.end(file.subarray(1000));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const host = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await t.test("progress in bytes", async () => {
    const seen: Progress[] = [];
    (await load({ model: `${host}/model`, sha256: digest, onProgress: (one) => seen.push(one) })).dispose();
    assert.deepEqual(seen[0], { loaded: 0, total: file.length });
    assert.deepEqual(seen.at(-1), { loaded: file.length, total: file.length });
    assert.deepEqual(seen, seen.toSorted((a, b) => a.loaded - b.loaded));
  });
  await t.test("another file than expected", () =>
    assert.rejects(load({ model: `${host}/model`, sha256: "0".repeat(64) }), withCode("file-damaged")),
  );
  await t.test("not there", () => assert.rejects(load({ model: `${host}/none` }), withCode("model-not-found")));
  await t.test("an error", () => assert.rejects(load({ model: `${host}/error` }), withCode("model-unreadable")));
  await t.test("aborted", () =>
    assert.rejects(load({ model: `${host}/model`, signal: AbortSignal.abort(new Error("因")) }), /因/),
  );
  server.close();
  server.closeAllConnections();
  await t.test("nobody there", () => assert.rejects(load({ model: `${host}/model` }), withCode("model-unreadable")));
});
