"""``jsl-seq2seq predict``: translates sentences from the command line or standard input."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..translator import Translation, Translator
from .console import note, report, say, say_json

STANDARD_INPUT = "-"
_BATCH = 64


def run_prediction(
    translator: Translator,
    texts: Sequence[str],
    export_to: Path | None,
    force_export: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Translate ``texts`` and print each; ``-`` stands for the lines of standard input.

    A line of standard input that cannot be translated gives an empty line of output, so that lines stay
    aligned; a text given on the command line gives an error.

    Args:
        export_to: where attention goes, or ``None`` if nobody wants it.
    """
    want_attention = export_to is not None
    for number, text in enumerate(texts):
        if text == STANDARD_INPUT:
            _translate_lines(translator, _standard_input(), quiet, as_json)
            continue
        translation = translator.translate(text, attention=want_attention)
        _show(translation, quiet, as_json)
        if export_to is not None:
            directory = export_to / f"{number + 1:02}" if len(texts) > 1 else export_to
            _export(translation, directory, force_export, quiet)
    if not quiet and not as_json:
        note("（手話タグの列です。日本手話そのものではありません）")


def _export(translation: Translation, directory: Path, force: bool, quiet: bool) -> None:
    from ..analysis.export import export_attention  # noqa: PLC0415  pictures are slow to import

    try:
        written = export_attention(translation, directory, force)
    except UserError as error:  # too long for a picture: the translation itself is fine
        report(error)
        return
    if not quiet:
        note(f"注意の重みを書き出しました: {directory}（{len(written)} ファイル、まとめは attention.html）")


def _translate_lines(translator: Translator, lines: Iterator[str], quiet: bool, as_json: bool) -> None:
    size = 1 if sys.stdin.isatty() else _BATCH  # a person wants each answer at once
    number = 0
    while chunk := list(islice(lines, size)):
        for translation in _translate_each(translator, chunk):
            number += 1
            if isinstance(translation, UserError):
                note(f"{number} 行目: {translation.what}")
                if as_json:
                    say_json({"text": chunk[(number - 1) % size], "error": translation.what})
                else:
                    say()
            else:
                _show(translation, quiet, as_json)


def _translate_each(translator: Translator, lines: Sequence[str]) -> Iterable[Translation | UserError]:
    """All at once; if one of them is impossible, one by one."""
    try:
        return translator.translate_batch(lines)
    except UserError:
        return [_attempt(translator, line) for line in lines]


def _attempt(translator: Translator, line: str) -> Translation | UserError:
    try:
        return translator.translate(line)
    except UserError as error:
        return error


def _standard_input() -> Iterator[str]:
    """Lines as UTF-8; where they are not, as the console's own encoding."""
    for number, raw in enumerate(sys.stdin.buffer, start=1):
        line = raw.rstrip(b"\r\n")
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError:
            yield _decode_console(line, number)


def _decode_console(line: bytes, number: int) -> str:
    try:
        return line.decode(sys.stdin.encoding if sys.stdin.encoding.lower() != "utf-8" else "cp932")
    except (UnicodeDecodeError, LookupError):
        raise UserError(
            f"標準入力の {number} 行目の文字コードがわかりません。", "UTF-8 で渡してください。"
        ) from None


def _show(translation: Translation, quiet: bool, as_json: bool) -> None:
    if as_json:
        say_json(_plain(translation))
        return
    for warning in translation.warnings:
        note(f"注意: {warning}")
    if quiet:
        say(str(translation))
    else:
        say(f"{translation.text} → {translation}（確からしさ {math.exp(translation.log_prob):.0%}）")


def _plain(translation: Translation) -> dict[str, Any]:
    return {
        "text": translation.text,
        "tags": [
            {"tag": tag, "probability": probability}
            for tag, probability in zip(translation.tags, translation.probabilities, strict=True)
        ],
        "probability": math.exp(translation.log_prob),
        "finished": translation.finished,
        "warnings": list(translation.warnings),
    }
