"""One spelling for what looks the same, and where each character of it stood in the text as it was written.

A :class:`Normalizer` is a list of steps; the plain result and the result with offsets come from the same steps.
:data:`JAPANESE` is for Japanese, :data:`NFC` for every other language. In the former NFKC folds half-width
kana, full-width letters and digits, and decomposed か + ゙ (Unicode Standard Annex 15). What it gets wrong for
Japanese sentences is put right around it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, Protocol

Offset = tuple[int, int]
"""[start, end) in the text as it was written, in characters (code points)."""


class Step(Protocol):
    """One change of a text."""

    def plain(self, text: str) -> str:
        """The changed text."""
        ...

    def aligned(self, text: str, offsets: Sequence[Offset]) -> tuple[str, list[Offset]]:
        """The changed text and the offsets of its characters, from those of ``text``'s characters."""
        ...


@dataclass(frozen=True)
class Map:
    """Single characters by other single characters, as :meth:`str.translate`."""

    table: dict[int, str]

    def plain(self, text: str) -> str:
        return text.translate(self.table)

    def aligned(self, text: str, offsets: Sequence[Offset]) -> tuple[str, list[Offset]]:
        return self.plain(text), list(offsets)


@dataclass(frozen=True)
class Replace:
    """What matches, by at most one character; that character covers all of the match."""

    pattern: re.Pattern[str]
    by: str

    def plain(self, text: str) -> str:
        return self.pattern.sub(self.by, text)

    def aligned(self, text: str, offsets: Sequence[Offset]) -> tuple[str, list[Offset]]:
        parts: list[str] = []
        found: list[Offset] = []
        end = 0
        for match in self.pattern.finditer(text):
            begin = match.start()
            parts += (text[end:begin], self.by)
            found += offsets[end:begin]
            end = match.end()
            if self.by:
                found.append((offsets[begin][0], offsets[end - 1][1]))
        return "".join((*parts, text[end:])), [*found, *offsets[end:]]


@dataclass(frozen=True)
class Form:
    """A Unicode normalization form. Characters that it makes of several are made of all of them."""

    form: Literal["NFC", "NFKC"]

    def plain(self, text: str) -> str:
        return unicodedata.normalize(self.form, text)

    def aligned(self, text: str, offsets: Sequence[Offset]) -> tuple[str, list[Offset]]:
        parts: list[str] = []
        found: list[Offset] = []
        for begin, end in self._segments(text):
            part = self.plain(text[begin:end])
            parts.append(part)
            found += [(offsets[begin][0], offsets[end - 1][1])] * len(part)
        return "".join(parts), found

    def _segments(self, text: str) -> Iterator[tuple[int, int]]:
        """[start, end) of pieces that can be normalized one by one: each begins with a character that begins
        with a starter (combining class 0) and does not compose with what stands before it."""
        begin, before = 0, ""
        for end, character in enumerate(text):
            own = self.plain(character)
            if end and not self._is_boundary(text[begin:end], before, character, own):
                before = self.plain(text[begin : end + 1])
                continue
            if end:
                yield begin, end
            begin, before = end, own
        if text:
            yield begin, len(text)

    def _is_boundary(self, segment: str, before: str, character: str, own: str) -> bool:
        first = unicodedata.normalize("NFKD", character)[:1]
        return not unicodedata.combining(first) and self.plain(segment + character) == before + own


class Marks:
    """At most :data:`_MOST_MARKS` combining marks in a run; what is beyond them goes.

    Putting marks into canonical order takes a time that grows with the square of a run's length. No script stacks
    that many (Unicode Standard Annex 15, Stream-Safe Text Format, has the same bound).
    """

    def plain(self, text: str) -> str:
        if _POSSIBLE_MARKS.search(text) is None:
            return text
        return "".join(text[place] for place in _without_long_runs(text))

    def aligned(self, text: str, offsets: Sequence[Offset]) -> tuple[str, list[Offset]]:
        if _POSSIBLE_MARKS.search(text) is None:
            return text, list(offsets)
        kept = _without_long_runs(text)
        return "".join(text[place] for place in kept), [offsets[place] for place in kept]


_MOST_MARKS = 30
_POSSIBLE_MARKS = re.compile(
    "[^\x00-\u02ff\u3040-\u3098\u309b-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff01-\uff9d]{31}"
)
"""A run of characters of which none is one that Japanese is usually written with: few texts have any."""


