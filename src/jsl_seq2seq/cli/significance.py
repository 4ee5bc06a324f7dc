"""``jsl-seq2seq evaluate --compare``: models, or files of translations, on the same test sentences."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..data import Corpus, read_corpus
from ..data.formats import Lines
from ..data.formats.format import open_text, read_lines
from ..errors import UserError
from ..evaluation import evaluate as evaluate_corpus
from ..evaluation.metrics import HOW_TO_INSTALL, has_sacrebleu
from ..evaluation.significance import (
    Difference,
    System,
    SystemComparison,
    Tags,
    compare_systems,
    require_comparable,
)
from ..io.files import is_regular
from ..io.text import parse_json
from ..search import Search
from ..store import SavedModel, is_builtin, load_model, model_directory
from ..tokenize import CHARACTERS_AND_TAGS, Tokenizers
from ..tokenize.tokenizer import TargetTokenizer
from ..translate import Translator
from .console import columns, note, say, say_json
from .progress import METRIC_NAMES, counted

_MOST_BYTES = 1 << 28

Open = Callable[[Path, SavedModel], Translator]
"""Opens a model of a directory."""


def compare_on(
    systems: Sequence[Path],
    data: Sequence[Path],
    search_of: Callable[[Translator], Search],
    open_model: Open,
    quiet: bool,
    as_json: bool,
) -> None:
    """Compare each system with the first one, on each file.

    Args:
        systems: model directories, or files with a translation for each sentence.
        search_of: the search of each model.
        open_model: called once for each model.
    """
    if len(systems) < 2:
        raise UserError(
            "比べるには、モデルか訳のファイルが 2 つ以上要ります。",
            "たとえば: jsl-seq2seq evaluate --compare models/a models/b --data test.tsv",
            code="compare-needs-two",
        )
    models = {path: load_model(model_directory(path)) for path in systems if not is_regular(path)}
    tokenizers = next((model.tokenizers for model in models.values()), None) or _tokenizers_of(data[0])
    corpora = [read_corpus(path, tokenizers, repetitions=True) for path in data]
    references = [[pair.tags for pair in corpus.pairs] for corpus in corpora]
    for corpus, tags in zip(corpora, references, strict=True):
        require_comparable(corpus.name, len(tags))  # before anything is translated
    hypotheses: dict[Path, list[Sequence[Tags]]] = {}
    searches: list[Search] = []
    for path in dict.fromkeys(systems):
        if path not in models:
            hypotheses[path] = [_translations(path, corpus, tokenizers.target) for corpus in corpora]
            continue
        own = [read_corpus(one, models[path].tokenizers, repetitions=True) for one in data]
        for corpus, tags in zip(own, references, strict=True):
            _require_same(path, corpus, tags)
        translator = open_model(path, models[path])
        search = search_of(translator)
        searches.append(search)
        with counted(f"訳しています（{path}）", "文", sum(map(len, references)), quiet) as progress:
            reports = [evaluate_corpus(translator, one, search, progress, [models[path]]) for one in own]
        hypotheses[path] = [[one.hypothesis for one in report.results] for report in reports]
        for line in [line for report in reports for line in report.notes] if not quiet else ():
            note(f"参考: {path}: {line}")
    for number, (corpus, tags) in enumerate(zip(corpora, references, strict=True)):
        compared = [
            System(name, hypotheses[path][number])
            for name, path in zip(_names(systems), systems, strict=True)
        ]
        found = compare_systems(corpus.name, tags, compared)
        if as_json:
            say_json(found.to_json())
        else:
            _show(found, quiet)
    if not quiet and not as_json:
        _explain(searches)


def _tokenizers_of(path: Path) -> Tokenizers:
    """Of a test file where no model says what it has: tags, or else words."""
    try:
        read_corpus(path, CHARACTERS_AND_TAGS)
    except UserError as error:
        if error.code != "not-a-token":
            raise
        return Tokenizers.of("char", "words")
    return CHARACTERS_AND_TAGS


def _require_same(path: Path, corpus: Corpus, references: Sequence[Tags]) -> None:
    """Raise UserError if a model reads other references in a test file than these."""
    for line, pair, tags in zip(corpus.lines, corpus.pairs, references, strict=True):
        if pair.tags != tags:
            raise UserError(
                f"{path} は、{corpus.name} の {line} 行目の正解を、ほかのモデルと違うように読みます。",
                "同じ単位（タグか語か）の訳を書くモデルどうしで比べてください。",
                code="references-differ",
                path=path,
                line=line,
            )


def _translations(path: Path, corpus: Corpus, target: TargetTokenizer) -> list[Tags]:
    """The translations in a file: one for each sentence of the test file, or for each of its lines.

    Raises:
        UserError: there are more or fewer, or one cannot be read.
    """
    lines = list(enumerate(read_lines(path, "訳のファイル", _MOST_BYTES), start=1))
    count = len(corpus.pairs)
    if len(lines) != count:
        with open_text(Path(corpus.name)) as file:
            total = sum(1 for _ in Lines(file, corpus.name))
        if len(lines) == total:  # those of comments and blank lines are of no sentence
            lines = [lines[line - 1] for line in corpus.lines]
    if len(lines) != count:
        raise UserError(
            f"{path} の行の数（{len(lines):,}）が、{corpus.name} の文の数（{count:,}）と合いません。",
            "1 行に 1 文の訳を、テストと同じ順に書いてください（predict --quiet --input … --output … の形）。",
            code="translations-do-not-fit",
            path=path,
            found=len(lines),
            expected=count,
        )
    return [_parsed(written, line, path, target) for line, written in lines]


def _parsed(written: str, line: int, path: Path, target: TargetTokenizer) -> Tags:
    """A translation as ``predict`` writes it: with --quiet the tags, and behind a tab others; with --json an object,
    which has no tags if the sentence could not be translated."""
    try:
        if written.startswith("{"):
            tags = parse_json(written).get("tags", [])
            return target.parse([tag["tag"] if isinstance(tag, Mapping) else tag for tag in tags])
        return target.parse(written.split("\t")[0])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise UserError(
            f"{path} の {line} 行目を訳として読めません: {written[:60]}",
            f"{target.writing_hint} predict の --quiet か --json の出力も読めます。",
            code="translation-not-readable",
            path=path,
            line=line,
        ) from None


def _names(systems: Sequence[Path]) -> list[str]:
    """What the systems are called: each by another name."""
    names: list[str] = []
    for path in systems:
        name = "付属のモデル" if is_builtin(path) else str(path)
        names.append(name if name not in names else f"{name}（{names.count(name) + 1}）")
    return names


def _show(found: SystemComparison, quiet: bool) -> None:
    metrics = [name for name in METRIC_NAMES if name in found.systems[0].scores]
    say(f"{found.data}（{found.sentences:,} 文）")
    rows = [["", *(METRIC_NAMES[name] for name in metrics)]]
    rows += [[one.name, *(_figure(name, one.scores[name]) for name in metrics)] for one in found.systems]
    for line in columns(rows, numbers=range(1, len(rows[0]))):
        say(line)
    say()
    baseline = found.systems[0].name
    rows = [[f"{baseline} との差", "", "差", "95 % 区間", "p（入替）", "p（再抽出）"]]
    for one in found.differences:
        interval = f"{_signed(one.metric, one.low)} 〜 {_signed(one.metric, one.high)}"
        shown = [_signed(one.metric, one.difference), interval]
        rows.append(
            [one.system, METRIC_NAMES[one.metric], *shown, _p(one.p_randomization), _p(one.p_bootstrap)]
        )
    for line in columns(rows, numbers=range(2, 6)):
        say(line)
    if quiet:
        return
    say()
    for one in found.differences:
        say(f"・{_in_words(one, baseline, found.sentences)}")
    for signature in found.signatures:
        note(f"署名: {signature}")


def _figure(metric: str, value: float) -> str:
    return f"{value:.1%}" if metric == "exact" else f"{value:.1f}"


def _signed(metric: str, value: float) -> str:
    return f"{value:+.1%}" if metric == "exact" else f"{value:+.2f}"


def _p(value: float | None) -> str:
    return "－" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def _in_words(one: Difference, baseline: str, sentences: int) -> str:
    """The result of the tests as a sentence without terms of statistics."""
    figure = METRIC_NAMES[one.metric]
    figure = figure if one.metric == "exact" else f" {figure} "
    if one.p is None:
        return f"{one.system} の{figure}は、{baseline} と同じです（訳の違う文は {one.changed:,} 文）。"
    size = (
        f"{abs(one.difference) * 100:.1f} ポイント"
        if one.metric == "exact"
        else f"{abs(one.difference):.2f} "
    )
    head = f"{one.system} の{figure}は、{baseline} より {size}{'高い' if one.difference > 0 else '低い'}です"
    if one.significant:
        return f"{head}。偶然とは考えにくく、差があると言えます。"
    return (
        f"{head}が、実力が同じでも、偶然これくらいの差は出ます（確率 {one.p:.1%}）。".replace("%", " %")
        + f"訳の違う文は {sentences:,} 文のうち {one.changed:,} 文で、差があるとも、同じだとも言えません。"
    )


def _explain(searches: Sequence[Search]) -> None:
    if searches:
        note(f"訳し方: {'、'.join(dict.fromkeys(map(str, searches)))}。")
    note(
        "p は、実力が同じでも偶然これ以上の差が出る確率です。"
        "両方が 0.05 より小さく、訳の違う文が 6 つ以上あるときだけ、差があると言っています。"
        "いくつも比べるほど、偶然の差も混ざります。"
    )
    note(
        "調べたのは、テストの文の選ばれ方による偶然だけです。学習の種による違いは、train --seeds で確かめてください。"
    )
    if not has_sacrebleu():
        note(HOW_TO_INSTALL)
