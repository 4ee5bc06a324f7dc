"""The package as `npm pack` makes it, in other people's tools, without a line of configuration."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.store import load_model, shipped_model

from ...browser import chromium, needs_browser
from ...small_models import translator_of
from .node import WEB, require_node
from .site import served, slow_network, watched_page

require_node()

APPS = Path(__file__).parent / "apps"
SENTENCE = "私は昨日、図書館で本を借りました。"
FILES = "node_modules/jsl-seq2seq/dist"
SCRIPT = """
Object.assign(globalThis, {
  async translate(text) {
    const t = await load({ model });
    const { written } = await t.translate(text);
    t.dispose();
    return { ...t.engine, written };
  },
});
"""
WORKER_AND_SIMD = {"worker": True, "simd": True}


def command(*words: str, cwd: Path, **environment: str) -> str:
    """What a program of Node's prints; its failure is the test's."""
    program = shutil.which(words[0])
    assert program is not None, words[0]
    done = subprocess.run(
        [program, *words[1:]],
        cwd=cwd,
        env={**os.environ, "NEXT_TELEMETRY_DISABLED": "1", **environment},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What would be published."""
    folder = tmp_path_factory.mktemp("packed")
    told = command("npm", "pack", "--json", "--pack-destination", str(folder), cwd=WEB, PYTHON=sys.executable)
    (path,) = folder.glob("*.tgz")
    assert path.name in told
    return path


