// The view of attention: one head large, all heads as small multiples. Used by the served page and by exported ones.
"use strict";

const jslAttention = (() => {
  const KINDS = [
    ["decoder.cross", "交差（書くタグ → 文字）", "書くタグ", "見られている文字"],
    ["encoder.self", "エンコーダー（文字 → 文字）", "見ている文字", "見られている文字"],
    ["decoder.self", "デコーダー（書くタグ → 前のタグ）", "書くタグ", "読んだタグ"],
  ];

  function element(name, properties = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(properties)) {
      if (key in made && key !== "role") made[key] = value;
      else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
  }

  const mean = (heads) => heads[0].map((row, y) => row.map((_, x) => heads.reduce((sum, head) => sum + head[y][x], 0) / heads.length));

  // 0 is white, 1 dark blue; below 0 (occlusion) from white to dark red. Fixed, so that colours mean the same in dark mode.
  function colour(share) {
    const [r, g, b] = share < 0 ? [140, 20, 20] : [16, 52, 116];
    const part = Math.min(1, Math.abs(share)) ** 0.8;
    return [255 + (r - 255) * part, 255 + (g - 255) * part, 255 + (b - 255) * part].map(Math.round);
  }

  function ink([r, g, b]) {
    const [lr, lg, lb] = [r, g, b].map((value) => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * lr + 0.7152 * lg + 0.0722 * lb > 0.179 ? "#000" : "#fff";
  }

  const short = (value, signed) => (signed ? (value > 0 ? "+" : value < 0 ? "−" : "") + Math.abs(value).toFixed(1) : value.toFixed(2).replace(/^0/, ""));

  // A table of numbers as colours. Arrow keys move from cell to cell; pointer and focus say query, key and value.
  function heat(matrix, rows, columns, { caption, rowTitle, columnTitle, limit = 1, signed = false, name = "重み", chosen = -1, onRow = () => {} }) {
    const say = element("p", { className: "heat-value", role: "status" }, "マスを選ぶか、ポインターを重ねると、値が読めます（矢印キーで動けます）。");
    const body = element("tbody");
    const cells = [];
    let at = null;
    const show = (y, x) => {
      say.textContent = `${rowTitle}: ${rows[y]}　${columnTitle}: ${columns[x]}（${x + 1} 番目）　${name}: ${signed ? short(matrix[y][x], true) : matrix[y][x].toFixed(3)}`;
    };
    const move = (y, x) => {
      if (!cells[y]?.[x]) return;
      if (at) at.tabIndex = -1;
      at = cells[y][x];
      at.tabIndex = 0;
      at.focus();
    };
    rows.forEach((label, y) => {
      const line = element("tr", { className: y === chosen ? "chosen" : "" }, element("th", { scope: "row" }, label));
      cells.push(
        columns.map((_, x) => {
          const value = matrix[y][x];
          const shade = colour((signed ? -1 : 1) * value / limit);
          const cell = element("td", { tabIndex: -1 }, Math.abs(value) < (signed ? 0.05 : 0.005) ? "" : short(value, signed));
          cell.setAttribute("aria-label", `${rows[y]}、${columns[x]}、${short(value, signed)}`);
          cell.style.backgroundColor = `rgb(${shade})`;
          cell.style.color = ink(shade);
          cell.addEventListener("pointerenter", () => show(y, x));
          cell.addEventListener("focus", () => { show(y, x); onRow(y); });
          cell.addEventListener("click", () => move(y, x));
          cell.addEventListener("keydown", (event) => {
            const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
            if (step) move(y + step[0], x + step[1]);
            else if (event.key === "Home") move(y, 0);
            else if (event.key === "End") move(y, columns.length - 1);
            else return;
            event.preventDefault();
          });
          line.append(cell);
          return cell;
        }),
      );
      body.append(line);
    });
    at = cells[Math.max(chosen, 0)]?.[0] ?? null;
    if (at) at.tabIndex = 0;
    const head = element("tr", {}, element("td"), ...columns.map((label) => element("th", { scope: "col" }, label)));
    const table = element("table", {}, element("caption", {}, `${caption}　行: ${rowTitle}、列: ${columnTitle}`), element("thead", {}, head), body);
    return [element("div", { className: "heat", role: "group", "aria-label": caption, tabIndex: 0 }, table), say];
  }

  function picture(matrix, limit) {
    const canvas = element("canvas", { width: matrix[0].length, height: matrix.length, "aria-hidden": "true" });
    const context = canvas.getContext("2d");
    matrix.forEach((row, y) => row.forEach((value, x) => {
      context.fillStyle = `rgb(${colour(value / limit)})`;
      context.fillRect(x, y, 1, 1);
    }));
    return canvas;
  }

  const largest = (matrix) => Math.max(...matrix.map((row) => Math.max(...row)), 1e-6);

  // attention: name -> { weights [head][query][key], query_labels, key_labels }, as the API gives it.
  function view(root, attention, { onRow = () => {}, words = {} } = {}) {
    const state = { kind: "decoder.cross", layer: -1, head: -1, fit: false, chosen: -1 };
    const kinds = KINDS.filter(([kind]) => Object.keys(attention).some((name) => kindOf(name) === kind));
    const say = (text) => text.replaceAll("文字", words.source ?? "文字").replaceAll("タグ", words.target ?? "タグ");
    const layers = () => Object.keys(attention).filter((name) => kindOf(name) === state.kind);
    const kindChoice = element("select", { id: "attention-kind" }, ...kinds.map(([kind, text]) => element("option", { value: kind }, say(text))));
    const layerChoice = element("select", { id: "attention-layer" });
    const headChoice = element("select", { id: "attention-head" });
    const fit = element("input", { type: "checkbox", id: "attention-fit" });
    const large = element("div");
    const multiples = element("div", { className: "multiples" });
    root.replaceChildren(
      element("p", {}, "アテンションの重みは「どこから情報を取ったか」です。", element("strong", {}, "訳の理由の説明ではありません。"), say("行は、そのとき書くタグ（エンコーダーでは見ている文字）で、1 行の合計は 1 です。層とヘッドは 0 から数えます。")),
      element("div", { className: "attention-controls" },
        element("span", {}, element("label", { htmlFor: "attention-kind" }, "種類 "), kindChoice),
        element("span", {}, element("label", { htmlFor: "attention-layer" }, "層 "), layerChoice),
        element("span", {}, element("label", { htmlFor: "attention-head" }, "ヘッド "), headChoice),
        element("span", {}, fit, element("label", { htmlFor: "attention-fit" }, " 色をいちばん大きい重みに合わせる（ふだんは 0〜1）"))),
      large,
      element("h3", {}, "すべてのヘッド"),
      element("p", { className: "soft" }, "選ぶと、上に大きく出ます。"),
      multiples,
    );

    function fill() {
      const names = layers();
      if (!names[state.layer]) state.layer = names.length - 1;
      layerChoice.replaceChildren(...names.map((name, index) => element("option", { value: index }, `第 ${name.split(".")[1]} 層${index === names.length - 1 ? "（最後）" : ""}`)));
      layerChoice.value = state.layer;
      const heads = attention[names[state.layer]].weights.length;
      if (state.head >= heads) state.head = -1;
      headChoice.replaceChildren(element("option", { value: -1 }, "平均"), ...Array.from({ length: heads }, (_, head) => element("option", { value: head }, `ヘッド ${head}`)));
      headChoice.value = state.head;
      drawLarge();
      multiples.replaceChildren(...names.map((name, layer) => element("div", { className: "multiples-row" },
        element("h4", {}, `第 ${name.split(".")[1]} 層`),
        ...attention[name].weights.map((matrix, head) => {
          const button = element("button", { type: "button", "aria-pressed": String(layer === state.layer && head === state.head) }, picture(matrix, state.fit ? largest(matrix) : 1), `ヘッド ${head}`);
          button.setAttribute("aria-label", `第 ${name.split(".")[1]} 層・ヘッド ${head}`);
          button.addEventListener("click", () => {
            Object.assign(state, { layer, head });
            layerChoice.value = layer;
            headChoice.value = head;
            drawLarge();
            press();
          });
          return button;
        }))));
    }

    function press() {
      multiples.querySelectorAll("button").forEach((button) => {
        button.setAttribute("aria-pressed", String(button.getAttribute("aria-label") === `第 ${layers()[state.layer].split(".")[1]} 層・ヘッド ${state.head}`));
      });
    }

    function drawLarge() {
      const name = layers()[state.layer];
      const one = attention[name];
      const matrix = state.head < 0 ? mean(one.weights) : one.weights[state.head];
      const [, , rowTitle, columnTitle] = KINDS.find(([kind]) => kind === state.kind);
      const which = `第 ${name.split(".")[1]} 層・${state.head < 0 ? "ヘッドの平均" : `ヘッド ${state.head}`}（${name}）`;
      const scrolled = large.querySelector(".heat")?.scrollLeft ?? 0;
      large.replaceChildren(...heat(matrix, one.query_labels, one.key_labels, {
        caption: which,
        rowTitle: say(rowTitle),
        columnTitle: say(columnTitle),
        limit: state.fit ? largest(matrix) : 1,
        chosen: state.kind.startsWith("decoder") ? state.chosen : -1,
        onRow: (row) => onRow(state.kind, row),
      }));
      large.querySelector(".heat").scrollLeft = scrolled;
    }

    // Scrolls a table that is wider than its place to the largest weight of a row.
    function reveal(row) {
      const box = large.querySelector(".heat");
      const line = box.querySelectorAll("tbody tr")[row];
      if (!line || !state.kind.startsWith("decoder")) return;
      const [head, ...cells] = line.children;
      const weights = (state.head < 0 ? mean(attention[layers()[state.layer]].weights) : attention[layers()[state.layer]].weights[state.head])[row];
      const cell = cells[weights.indexOf(Math.max(...weights))];
      const [left, right] = [cell.offsetLeft, cell.offsetLeft + cell.offsetWidth];
      if (left - head.offsetWidth < box.scrollLeft || right > box.scrollLeft + box.clientWidth) {
        box.scrollLeft = (left + right - head.offsetWidth - box.clientWidth) / 2;
      }
    }

    kindChoice.addEventListener("change", () => { Object.assign(state, { kind: kindChoice.value, layer: -1, head: -1 }); fill(); });
    layerChoice.addEventListener("change", () => { state.layer = Number(layerChoice.value); drawLarge(); press(); });
    headChoice.addEventListener("change", () => { state.head = Number(headChoice.value); drawLarge(); press(); });
    fit.addEventListener("change", () => { state.fit = fit.checked; fill(); });
    fill();
    return { choose(row) { state.chosen = row; drawLarge(); reveal(row); } };
  }

  function kindOf(name) {
    const [stack, , kind] = name.split(".");
    return `${stack}.${kind}`;
  }

  return { element, heat, view };
})();
