"""Which pieces of a sentence give evidence for a tag, from the lexicon's spellings.

A translation may only hold a tag of the lexicon if one of its words is written in the sentence. This module lists
the pieces by which a word is recognised in any conjugation; the search looks them up (``search/constraints.py``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from ..tokenize.inflection import GODAN
from ..tokenize.normalize import hiragana, normalize
from .lexicon import Lexicon, Word
from .word_tables import read_tables

_GODAN = GODAN | {"る": GODAN["る"] + "い"}
"""With the い of なさい, くださいます and the like, which only honorific verbs have."""

_KURU = (
    "くる",
    "くれ",
    "きて",
    "きた",
    "きま",
    "きな",
    "こな",
    "こよ",
    "こら",
    "こい",
    "きそ",
    "きち",
    "こさ",
)
_SURU = ("する", "すれ", "し", "され", "させ", "せず", "でき", "すべ")


_WORD_KINDS = (
    "つなぎ",
    "言い換え",
    "時の言い換え",
    "句",
    "疑問語",
    "疑問語も",
    "助数詞",
    "敬語の名詞",
    "証拠",
)
"""Kinds of the analyser's words whose tags are evidenced as written (``assets/analyser/words.tsv``)."""

_DIGIT_READINGS = {
    "0": "ゼロ れい まる 〇 零", "1": "いち いっ ひと つい 一 元 がん", "2": "に ふた ふつ 二 はつ はた",
    "3": "さん みっ みつ 三", "4": "よん よっ よつ し よ 四", "5": "ご いつ 五", "6": "ろく ろっ むっ むい 六",
    "7": "なな しち なの 七", "8": "はち はっ やっ よう 八", "9": "きゅう く ここの 九",
    "10": "じゅう じゅっ じっ とお はつか はたち 十", "百": "ひゃく びゃく ぴゃく",
    "千": "せん ぜん", "万": "まん", "億": "おく",
}  # fmt: skip
"""Tag of a number -> what may stand for it: any digit for the tags of places (25 is 2, 10, 5)."""


def evidence(lexicon: Lexicon) -> dict[str, tuple[str, ...]]:
    """Tag -> the pieces of text of which one must be there; tags that grammar rules write themselves are left out.

    The pieces of a tag are its own text, the spellings of the lexicon's words in every conjugation, and the words of
    ``assets/analyser/words.tsv`` for the tag; there the kind 証拠 holds what rules of the grammar and of the analyser
    write a tag for (決まる for …ことになる). Pieces are written in katakana or hiragana as there: fold both the
    pieces and the text (:func:`~jsl_seq2seq.tokenize.normalize.hiragana`) before looking one up in the other.
    """
    found: dict[str, set[str]] = {}
    for word in lexicon.words:
        if word.word_class == "名前":
            continue
        pieces = set(_pieces(word))
        for tag in {*word.tags, *word.negative}:
            found.setdefault(tag, {tag}).update(pieces)
    tables = read_tables()
    for kind in _WORD_KINDS:
        for written, tags in tables[kind].items():
            for tag in tags.split():
                found.setdefault(tag, {tag}).add(written)
    for written, tag in tables["特別な動詞"].items():
        if written[-1] in _GODAN:
            found.setdefault(tag, {tag}).update(written[:-1] + kana for kana in _GODAN[written[-1]])
    numbers = {tag: {tag, *readings.split()} for tag, readings in _DIGIT_READINGS.items()}
    for place in ("10", "百", "千", "万", "億"):
        numbers[place].update("123456789一二三四五六七八九")
    return {
        tag: tuple(sorted(_minimal(pieces)))
        for tag, pieces in sorted({**found, **numbers}.items())
        if tag not in lexicon.function_tags or tag in numbers
    }


def covered(
    pieces: Mapping[str, Sequence[str]],
    pairs: Iterable[tuple[str, Sequence[str]]],
    exceptions: float = 0.003,
) -> dict[str, list[str]]:
    """The tags whose pieces are there where the tag is, with their pieces.

    Args:
        pieces: of each tag, from :func:`evidence`.
        pairs: sentences and their tags. Tags that rules write for other words too (これ for こんな) are left out: their
            share of sentences without a piece is larger than ``exceptions``.
    """
    folded = {tag: sorted({hiragana(normalize(piece)) for piece in found}) for tag, found in pieces.items()}
    seen: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    for source, tags in pairs:
        text = hiragana(source)
        for tag in folded.keys() & set(tags):
            seen[tag] += 1
            missing[tag] += not any(piece in text for piece in folded[tag])
    return {tag: found for tag, found in folded.items() if missing[tag] <= exceptions * max(seen[tag], 1)}


def _pieces(word: Word) -> Iterable[str]:
    for base in (*word.spellings, *word.kana):
        if word.word_class == "五段":
            yield from (base[:-1] + kana for kana in _GODAN[base[-1]])
        elif word.word_class == "一段":
            yield base[:-1]
        elif word.word_class == "サ変":
            if base:
                yield base
            else:
                yield from _SURU
        elif word.word_class == "カ変":
            if base.endswith("来る"):
                yield base[:-1]
            else:
                yield from (base[:-2] + form for form in _KURU)
        elif word.word_class in ("イ形", "良い形"):
            yield base[:-1]
            if base.endswith("いい"):
                yield base[:-2] + "よ"
        else:
            yield base


def _minimal(pieces: Iterable[str]) -> set[str]:
    """Without pieces that hold another one."""
    kept: set[str] = set()
    for piece in sorted(pieces, key=len):
        if not any(piece[i:j] in kept for i in range(len(piece)) for j in range(i + 1, len(piece) + 1)):
            kept.add(piece)
    return kept
