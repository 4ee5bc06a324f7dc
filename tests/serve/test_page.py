"""The page in a real browser: typing, marks, attention by mouse and by keyboard, and nothing from elsewhere."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import uvicorn

from jsl_seq2seq.serve.app import create_app
from jsl_seq2seq.serve.guard import Limits
from jsl_seq2seq.serve.models import Models
from jsl_seq2seq.store import load_model, save_model

from ..browser import accessibility_findings, chromium, needs_browser
from ..small_models import trained_pieces, translator_of

pytestmark = needs_browser

SENTENCE = "本を受け取ります"
OpenPage = Callable[..., Any]


@pytest.fixture
def address(models: Models) -> Iterator[str]:
    """A server in a thread of this process."""
    config = uvicorn.Config(create_app(models, Limits()), port=0, log_config=None, ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(60)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium(restores_pages=True) as found:
        yield found


@pytest.fixture
def open_page(browser: Any, address: str) -> Iterator[OpenPage]:
    """Opens the page; a request to elsewhere, an error or a refusal of the browser's fails the test."""
    contexts, wrong = [], []

    def opened(path: str = "/", **options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.set_default_timeout(60_000)
        page.on("request", lambda one: urlsplit(one.url).scheme == "data" or own(one.url))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: message.type == "error" and refused(message.text))
        page.goto(address + path)
        return page

    def own(url: str) -> None:
        if not url.startswith(address + "/"):
            wrong.append(url)

    def refused(text: str) -> None:
        if "422" not in text:  # the browser reports a text that cannot be translated, too
            wrong.append(text)

    yield opened
    for context in contexts:
        context.close()
    assert wrong == []


def translated(page: Any, text: str = SENTENCE) -> None:
    page.fill("#text", text)
    page.wait_for_selector("#attention-section:not([hidden]) td")


def test_typing_shows_tags_with_marks_in_words(open_page: OpenPage) -> None:
    page = open_page()
    page.type("#text", SENTENCE)
    page.wait_for_selector("#tags li:nth-child(2)")
    known, unknown = page.locator("#tags button").all()
    assert "本" in known.inner_text() and "語彙にない" not in known.inner_text()
    assert "＋ 語彙にない" in unknown.inner_text() and "受け取る" in page.inner_text("#reasons")
    style = "element => getComputedStyle(element).borderStyle"
    assert known.evaluate(style) == "solid" and unknown.evaluate(style) == "double"
    page.fill("#text", "。")
    page.wait_for_selector("#status:has-text('訳せる文字がありません')")
    assert not page.is_visible("#result")


def test_a_new_input_supersedes_the_old_request(open_page: OpenPage) -> None:
    page = open_page()
    held: list[Any] = []

    def hold(route: Any) -> None:
        if "受け取" in route.request.post_data_json["text"]:
            held.append(route)
        else:
            route.continue_()

    page.route("**/v1/translate", hold)
    page.fill("#text", SENTENCE)
    while not held:
        page.wait_for_timeout(20)
    page.fill("#text", "ありがとう")
    page.wait_for_selector("#tags:has-text('ありがとう')")
    for route in held:
        route.abort()
    page.wait_for_timeout(100)
    assert page.locator("#tags button").count() == 1 and "ありがとう" in page.inner_text("#source")


def test_a_tag_lights_up_its_characters_and_has_alternatives(open_page: OpenPage) -> None:
    page = open_page()
    translated(page)
    page.locator("#tags button").nth(1).click()
    assert page.locator("#tags button[aria-pressed=true]").count() == 1
    lit = page.evaluate("[...document.querySelectorAll('#source .lit')].map(one => one.textContent).join('')")
    assert lit and lit in SENTENCE and "受" in lit
    page.wait_for_selector("#detail-alternatives table")
    assert "＋（語彙にない言葉）" in page.inner_text("#detail-alternatives")
    assert "<+" in page.inner_text("#attention tr.chosen th")


