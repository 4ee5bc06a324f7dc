"""The API: every route, its answers and its mistakes."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient

from jsl_seq2seq.errors import Failure, UserError
from jsl_seq2seq.serve.models import Models, Translating
from jsl_seq2seq.serve.responses import ENGLISH, STATUS
from jsl_seq2seq.store import load_model
from jsl_seq2seq.translate import Translation, Translator
from jsl_seq2seq.translate.dictionary import Dictionary, Entry

from ..refusals import is_japanese
from ..small_models import translator_of
from .conftest import Serve

ROOT = Path(__file__).parents[2]
LIBRARY = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
SCHEMA = json.loads(re.findall(r"```json schema\n(.*?)```", LIBRARY, re.DOTALL)[0])


def translated(client: TestClient, **body: Any) -> Any:
    answer = client.post("/v1/translate", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_one_text_is_what_the_library_gives(client: TestClient, models: Models) -> None:
    text = "本を受け取ります"
    found = translated(client, text=text)
    assert found == models[None].translator.translate(text).to_dict()
    assert [one["tag"] for one in found["tags"]] == ["本", "+受け取る"] and not found["tags"][1]["known"]
    jsonschema.validate(found, SCHEMA)


def test_an_array_has_errors_in_their_places(client: TestClient) -> None:
    found = translated(client, text=["ありがとう", "。", "本です。"])["translations"]
    assert [one.get("code") for one in found] == [None, "nothing-to-translate", None]
    assert [one["text"] for one in found] == ["ありがとう", "。", "本です。"]


def test_n_best_attention_and_another_model(client: TestClient, models: Models) -> None:
    found = translated(client, text="わたしはたべます", model="small", n_best=3, attention=True)
    assert len(found["alternatives"]) == 2
    expected = models["small"].translator.translate("わたしはたべます", attention=True, beam=3, n_best=3)
    assert expected.attention is not None and found["attention"].keys() == expected.attention.keys()
    cross = found["attention"]["decoder.0.cross"]
    assert cross["query_labels"][-1] == "<EOS>" and "".join(cross["key_labels"]) == "わたしはたべます"
    assert all(math.isclose(sum(row), 1, abs_tol=0.01) for head in cross["weights"] for row in head)


def test_a_dictionary_is_for_its_request_alone(client: TestClient) -> None:
    entry = {"word": "お茶", "tags": ["緑", "飲み物"]}
    with_entry = translated(client, text="お茶を飲みます", dictionary=[entry])
    assert [one["tag"] for one in with_entry["tags"]][:2] == ["緑", "飲み物"]
    assert with_entry["tags"][0]["entry"] == "お茶"
    assert all("entry" not in one for one in translated(client, text="お茶を飲みます")["tags"])
    refused = client.post("/v1/translate", json={"text": "はい", "model": "small", "dictionary": [entry]})
    assert (refused.status_code, refused.json()["code"]) == (422, "dictionary-without-open-words")


def test_texts_with_entries_of_their_own_are_computed_together(models: Models) -> None:
    tea = Dictionary([Entry("お茶", ("緑", "飲み物"))])
    water = Dictionary([Entry("お茶", ("水",))])
    found = Translating(models[None])([("お茶を飲みます", one) for one in (tea, None, water)])
    plain = models[None].translator.translate("お茶を飲みます").tags
    assert [one.tags[:2] for one in found if isinstance(one, Translation)] == [
        ("緑", "飲み物"), plain[:2], ("水", *plain[1:2])
    ]  # fmt: skip
    assert Translating(models[None]) == Translating(models[None])
    other = Translating(models["small"])([("ありがとう", tea), ("ありがとう", None)])
    assert isinstance(other[0], UserError) and other[0].code == "dictionary-without-open-words"
    assert str(other[1]) == "<ありがとう>"


def test_score(client: TestClient, models: Models) -> None:
    body = {"text": "ありがとう", "tags": ["ありがとう"], "model": "small"}
    found = client.post("/v1/score", json=body).json()
    score = models["small"].translator.score("ありがとう", ["ありがとう"])
    wanted = score.to_dict()
    assert found["log_probs"] == pytest.approx(wanted.pop("log_probs")) and len(found.pop("log_probs")) == 2
    assert found.pop("tags") == wanted.pop("tags") and found == pytest.approx(wanted)
    wrong = client.post("/v1/score", json={**body, "tags": ["ありがと"]})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "unknown-tag")


def test_diagnose(client: TestClient) -> None:
    found = client.post("/v1/diagnose", json={"text": "わたしはたべます", "model": "small"}).json()
    assert [one["tag"] for one in found["places"]] == ["私", "食べる", None]
    assert [one["unit"] for one in found["deletions"]] == list("わたしはたべます")


def test_tags(client: TestClient) -> None:
    found = client.get("/v1/tags", params={"q": "ノム"}).json()
    assert found["total"] == 1 and found["tags"][0]["tags"] == ["飲む"]
    assert client.get("/v1/tags", params={"limit": 1}).json()["total"] > 1


def test_model(client: TestClient, models: Models) -> None:
    found = client.get("/v1/model").json()
    assert found["models"] == ["open", "small"] and found["name"] == "open" and found["open_words"]
    other = client.get("/v1/model", params={"model": "small"}).json()
    assert not other["open_words"] and other["settings"]["d_model"] == 8
    assert other["target_tokenizer"] == "word"
    assert re.fullmatch("[0-9a-f]{64}", other["sha256"]) and other["sha256"] != found["sha256"]


def test_health_and_readiness(client: TestClient) -> None:
    assert client.get("/health").json() == client.get("/ready").json() == {"status": "ok"}


def test_metrics_have_no_texts(client: TestClient) -> None:
    translated(client, text=["ありがとう", "本です"])
    client.get("/v1/秘密")
    found = client.get("/metrics")
    assert found.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = found.text.splitlines()
    assert 'jsl_requests_total{route="/v1/translate",status="200"} 1' in lines
    assert 'jsl_requests_total{route="other",status="404"} 1' in lines
    assert "jsl_batch_items_sum 2.0" in lines and "jsl_queue_items 0" in lines
    assert "ありがとう" not in found.text and "秘密" not in found.text and "testclient" not in found.text


MISTAKES: list[tuple[str, str, Any, int, str]] = [
    ("POST", "/v1/translate", {"text": ""}, 422, "nothing-to-translate"),
    ("POST", "/v1/translate", {"text": []}, 422, "request-invalid"),
    ("POST", "/v1/translate", {"text": ["あ"] * 65}, 422, "request-invalid"),
    ("POST", "/v1/translate", {"text": "あ" * 2001}, 422, "request-invalid"),
    ("POST", "/v1/translate", {"text": "\ud800"}, 422, "request-invalid"),
    ("POST", "/v1/translate", {"text": "本", "beem": 2}, 422, "request-invalid"),
    ("POST", "/v1/translate", {"text": "本", "n_best": 2, "beam": 1}, 422, "n-best-over-beam"),
    ("POST", "/v1/translate", {"text": "本", "n_best": True}, 422, "request-invalid"),
    ("POST", "/v1/translate", {"text": "本", "model": "none"}, 404, "no-such-model"),
    ("POST", "/v1/translate", {"text": "本" * 101, "attention": True}, 422, "text-too-long-to-explain"),
    ("POST", "/v1/diagnose", {"text": "本" * 101}, 422, "text-too-long-to-explain"),
    ("POST", "/v1/score", {"text": "本", "tags": "本"}, 422, "request-invalid"),
    ("POST", "/translate", {"q": "本"}, 422, "request-invalid"),
    ("POST", "/translate", ["本"], 422, "request-invalid"),
    ("GET", "/v1/translate", None, 405, "method-not-allowed"),
    ("GET", "/v1/../../etc/passwd", None, 404, "no-such-path"),
    ("GET", "/assets/..%2f..%2fsetup.py", None, 404, "no-such-path"),
    ("GET", "/v1/tags?limit=0", None, 422, "request-invalid"),
]


@pytest.mark.parametrize(("method", "path", "body", "status", "code"), MISTAKES)
def test_mistakes(client: TestClient, method: str, path: str, body: Any, status: int, code: str) -> None:
    content = None if body is None else json.dumps(body).encode()
    kind = {"Content-Type": "application/json"}
    ours = client.request(method, path, content=content, headers=kind)
    assert (ours.status_code, ours.json()["code"]) == (status, code)
    assert ours.headers["content-type"] == "application/problem+json"
    assert ours.headers["content-language"] == "ja" and is_japanese(ours.json()["title"])
    english = client.request(
        method, path, content=content, headers={**kind, "Accept-Language": "en, ja;q=0.5"}
    )
    assert english.headers["content-language"] == "en"
    assert re.fullmatch(r"[\x20-\x7e]+", re.sub("'[^']*'", "", english.json()["title"]))
    assert {**ours.json(), "title": "", "detail": "", "error": ""} == {
        **english.json(), "title": "", "detail": "", "error": ""
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"txt": "本"}, "text がありません。txt という項目はありません。"),
        ({"text": 1}, "text は文字列にしてください。text は配列にしてください。"),
        ({"text": ["本", None]}, "text は文字列にしてください。text.1 は文字列にしてください。"),
        ({"text": "本", "beam": 99}, "beam は 16 以下にしてください。"),
        ({"text": "本", "n_best": 0}, "n_best は 1 以上にしてください。"),
        ({"text": "本", "n_best": 1.5}, "n_best は整数にしてください。"),
        ({"text": "本", "attention": "yes"}, "attention は true か false にしてください。"),
        ({"text": "本", "dictionary": {"市": "都市"}}, "dictionary は配列にしてください。"),
        ({"text": "本", "dictionary": ["市"]}, "dictionary.0 はオブジェクトにしてください。"),
        ({"text": "本", "dictionary": [{"word": "市", "tags": []}]}, "dictionary.0.tags は 1 個以上"),
        ({"text": "本", "dictionary": [{"word": "", "tags": ["市"]}]}, "dictionary.0.word は 1 文字以上"),
        ({"text": "本", "model": "m" * 101}, "model は 100 文字までです。"),
        ({"text": "本", "length_penalty": "wide"}, "length_penalty は数にしてください。"),
        ([], "本文はオブジェクトにしてください。"),
    ],
)
def test_what_is_wrong_with_a_request_is_said_in_japanese(client: TestClient, body: Any, said: str) -> None:
    answer = client.post("/v1/translate", json=body).json()
    assert answer["title"].removeprefix("要求の形が正しくありません: ").startswith(said)
    assert answer["facts"]["reason"].isascii()


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 30_000, b"null"])
@pytest.mark.parametrize("path", ["/v1/translate", "/v1/score", "/translate", "/detect"])
def test_bodies_that_are_no_json(client: TestClient, path: str, content: bytes) -> None:
    answer = client.post(path, content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")
    other = client.post(path, content=content or b"{}", headers={"Content-Type": "text/plain"})
    assert (other.status_code, other.json()["code"]) == (415, "media-type")


def test_a_fault_in_the_program_tells_nothing(
    client: TestClient, models: Models, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("ありがとう at /secret/place")

    monkeypatch.setattr(type(models[None].translator), "translate_each", broken)
    answer = client.post("/v1/translate", json={"text": "ありがとう"})
    assert (answer.status_code, answer.json()["code"]) == (500, "server-failed")
    assert "secret" not in answer.text and "ありがとう" not in caplog.text and "RuntimeError" in caplog.text


def test_the_document_is_openapi_3_1_with_examples(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    shapes = document["components"]["schemas"]
    for name in ("TranslateRequest", "ScoreRequest", "Translation", "Problem"):
        shape = {**shapes[name], "components": document["components"]}
        for example in shapes[name]["examples"]:
            jsonschema.Draft202012Validator(shape).validate(example)
    for path, methods in document["paths"].items():
        for operation in methods.values():
            assert operation["description"] or path == "/", path
            assert "application/problem+json" in operation["responses"]["default"]["content"]


def test_answers_are_as_documented(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    bodies: dict[str, Any] = {
        "/v1/translate": {"text": "本を受け取る。ありがとう！", "n_best": 2, "attention": True},
        "/v1/score": {"text": "本", "tags": ["本"]},
        "/v1/diagnose": {"text": "本です。"},
        "/translate": {"q": ["本"], "source": "auto", "target": "jsl", "alternatives": 1},
        "/detect": {"q": "本"},
    }
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            content = operation["responses"]["200"]["content"]
            if "application/json" not in content:
                continue
            answer = client.request(method.upper(), path, json=bodies.get(path))
            assert answer.status_code == 200, (path, answer.text)
            shape = {**content["application/json"]["schema"], "components": document["components"]}
            jsonschema.Draft202012Validator(shape).validate(answer.json())


def test_every_answer_has_english_words() -> None:
    assert set(STATUS) <= set(ENGLISH) and list(ENGLISH) == sorted(ENGLISH)


def test_reopening_by_other_means(models: Models, directories: dict[str, Path]) -> None:
    first = models["open"]
    opened: list[Path] = []

    def broken(directory: Path) -> Translator:
        opened.append(directory)
        raise Failure("x", code="backend-broken")

    assert set(models.reopen(broken)) == {"open", "small"} and models["open"] is first
    assert models.reload() == {} and len(opened) == 2  # read as before

    def other(directory: Path) -> Translator:
        opened.append(directory)
        return translator_of(load_model(directory))

    before = models["open"]
    assert models.reopen(other) == {} and models["open"] is not before
    assert models.reload() == {} and opened[2:] == [*directories.values()] * 2


def test_reloading_keeps_what_cannot_be_read(
    serve: Serve, models: Models, directories: dict[str, Path]
) -> None:
    client = serve()
    before = models["small"]
    weights = directories["open"] / "model.safetensors"
    content = weights.read_bytes()
    try:
        weights.write_bytes(content[:-1])
        errors = models.reload()
    finally:
        weights.write_bytes(content)
    assert list(errors) == ["open"] and models["small"] is not before
    assert translated(client, text="ありがとう")["tags"][0]["tag"] == "ありがとう"
