"""``jsl-seq2seq diagnose``: why a model translates one sentence as it does."""

from __future__ import annotations

import math
from typing import Annotated

from ..evaluation import Diagnosis
from ..evaluation import diagnose as diagnose_sentence
from ..evaluation.diagnosis import LOST_EVIDENCE, Place
from ..store import load_model, model_directory
from ..translate.translator import dictionary_of
from . import options as opt
from .console import columns, note, say, say_json
from .predict import open_translator

_BAR = 20
"""Places of a bar that stands for 1."""
_LOOKED = 4
"""Units named for each tag."""


def diagnose(
    text: Annotated[str, opt.argument("調べる文", "文")],
    load: opt.Load = None,
    html: opt.Html = None,
    backend: opt.Backend = "auto",
    device: opt.Device = None,
    precision: opt.Translating = "fp32",
    dictionary: opt.DictionaryFiles = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    if html is not None:
        from ..render.pages import require_place  # noqa: PLC0415  pictures are slow to import

        require_place(html)
    directory = model_directory(load)
    model = load_model(directory, record=False)
    words = dictionary_of(directory, dictionary)
    diagnosis = diagnose_sentence(open_translator(model, backend, device, precision, quiet, words), text)
    if as_json:
        say_json(diagnosis.to_json())
    else:
        _show(diagnosis, quiet)
    if html is not None:
        from ..render.diagnosis_page import diagnosis_page  # noqa: PLC0415  pictures are slow to import
        from ..render.pages import write  # noqa: PLC0415

        write(html, diagnosis_page(diagnosis))
        if not quiet:
            note(f"診断を書き出しました: {html}")


def _show(diagnosis: Diagnosis, quiet: bool) -> None:
    translation = diagnosis.translation
    for warning in translation.warnings:
        note(f"警告: {warning}")
    arrow = "→?" if translation.uncertain else "→"
    say(f"{translation.text} {arrow} {translation}（確からしさ {math.exp(translation.log_prob):.1%}）")
    say()
    unit, target = diagnosis.tokenizers.source.name, diagnosis.tokenizers.target.name
    say(
        f"{target}と確率、ほかの候補、見た{unit}（最後の層の交差アテンション、ヘッドの平均。<EOS> は文の終わり）"
    )
    for number, place in enumerate(diagnosis.places, start=1):
        _show_place(number, place, diagnosis)
    say()
    _show_deletions(diagnosis)
    if not quiet:
        note(
            "アテンションは「どこから情報を取ったか」で、「決め手だった」とは限りません。"
            f"{unit}を消した結果と見比べてください。"
        )
        note("（手話タグの列です。日本手話そのものではありません）")


def _show_place(number: int, place: Place, diagnosis: Diagnosis) -> None:
    units, unit = diagnosis.units, diagnosis.tokenizers.source.name
    others = [(tag, share) for tag, share in place.alternatives if tag != place.tag and share >= 0.0005]
    listed = "、".join(f"{diagnosis.label(tag)} {share:.1%}" for tag, share in others) or "ほぼなし"
    say(f"{number:>3}. {diagnosis.label(place.tag)} {place.probability:.1%}　ほかの候補: {listed}")
    most = sorted(range(len(units)), key=lambda index: -place.attention[index])[:_LOOKED]
    rows = [
        (f"     {index + 1} {unit}目 {units[index]}", f"{share:.2f}", "■" * round(share * _BAR))
        for index, share in sorted((index, place.attention[index]) for index in most)
    ]
    for line in columns(rows):
        say(line)


def _show_deletions(diagnosis: Diagnosis) -> None:
    unit = diagnosis.tokenizers.source.name
    if not diagnosis.deletions:
        say(f"1 {unit}の文なので、{unit}を消して比べることはできません。")
        return
    say(f"{unit}を 1 つ消すと（元の訳の対数確率の変化、負が大きいほど要る{unit}）")
    rows = []
    for index, one in enumerate(diagnosis.deletions, start=1):
        same = one.tags == diagnosis.translation.tags
        tags = "訳は同じ" if same else f"訳が変わる: {diagnosis.written(one.tags)}"
        rows.append((f"  {index} {unit}目 {one.unit}", f"{one.change:+.2f}", tags))
    for line in columns(rows, numbers=[1]):
        say(line)
    if diagnosis.loses_evidence:
        say(f"（{LOST_EVIDENCE}）")
