"""The npm package against onnxruntime-web, one sentence at a time, and its first translation on a slow network.

    npm ci --prefix web
    npm install --prefix /tmp/ort onnxruntime-web
    PYTHONPATH=src python benchmarks/web.py --onnxruntime /tmp/ort --json web.json    # about a minute
    PYTHONPATH=src:. python benchmarks/web.py --first-load      # instead: Chromium, at 10 Mbit/s
    PYTHONPATH=src:. python benchmarks/web.py --first-load --model models/first    # of another model

Node runs each contender in a process of its own, which takes turns with the others: ours in WebAssembly and in plain
JavaScript with the int8 file, from text to tags; onnxruntime-web with ``greedy.onnx`` of ``export --format onnx``, from
ids to ids, one thread. ``--package`` names another ``dist`` folder to be raced, too (of an earlier commit, say).
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from timing import Contender, race_workers, ratio, ratio_interval, show, write_json

WEB = Path(__file__).parents[1] / "web"
SENTENCES = ("食べる前に手を洗ってね。", "明日、私は母と病院で水と米と卵を買って車で家へ行きますか？")
TURN = 20
"""Translations of one turn."""
MBIT = 10
TRANSLATED = """
globalThis.translated = new Promise((resolve) => {
  const painted = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
  new MutationObserver(() => document.querySelector("#tags button") && painted())
    .observe(document, { subtree: true, childList: true });
});
"""
"""Milliseconds from the beginning of the navigation until the first tags have been painted."""


def turns(
    contender: str, package: str, model: str, sentence: str, ids: list[int], count: int
) -> Callable[[], int]:
    """The function of a worker process: starts Node, and tells it to translate."""
    process = subprocess.Popen(
        ["node", str(Path(__file__).with_name("web.mjs")), contender, package, model, sentence, json.dumps(ids),
         str(count)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )  # fmt: skip
    assert process.stdin is not None and process.stdout is not None
    told, answered = process.stdin, process.stdout
    if answered.readline() != "ready\n":
        raise ImportError(f"Node ended with {process.wait()}")

    def turn() -> int:
        told.write("\n")
        told.flush()
        return int(answered.readline())

    return turn


def compare(
    folder: Path, ours: Path, others: list[Path], onnxruntime: Path | None, rounds: int
) -> dict[str, Any]:
    """Race them for each sentence; print the times of one translation in milliseconds."""
    from jsl_seq2seq.interop.formats import export_model  # noqa: PLC0415  the processes that race do without
    from jsl_seq2seq.store import load_model, shipped_model  # noqa: PLC0415
    from jsl_seq2seq.translate.translator import Translator  # noqa: PLC0415

    model = load_model(shipped_model(), record=False)
    export_model(model, "web", folder / "web")
    int8 = str(folder / "web" / "model.int8.bin")
    if onnxruntime:
        export_model(model, "onnx", folder / "onnx")
    translator = Translator.load()
    figures: dict[str, Any] = {}
    for sentence in SENTENCES:
        ids, tags = list(translator.encode(sentence).ids), translator.translate(sentence).ids
        dist = str(ours / "index.js")
        contenders = {
            "ours": Contender("web:turns", ("ours", dist, int8, sentence, ids, TURN)),
            "plain JavaScript": Contender("web:turns", ("plain", dist, int8, sentence, ids, 2)),
        }
        for other in others:
            contenders[str(other)] = Contender(
                "web:turns", ("ours", str(other / "index.js"), int8, sentence, ids, TURN)
            )
        if onnxruntime:
            greedy = str(folder / "onnx" / "greedy.onnx")
            contenders["onnxruntime-web"] = Contender(
                "web:turns", ("onnxruntime", str(onnxruntime), greedy, sentence, ids, TURN)
            )
        seconds, results = race_workers(contenders, rounds, warm_up=5)
        if set(results.values()) != {len(tags)}:
            sys.exit(f"not the same tags: {results}, {len(tags)}")
        each = {
            name: [one / (2 if "plain" in name else TURN) for one in values]
            for name, values in seconds.items()
        }
        title = f"{len(ids)} characters -> {len(tags)} tags"
        show(title, each, 1e-3, "ms")
        figures[title] = {name: statistics.median(values) * 1e3 for name, values in each.items()}
        for name in set(each) - {"ours", "plain JavaScript"}:
            low, high = ratio_interval(each, "ours", name)
            figures[title][f"ours / {name}"] = ratio(each, "ours", name)
            print(f"  ours / {name}: {ratio(each, 'ours', name):.2f} ({low:.2f} to {high:.2f})")
    return figures


def first_load(folder: Path, model: Path | None, visits: int) -> dict[str, Any]:
    """Seconds from an address to a translation on the exported site, by a browser that has nothing of it yet. The page
    takes the time itself: Playwright looks later, most of all on a busy machine."""
    from tests.browser import chromium  # noqa: PLC0415  needs Playwright
    from tests.interop.web.site import served, slow_network  # noqa: PLC0415

    from jsl_seq2seq.interop.formats import export_model  # noqa: PLC0415
    from jsl_seq2seq.store import load_model, shipped_model  # noqa: PLC0415

    export_model(load_model(model or shipped_model(), record=False), "web", folder / "site")
    found: list[tuple[float, int]] = []
    with chromium() as browser, served(folder / "site") as address:
        for _ in range(visits):
            context = browser.new_context(service_workers="block")  # which would begin after the translation
            context.add_init_script(TRANSLATED)
            page = context.new_page()
            received = slow_network(page, MBIT)
            page.goto(f"{address}#text={SENTENCES[0]}", wait_until="commit")
            found.append((page.evaluate("translated") / 1e3, sum(received)))
            context.close()
    for seconds, size in found:
        print(f"first translation at {MBIT} Mbit/s: {seconds:.2f} s, {size:,} bytes")
    return {"seconds": statistics.median(one for one, _ in found), "bytes": found[0][1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--onnxruntime", type=Path, help="where onnxruntime-web was installed")
    parser.add_argument("--package", type=Path, action="append", default=[], help="another dist folder")
    parser.add_argument("--dist", type=Path, default=WEB / "dist", help="ours, built by `node web/build.mjs`")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument(
        "--first-load", action="store_true", help="measure that instead (Chromium, Playwright)"
    )
    parser.add_argument("--model", type=Path, help="another model's directory, for --first-load")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not (arguments.dist / "index.js").exists():
        subprocess.run(["node", str(WEB / "build.mjs")], check=True)
    figures: dict[str, Any] = {"machine": platform.processor() or platform.machine()}
    with tempfile.TemporaryDirectory() as folder:
        if arguments.first_load:
            figures |= first_load(Path(folder), arguments.model, 5)
        else:
            figures |= compare(
                Path(folder), arguments.dist, arguments.package, arguments.onnxruntime, arguments.rounds
            )
    write_json(arguments.json, figures)


if __name__ == "__main__":
    main()
