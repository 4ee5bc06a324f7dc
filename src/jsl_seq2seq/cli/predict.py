"""``jsl-seq2seq predict``: translates sentences from the command line or standard input."""

from __future__ import annotations

import io
import math
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from ..backends.registry import choose_backend
from ..data.formats.format import not_read, open_text
from ..errors import Failure, JslError, UserError
from ..io.files import new_file
from ..io.text import one_line
from ..model import count_parameters
from ..search import Search, penalized
from ..store import SavedModel, load_model, model_directory
from ..translate import Candidate, Translation, Translator
from ..translate.dictionary import Dictionary
from ..translate.translator import dictionary_of
from . import options as opt
from .console import NO_TAGS, error_to_dict, note, read_input, say, say_json
from .export import run_weight_export
from .hints import in_options
from .lines import Line, line_blocks

STANDARD_INPUT = "-"
UNCERTAIN = 3
"""Exit code of ``--strict`` where a translation is uncertain, or a line of standard input cannot be translated."""
_LINES = 512
"""Lines that are translated before the first of them is printed: those of like length go side by side."""

_INPUT = "訳す文のファイル"

_LONG_PREPARATION = 1.5
"""Seconds of preparation after which a line on standard error gives the reason."""

_BEHIND_THE_LINES = ("lines-not-decodable", "lines-out-of-memory")
"""Codes of the errors about some of the lines, which come when all others are translated."""


