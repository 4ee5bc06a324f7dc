"""Words outside the lexicon, in the places where the templates have words of the lexicon.

The words come from SudachiDict (Apache-2.0), an optional dependency that is imported only here. The tag of
such a word is ``+`` and its dictionary form: 受け取りたい has the tags ``+受け取る たい``. Thousands of words in
the same templates make copying and undoing the conjugation the only things that can be learned.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from ..errors import UserError
from .conjugation import VERB_CLASSES, check_base
from .lexicon import Lexicon, Word
from .rng import Rng
from .sudachi import INSTALL, open_core_dictionary

MARK = "+"
"""The first character of the tag of a word outside the lexicon."""

KINDS = ("名", "サ変", "五段", "一段", "イ形", "ナ形", "副")
_VERB_SHARES = {"五段": 0.45, "一段": 0.25, "サ変": 0.3}
_SMALLEST_POOL = 20
"""Where fewer words of the lexicon fit a slot than this, the slot keeps them: it means those words."""

_KEPT = {"をする", "連語", "敬語", "存在", "可能動詞", "節のみ", "主なし", "授与"}
"""Senses of predicates that rules name for their own sake."""

_WRITTEN = re.compile("[㐀-鿿々ぁ-ゖァ-ヶー]{2,8}")
_IRREGULAR = ("問う", "請う", "乞う", "行く", "いく", "ゆく", "なさる", "くださる", "ござる")


@dataclass(frozen=True, order=True)
class OpenWord:
    """A word of the dictionary: its class (one of KINDS), how it is written, how it is read."""

    word_class: str
    surface: str
    reading: str


class OpenWords:
    """Words outside the lexicon, by class."""

    def __init__(self, words: Iterable[OpenWord], lexicon: Lexicon) -> None:
        known = {text for word in lexicon.words for text in (*word.spellings, *word.kana)}
        self._by_class: dict[str, list[OpenWord]] = {}
        for word in sorted(set(words)):
            if word.surface not in known:
                self._by_class.setdefault(word.word_class, []).append(word)

    @property
    def counts(self) -> Mapping[str, int]:
        """Number of words per class."""
        return {word_class: len(words) for word_class, words in self._by_class.items()}

    def surfaces(self, word_class: str) -> tuple[str, ...]:
        """How the words of a class are written."""
        return tuple(word.surface for word in self._by_class.get(word_class, ()))

    def stand_in(self, word: Word, pool: Sequence[Word], rng: Rng) -> Word:
        """A word outside the lexicon with the senses and cases of ``word``; ``word`` itself where none fits.

        Args:
            word: the word of the lexicon that was drawn.
            pool: the words it was drawn from.
            rng: of the choice of word.
        """
        if len(pool) < _SMALLEST_POOL or word.senses & _KEPT or not word.tags:
            return word
        word_class = word.word_class
        if word_class in VERB_CLASSES:
            word_class = rng.weighted_choice(tuple(_VERB_SHARES), tuple(_VERB_SHARES.values()))
        candidates = self._by_class.get(word_class)
        if not candidates:
            return word
        found = rng.choice(candidates)
        return replace(
            word,
            tags=(MARK + found.surface,),
            spellings=(found.surface,),
            kana=(),
            word_class=word_class,
            negative=(),
            needs_context=False,
            key=f"{MARK}{word_class}:{word.key}",
        )


def read_open_words(lexicon: Lexicon) -> OpenWords:
    """The words of SudachiDict that the lexicon does not have.

    Raises:
        UserError: SudachiPy or its dictionary is not installed, or too old to list its words.
    """
    return OpenWords(_dictionary_words(), lexicon)


@lru_cache(maxsize=1)
def _dictionary_words() -> tuple[OpenWord, ...]:
    dictionary = _dictionary()
    classes: dict[int, str | None] = {}
    found: set[OpenWord] = set()
    for entry in dictionary.entries():
        part = entry.part_of_speech_id()
        if part not in classes:
            classes[part] = _word_class(entry.part_of_speech())
        word_class = classes[part]
        if word_class is None:
            continue
        surface = entry.surface()
        if entry.normalized_form() == surface and _is_usual(surface) and _conjugates(surface, word_class):
            found.add(OpenWord(word_class, surface, entry.reading_form()))
            if word_class == "サ変":  # 添付 is a noun as well
                found.add(OpenWord("名", surface, entry.reading_form()))
    return tuple(sorted(found))


def _dictionary() -> Any:
    _, opened = open_core_dictionary("辞書にない語を混ぜるには")
    if not hasattr(opened, "entries"):
        raise UserError(
            "SudachiPy が古く、語の一覧を読めません。0.7 以上が必要です。",
            INSTALL,
            code="sudachi-outdated",
        )
    return opened


def _word_class(part: Sequence[str]) -> str | None:
    """The class of a part of speech of UniDic; None for what the templates have no place for."""
    major, minor, detail, _, conjugation, form = part
    if (major, minor) == ("名詞", "普通名詞"):
        return {"一般": "名", "サ変可能": "サ変", "形状詞可能": "ナ形"}.get(detail)
    if (major, minor) == ("形状詞", "一般"):
        return "ナ形"
    if major == "副詞":
        return "副"
    if form != "終止形-一般" or minor != "一般":
        return None
    if major == "形容詞" and conjugation == "形容詞":
        return "イ形"
    if major == "動詞" and conjugation.startswith("五段-"):
        return "五段"
    return "一段" if major == "動詞" and conjugation.startswith(("上一段-", "下一段-")) else None


def _is_usual(surface: str) -> bool:
    """Written in kana and the 2,965 kanji of JIS level 1; not a short word in hiragana, which is part of
    many others."""
    if not _WRITTEN.fullmatch(surface) or (len(surface) < 4 and re.fullmatch("[ぁ-ゖー]+", surface)):
        return False
    try:
        codes = [character.encode("euc_jp") for character in surface if "㐀" <= character <= "鿿"]
    except UnicodeEncodeError:
        return False
    return all(len(code) == 2 and 0xB0 <= code[0] <= 0xCF for code in codes)


def _conjugates(surface: str, word_class: str) -> bool:
    """Whether conjugate() makes the right forms of the word."""
    if word_class in VERB_CLASSES and word_class != "サ変" and surface.endswith(_IRREGULAR):
        return False
    if word_class == "イ形" and surface.endswith("いい"):
        return False
    return check_base(surface, word_class) is None