class TestTagsInPieces:
    """A model that puts tags together from characters."""

    @pytest.fixture
    def models(self, tmp_path: Path) -> Models:
        save_model(trained_pieces(), tmp_path / "m")
        return Models({"m": tmp_path / "m"}, lambda directory: translator_of(load_model(directory)))

    def test_a_tag_has_the_places_and_rows_of_its_pieces(self, open_page: OpenPage) -> None:
        page = open_page()
        translated(page, "本を食べる")
        buttons = page.locator("#tags button").all()
        assert [one.inner_text().split()[0] for one in buttons] == ["本", "食べる"]
        assert not any("語彙にない" in one.inner_text() for one in buttons)
        buttons[1].click()
        page.wait_for_selector("#detail-alternatives td")
        rows = page.locator("#detail-alternatives tbody th").all_inner_texts()
        assert rows == ["▁", "食", "べ", "る"]
        assert page.locator("#source .looked").count() > 0


def test_attention_by_mouse(open_page: OpenPage) -> None:
    page = open_page()
    translated(page)
    assert page.inner_text("#attention caption").startswith("第 0 層・ヘッドの平均（decoder.0.cross）")
    rows = page.locator("#attention tbody th").all_inner_texts()
    assert rows[0] == "<本>" and rows[-1] == "<EOS>"
    page.locator("#attention td[aria-label]").first.hover()
    said = page.inner_text("#attention .heat-value")
    assert re.search(r"書くタグ: <本>　見られている文字: 本（1 番目）　重み: 0\.\d{3}", said)
    page.locator("#attention .multiples button").nth(1).click()
    assert "ヘッド 1" in page.inner_text("#attention caption")
    shade = "document.querySelector('#attention td[aria-label]').style.backgroundColor"
    page.select_option("#attention-kind", "encoder.self")
    assert page.locator("#attention tbody th").all_inner_texts() == list(SENTENCE)
    before = page.evaluate(shade)
    page.check("#attention-fit")
    assert page.evaluate(shade) != before
    page.click("#occlude")
    page.wait_for_selector("#occlusion table")
    assert page.locator("#occlusion thead th").all_inner_texts() == list(SENTENCE)


def test_attention_by_keyboard_alone(open_page: OpenPage) -> None:
    page = open_page()
    page.focus("#text")
    page.keyboard.type(SENTENCE)
    page.wait_for_selector("#attention-section:not([hidden]) td")
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('#attention td')"):
            break
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    assert f"（{len(SENTENCE)} 番目）" in page.inner_text("#attention .heat-value")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the first of the small pictures
    assert "ヘッド 0" in page.inner_text("#attention caption")


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 390)])
def test_accessible_in_every_look(open_page: OpenPage, scheme: str, width: int) -> None:
    page = open_page(color_scheme=scheme, viewport={"width": width, "height": 800})
    assert accessibility_findings(page) == []
    translated(page, SENTENCE * 2)
    page.locator("#tags button").first.click()
    page.wait_for_selector("#detail-alternatives table")
    page.click("#occlude")
    page.wait_for_selector("#occlusion table")
    page.wait_for_selector("#history li")
    assert accessibility_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")


def test_a_link_carries_the_sentence_and_no_server_sees_it(open_page: OpenPage) -> None:
    page = open_page("/#text=%E3%81%82%E3%82%8A%E3%81%8C%E3%81%A8%E3%81%86")
    page.wait_for_selector("#tags:has-text('ありがとう')")
    assert page.input_value("#text") == "ありがとう"
    assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 0


def test_a_link_that_is_no_longer_true_goes_away(open_page: OpenPage) -> None:
    page = open_page("/#text=%E3%81%82%E3%82%8A%E3%81%8C%E3%81%A8%E3%81%86")
    page.wait_for_selector("#tags:has-text('ありがとう')")
    page.evaluate("location.hash = 'text=' + encodeURIComponent('本を')")
    page.wait_for_selector("#tags:has-text('本')")
    page.go_back()
    page.wait_for_selector("#tags:has-text('ありがとう')")
    page.type("#text", "本")
    assert page.evaluate("location.hash") == ""


