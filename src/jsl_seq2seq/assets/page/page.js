// The page: translates while one types, and shows where each tag came from. Nothing is kept but in this tab's memory.
"use strict";

(() => {
  const { element, heat, view } = jslAttention;
  const find = (id) => document.getElementById(id);
  const WAIT = 120; // ms from a key to its request
  const SETTLED = 400; // ms from a translation to its attention
  const REMEMBERED = 1500; // ms from a translation to its place in the history
  const EXPLAINED = 100; // characters

  const text = find("text");
  const state = { request: null, timer: 0, later: 0, memory: 0, translation: null, chosen: -1, threshold: 0, pieces: false, attention: null, cross: null, diagnoses: new Map() };

  // Chosen before each request: both may have changed.
  const client = () => {
    jslClient.use({ token: find("token").value, model: find("model").value });
    return jslClient;
  };

  const written = (tags) => tags.map((one) => `<${one.tag}>`).join(" ");
  // One digit behind the point where a whole number would say 0, or 100 of what is less.
  const percent = (share) => `${(100 * share).toFixed(share < 0.0995 || (share >= 0.995 && share < 0.9995) ? 1 : 0)} %`;

  // How far below the threshold: two numbers that do not look the same.
  const below = (share) => (percent(share) === percent(state.threshold) ? [share, state.threshold].map((one) => `${(100 * one).toFixed(2)} %`) : [share, state.threshold].map(percent));

  // A new input supersedes the request of the old one.
  function typed() {
    clearTimeout(state.timer);
    clearTimeout(state.later);
    clearTimeout(state.memory);
    state.request?.abort();
    if (location.hash) history.replaceState(null, "", location.pathname + location.search); // it was another sentence
    state.timer = setTimeout(translate, WAIT);
  }

  async function translate() {
    const wanted = text.value;
    if (!wanted.trim()) {
      state.translation = null;
      hide();
      find("status").textContent = "文を打ってください。";
      return;
    }
    const request = (state.request = new AbortController());
    try {
      const found = await client().translate(wanted, { signal: request.signal });
      if (request !== state.request) return;
      show(found);
      state.later = setTimeout(() => showAttention(found, request.signal), SETTLED);
      state.memory = setTimeout(() => remember(found), REMEMBERED);
    } catch (error) {
      const reason = jslClient.explain(error);
      if (reason === null || request !== state.request) return;
      state.translation = null;
      hide();
      find("status").textContent = reason;
    }
  }

  function hide() {
    for (const id of ["result", "attention-section", "occlusion-section"]) find(id).hidden = true;
  }

  function show(translation) {
    Object.assign(state, { translation, chosen: -1, attention: null, cross: null });
    state.diagnoses.clear();
    find("result").hidden = false;
    find("detail").hidden = true;
    find("attention-section").hidden = true;
    find("occlusion-section").hidden = true;
    find("occlusion").replaceChildren();
    find("occlusion-status").textContent = "";
    find("copied").textContent = "";
    find("status").textContent = `${translation.uncertain ? "確かでない訳です" : "訳しました"}（確からしさ ${percent(translation.probability)}）: ${written(translation.tags) || "タグなし"}`;
    find("source").replaceChildren(...Array.from(translation.text, (character) => element("span", {}, character)));
    find("tags").replaceChildren(...translation.tags.map(tagButton));
    find("reasons").replaceChildren(...reasons(translation).map((reason) => element("li", {}, reason)));
  }

  function tagButton(one, index) {
    const marks = [one.uncertain && "？ 確かでない", !one.known && "＋ 語彙にない", one.entry && "辞 辞書"].filter(Boolean);
    const button = element("button", { type: "button", className: [one.uncertain && "uncertain", !one.known && "unknown"].filter(Boolean).join(" "), "aria-pressed": "false" },
      element("span", {}, one.tag), element("small", {}, percent(one.probability)), ...marks.map((mark) => element("small", {}, mark)));
    button.addEventListener("click", () => choose(index));
    return element("li", {}, button);
  }

  function reasons(translation) {
    const found = translation.warnings.map((warning) => `警告: ${warning}`);
    if (translation.uncertain && state.threshold && translation.probability < state.threshold) {
      const [share, threshold] = below(translation.probability);
      found.push(`文の確からしさ ${share} が、このモデルの目安 ${threshold} より低いです。`);
    }
    for (const one of translation.tags) {
      if (one.uncertain) {
        const [share, threshold] = below(one.probability);
        found.push(`？ <${one.tag}> の確率 ${share} が、目安 ${threshold} より低いです。`);
      }
      if (!one.known) found.push(one.tag.startsWith("+") ? `＋ 「${one.tag.slice(1)}」はモデルの語彙にないので、文の言葉を残しました。` : `＋ <${one.tag}> は学習データになかったタグです（部品から組み立てました）。`);
    }
    return [...new Set(found)];
  }

  // The characters that a tag came from; of a tag without them those that attention looked at most.
  function light(index) {
    const { span } = state.translation.tags[index];
    const row = span ? null : looked(index);
    const most = row ? Math.max(...row) : 0;
    find("source").querySelectorAll("span").forEach((character, at) => {
      character.classList.toggle("lit", Boolean(span) && at >= span[0] && at < span[1]);
      character.classList.toggle("looked", Boolean(row) && row[at] >= most / 2);
    });
    find("tags").querySelectorAll("button").forEach((button, at) => button.setAttribute("aria-pressed", String(at === index)));
  }

  async function choose(index) {
    const translation = state.translation;
    state.chosen = index;
    light(index);
    const one = translation.tags[index];
    find("detail").hidden = false;
    find("detail-heading").textContent = `${index + 1} 番目のタグ <${one.tag}>（確率 ${percent(one.probability)}）`;
    const origin = one.span
      ? `元の文字: 「${Array.from(translation.text).slice(...one.span).join("")}」（上で下線の付いた所）`
      : looked(index)
        ? "元の文字が決まらないタグです。上の点線は、アテンション（最後の層の交差アテンション、ヘッドの平均）がよく見た文字です。"
        : "元の文字が決まらないタグです。";
    find("detail-origin").textContent = one.entry ? `${origin} 辞書の言葉「${one.entry}」から来ました。` : origin;
    const place = find("detail-alternatives");
    place.replaceChildren(element("p", {}, "ほかの候補を調べています…"));
    state.attention?.choose(rowsOf(index)[0]);
    try {
      const [sentence, first] = sentenceOf(index);
      const places = grouped((await diagnosis(sentence)).places, translation.tags.slice(first));
      if (state.translation !== translation || state.chosen !== index) return;
      const own = places[index - first];
      place.replaceChildren(own ? alternatives(own) : element("p", {}, "このタグのほかの候補は調べられません。"));
    } catch (error) {
      if (state.translation === translation) place.replaceChildren(element("p", {}, jslClient.explain(error) ?? ""));
    }
  }

  // The text of the sentence that a tag belongs to, and the number of its first tag.
  function sentenceOf(index) {
    const { text: whole, sentences } = state.translation;
    const one = sentences?.find(({ tags }) => index >= tags[0] && index < tags[1]);
    return one ? [Array.from(whole).slice(...one.span).join(""), one.tags[0]] : [whole, 0];
  }

  function diagnosis(sentence) {
    if (!state.diagnoses.has(sentence)) state.diagnoses.set(sentence, client().diagnose(sentence));
    return state.diagnoses.get(sentence);
  }

  // [start, end) of the tokens that each tag is written with: of a word outside the vocabulary from one mark to the
  // other, of a model that puts tags together from pieces up to the piece that begins the next tag.
  function spansOf(tokens, [open, close, end]) {
    const spans = [];
    for (let at = 0; at < tokens.length;) {
      const start = at;
      at += 1;
      if (tokens[start] === open) {
        while (at < tokens.length && tokens[at - 1] !== close) at += 1;
      } else if (state.pieces && tokens[start] !== end) {
        const goesOn = (token) => token !== open && token !== end && (!token.startsWith("▁") || tokens.slice(start, at).every((one) => one === "▁"));
        while (at < tokens.length && goesOn(tokens[at])) at += 1;
      }
      spans.push([start, at]);
    }
    return spans;
  }

  // The places at which each tag was written; of a dictionary's word, which may have several tags, the same for all of
  // them.
  function grouped(places, tags) {
    const groups = spansOf(places.map(({ tag }) => tag), ["+[", "+]", null]).map(([start, end]) => places.slice(start, end));
    let at = -1;
    return tags.map((one, index) => {
      const before = tags[index - 1];
      if (!(one.entry && before?.entry === one.entry && String(before.span) === String(one.span))) at += 1;
      return groups[at];
    });
  }

  const label = (tag) => (tag === null ? "（文の終わり）" : tag === "+[" ? "＋（語彙にない言葉）" : tag === "+]" ? "（言葉の終わり）" : /^\+.$/u.test(tag) ? `＋${tag[1]}` : state.pieces ? tag : `<${tag}>`);

  // The same as attention's rows are called.
  const rowLabel = (tag) => (tag === null ? "<EOS>" : tag === "+[" ? "<+" : tag === "+]" ? ">" : /^\+.$/u.test(tag) ? tag.slice(1) : label(tag));

  function alternatives(group) {
    const rows = group.flatMap((place) => {
      const others = place.alternatives.filter(({ tag }) => tag !== place.tag).slice(0, 4);
      const cell = element("td", { className: "text" });
      for (const { tag, probability } of others) cell.append(element("span", { className: "whole" }, `${label(tag)} ${percent(probability)}`), " ");
      return [element("tr", {}, element("th", { scope: "row" }, label(place.tag)), element("td", { className: "number" }, percent(place.probability)), cell)];
    });
    const head = element("tr", {}, ...["書いたもの", "確率", "ほかの候補"].map((name) => element("th", { scope: "col" }, name)));
    return element("div", { className: "scroll", role: "group", tabIndex: 0, "aria-label": "ほかの候補" }, element("table", { className: "alternatives" }, element("caption", {}, "モデルの確率（制約をかける前）"), element("thead", {}, head), element("tbody", {}, ...rows)));
  }

  // The mean weights of the last cross-attention over the heads and the tokens of a tag, one for each character; null if
  // they are not there.
  function looked(index) {
    const cross = state.cross;
    if (!cross || cross.key_labels.length !== Array.from(state.translation.text).length) return null;
    const [start, end] = rowsOf(index);
    const means = (head, at) => head.slice(start, end).reduce((sum, row) => sum + row[at], 0) / (end - start);
    return cross.key_labels.map((_, at) => cross.weights.reduce((sum, head) => sum + means(head, at), 0));
  }

  // [start, end) of the rows of the attention table for a tag.
  function rowsOf(index) {
    return spansOf(state.cross?.query_labels ?? [], ["<+", ">", "<EOS>"])[index] ?? [0, 1];
  }

  async function showAttention(translation, signal) {
    if (!translation.tags.length) return;
    const apology = (reason) => {
      find("attention-section").hidden = false;
      find("attention").replaceChildren(element("p", {}, reason));
    };
    if (Array.from(translation.text).length > EXPLAINED) {
      apology(`アテンションを見られるのは ${EXPLAINED} 文字までの文です。1 文ずつ入れてみてください。`);
      return;
    }
    try {
      const found = await client().translate(translation.text, { attention: true, signal });
      if (state.translation !== translation) return;
      const cross = Object.keys(found.attention).filter((name) => name.endsWith(".cross")).pop();
      state.cross = found.attention[cross];
      find("attention-section").hidden = false;
      find("occlusion-section").hidden = false;
      state.attention = view(find("attention"), found.attention);
      if (state.chosen >= 0) choose(state.chosen);
    } catch (error) {
      const reason = jslClient.explain(error);
      if (reason !== null && state.translation === translation) apology(reason);
    }
  }

  async function occlude() {
    const translation = state.translation;
    find("occlusion-status").textContent = "調べています…";
    try {
      const found = await client().diagnose(translation.text);
      if (state.translation !== translation) return;
      if (!found.deletions.length) {
        find("occlusion-status").textContent = "1 文字の文なので、消して比べることはできません。";
        return;
      }
      find("occlusion-status").textContent = "調べました。";
      const rows = found.places.map(({ tag }) => rowLabel(tag));
      const matrix = rows.map((_, y) => found.deletions.map((one) => one.log_prob_changes[y]));
      const limit = Math.min(5, Math.max(1e-6, ...matrix.flat().map(Math.abs)));
      const changed = found.deletions.map((one, index) => ({ ...one, index })).filter((one) => !one.same);
      find("occlusion").replaceChildren(
        ...heat(matrix, rows, found.units, { caption: "消したときの対数確率の変化", rowTitle: "元のタグ", columnTitle: "消した文字", limit, signed: true, name: "変化" }),
        element("h3", {}, "訳が変わる文字"),
        changed.length
          ? element("ul", {}, ...changed.map((one) => element("li", {}, `${one.index + 1} 文字目「${one.unit}」を消すと ≠ ${one.tags.map((tag) => `<${tag}>`).join(" ") || "タグなし"}（変化 ${one.log_prob_change.toFixed(2).replace("-", "−")}）`)))
          : element("p", {}, "どの 1 文字を消しても、訳は同じです。"),
        ...(changed.some((one) => found.log_prob + one.log_prob_change > Math.log(0.5))
          ? [element("p", { className: "soft" }, "変化がほとんどないのに訳が変わるところは、消した文字がタグの根拠だったところです。根拠の文字がない文では、そのタグを書きません。")]
          : []),
      );
    } catch (error) {
      find("occlusion-status").textContent = jslClient.explain(error) ?? "";
    }
  }

  function take(sentence) {
    text.value = sentence;
    typed();
    text.focus();
  }

  function remember(translation) {
    const list = find("history");
    for (const one of list.children) if (one.dataset.text === translation.text) one.remove();
    const button = element("button", { type: "button" }, `${translation.text} → ${written(translation.tags)}`);
    button.addEventListener("click", () => take(translation.text));
    const item = element("li", {}, button);
    item.dataset.text = translation.text;
    list.prepend(item);
  }

  async function copy(content, what) {
    try {
      await navigator.clipboard.writeText(content);
      find("copied").textContent = `${what}をコピーしました。`;
    } catch {
      find("copied").textContent = "コピーできませんでした（ブラウザーが許していません）。";
    }
  }

  // A sentence stands behind "#", which browsers do not send to servers.
  function readLink() {
    const given = new URLSearchParams(location.hash.slice(1)).get("text");
    if (given === null) return;
    text.value = given.slice(0, 2000);
    translate();
  }

  async function start() {
    try {
      const tokenRequired = await client().tokenRequired();
      find("token-entry").hidden = !tokenRequired;
      if (!tokenRequired) await describe();
    } catch (error) {
      find("status").textContent = jslClient.explain(error);
    }
    readLink();
  }

  async function describe() {
    const model = await client().model();
    state.threshold = model.settings.uncertain_below ?? 0;
    state.pieces = model.target_tokenizer !== "word";
    if (!find("model").options.length) {
      find("model").append(...model.models.map((name) => element("option", { value: name }, name)));
      find("model-choice").hidden = model.models.length < 2;
    }
    find("model-line").textContent = `モデル: ${model.name}（SHA-256 ${model.sha256.slice(0, 12)}…）、jsl-seq2seq ${model.version}`;
  }

  text.addEventListener("input", (event) => { if (!event.isComposing) typed(); });
  text.addEventListener("compositionend", typed);
  find("model").addEventListener("change", () => { describe().catch(() => {}); typed(); });
  find("token").addEventListener("change", () => { describe().catch(() => {}); typed(); });
  find("copy-text").addEventListener("click", () => copy(written(state.translation.tags), "タグ"));
  find("copy-json").addEventListener("click", () => copy(JSON.stringify(state.translation, null, 1), "JSON "));
  find("copy-link").addEventListener("click", () => copy(`${location.href.split("#")[0]}#${new URLSearchParams({ text: state.translation.text })}`, "リンク"));
  for (const button of find("examples").querySelectorAll("button")) button.addEventListener("click", () => take(button.textContent));
  find("token-entry").addEventListener("submit", (event) => event.preventDefault());
  find("occlude").addEventListener("click", occlude);
  addEventListener("hashchange", readLink);
  start();
})();
