"""``jsl-seq2seq predict``: translates sentences from the command line or standard input."""

from __future__ import annotations

import math
import os
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..translator import Candidate, Translation, Translator
from .console import note, report, say, say_json

STANDARD_INPUT = "-"
_FROM_A_FILE, _FROM_A_PIPE = 512, 64
"""Lines that are read before the first is translated, so that those of like length can go side by side."""

Search = Mapping[str, Any]
Line = str | UserError
"""A line of standard input, or why it cannot be read."""


def search_options(beam: int | None, n_best: int, length_penalty: float | None) -> Search:
    """What the user said about the search; as many beams as translations, unless they said otherwise."""
    search: dict[str, Any] = {"beam": n_best if beam is None else beam, "n_best": n_best}
    return search if length_penalty is None else {**search, "length_penalty": length_penalty}


def run_prediction(
    translator: Translator,
    texts: Sequence[str],
    export_to: Path | None,
    force_export: bool,
    quiet: bool,
    as_json: bool,
    search: Search | None = None,
) -> None:
    """Translate ``texts`` and print each; ``-`` stands for the lines of standard input.

    A line of standard input that cannot be translated gives an empty line of output, so that lines stay
    aligned; a text given on the command line gives an error.

    Args:
        export_to: where attention goes, or ``None`` if nobody wants it.
        search: ``beam``, ``n_best`` and ``length_penalty`` of :meth:`Translator.translate`.
    """
    search = search or {}
    translator.translate_batch([], **search)  # an impossible search is one mistake, not one for each line
    want_attention = export_to is not None
    for number, text in enumerate(texts):
        if text == STANDARD_INPUT:
            if want_attention:
                note("標準入力の文の注意は書き出しません。1 文ずつ --predict で渡してください。")
            _translate_lines(translator, _standard_input(), quiet, as_json, search)
            continue
        translation = translator.translate(text, attention=want_attention, **search)
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


def _translate_lines(
    translator: Translator, lines: Iterator[Line], quiet: bool, as_json: bool, search: Search
) -> None:
    size = _lines_at_once()
    number = 0
    while chunk := list(islice(lines, size)):
        for translation in translator.translate_each(chunk, **search):
            number += 1
            if isinstance(translation, UserError):
                line = chunk[(number - 1) % size]
                if line != "":  # an empty line is a paragraph's end, and nobody's mistake
                    note(f"{number} 行目: {translation.what}")
                if as_json:
                    say_json({"text": line if isinstance(line, str) else None, "error": translation.what})
                else:
                    say()
            else:
                _show(translation, quiet, as_json)


def _lines_at_once() -> int:
    """A person wants each answer at once, a program that writes into a pipe soon, and a file has all the time."""
    if sys.stdin.isatty():
        return 1
    try:
        is_file = stat.S_ISREG(os.fstat(sys.stdin.fileno()).st_mode)
    except OSError:  # not a real stream
        return _FROM_A_PIPE
    return _FROM_A_FILE if is_file else _FROM_A_PIPE


def _standard_input() -> Iterator[Line]:
    """Lines as UTF-8; where they are not, as the console's own encoding."""
    for number, raw in enumerate(sys.stdin.buffer, start=1):
        line = raw.rstrip(b"\r\n")
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        try:
            yield line.decode("utf-8")
        except UnicodeDecodeError:
            yield _decode_console(line, number)


def _decode_console(line: bytes, number: int) -> Line:
    try:
        return line.decode(sys.stdin.encoding if sys.stdin.encoding.lower() != "utf-8" else "cp932")
    except (UnicodeDecodeError, LookupError):
        return UserError(f"標準入力の {number} 行目の文字コードがわかりません。", "UTF-8 で渡してください。")


def _show(translation: Translation, quiet: bool, as_json: bool) -> None:
    if as_json:
        say_json(_plain(translation))
        return
    for warning in translation.warnings:
        note(f"注意: {warning}")
    if quiet:
        say("\t".join(map(str, (translation, *translation.alternatives))))
        return
    say(f"{translation.text} → {translation}（確からしさ {math.exp(translation.log_prob):.0%}）")
    for number, other in enumerate(translation.alternatives, start=2):
        say(f"  {number}. {other}（確からしさ {math.exp(other.log_prob):.0%}）")


def _plain(translation: Translation) -> dict[str, Any]:
    plain = {
        "text": translation.text,
        **_plain_candidate(translation),
        "warnings": list(translation.warnings),
    }
    if translation.alternatives:
        plain["alternatives"] = [_plain_candidate(other) for other in translation.alternatives]
    return plain


def _plain_candidate(one: Translation | Candidate) -> dict[str, Any]:
    return {
        "tags": [
            {"tag": tag, "probability": probability}
            for tag, probability in zip(one.tags, one.probabilities, strict=True)
        ],
        "probability": math.exp(one.log_prob),
        "finished": one.finished,
    }