def predict(
    texts: Annotated[list[str] | None, opt.argument("訳す文。- なら標準入力を 1 行ずつ", "文 …")] = None,
    load: opt.Models = None,
    predict: opt.Predict = None,
    input_file: opt.InputFile = None,
    output_file: opt.OutputFile = None,
    backend: opt.Backend = "auto",
    device: opt.Device = None,
    precision: opt.Translating = "fp32",
    dictionary: opt.DictionaryFiles = None,
    export_attn: opt.ExportAttn = False,
    force_export: opt.ForceExport = False,
    export_weights: opt.ExportWeights = None,
    export_dir: opt.ExportDir = None,
    beam: opt.Beam = None,
    n_best: opt.NBest = 1,
    length_penalty: opt.LengthPenalty = None,
    strict: opt.Strict = False,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    wanted = [*(texts or []), *(predict or [])]
    if not wanted and input_file is None:
        example = 'jsl-seq2seq predict "ありがとう"'
        piped = "" if sys.stdin.isatty() else "。標準入力の文を訳すなら: jsl-seq2seq predict -"
        raise UserError("訳す文がありません。", f"たとえば: {example}{piped}", code="no-text")
    chosen = load or [None]
    if len(chosen) > 1 and export_weights:
        raise UserError(
            f"--export-weights は、モデルが 1 つのときだけ使えます（--load が {len(chosen)} 個あります）。",
            "--load を 1 つにしてください。",
            code="weights-of-ensemble",
            members=len(chosen),
        )
    directories = [model_directory(one) for one in chosen]
    models = [load_model(directory, record=False) for directory in directories]
    words = dictionary_of(directories, dictionary)
    translator = open_translator(models, backend, device, precision, quiet, words)
    with _results_to(output_file):
        certain = run_prediction(
            translator,
            wanted,
            opt.exports(chosen[0], export_dir) if export_attn else None,
            force_export,
            quiet,
            as_json,
            search_of(translator, beam, n_best, length_penalty),
            input_file,
        )
    if output_file is not None and not quiet:
        note(f"訳を書き出しました: {output_file}")
    if export_weights:
        run_weight_export(models[0], export_weights, opt.exports(chosen[0], export_dir), quiet)
    if strict and not certain:
        raise typer.Exit(UNCERTAIN)


def open_translator(
    model: SavedModel | Sequence[SavedModel],
    backend: str,
    device: str | None,
    precision: str,
    quiet: bool,
    dictionary: Dictionary | None = None,
) -> Translator:
    """A translator on the backend that --backend, --device and --precision ask for; prints which it is.

    Args:
        model: several for an ensemble.

    Raises what :func:`jsl_seq2seq.backends.registry.choose_backend` raises.
    """
    text = "計算の準備をしています（はじめてのときだけ、20 秒ほどかかります）。"
    models = [model] if isinstance(model, SavedModel) else model
    size = sum(count_parameters(one.config) for one in models)
    preparing = threading.Timer(_LONG_PREPARATION, note, [text])
    if precision == "int8" and not quiet:
        preparing.start()  # Numba compiles, and keeps the result on disk
    try:
        chosen = choose_backend(backend, device, size, precision)
    finally:
        preparing.cancel()
    if not quiet:
        note(f"バックエンド: {chosen.name}（{chosen.reason}）")
        if len(models) > 1:
            note(f"アンサンブル: {len(models)} つのモデルの確率を平均して訳します。")
    return Translator(models, chosen, dictionary=dictionary)


def search_of(translator: Translator, beam: int | None, n_best: int, length_penalty: float | None) -> Search:
    """The search that --beam, --n-best and --length-penalty ask for.

    Raises:
        UserError: it is impossible, or the length penalty has no effect.
    """
    search = translator.resolve_search(beam, n_best, length_penalty)
    if length_penalty is not None and search.beam == 1:
        raise UserError(
            "--length-penalty は、ビームサーチのときだけ効きます。",
            "--beam を 2 以上にするか、--length-penalty を外してください。",
            code="option-without-effect",
            option="--length-penalty",
            needs=("--beam",),
        )
    return search


def run_prediction(
    translator: Translator,
    texts: Sequence[str],
    export_to: Path | None,
    force_export: bool,
    quiet: bool,
    as_json: bool,
    search: Search | None = None,
    file: Path | None = None,
) -> bool:
    """Translate ``texts`` and print each; ``-`` stands for the lines of standard input. Then those of ``file``.

    A line that cannot be translated gives an empty line of output, so that lines stay
    aligned; a text given on the command line gives an error.

    Args:
        export_to: where attention goes, or ``None`` for nowhere.
        search: of the translations; without it the model's own.

    Returns:
        Whether everything was translated and no translation is uncertain.
    """
    search = search or translator.resolve_search()
    printer = _Printer(search, quiet, as_json)
    want_attention = export_to is not None
    exported: list[Translation | None] = []
    certain = True
    for text in texts:
        if text == STANDARD_INPUT:
            if want_attention:
                note("標準入力の文のアテンションは書き出しません。1 文ずつ --predict で渡してください。")
            lines = line_blocks(read_input, "標準入力", sys.stdin.encoding)
            certain &= _translate_lines(translator, lines, "標準入力", printer)
            exported.append(None)
            continue
        translation = translator.translate(text, attention=want_attention, **asdict(search))
        certain &= not translation.uncertain
        printer.translation(translation)
        if want_attention:
            exported.append(_exportable(translation, force_export))
    if file is not None:
        if want_attention:
            note("--input の文のアテンションは書き出しません。1 文ずつ --predict で渡してください。")
        from .progress import counted  # noqa: PLC0415  imports training, which a sentence need not wait for

        # on a terminal, where the lines go elsewhere, nothing else shows that anything happens
        silent = quiet or sys.stdout.isatty()
        with (
            _reading(file) as read,
            counted("訳しています", "行", lambda: _lines_of(file), silent) as progress,
        ):
            lines = line_blocks(read, str(file), "utf-8")
            certain &= _translate_lines(translator, lines, str(file), printer, progress)
    if export_to is not None:
        _export(exported, export_to, force_export, quiet)
    printer.finish()
    return certain


def _exportable(translation: Translation, force: bool) -> Translation | None:
    """The translation, or None with a warning if its pictures would be too large: the translation is fine."""
    from ..render.export import require_exportable  # noqa: PLC0415  pictures are slow to import

    try:
        if not force:
            require_exportable(translation)
    except UserError as error:
        what, hint = in_options(error)
        note(f"警告: {what}\n  → {hint}")
        return None
    return translation


def _export(translations: Sequence[Translation | None], directory: Path, force: bool, quiet: bool) -> None:
    from ..render.export import export_attention  # noqa: PLC0415

    written = export_attention(translations, directory, force)
    if written and not quiet:
        note(f"アテンションを書き出しました: {directory}（{len(written)} ファイル、まとめは attention.html）")


def _lines_of(path: Path) -> int:
    """How many lines a file has."""
    with open_text(path, _INPUT) as content:
        return sum(1 for _ in content)


@contextmanager
def _reading(path: Path) -> Iterator[Callable[[int], bytes]]:
    """Reads the file of --input, at most so many bytes at once. Raises UserError if it cannot be read."""
    content = open_text(path, _INPUT)

    def read(size: int) -> bytes:
        try:
            return content.read1(size)
        except OSError as error:
            raise not_read(path, error, _INPUT) from None

    with content:
        yield read


@contextmanager
def _results_to(path: Path | None) -> Iterator[None]:
    """What is printed as a result goes into the file of --output, as UTF-8; the file is replaced when all is there.

    Raises:
        Failure: it cannot be written; what was there before still is.
    """
    if path is None:
        yield
        return
    late: JslError | None = None
    try:
        with new_file(path) as content:
            results = io.TextIOWrapper(content, encoding="utf-8", errors="backslashreplace", newline="\n")
            try:
                with redirect_stdout(results):
                    yield
            except JslError as error:
                if error.code not in _BEHIND_THE_LINES:
                    raise
                late = error
            results.flush()
            results.detach()
    except OSError as error:
        raise Failure(
            f"訳を書けません: {path}（{error.strerror}）",
            "フォルダーがあるか、書き込める場所かを確かめてください。",
            code="output-file-not-written",
            path=path,
            reason=error.strerror,
        ) from None
    if late is not None:
        raise late


def _translate_lines(
    translator: Translator,
    lines: Iterator[list[Line]],
    name: str,
    printer: _Printer,
    progress: Callable[[int], object] = lambda count: None,
) -> bool:
    """Translate and print lines as they arrive; whether all were translated and none is uncertain.

    Args:
        name: where they come from, in Japanese.
        progress: called with the number of lines that were translated since it was called before.
    """
    number, certain = 0, True
    unreadable: list[int] = []
    too_large: dict[int, Failure] = {}
    for arrived in lines:
        for start in range(0, len(arrived), _LINES):
            together = arrived[start : start + _LINES]
            found = translator.translate_each(together, **asdict(printer.search))
            for line, translation in zip(together, found, strict=True):
                number += 1
                if isinstance(line, UserError) and line.code == "not-utf8":
                    unreadable.append(number)
                if isinstance(translation, Failure):
                    too_large[number] = translation
                if isinstance(translation, JslError):
                    certain &= line == ""
                    printer.mistake(line, translation, number)
                else:
                    certain &= not translation.uncertain
                    printer.translation(translation, f"{number} 行目: ")
            sys.stdout.flush()
            progress(len(together))
    if not number and not printer.quiet:
        note(f"{name} に文がありませんでした。")
    if unreadable:
        raise UserError(
            f"{name} の {len(unreadable)} 行は、ほかの行と文字コードが違うので訳しませんでした"
            f"（{unreadable[0]} 行目など）。",
            "全体を UTF-8 にそろえてください。",
            code="lines-not-decodable",
            lines=unreadable,
        )
    if too_large:
        raise Failure(
            f"{name} の {len(too_large)} 行は、メモリーが足りないので訳しませんでした"
            f"（{next(iter(too_large))} 行目など）。",
            next(iter(too_large.values())).hint,
            code="lines-out-of-memory",
            lines=list(too_large),
        )
    return certain


class _Printer:
    """Prints translations, as text or JSON, and notes about them.

    Args:
        search: that finds the translations.
        quiet: their tags alone.
        as_json: one object a line, for programs.
    """

    def __init__(self, search: Search, quiet: bool, as_json: bool) -> None:
        self.search, self.quiet, self._as_json = search, quiet, as_json

    def translation(self, translation: Translation, where: str = "") -> None:
        """A translation; ``where`` stands before its warnings."""
        if self._as_json:
            say_json(translation.to_dict())
            return
        for warning in translation.warnings:
            note(f"警告: {where}{warning}")
        if self.quiet:
            say("\t".join(one_line(str(one)) for one in (translation, *translation.alternatives)))
            return
        arrow = "→?" if translation.uncertain else "→"
        say(f"{one_line(translation.text)} {arrow} {self._line(translation, translation)}")
        for number, other in enumerate(translation.alternatives, start=2):
            say(f"  {number}. {self._line(other, translation)}")

    def mistake(self, line: Line, mistake: JslError, number: int) -> None:
        """A line that cannot be translated; an empty line of output in its place, so that lines stay aligned."""
        if line != "":  # an empty line ends a paragraph and is no mistake
            note(f"{number} 行目: {mistake.what}")
        if self._as_json:
            say_json({"text": line if isinstance(line, str) else None, **error_to_dict(mistake)})
        else:
            say()

    def finish(self) -> None:
        """What is said once, behind all translations."""
        if self.quiet or self._as_json:
            return
        if self.search.n_best > 1:
            note("（訳は点数の大きい順です。点数は、確からしさの対数を長さで補正したもの）")
        note("（手話タグの列です。日本手話そのものではありません）")

    def _line(self, one: Translation | Candidate, translation: Translation) -> str:
        """The tags of one of a text's translations, its probability and, where there are several, its score."""
        score = self._score(one, translation) if self.search.n_best > 1 else ""
        return f"{one_line(str(one)) or NO_TAGS}（確からしさ {math.exp(one.log_prob):.0%}{score}）"

    def _score(self, one: Translation | Candidate, translation: Translation) -> str:
        """What the translations of a text are ordered by: of a text of several sentences, the logarithm of the
        probability; of one sentence, that divided by the length penalty."""
        alpha = 0.0 if len(translation.sentences) > 1 else self.search.length_penalty
        return f"、点数 {penalized(one.log_prob, len(one.ids) + one.finished, alpha):.3f}"
