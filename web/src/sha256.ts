/** SHA-256 in hexadecimal digits. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = globalThis.crypto?.subtle
    ? new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))
    : (await import("./sha256-computed.ts")).computed(bytes);
  return hexadecimal(digest);
}

export const hexadecimal = (bytes: Uint8Array): string =>
  Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