def test_copies(open_page: OpenPage) -> None:
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.fill("#text", "ありがとう")
    page.wait_for_selector("#tags:has-text('ありがとう')")
    for button, what, found in (
        ("#copy-text", "タグ", "<ありがとう>"),
        ("#copy-link", "リンク", "#text=%E3%81%82"),
    ):
        page.click(button)
        page.wait_for_selector(f"#copied:has-text('{what}をコピーしました')")
        assert found in page.evaluate("navigator.clipboard.readText()")
    page.click("#copy-json")
    page.wait_for_selector("#copied:has-text('JSON をコピーしました')")
    assert json.loads(page.evaluate("navigator.clipboard.readText()"))["tags"][0]["tag"] == "ありがとう"


def test_an_example_and_the_history(open_page: OpenPage) -> None:
    page = open_page()
    page.locator("#examples button").first.click()
    page.wait_for_selector("#history li:has-text('わたしはたべます')")
    translated(page)
    page.wait_for_selector(f"#history li:has-text('{SENTENCE}')")
    page.locator("#history button").nth(1).click()
    page.wait_for_selector("#source:has-text('わたしはたべます')")
    assert page.input_value("#text") == "わたしはたべます" and page.locator("#history li").count() == 2


def test_back_from_the_tour_everything_is_still_there(open_page: OpenPage) -> None:
    page = open_page()
    translated(page)
    page.click("#result a[href='tour/7.html']")
    page.wait_for_selector(".chapters [aria-current]")
    page.go_back(wait_until="commit")  # a page out of the cache is not loaded again
    assert page.input_value("#text") == SENTENCE and page.locator("#attention td[aria-label]").count()


def test_why_a_long_sentence_has_no_attention(open_page: OpenPage) -> None:
    page = open_page()
    page.fill("#text", "本" * 101)
    page.wait_for_selector("#attention:has-text('100 文字まで')")
    assert page.locator("#tags button").count() and not page.is_visible("#occlusion-section")


def test_a_tag_brings_its_largest_weight_into_sight(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 390, "height": 800})
    translated(page, "ありがとう" * 8 + SENTENCE)
    page.locator("#tags button").last.click()
    page.wait_for_selector("#attention tr.chosen")
    assert page.evaluate(
        """() => {
            const weight = (cell) => Number(cell.getAttribute("aria-label").split("、").pop());
            const [head, ...cells] = document.querySelector("#attention tr.chosen").children;
            const largest = cells.reduce((most, one) => (weight(one) > weight(most) ? one : most));
            const { left, right } = largest.getBoundingClientRect();
            const box = largest.closest(".heat").getBoundingClientRect();
            return left >= head.getBoundingClientRect().right - 1 && right <= box.right + 1;
        }"""
    )


def test_one_name_for_a_row_in_both_pictures(open_page: OpenPage) -> None:
    page = open_page()
    translated(page)
    page.click("#occlude")
    page.wait_for_selector("#occlusion table")
    rows = [page.locator(f"{place} tbody th").all_inner_texts() for place in ("#attention", "#occlusion")]
    assert rows[0] == rows[1] and "<+" in rows[0]


def test_on_paper(open_page: OpenPage) -> None:
    page = open_page(viewport={"width": 718, "height": 1000})  # A4 without its margins
    translated(page, SENTENCE * 5)
    page.emulate_media(media="print")
    for shown in ("header", "#source", "#tags", "#attention table"):
        assert page.is_visible(shown)
    for hidden in ("#text", "#copy-text", "#history-section", "nav", "#attention-kind"):
        assert not page.is_visible(hidden)
    assert page.evaluate(
        "document.querySelector('#attention table').getBoundingClientRect().right <= innerWidth"
    )