def _without_long_runs(text: str) -> list[int]:
    """Places of the characters that stay. A character counts for the marks that it is taken apart into."""
    kept, run = [], 0
    for place, character in enumerate(text):
        parts = unicodedata.normalize("NFKD", character)
        marks = sum(1 for part in parts if unicodedata.combining(part))
        run = run + marks if unicodedata.combining(parts[0]) else len(parts) - 1 if marks else 0
        if run <= _MOST_MARKS or not unicodedata.combining(parts[0]):
            kept.append(place)
    return kept


@dataclass(frozen=True)
class Strip:
    """No blanks at the ends."""

    def plain(self, text: str) -> str:
        return text.strip()

    def aligned(self, text: str, offsets: Sequence[Offset]) -> tuple[str, list[Offset]]:
        begin = len(text) - len(text.lstrip())
        stripped = text.strip()
        return stripped, list(offsets[begin : begin + len(stripped)])


class Normalizer:
    """Steps, one after the other. Idempotent; never fails.

    Attributes:
        steps: in order.
        settled: texts that match as a whole are changed by no step.
    """

    def __init__(self, *steps: Step, settled: re.Pattern[str]) -> None:
        self.steps, self.settled = steps, settled
        self._plain = tuple(step.plain for step in steps)

    def __call__(self, text: str) -> str:
        """The spelling that vocabularies are made of."""
        if self.settled.fullmatch(text):
            return text
        for plain in self._plain:
            text = plain(text)
        return text

    def with_offsets(self, text: str) -> tuple[str, Sequence[Offset]]:
        """The same spelling, and for each of its characters [start, end) in ``text``.

        Starts and ends never fall. Characters that one character was made of share its offsets (½ -> 1⁄2);
        what was removed belongs to none (the comma in 1,500), unless something was made of it and its
        neighbours (か + ゙).
        """
        offsets: Sequence[Offset] = _each_character(len(text))
        if self(text) == text:
            return text, offsets
        for step in self.steps:
            text, offsets = step.aligned(text, offsets)
        return text, offsets


@lru_cache(maxsize=256)
def _each_character(length: int) -> tuple[Offset, ...]:
    """(0, 1), (1, 2), ...: of a text's characters in itself."""
    return tuple(zip(range(length), range(1, length + 1), strict=True))


_SETTLED = re.compile("[ぁ-ゖァ-ヺ一-鿿々ー、。！？]*")
"""What most Japanese sentences consist of; to test this takes a tenth of the steps' time."""

_SPACING_TO_COMBINING = str.maketrans({"゛": "\u3099", "゜": "\u309a"})
"""NFKC would turn the free-standing voicing marks into a space and a mark; people type them for か゛."""

RADICALS: dict[int, str] = dict(
    zip(
        map(
            ord,
            "⺁⺂⺃⺄⺅⺆⺇⺈⺉⺊⺋⺌⺍⺎⺏⺐⺑⺒⺓⺔⺕⺖⺗⺘⺙⺛⺜⺝⺞⺠⺡⺢⺣⺤⺥⺦⺧⺨⺩⺪⺫⺬⺭⺮⺯⺰⺱⺲⺳⺴⺵⺶⺷⺸⺹⺺⺻⺼"
            "⺽⺾⺿⻀⻁⻂⻃⻄⻅⻆⻇⻈⻉⻊⻋⻌⻍⻎⻏⻐⻑⻒⻓⻔⻕⻖⻗⻘⻙⻚⻛⻜⻝⻞⻟⻠⻡⻢⻣⻤⻥⻦⻧⻨⻩⻪⻫⻬⻭⻮⻯⻰⻱⻲㇆㇏㇐㇑"
            "㇒㇓㇔㇕㇖㇗㇘㇙㇚㇛㇜㇝㇞㇟㇠㇡",
        ),
        "厂乛乚乙亻冂𠘨刀刂卜㔾小小兀尣尢𡯂巳幺彑彐忄心扌攵旡日月歺民氵氺灬爫爫丬牛犭王𤴔目示礻𥫗糹纟罓罒㓁冗𦉫羊𦍌𦍋耂肀聿肉"
        "𦥑艹艹艹虎衤覀西见角𧢲讠贝𧾷车辶辶辶邑钅長镸长门𨸏阝雨青韦页风飞食𩙿飠饣𩠐马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀𠃌乀一丨"
        "丿丿丶𠃍乛𠃊𠃎𠄌亅𡿨𠃋乀𠃑乚乙𠄎",
        strict=True,
    )
)
"""Radicals and strokes that NFKC leaves alone, as the ideographs that they look like: the rest of the Unicode
property Equivalent_Unified_Ideograph (Unicode 14)."""

