"""The page that `export --format web` writes, in a real browser and from a server of files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.interop.formats import export_model
from jsl_seq2seq.interop.web.site import site
from jsl_seq2seq.store import SavedModel

from ...browser import accessibility_findings, chromium, needs_browser
from ...small_models import trained_open, translator_of
from .node import WEB, require_node, run
from .site import served, watched_page

SENTENCE = "本を受け取ります"
STRICT = (
    "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Without WebAssembly, inline scripts, blobs."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server's folder with the site below it."""
    folder = tmp_path_factory.mktemp("server")
    export_model(trained_open(), "web", folder / "a" / "b")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def page(folder: Path, browser: Any) -> Iterator[Any]:
    with served(folder, STRICT) as address, watched_page(browser, f"{address}a/b/") as page:
        yield page


KEPT = "caches.keys().then(names => names.filter(name => name.startsWith('jsl-seq2seq-site')))"
"""The names of what service workers keep."""


def translated(page: Any, text: str = SENTENCE) -> None:
    page.fill("#text", text)
    page.wait_for_selector("#attention-section:not([hidden]) td")


def shown(page: Any) -> list[str]:
    return page.locator("#tags button > span").all_inner_texts()


def kept(page: Any) -> None:
    """Wait for what makes the page work without a server."""
    page.evaluate("navigator.serviceWorker.ready")


def other_model() -> SavedModel:
    """One that writes something else."""
    model = trained_open()
    parameters = {name: array if "norm" in name else -array for name, array in model.parameters.items()}
    return replace(model, parameters=parameters)


@needs_browser
def test_typing_shows_what_python_translates(page: Any) -> None:
    page.type("#text", SENTENCE)
    wanted = translator_of(trained_open()).translate(SENTENCE)
    page.wait_for_function(
        "count => document.querySelectorAll('#tags li').length === count", arg=len(wanted.tags)
    )
    assert shown(page) == list(wanted.tags)
    known, unknown = page.locator("#tags button").all()
    assert "語彙にない" not in known.inner_text() and "＋ 語彙にない" in unknown.inner_text()
    assert page.locator("progress").count() == 0
    assert "model.int8.bin" in page.inner_text("#model-line") and "API" not in page.inner_text("body")
    page.fill("#text", "。")
    page.wait_for_selector("#status:has-text('訳せる文字がありません')")
    assert not page.is_visible("#result")
    page.fill("#text", "ありがとう")
    page.wait_for_selector("#tags:has-text('ありがとう')")


@needs_browser
def test_a_tag_lights_up_its_characters_and_has_alternatives(page: Any) -> None:
    text = f"𠮷、{SENTENCE}。ありがとう！"
    translated(page, text)
    page.locator("#tags button:has-text('受け取る')").first.click()
    lit = page.evaluate("[...document.querySelectorAll('#source .lit')].map(one => one.textContent).join('')")
    assert lit and lit in text and "受" in lit
    page.wait_for_selector("#detail-alternatives table")
    assert "＋（語彙にない言葉）" in page.inner_text("#detail-alternatives")
    page.click("#occlude")
    page.wait_for_selector("#occlusion table")


@needs_browser
def test_attention(page: Any) -> None:
    translated(page)
    rows = page.locator("#attention tbody th").all_inner_texts()
    assert rows[0] == "<本>" and rows[-1] == "<EOS>"
    wanted = translator_of(trained_open()).translate(SENTENCE, attention=True).attention
    assert wanted is not None
    page.locator("#attention td[aria-label]").first.hover()
    said = page.inner_text("#attention .heat-value")
    found = re.search(r"書くタグ: <本>　見られている文字: 本（1 番目）　重み: (0\.\d{3})", said)
    assert found and abs(float(found[1]) - wanted["decoder.0.cross"].weights.mean(axis=0)[0, 0]) < 0.05
    page.select_option("#attention-kind", "encoder.self")
    assert page.locator("#attention tbody th").all_inner_texts() == list(SENTENCE)


@needs_browser
@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 390)])
def test_accessible_in_every_look(folder: Path, browser: Any, scheme: str, width: int) -> None:
    options = {"color_scheme": scheme, "viewport": {"width": width, "height": 800}}
    with served(folder) as address, watched_page(browser, f"{address}a/b/", **options) as page:
        assert accessibility_findings(page) == []
        translated(page, SENTENCE * 2)
        page.locator("#tags button").first.click()
        page.wait_for_selector("#detail-alternatives table")
        assert accessibility_findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@needs_browser
def test_without_the_server_once_it_was_loaded(folder: Path, browser: Any) -> None:
    with ExitStack() as opened:
        with served(folder) as address:
            page = opened.enter_context(watched_page(browser, f"{address}a/b/"))
            translated(page)
            kept(page)
        page.goto(f"{address}a/b/index.html#text=%E3%81%82%E3%82%8A%E3%81%8C%E3%81%A8%E3%81%86")
        page.wait_for_selector("#tags:has-text('ありがとう')")
        translated(page)
        page.locator("nav .chapters a").nth(2).click()
        page.wait_for_selector("h1:has-text('2. ')")
        page.go_back()
        translated(page)


@needs_browser
@pytest.mark.slow
def test_a_site_that_was_replaced(tmp_path: Path, browser: Any) -> None:
    """The next visit is to the new one, also without a server from then on."""
    export_model(trained_open(), "web", tmp_path / "site")
    wanted = translator_of(other_model()).translate(SENTENCE).tags
    assert wanted != translator_of(trained_open()).translate(SENTENCE).tags
    with ExitStack() as opened:
        with served(tmp_path / "site") as address:
            page = opened.enter_context(watched_page(browser, address))
            translated(page)
            kept(page)
            export_model(other_model(), "web", tmp_path / "site")
            old = page.evaluate(KEPT)
            page.reload()
            translated(page)
            assert shown(page) == list(wanted)
            while page.evaluate(KEPT) == old or len(page.evaluate(KEPT)) > 1:
                page.wait_for_timeout(50)
        page.reload()
        translated(page)
        assert shown(page) == list(wanted)


@needs_browser
def test_a_model_that_cannot_be_loaded_is_tried_again(tmp_path: Path, browser: Any) -> None:
    export_model(trained_open(), "web", tmp_path / "site")
    model = tmp_path / "site" / "model.int8.bin"
    model.rename(tmp_path / "away")
    with served(tmp_path / "site") as address, watched_page(browser, address) as page:
        page.wait_for_selector("#status:has-text('モデルがありません')")
        (tmp_path / "away").rename(model)
        translated(page)


def test_it_has_every_page_of_the_server() -> None:
    pytest.importorskip("fastapi", reason="the extra [serve] is not installed")
    from jsl_seq2seq.serve import page  # noqa: PLC0415

    paths = {f"{path}index.html" if path.endswith("/") else path for path in page._FILES}
    found = site(b"", 0.5)
    assert paths == {f"/{name}" for name in found} - {"/service-worker.js", "/assets/worker.js"}
    for text in (found[name].decode() for name in ("index.html", "tour/index.html")):
        assert "openapi" not in text and "<!-- server -->" not in text


def test_its_scripts_are_those_of_the_sources(tmp_path: Path) -> None:
    """`node web/build.mjs --site` was run after the last change."""
    require_node()
    run("build.mjs", "--site", str(tmp_path))
    made = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    folder = WEB.parent / "src" / "jsl_seq2seq" / "assets" / "site"
    assert made == {name: (folder / name).read_bytes() for name in ("client.js", "worker.js")}
