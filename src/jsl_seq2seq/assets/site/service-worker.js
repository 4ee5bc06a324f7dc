// Keeps the site's files for when the server cannot be reached. With a server everything comes from there, so that no
// old file meets a new one. The model is kept by the page, which checks it.
"use strict";

const SITE = JSON.parse('{"digest": "", "files": []}'); // what export --format web wrote: their digest and their paths
const NAME = `jsl-seq2seq-site ${registration.scope} `; // of another site of this host another one
const addresses = new Set(SITE.files.map((path) => new URL(path, registration.scope).href));

async function keep() {
  const cache = await caches.open(NAME + SITE.digest);
  await Promise.all(
    Array.from(addresses, async (address) => {
      const response = await fetch(address, { cache: "no-cache" });
      if (!response.ok) throw new Error(`${address}: HTTP ${response.status}`);
      // a copy has no mark of having been redirected, which a browser would refuse when it opens a page
      await cache.put(address, new Response(response.body, { headers: response.headers }));
    }),
  );
  await skipWaiting();
}

async function takeOver() {
  for (const name of await caches.keys()) if (name.startsWith(NAME) && name !== NAME + SITE.digest) await caches.delete(name);
  await clients.claim();
}

async function answer(request, address) {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = await (await caches.open(NAME + SITE.digest)).match(address);
    if (kept) return kept;
    throw error;
  }
}

addEventListener("install", (event) => event.waitUntil(keep()));
addEventListener("activate", (event) => event.waitUntil(takeOver()));
addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const address = url.origin + url.pathname.replace(/\/index\.html$/, "/");
  if (event.request.method === "GET" && addresses.has(address)) event.respondWith(answer(event.request, address));
});
