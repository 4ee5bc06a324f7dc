"""``jsl-seq2seq evaluate``: translates test files, prints the figures, writes a report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from ..data import Corpus, read_corpus
from ..errors import UserError
from ..evaluation import Evaluation, FileReport
from ..evaluation import evaluate as evaluate_corpus
from ..evaluation.metrics import HOW_TO_INSTALL, has_sacrebleu
from ..io.files import require_own
from ..render.report import REPORT_FILES, write_report
from ..search import Search
from ..store import SavedModel, is_builtin, load_model, model_directory
from ..store.directory import WEIGHTS, read_config
from ..store.metadata import now
from ..translate.translator import Translator, dictionary_of
from ..version import __version__
from . import options as opt
from .console import columns, note, say, say_json
from .predict import open_translator, search_of
from .progress import counted
from .significance import compare_on


def evaluate(
    systems: Annotated[list[Path] | None, opt.argument("比べるモデルか、訳のファイル（--compare）")] = None,
    compare: opt.Compare = False,
    load: opt.Models = None,
    data: opt.Tests = None,
    report: opt.Report = None,
    beam: opt.Beam = None,
    length_penalty: opt.LengthPenalty = None,
    backend: opt.Backend = "auto",
    device: opt.Device = None,
    precision: opt.Translating = "fp32",
    dictionary: opt.DictionaryFiles = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    if not data:
        raise UserError(
            "採点するデータがありません。",
            "たとえば: jsl-seq2seq evaluate --load models/first --data test.tsv",
            code="no-data",
        )
    if compare:
        compare_on(
            systems or [],
            data,
            lambda translator: search_of(translator, beam, 1, length_penalty),
            lambda path, model: open_translator(
                model, backend, device, precision, quiet, dictionary_of(model_directory(path), dictionary)
            ),
            quiet,
            as_json,
        )
        return
    if report is not None and report.exists() and not report.is_dir():
        raise UserError(
            f"--report はフォルダーで指定します: {report}",
            "別の名前を指定してください。",
            code="report-not-a-directory",
            path=report,
        )
    if report is not None:
        require_own(report, REPORT_FILES)  # before the work, and once more behind it
    chosen = load or [None]
    directories = [model_directory(one) for one in chosen]
    models = [load_model(directory) for directory in directories]
    corpora = [_read(path, models) for path in data]
    words = dictionary_of(directories, dictionary)
    translator = open_translator(models, backend, device, precision, quiet, words)
    search = search_of(translator, beam, 1, length_penalty)
    sentences = sum(len(corpus.pairs) for corpus in corpora)
    with counted("訳しています", "文", sentences, quiet) as progress:
        files = tuple(evaluate_corpus(translator, corpus, search, progress, models) for corpus in corpora)
    weights = [read_config(one, record=False)["metadata"]["files"][WEIGHTS]["sha256"] for one in directories]
    found = Evaluation(
        " + ".join("付属のモデル" if is_builtin(one) else str(one) for one in chosen),
        __version__,
        _computed(translator),
        search,
        files,
        model_sha256=" + ".join(weights),
        device=translator.ops.device,
        seed=models[0].training.seed if len(models) == 1 else None,
        date=now(),
    )
    if as_json:
        for file in files:
            say_json(file.to_json(sentences=False))
    else:
        show_files(files, search, quiet)
    if report is not None:
        html, plain = write_report(found, report)
        if not quiet:
            note(f"報告を書き出しました: {html}（読む用）、{plain}（プログラム用）")


def _computed(translator: Translator) -> str:
    ops = translator.ops
    return ops.name if ops.precision == "fp32" else f"{ops.name} {ops.precision}"


def _read(path: Path, models: Sequence[SavedModel]) -> Corpus:
    tokenizers = models[0].tokenizers
    corpus = read_corpus(path, tokenizers, repetitions=True)
    # where the model says which sentences it was trained on, it is said sentence by sentence
    unrecorded = [model for model in models if not len(model.trained_on)]
    if not unrecorded or read_corpus(path, tokenizers).digest not in {one.data_digest for one in unrecorded}:
        return corpus
    seen = f"{path}: このモデルの学習に使ったデータです。成績は、初めて見る文での実力を表しません。"
    return replace(corpus, notes=(*corpus.notes, seen))


def show_files(files: Sequence[FileReport], search: Search, quiet: bool) -> None:
    """Print a table of the files' figures, and notes about their data and their limits."""
    rows = [("データ", "由来", "文", "完全一致", "タグ誤り率", "BLEU", "chrF")]
    for file in files:
        scores = file.scores
        rows.append(
            (
                file.name,
                file.origin,
                f"{scores.sentences:,}",
                f"{scores.exact_rate:.1%}",
                f"{scores.edits.rate:.1%}",
                "-" if scores.bleu is None else f"{scores.bleu.value:.1f}",
                "-" if scores.chrf is None else f"{scores.chrf.value:.1f}",
            )
        )
    for line in columns(rows, numbers=range(2, 7)):
        say(line)
    if quiet:
        return
    for file in files:
        for line in file.notes:
            note(f"参考: {line}")
        if file.unknown_tags:
            shown = "、".join(map(file.written, file.unknown_tags[:5])) + "など" * (
                len(file.unknown_tags) > 5
            )
            kinds = f"{file.tokenizers.target.unit_name}が {len(file.unknown_tags)} 種類"
            note(f"参考: {file.name}: モデルが知らない{kinds}、正解にあります（{shown}）。")
    signatures = {one.signature for file in files for one in (file.scores.bleu, file.scores.chrf) if one}
    for signature in sorted(signatures):
        note(f"署名: {signature}")
    if not has_sacrebleu():
        note(HOW_TO_INSTALL)
    note(f"訳し方: {search}。由来の違うデータは合計しません。")
    note("（手話タグの列の採点です。日本手話としての良し悪しではありません）")
