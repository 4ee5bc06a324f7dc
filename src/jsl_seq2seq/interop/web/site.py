"""The page of ``jsl-seq2seq serve`` as a folder of files that any web server can offer: it translates in the browser.

Its scripts are made of ``web/src/site`` by ``web/build.mjs --site``. All addresses are relative, so the folder may lie
under any path. ``index.html`` carries the content security policy that the server would send.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from collections.abc import Iterator, Mapping
from importlib import resources

from ...version import __version__

MODEL = "model.int8.bin"
"""The file that the page loads."""

_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)
_CHARSET = '<meta charset="utf-8">'
_CLIENT = '<script src="assets/client.js" defer></script>'
_SERVER_ONLY = re.compile(r"<!-- server -->.*?<!-- /server -->", re.DOTALL)
_LISTED = """JSON.parse('{"digest": "", "files": []}')"""
_PLACE = '<span id="model-line">'
_PRIVATE = "訳す計算も、このブラウザーの中でします。文をどこにも送りません。"


def site(model: bytes, threshold: float) -> dict[str, bytes]:
    """The files of the page by their paths; the model lies beside them as :data:`MODEL`.

    Args:
        model: the content of that file.
        threshold: ``uncertain_below`` of the model.
    """
    found = dict(_files())
    found["index.html"] = _index(found["index.html"].decode("utf-8"), model, threshold).encode("utf-8")
    worker = found.pop("service-worker.js").decode("utf-8")
    digest = hashlib.sha256()
    for name, content in sorted(found.items()):
        digest.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
    listed = {
        "digest": digest.hexdigest(),
        "files": [name.removesuffix("index.html") for name in sorted(found)],
    }
    found["service-worker.js"] = _replaced(worker, {_LISTED: json.dumps(listed)}).encode("utf-8")
    return found


def _files() -> Iterator[tuple[str, bytes]]:
    """What does not depend on a model."""
    package = resources.files("jsl_seq2seq")
    for one in sorted((package / "assets" / "page").iterdir(), key=lambda one: one.name):
        if one.name != "client.js":
            yield one.name if one.name == "index.html" else f"assets/{one.name}", one.read_bytes()
    yield "assets/style.css", (package / "render" / "templates" / "style.css").read_bytes()
    for one in sorted((package / "assets" / "tour").iterdir(), key=lambda one: one.name):
        if one.name.endswith(".html"):
            yield f"tour/{one.name}", one.read_bytes()
    for name in ("client.js", "worker.js"):
        yield f"assets/{name}", (package / "assets" / "site" / name).read_bytes()
    yield "service-worker.js", (package / "assets" / "site" / "service-worker.js").read_bytes()


def _index(page: str, model: bytes, threshold: float) -> str:
    """The page without what needs the server, and with what its client has to be told about the model."""
    told = {
        "model": MODEL,
        "sha256": hashlib.sha256(model).hexdigest(),
        "bytes": len(model),
        "threshold": threshold,
        "version": __version__,
    }
    attributes = " ".join(f'data-{name}="{html.escape(str(value))}"' for name, value in told.items())
    return _replaced(
        _SERVER_ONLY.sub("", page),
        {
            _CHARSET: f'{_CHARSET}\n<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
            _CLIENT: f'<script src="assets/client.js" {attributes} defer></script>',
            _PLACE: f"{_PRIVATE}{_PLACE}",
        },
    )


def _replaced(text: str, changes: Mapping[str, str]) -> str:
    for old, new in changes.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text
