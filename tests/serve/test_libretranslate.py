"""LibreTranslate's clients work unchanged."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient

LANGUAGES = {"source": "ja", "target": "jsl"}


@pytest.mark.parametrize("form", ["json", "data", "files"])
def test_json_and_forms(client: TestClient, form: str) -> None:
    fields: dict[str, Any] = {"q": "本を受け取る", **LANGUAGES, "alternatives": "1" if form != "json" else 1}
    if form == "files":  # multipart/form-data without a file
        answer = client.post("/translate", files={name: (None, value) for name, value in fields.items()})
    elif form == "json":
        answer = client.post("/translate", json=fields)
    else:
        answer = client.post("/translate", data=fields)
    found = answer.json()
    assert found["translatedText"] == "<本> <+受け取る>" and len(found["alternatives"]) == 1


def test_bytes_that_are_not_percent_encoded(client: TestClient) -> None:
    content = "q=本です。&source=ja&target=jsl".encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert client.post("/translate", content=content, headers=kind).json()["translatedText"] == "<本>"
    wrong = client.post("/translate", content=b"q=\xff&source=ja&target=jsl", headers=kind)
    assert wrong.status_code in (200, 422)


def test_an_array_as_weblate_sends_it(client: TestClient) -> None:
    body = {"q": ["本です。", "。", "ありがとう"], **LANGUAGES, "api_key": "", "format": "html"}
    found = client.post("/translate", json=body).json()
    assert found == {"translatedText": ["&lt;本&gt;", "", "&lt;ありがとう&gt;"]}


def test_html_is_unescaped_and_escaped(client: TestClient) -> None:
    body = {"q": "&#26412;です。", **LANGUAGES, "format": "html"}
    assert client.post("/translate", json=body).json()["translatedText"] == "&lt;本&gt;"


def test_errors_have_the_member_that_its_clients_read(client: TestClient) -> None:
    answer = client.post("/translate", json={"q": "。", **LANGUAGES})
    assert answer.status_code == 422 and answer.json()["error"].startswith("訳せる文字がありません")


@pytest.mark.parametrize(
    "change",
    [
        {"source": "en"},
        {"target": "ja"},
        {"format": "pdf"},
        {"alternatives": -1},
        {"alternatives": 11},
        {"q": 1},
        {"q": []},
    ],
)
def test_what_it_cannot_do(client: TestClient, change: dict[str, Any]) -> None:
    answer = client.post("/translate", json={"q": "本", **LANGUAGES, **change})
    assert (answer.status_code, answer.json()["code"]) == (422, "request-invalid")


@pytest.mark.parametrize(
    ("text", "confidence"), [("ありがとう", 100), ("hello", 0), ("hi本々", 50), ("123", 0)]
)
def test_detect(client: TestClient, text: str, confidence: int) -> None:
    expected = [{"confidence": confidence, "language": "ja"}]
    assert client.post("/detect", data={"q": text}).json() == expected
    auto = client.post("/translate", json={"q": "本", **LANGUAGES, "source": "auto"}).json()
    assert auto["detectedLanguage"] == {"confidence": 100, "language": "ja"}


def test_languages_name_tags_not_a_language(client: TestClient) -> None:
    source, target = client.get("/languages").json()
    assert (source["code"], source["targets"], target["code"]) == ("ja", ["jsl"], "jsl")
    assert "not JSL" in target["name"]
    settings = client.get("/frontend/settings").json()
    assert settings["charLimit"] == 2000 and settings["keyRequired"] is False