@pytest.fixture(scope="module")
def installed(tarball: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package in it, and nothing else: it depends on none."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "package.json").write_text('{"private": true, "type": "module"}', encoding="utf-8")
    command("npm", "install", "--offline", "--no-audit", "--no-fund", str(tarball), cwd=folder)
    assert [one.name for one in (folder / "node_modules").iterdir() if one.name[0] != "."] == ["jsl-seq2seq"]
    page = (
        '<!doctype html><meta charset="utf-8"><title>t</title><script type="module" src="main.js"></script>'
    )
    (folder / "index.html").write_text(page, encoding="utf-8")
    imports = f'import {{ load }} from "./{FILES}/index.js";\nimport model from "./{FILES}/int8.js";\n'
    (folder / "main.js").write_text(imports + SCRIPT, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@cache
def wanted() -> str:
    """The translation by Python."""
    return str(translator_of(load_model(shipped_model(), record=False)).translate(SENTENCE))


def require_translates(browser: Any, address: str, engine: Mapping[str, bool] = WORKER_AND_SIMD) -> None:
    """A page's function `translate` does, also after the network is gone; no other host is asked."""
    with watched_page(browser, address) as page:
        page.wait_for_function("'translate' in globalThis")
        for offline in (False, True):
            page.context.set_offline(offline)
            assert page.evaluate("text => translate(text)", SENTENCE) == {**engine, "written": wanted()}


def test_the_tarball_holds_what_is_needed(tarball: Path) -> None:
    names = set(command("tar", "-tzf", str(tarball), cwd=tarball.parent).split())
    needed = ["LICENSE", "README.md", "package.json", "dist/index.js", "dist/index.d.ts", "dist/int8.js"]
    assert {f"package/{name}" for name in [*needed, "dist/int8.d.ts", "dist/model.int8.bin"]} <= names
    assert not [name for name in names if name.endswith(".ts") and not name.endswith(".d.ts")]


def program(folder: Path) -> Path:
    """A script that prints what `translate` gives."""
    script = 'import { load } from "jsl-seq2seq";\nimport model from "jsl-seq2seq/int8";\n' + SCRIPT
    path = folder / "program.js"
    path.write_text(f"{script}console.log(JSON.stringify(await translate({json.dumps(SENTENCE)})));", "utf-8")
    return path


def test_node(installed: Path) -> None:
    told = json.loads(command("node", str(program(installed)), cwd=installed))
    assert told == {"worker": False, "simd": True, "written": wanted()}


@needs_browser
@pytest.mark.parametrize(
    ("policy", "engine"),
    [
        ("", WORKER_AND_SIMD),
        ("default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:", WORKER_AND_SIMD),
        ("default-src 'self'; script-src 'self' 'wasm-unsafe-eval'", {"worker": False, "simd": True}),
        ("default-src 'self'; worker-src blob:", {"worker": True, "simd": False}),
        ("default-src 'self'", {"worker": False, "simd": False}),
    ],
    ids=["none", "both", "no-worker", "no-wasm", "neither"],
)
def test_a_plain_module_under_a_content_security_policy(
    policy: str, engine: Mapping[str, bool], installed: Path, browser: Any
) -> None:
    with served(installed, policy) as address:
        require_translates(browser, address, engine)


def test_the_code_is_small(installed: Path) -> None:
    """Compressed as servers do it: at most 15 KB for what every page needs."""
    script = "console.log(zlib.brotliCompressSync(fs.readFileSync(process.argv[1])).length)"
    (installed / "size.cjs").write_text(f"const fs = require('fs'), zlib = require('zlib');\n{script}".replace(
        "argv[1]", "argv[2]"), encoding="utf-8")  # fmt: skip
    size = int(command("node", "size.cjs", f"{FILES}/index.js", cwd=installed))
    assert 10_000 < size <= 15_000


@needs_browser
@pytest.mark.slow
def test_what_a_first_translation_transfers(installed: Path, browser: Any) -> None:
    """The model once, less than a byte for each parameter with its vocabulary, and the code."""
    parameters = sum(array.size for array in load_model(shipped_model(), record=False).parameters.values())
    with served(installed) as address, watched_page(browser, "about:blank", host=address) as page:
        received = slow_network(page, mbit=10)
        started = time.monotonic()
        page.goto(address)
        page.wait_for_function("'translate' in globalThis")
        assert page.evaluate("text => translate(text)", SENTENCE)["written"] == wanted()
        print(
            f"\nfirst translation at 10 Mbit/s: {time.monotonic() - started:.2f} s, {sum(received):,} bytes"
        )
        size = (installed / FILES / "model.int8.bin").stat().st_size
        assert size <= parameters * 0.92 and size < sum(received) <= size + 50_000


# -- with other people's tools, which come from the registry --------------------------------------


@pytest.fixture
def app(request: pytest.FixtureRequest, tarball: Path, tmp_path: Path) -> Path:
    """The app that the test's parameter names, with all that it depends on."""
    folder = tmp_path / "app"
    shutil.copytree(APPS / request.param, folder, ignore=shutil.ignore_patterns("node_modules"))
    command("npm", "install", "--no-audit", "--no-fund", str(tarball), cwd=folder)
    return folder


@contextmanager
def running(words: Sequence[str], folder: Path) -> Iterator[str]:
    """The address of a server that is told its port behind all other words."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = shutil.which(words[0])
    assert program is not None
    process = subprocess.Popen(
        [program, *words[1:], str(port)],
        cwd=folder,
        env={**os.environ, "NEXT_TELEMETRY_DISABLED": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, words
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/"
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="ends a group of processes")


@needs_browser
@needs_posix
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("app", ["vite"], indirect=True)
def test_vite(app: Path, browser: Any) -> None:
    command("npx", "tsc", "--noEmit", "--strict", "--module", "preserve", "--target", "es2022",
            "--lib", "es2022,dom", "main.ts", cwd=app)  # fmt: skip
    command("npx", "vite", "build", cwd=app)
    with served(app / "dist") as address:
        require_translates(browser, address)
    with running(["npx", "vite", "--host", "127.0.0.1", "--strictPort", "--port"], app) as address:
        require_translates(browser, address)


@needs_browser
@needs_posix
@pytest.mark.slow
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("app", ["nextjs"], indirect=True)
@pytest.mark.parametrize("bundler", ["--turbopack", "--webpack"])
def test_nextjs(bundler: str, app: Path, browser: Any) -> None:
    command("npx", "next", "build", bundler, cwd=app)
    with running(["npx", "next", "start", "-H", "127.0.0.1", "-p"], app) as address:
        require_translates(browser, address)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_deno(installed: Path, tmp_path: Path) -> None:
    shutil.copytree(installed, tmp_path / "app")
    command("npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(tmp_path), "deno@^2",
            cwd=tmp_path)  # fmt: skip
    deno = str(tmp_path / "node_modules" / ".bin" / "deno")
    told = command(
        deno, "run", "--no-remote", "--allow-read", str(program(tmp_path / "app")), cwd=tmp_path / "app"
    )
    assert json.loads(told) == {"worker": False, "simd": True, "written": wanted()}
