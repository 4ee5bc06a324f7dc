// How the page reaches a model: here the REST server that it comes from. Another place to translate in (a worker of
// the same browser) replaces this file and offers the same five functions.
"use strict";

const jslClient = (() => {
  let token = "";
  let model = "";

  class Refused extends Error {}

  async function ask(path, body, signal) {
    const headers = { "Content-Type": "application/json", "Accept-Language": "ja" };
    if (token) headers.Authorization = `Bearer ${token}`;
    const answer = await fetch(path, {
      method: body ? "POST" : "GET",
      headers,
      body: body && JSON.stringify(model ? { ...body, model } : body),
      signal,
    });
    const values = await answer.json();
    if (!answer.ok) throw new Refused([values.title, values.detail].filter(Boolean).join(" "));
    return values;
  }

  return {
    // The token that the server asks for, and the name of the model to use; empty for none and for the first.
    use(chosen) {
      token = chosen.token;
      model = chosen.model;
    },
    // Whether a token is needed before anything else works.
    tokenRequired: async () => (await ask("frontend/settings")).keyRequired,
    // As GET /v1/model.
    model: () => ask(model ? `v1/model?model=${encodeURIComponent(model)}` : "v1/model"),
    // As POST /v1/translate of one text. The signal takes the request back.
    translate: (text, { attention = false, signal } = {}) => ask("v1/translate", attention ? { text, attention } : { text }, signal),
    // As POST /v1/diagnose.
    diagnose: (text) => ask("v1/diagnose", { text }),
    // What to tell the reader; null for a request that was taken back.
    explain(error) {
      if (error.name === "AbortError") return null;
      return error instanceof Refused ? error.message : "サーバーにつながりません。動いているか確かめてください。";
    },
  };
})();
