"""``jsl-seq2seq serve``: a REST server and a page for the browser."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Thread, Timer
from typing import TYPE_CHECKING

from ..backends.registry import AUTO, choose_backend
from ..data.formats.format import read_lines
from ..errors import Failure, UserError
from ..extras import is_missing, optional
from ..model import count_parameters
from ..settings.environment import server_token
from ..store import load_model, model_directory
from ..translate import Translator
from ..translate.translator import dictionary_of
from . import options as opt
from .console import note

if TYPE_CHECKING:
    from ..serve.models import Models

_LONGEST_TOKEN = 65_536
"""Bytes of the token's file."""

_SAID_AFTER = 3.0
"""Seconds of compiling after which a note is printed."""

_ORIGINS = 10
"""Origins whose refusal is printed."""

_LIBRARIES = ("fastapi", "uvicorn", "httptools", "python_multipart")


def serve(
    load: opt.Load = None,
    model: opt.NamedModels = None,
    host: opt.Host = "127.0.0.1",
    port: opt.Port = 8000,
    token_file: opt.TokenFile = None,
    allow_host: opt.AllowHost = None,
    allow_origin: opt.AllowOrigin = None,
    trusted_proxy: opt.TrustedProxy = None,
    access_log: opt.AccessLog = False,
    backend: opt.Backend = "auto",
    device: opt.Device = None,
    precision: opt.Translating = "fp32",
    dictionary: opt.DictionaryFiles = None,
    quiet: opt.Quiet = False,
) -> None:
    missing = [name for name in _LIBRARIES if is_missing(name)]
    if missing:
        raise Failure(
            f"サーバーに要るライブラリーが入っていません: {'、'.join(missing)}",
            "pip install 'jsl-seq2seq[serve]' で入ります。",
            code="serve-missing",
            libraries=missing,
        )
    for name in _LIBRARIES:
        optional(name, "serve", "サーバーには")
    from ..serve.app import create_app  # noqa: PLC0415  an extra
    from ..serve.guard import Limits  # noqa: PLC0415
    from ..serve.models import Models  # noqa: PLC0415
    from ..serve.server import Listening, log_to_stderr, require_token, run  # noqa: PLC0415

    limits = Limits(
        hosts=frozenset(name.lower() for name in allow_host or ()),
        origins=frozenset(allow_origin or ()),
        token=_token(token_file),
    )
    require_token(host, limits)
    listening = Listening(host, port, tuple(trusted_proxy or ()))

    def opened_by(name: str) -> Callable[[Path], Translator]:
        def opened(directory: Path) -> Translator:
            saved = load_model(directory, record=False)
            chosen = choose_backend(name, device, count_parameters(saved.config), precision)
            return Translator(saved, chosen, directory, dictionary_of(directory, dictionary))

        return opened

    log_to_stderr()
    models = Models(_directories(load, model or ()), opened_by(backend))
    compiling = Thread(target=_compile, args=(models, opened_by("numba"), quiet), daemon=True)

    def started(address: str) -> None:
        if not quiet:
            note(f"ブラウザーで開いてください: {address} （止めるには Ctrl-C）")
            note("（出力は手話タグの列です。日本手話そのものではありません）")
        if backend == AUTO and _compiles_faster(models):
            compiling.start()

    refused = (lambda _: None) if quiet else _Refused()
    run(create_app(models, limits, access_log=access_log, refused=refused), models, listening, started)
    if compiling.is_alive():
        # LLVM cannot be interrupted, and must not compile while the process takes itself apart
        sys.stderr.flush()
        os._exit(0)


class _Refused:
    """Prints how the pages of an origin are allowed: once for each, as a browser hides the answer from its page."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def __call__(self, origin: str) -> None:
        if origin in self._said or len(self._said) == _ORIGINS:
            return
        self._said.add(origin)
        note(
            f"{origin} のページからの要求を断りました。\n"
            f"  → あなたのページなら、--allow-origin {origin} を付けて起動すると使えます。"
        )


def _compiles_faster(models: Models) -> bool:
    """Whether NumPy computes every model in float32, and Numba is there."""
    loaded = [models[name].translator for name in models.names]
    return all((one.backend, one.precision) == ("ndarray", "fp32") for one in loaded) and not is_missing(
        "numba"
    )


def _compile(models: Models, compiled: Callable[[Path], Translator], quiet: bool) -> None:
    """Replace each model's NumPy translator by one of Numba, once the network is compiled: seconds at the first start,
    half a second at later ones, which find the compiled network on disk. NumPy translates until then."""

    def opened(directory: Path) -> Translator:
        translator = compiled(directory)
        translator.translate_each(["あ"])  # brings the weights into the order that the compiled network reads
        return translator

    said: list[str] = []

    def say() -> None:
        said.append("はじめてなので、速く計算する準備をしています（20 秒ほど）。その間も訳せます。")
        note(said[0])

    timer = Timer(_SAID_AFTER, say)
    if not quiet:
        timer.start()
    errors = models.reopen(opened)
    timer.cancel()
    if errors:
        why = next(iter(errors.values())).what
        note(f"Numba で速くできないので、NumPy で計算します（{why}）")
    elif said:
        note("準備ができました。")


def _directories(load: Path | None, named: Sequence[str]) -> dict[str, Path]:
    """Name -> model directory."""
    found: dict[str, Path] = {}
    if load is not None or not named:
        found["default"] = model_directory(load)
    for one in named:
        name, equals, directory = one.partition("=")
        if not equals or not name.strip() or not directory or name in found:
            raise UserError(
                f"--model の書き方が違います: {one}",
                "--model 名前=フォルダー のように、違う名前を付けて書いてください。",
                code="model-not-named",
                written=one,
            )
        found[name] = model_directory(Path(directory))
    return found


def _token(file: Path | None) -> str:
    """The token of the file, else that of the environment; empty without either."""
    if file is None:
        return server_token()
    token = "\n".join(read_lines(file, "トークンのファイル", _LONGEST_TOKEN)).strip()
    if not token:
        raise UserError(
            f"トークンのファイルが空です: {file}",
            "推測できない、長い文字の列を 1 行書いてください。",
            code="token-empty",
            path=file,
        )
    return token