def test_the_tour_chapter_by_chapter(open_page: OpenPage) -> None:
    page = open_page(color_scheme="dark", viewport={"width": 390, "height": 800})
    page.click("nav a[href='tour/']")
    page.wait_for_selector("h1")
    assert accessibility_findings(page) == []
    chapters = page.locator(".chapters a")
    assert chapters.count() == 10
    chapters.first.click()
    for number in range(10):
        page.wait_for_selector(f".chapters [aria-current]:has-text('{page.inner_text('h1')[3:]}')")
        assert page.inner_text("h1").startswith(f"{number}. ")
        assert page.evaluate("[...document.images].every(one => one.complete && one.naturalWidth > 0)")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert accessibility_findings(page) == []
        if number < 9:
            page.click("a[rel=next]")
    page.click("header a")
    page.wait_for_selector("#text")


def test_offline_after_it_was_loaded(open_page: OpenPage) -> None:
    page = open_page()
    translated(page)
    page.route("**/*", lambda route: route.abort())
    page.select_option("#attention-head", "1")
    assert "ヘッド 1" in page.inner_text("#attention caption")
    page.unroute("**/*")


@pytest.mark.parametrize(
    "text", ["<script>document.title='x'</script>本", "<img src=x onerror=document.title='x'>本"]
)
def test_markup_in_a_sentence_is_text(open_page: OpenPage, text: str) -> None:
    page = open_page()
    page.fill("#text", text)
    page.wait_for_selector("#tags button")
    assert page.inner_text("#source") == text and page.locator("main img, main script").count() == 0
    assert page.title() != "x"


def answering(answer: Any) -> Callable[[Any], Any]:
    return lambda route: route.fulfill(json=answer)


def test_markup_in_what_the_model_says_is_text(open_page: OpenPage) -> None:
    page = open_page()
    nasty = "<img src=x onerror=document.title='x'>"
    tag = {
        "tag": nasty,
        "probability": 0.5,
        "known": False,
        "span": [0, 1],
        "uncertain": True,
        "entry": nasty,
    }
    translation = {
        "text": "本",
        "tags": [tag],
        "probability": 0.5,
        "finished": True,
        "uncertain": True,
        "warnings": [nasty],
    }
    labels = {"query_labels": [nasty, "<EOS>"], "key_labels": [nasty]}
    weights = {"decoder.0.cross": {"weights": [[[1.0], [1.0]]], **labels}}
    share = {"tag": nasty, "probability": 0.5}
    other = {"tag": f"{nasty}2", "probability": 0.4}
    deletion = {
        "unit": nasty,
        "tags": [nasty],
        "same": False,
        "log_prob_changes": [-1.0],
        "log_prob_change": -1.0,
    }
    answers = {
        "translate": {**translation, "attention": weights},
        "diagnose": {
            "units": [nasty],
            "places": [{**share, "alternatives": [share, other]}],
            "deletions": [deletion],
        },
    }
    for name, answer in answers.items():  # and not /v1/model, which a page asks for when it opens
        page.route(f"**/v1/{name}", answering(answer))
    page.fill("#text", "本")
    page.wait_for_selector("#attention-section:not([hidden]) td")
    page.locator("#tags button").first.click()
    page.wait_for_selector("#detail-alternatives table")
    page.click("#occlude")
    page.wait_for_selector("#occlusion table")
    page.wait_for_selector("#history li")
    assert page.inner_text("main").count(nasty) > 12
    assert page.locator("main img").count() == 0 and page.title() != "x"
    page.route("**/v1/translate", lambda one: one.fulfill(status=422, json={"title": nasty, "detail": nasty}))
    page.fill("#text", "車")
    page.wait_for_selector("#status:has-text('onerror')")
    assert page.locator("main img").count() == 0 and page.title() != "x"
