"""Exported pages in a real browser: what they show, and that nobody is shut out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.data import parse_corpus
from jsl_seq2seq.evaluation import Evaluation, diagnose, evaluate
from jsl_seq2seq.render.diagnosis_page import diagnosis_page
from jsl_seq2seq.render.export import export_attention
from jsl_seq2seq.render.report import report_page
from jsl_seq2seq.search import Search
from jsl_seq2seq.translate.translator import Attention

from ..browser import accessibility_findings, chromium, needs_browser
from ..small_models import EIGHT_LINES, trained_small, translator_of

pytestmark = needs_browser

SENTENCE = "わたしはたべます"


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    translator = translator_of(trained_small())
    export_attention([translator.translate(SENTENCE, attention=True)], folder)
    export_attention(
        [translator.translate(text, attention=True) for text in (SENTENCE, "ありがとう")], folder / "two"
    )
    (folder / "two" / "attention.html").rename(folder / "index.html")
    found = evaluate(translator, parse_corpus(EIGHT_LINES + "ありがとう\t<私> <何>\n", "x.tsv"))
    (folder / "diagnosis.html").write_text(diagnosis_page(diagnose(translator, SENTENCE)), encoding="utf-8")
    report = report_page(Evaluation("model", "ndarray", "1", Search(), (found,)))
    (folder / "report.html").write_text(report, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in ("attention", "index", "diagnosis", "report")}


@pytest.mark.parametrize("name", ["attention", "index", "diagnosis", "report"])
def test_accessible_on_a_dark_phone_and_a_light_screen(
    browser: Any, pages: dict[str, Path], name: str
) -> None:
    for scheme, width in (("dark", 390), ("light", 1200)):
        page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 800})
        asked: list[str] = []
        page.on("request", lambda one, asked=asked: asked.append(one.url))
        page.goto(pages[name].as_uri())
        assert accessibility_findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert asked == [pages[name].as_uri()]
        dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
        assert dark == (scheme == "dark")
        page.close()


def test_the_attention_of_an_export(browser: Any, pages: dict[str, Path]) -> None:
    page = browser.new_page()
    page.goto(pages["attention"].as_uri())
    assert "（decoder.0.cross）" in page.inner_text("#attention caption")
    assert page.locator("#attention tbody th").all_inner_texts() == ["<私>", "<食べる>", "<EOS>"]
    page.focus("#attention td[aria-label]")
    page.keyboard.press("ArrowRight")
    assert "見られている文字: た（2 番目）" in page.inner_text("#attention .heat-value")
    page.select_option("#attention-kind", "decoder.self")
    assert page.locator("#attention thead th").all_inner_texts() == ["<SOS>", "<私>", "<食べる>"]
    page.close()


def test_no_script_but_its_own_runs(browser: Any, tmp_path: Path) -> None:
    nasty = "</script><script>document.title='x'</script><img src=x onerror=document.title='x'>"
    found = translator_of(trained_small()).translate("わたし", attention=True)
    attention = {"decoder.0.cross": Attention(np.eye(2, dtype=np.float32)[None], (nasty, "b"), (nasty, "d"))}
    export_attention([replace(found, text=nasty, attention=attention)], tmp_path)
    target = tmp_path / "attention.html"
    page = browser.new_page()
    page.goto(target.as_uri())
    assert page.locator("#attention tbody th").all_inner_texts() == [nasty, "b"]
    assert page.title() != "x" and page.locator("img").count() == 0
    text = target.read_text(encoding="utf-8")
    target.write_text(text.replace("<main>", "<main><script>document.title='x'</script>"), encoding="utf-8")
    page.goto(target.as_uri())
    assert page.title() != "x"
    page.close()