_FULL_STOP = re.compile(r"．(?!\d)")
"""A full-width full stop that is no decimal point. (NFKC has an answer for the ASCII one only: leave it.)"""

_THOUSANDS = re.compile(r"(?<=[0-9]),(?=[0-9]{3}(?![0-9]))")
"""The comma in 1,500; the one in 1,2 separates two numbers."""

_JAPANESE_PUNCTUATION = str.maketrans({"!": "！", "?": "？", ",": "、"})

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
"""Joiners, directions, fillers, variation selectors, tags: nothing a reader sees."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_BYTE_ORDER_MARK = re.compile("\ufeff")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")

_MARKS = Marks()

_FORMAT_1 = (
    Replace(_SURROGATE, "\ufffd"),
    Map(_SPACING_TO_COMBINING),
    Replace(_INVISIBLE, ""),
    Replace(_FULL_STOP, "。"),
    _MARKS,
    Form("NFKC"),
    Replace(_THOUSANDS, ""),
    Map(_JAPANESE_PUNCTUATION),
    Replace(_BLANK, " "),
    Strip(),
)
FORMAT_1 = Normalizer(*_FORMAT_1, settled=_SETTLED)
"""The spelling of the first releases, for vocabularies with radicals in them. It may never change."""
JAPANESE = Normalizer(Map(RADICALS), *_FORMAT_1, settled=_SETTLED)
"""The spelling of a Japanese sentence: see :func:`normalize`."""
NFC = Normalizer(
    Replace(_SURROGATE, "\ufffd"),
    Replace(_BYTE_ORDER_MARK, ""),
    _MARKS,
    Form("NFC"),
    Replace(_BLANK, " "),
    Strip(),
    settled=_SETTLED,
)
"""The spelling of a sentence in any other language: canonical composition (NFC) and single blanks.

Letters, case, width, punctuation, joiners and variation selectors stay as they are: in German, Persian or Hindi they
carry meaning. Byte-order marks go, and half a surrogate pair becomes U+FFFD."""

TAG = Normalizer(
    Map(_SPACING_TO_COMBINING),
    Replace(_INVISIBLE, ""),
    Map(RADICALS),
    _MARKS,
    Form("NFKC"),
    settled=_SETTLED,
)
"""For the names of tags: what looks the same is the same class. Punctuation stays as it is."""

NORMALIZERS = {"japanese": JAPANESE, "nfc": NFC, "tag": TAG}
"""By the name under which ``vocabulary.json`` may ask for one that is not its tokenizer's own. A normalizer
that folds katakana into hiragana, for a model trained with it, belongs here."""


def normalize(text: str) -> str:
    """The spelling of a Japanese sentence. Idempotent; never fails.

    Half-width and decomposed kana become ordinary kana, full-width letters and digits become ASCII, ASCII
    sentence marks become Japanese ones, radicals become the kanji that they look like,
    invisible characters go, runs of blanks and control characters
    become one space, none at the ends. Half a surrogate pair becomes U+FFFD.
    """
    return JAPANESE(text)


def composed(text: str) -> str:
    """Canonical composition (NFC), in a time linear in the text's length: see :class:`Marks`."""
    return unicodedata.normalize("NFC", _MARKS.plain(text))


def hiragana(text: str) -> str:
    """The text with its katakana as hiragana: a word is the same word in either."""
    return text.translate(_TO_HIRAGANA)


def katakana(text: str) -> str:
    """The text with its hiragana as katakana."""
    return text.translate(_TO_KATAKANA)


_TO_HIRAGANA = {code: code - 0x60 for code in range(ord("ァ"), ord("ヶ") + 1)}
_TO_KATAKANA = {code: other for other, code in _TO_HIRAGANA.items()}


def kana_sibling(character: str) -> str:
    """The hiragana of a katakana and the reverse; anything else as it is."""
    if "ァ" <= character <= "ヶ":
        return chr(ord(character) - 0x60)
    if "ぁ" <= character <= "ゖ":
        return chr(ord(character) + 0x60)
    return character
