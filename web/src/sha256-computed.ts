/** SHA-256 (FIPS 180-4) for pages without crypto.subtle: those from http:// other than localhost. */

/** The first 32 bits of the fractional parts of roots of the first primes. */
function constants(count: number, root: number): Uint32Array {
  const found: number[] = [];
  for (let candidate = 2; found.length < count; candidate++) {
    let divisor = 2;
    while (divisor * divisor <= candidate && candidate % divisor) divisor++;
    if (divisor * divisor > candidate) found.push(((candidate ** (1 / root)) % 1) * 2 ** 32);
  }
  return Uint32Array.from(found);
}

export function computed(bytes: Uint8Array): Uint8Array {
  const k = constants(64, 3);
  const state = constants(8, 2);
  const padded = new Uint8Array(Math.ceil((bytes.length + 9) / 64) * 64);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setBigUint64(padded.length - 8, BigInt(bytes.length) * 8n);
  const w = new Uint32Array(64);
  const rotated = (x: number, by: number): number => (x >>> by) | (x << (32 - by));
  for (let block = 0; block < padded.length; block += 64) {
    for (let t = 0; t < 64; t++) {
      if (t < 16) {
        w[t] = view.getUint32(block + t * 4);
      } else {
        const [a, b] = [w[t - 15], w[t - 2]];
        const s0 = rotated(a, 7) ^ rotated(a, 18) ^ (a >>> 3);
        const s1 = rotated(b, 17) ^ rotated(b, 19) ^ (b >>> 10);
        w[t] = w[t - 16] + s0 + w[t - 7] + s1;
      }
    }
    let [a, b, c, d, e, f, g, h] = state;
    for (let t = 0; t < 64; t++) {
      const s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
      const one = (h + s1 + ((e & f) ^ (~e & g)) + k[t] + w[t]) | 0;
      const s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
      const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((value, place) => (state[place] += value));
  }
  const digest = new DataView(new ArrayBuffer(32));
  state.forEach((value, place) => digest.setUint32(place * 4, value));
  return new Uint8Array(digest.buffer);
}
