"""Who is answered, and how much is taken."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from jsl_seq2seq.serve.guard import HEADERS

from .conftest import Serve

BODY = {"text": "ありがとう"}


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "10.0.0.7"])
def test_hosts_of_this_machine(client: TestClient, host: str) -> None:
    assert client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8000",
        "",
        "[",
        "a@b",
        "127.1",
    ],
)
def test_a_name_that_was_rebound_is_refused(client: TestClient, host: str) -> None:
    answer = client.post("/v1/translate", json=BODY, headers={"Host": host})
    assert (answer.status_code, answer.json()["code"]) == (421, "host-not-allowed")


@pytest.mark.parametrize("name", ["Host", "Origin"])
def test_what_is_said_twice_is_not_believed(client: TestClient, name: str) -> None:
    own, other = {
        "Host": ("localhost", "evil.example"),
        "Origin": ("http://localhost:8000", "https://evil.example"),
    }[name]
    for first, second in ((own, other), (other, own)):
        headers = [(b"Host", b"localhost:8000")] * (name != "Host")
        headers += [(name.encode(), one.encode()) for one in (first, second)]
        assert client.get("/health", headers=headers).status_code in (403, 421)


def test_a_name_can_be_allowed(serve: Serve) -> None:
    client = serve(hosts=["jsl.example.jp"])
    assert client.get("/health", headers={"Host": "JSL.example.jp:443"}).status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:3000", "http://[", "file://"]
)
def test_pages_of_elsewhere_are_refused(client: TestClient, origin: str) -> None:
    for kind in ("application/json", "text/plain", "application/x-www-form-urlencoded"):
        headers = {"Origin": origin, "Content-Type": kind}
        answer = client.post("/translate", content=b"q=a&source=ja&target=jsl", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "origin-not-allowed")
        assert "access-control-allow-origin" not in answer.headers
    preflight = client.options(
        "/v1/translate", headers={"Origin": origin, "Access-Control-Request-Method": "POST"}
    )
    assert preflight.status_code == 403


def test_whose_pages_are_refused_is_told(serve: Serve) -> None:
    """To whoever runs the server: a browser shows its page nothing of the answer."""
    told: list[str] = []
    client = serve(origins=["https://app.example.jp"], refused=told.append)
    pages = ["http://localhost:3000", "https://app.example.jp", "http://localhost:8000", "http://[::1]:3000"]
    for origin in (*pages, "null", "http://a b", "http://[", "https://a/私の文", "http://a\x1b[31m"):
        client.post("/v1/translate", json=BODY, headers=[(b"Origin", origin.encode())])
    assert told == ["http://localhost:3000", "http://[::1]:3000"]


def test_the_own_page_and_allowed_origins(serve: Serve) -> None:
    client = serve(origins=["https://app.example.jp"])
    own = client.post("/v1/translate", json=BODY, headers={"Origin": "http://localhost:8000"})
    assert own.status_code == 200 and "access-control-allow-origin" not in own.headers
    allowed = {"Origin": "https://app.example.jp"}
    answer = client.post("/v1/translate", json=BODY, headers=allowed)
    assert answer.headers["access-control-allow-origin"] == "https://app.example.jp"
    assert "access-control-allow-credentials" not in answer.headers
    preflight = client.options("/v1/translate", headers={**allowed, "Access-Control-Request-Method": "POST"})
    assert preflight.status_code == 204 and "POST" in preflight.headers["access-control-allow-methods"]


def test_the_token(serve: Serve) -> None:
    client = serve(token="開け ごま".encode().hex())
    token = "開け ごま".encode().hex()
    for given in ("", "Bearer ", "Bearer x", f"Bearer {token}x", token[:-1], "Bearer \xff"):
        headers = [(b"Authorization", given.encode("latin-1"))]
        for path, body in (
            ("/v1/translate", BODY),
            ("/translate", {"q": "本", "source": "ja", "target": "jsl"}),
        ):
            answer = client.post(path, json=body, headers=headers)
            assert (answer.status_code, answer.json()["code"]) == (401, "token-wrong")
            assert answer.headers["www-authenticate"] == "Bearer"
        assert client.get("/metrics", headers=headers).status_code == 401
        assert client.get("/v1/model", headers=headers).status_code == 401
    for path in ("/health", "/ready", "/languages", "/frontend/settings", "/openapi.json"):
        assert client.get(path).status_code == 200
    right = {"Authorization": f"Bearer {token}"}
    assert client.post("/v1/translate", json=BODY, headers=right).status_code == 200
    libre = {"q": "本", "source": "ja", "target": "jsl", "api_key": token}
    assert client.post("/translate", json=libre).json() == {"translatedText": "<本>"}
    assert client.get("/frontend/settings").json()["keyRequired"] is True


def test_large_bodies(client: TestClient) -> None:
    for content in (b"x" * (64 * 1024 + 1), (b"x" * 40_000 for _ in range(2))):
        answer = client.post("/v1/translate", content=content, headers={"Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (413, "body-too-large")
    lying = {"Content-Type": "application/json", "Content-Length": "9" * 400}
    assert client.post("/v1/translate", content=b"x", headers=lying).status_code == 413


@pytest.mark.parametrize("path", ["/health", "/v1/nothing", "/v1/translate"])
def test_headers_that_browsers_obey(client: TestClient, path: str) -> None:
    answer = client.get(path, headers={"Host": "localhost"})
    for name, value in HEADERS.items():
        assert answer.headers[name] == value
    policy = answer.headers["content-security-policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy and "http" not in policy
    assert "server" not in answer.headers


def test_header_injection(client: TestClient) -> None:
    for path in ("/v1/tags?q=%0d%0aSet-Cookie:a=b", "/%0d%0aSet-Cookie:a=b", "/v1/model?model=%0d%0aX:y"):
        answer = client.get(path, headers={"Accept-Language": "en\x00;q=x"})
        assert "set-cookie" not in answer.headers and "x" not in answer.headers


def test_the_log_has_no_texts(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    client = serve(access_log=True)
    client.post("/v1/translate", json=BODY)
    client.get("/v1/tags", params={"q": "ひみつ"})
    client.get("/ひみつ%1b[31m")
    messages = [record.getMessage() for record in caplog.records if record.name == "jsl_seq2seq.serve"]
    assert (
        len(messages) == 3 and " POST /v1/translate 200 " in messages[0] and " GET other 404 " in messages[2]
    )
    assert not any("ありがとう" in one or "ひみつ" in one or "\x1b" in one for one in messages)
    caplog.clear()
    serve().post("/v1/translate", json=BODY)
    assert not [record for record in caplog.records if record.name == "jsl_seq2seq.serve"]
