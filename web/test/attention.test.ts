/** Attention where it is easy to get wrong; what it computes otherwise is compared with Python's in every translation. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { attention } from "../src/model/attention.ts";

test("scores whose exponentials are no numbers", () => {
  const memory = { keys: Float32Array.of(1, 0.999, 0), values: Float32Array.of(10, 30, 20), length: 3 };
  const seen: number[][] = [];
  const [value] = attention(Float32Array.of(1000), memory, 1, (_, weights) => seen.push([...weights]));
  const second = 1 / (1 + Math.E);
  [1 - second, second, 0].forEach((weight, key) => assert.ok(Math.abs(seen[0][key] - weight) < 1e-4));
  assert.ok(Math.abs(value - (10 * (1 - second) + 30 * second)) < 1e-2);
});

test("keys behind the length are not seen", () => {
  const memory = { keys: Float32Array.of(0, 9), values: Float32Array.of(5, 7), length: 1 };
  assert.deepEqual([...attention(Float32Array.of(1), memory, 1)], [5]);
});
