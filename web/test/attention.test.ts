/** Attention where it is easy to get wrong; what it computes otherwise is compared with Python's in every translation. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createKernels } from "../src/kernels/kernels.ts";
import { attention, type Memory } from "../src/model/attention.ts";

const places = { queries: 0, keys: 32, values: 96, weights: 160, result: 192 };

for (const simd of [true, false]) {
  const attend = async (query: number[], memory: Memory, heads: number) => {
    const kernels = await createKernels(224, simd, query.length / heads);
    const seen: number[][] = [];
    const observe = () => (_: number, weights: Float32Array) => void seen.push([...weights]);
    return [attention(kernels, places, Float32Array.from(query), memory, query.length, heads, observe), seen] as const;
  };

  for (const size of [1, 4]) {
    test(`scores whose exponentials are no numbers, heads of ${size} elements, SIMD ${simd}`, async () => {
      const rows = (...firsts: number[]) => firsts.flatMap((one) => [one * Math.sqrt(size), ...Array(size - 1).fill(0)]);
      const memory = { keys: Float32Array.from(rows(1, 0.999, 0)), values: Float32Array.from(rows(10, 30, 20)), length: 3 };
      const [[value], seen] = await attend([1000, ...Array(size - 1).fill(0)], memory, 1);
      const second = 1 / (1 + Math.E);
      [1 - second, second, 0].forEach((weight, key) => assert.ok(Math.abs(seen[0][key] - weight) < 1e-4));
      assert.ok(Math.abs(value / Math.sqrt(size) - (10 * (1 - second) + 30 * second)) < 1e-2);
    });
  }

  test(`keys behind the length are not seen, SIMD ${simd}`, async () => {
    const memory = { keys: Float32Array.of(0, 9), values: Float32Array.of(5, 7), length: 1 };
    assert.deepEqual([...(await attend([1], memory, 1))[0]], [5]);
  });

  for (const size of [1, 2, 3, 4, 5, 6, 7, 8, 9]) {
    test(`heads of ${size} elements, SIMD ${simd}`, async () => {
      const [width, length] = [2 * size, 3];
      const random = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(1 + i * i));
      const [query, keys, values] = [random(width), random(length * width), random(length * width + 1).subarray(1)];
      const [found, seen] = await attend([...query], { keys, values, length }, 2);
      for (const head of [0, 1]) {
        const part = (of: Float32Array, row: number) => [...of.subarray(row * width + head * size)].slice(0, size);
        const exponentials = [0, 1, 2].map((row) => {
          const products = part(query, 0).map((one, at) => one * part(keys, row)[at]);
          return Math.exp(products.reduce((a, b) => a + b) / Math.sqrt(size));
        });
        const total = exponentials.reduce((a, b) => a + b);
        exponentials.forEach((one, row) => assert.ok(Math.abs(seen[head][row] - one / total) < 1e-6));
        part(found, 0).forEach((one, at) => {
          const wanted = exponentials.reduce((sum, weight, row) => sum + (weight / total) * part(values, row)[at], 0);
          assert.ok(Math.abs(one - wanted) < 1e-6);
        });
      }
    });
  }
}
