"""Variants of sentence pairs with open words, which teach a model to copy what it has never seen.

An open word's tag is ``+`` and its dictionary form. What it shares with the sentence (受け取 of 受け取ります and
受け取る) can be replaced on both sides at once, and the pair stays right:

- :func:`sprinkle` puts random kanji in place of some characters, so that each of them is copied sometimes;
- :func:`with_latin` puts a word in Latin letters in place of a noun;
- :func:`with_number` puts another number, of any length, in place of one before a unit;
- :meth:`NounSwapper.swapped` puts other nouns, of the lexicon or not, in place of nouns;
- :func:`with_slots` puts a slot in place of a piece. A slot is one token that stands for whatever a model's
  vocabulary lacks, and for what a user's dictionary translates (:data:`~jsl_seq2seq.tokenize.tokenizer.SLOTS`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from random import Random

from ..tokenize.tokenizer import SLOTS
from .conjugation import VERB_CLASSES
from .lexicon import Lexicon
from .numbers import number_tags

OPEN = "+"
"""What an open word's tag begins with."""

_LATIN = [
    "Wi-Fi",
    "LINE",
    "YouTube",
    "iPhone",
    "PDF",
    "QR",
    "Excel",
    "Zoom",
    "Suica",
    "ATM",
    "SNS",
    "URL",
    "ID",
    "PC",
    "USB",
    "JR",
    "NHK",
    "DVD",
    "PTA",
    "AED",
    "PCR",
    "GPS",
    "iPad",
    "Mac",
    "Windows",
    "Word",
    "Google",
    "Amazon",
    "Twitter",
    "Instagram",
    "Facebook",
    "Netflix",
    "Skype",
    "Teams",
    "Slack",
    "Gmail",
    "PayPay",
    "nanaco",
    "PASMO",
    "ICOCA",
    "ETC",
    "AI",
    "IT",
    "VR",
    "LED",
    "MRI",
    "CT",
    "DNA",
    "FAQ",
    "VIP",
    "NPO",
    "WHO",
    "EU",
    "UFO",
    "SDGs",
    "DX",
    "IoT",
    "HDMI",
    "SD",
    "SIM",
    "APP",
    "app",
    "web",
    "Web",
    "Bluetooth",
    "Android",
    "Python",
    "wifi",
    "e-mail",
    "TOEIC",
    "TOEFL",
    "IC",
    "HP",
    "BGM",
    "DJ",
    "SOS",
    "UV",
]
_UPPER = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_COUNTED = re.compile(
    r"(?<![\d.,:/・〜~‐−ー-])(\d{1,6})(?=円|人|年前|日前|枚|個|キロ|メートル|回|件|点|票|グラム|軒|冊|本|台|匹)"
)
"""A whole number before a unit that goes with numbers of any size."""

Pair = tuple[str, tuple[str, ...]]
"""A sentence and its tags."""


@dataclass(frozen=True)
class Copied:
    """A piece that an open word and the sentence share.

    Attributes:
        tag: place of the tag in the target.
        start: where the piece begins in the sentence; in the tag it begins behind ``+``.
        length: its characters.
        whole: whether it is the whole word.
    """

    tag: int
    start: int
    length: int
    whole: bool


def copied_pieces(text: str, tags: Sequence[str]) -> list[Copied]:
    """For each open word the longest beginning that the sentence holds exactly once, if that is two characters
    or a whole word; pieces do not overlap."""
    found: list[Copied] = []
    for place, tag in enumerate(tags):
        word = tag.removeprefix(OPEN)
        if word == tag or not word:
            continue
        length = len(word)
        while length and word[:length] not in text:
            length -= 1
        if length < min(2, len(word)) or text.count(word[:length]) != 1:
            continue
        start = text.index(word[:length])
        if all(start + length <= one.start or one.start + one.length <= start for one in found):
            found.append(Copied(place, start, length, length == len(word)))
    return found


def sprinkle(text: str, tags: Sequence[str], random: Random, share: float = 0.5) -> Pair | None:
    """The pair with characters of its open words replaced by random kanji; ``None`` without open words.

    Args:
        share: of the characters of a piece, on average.
    """
    pieces = copied_pieces(text, tags)
    if not pieces:
        return None
    characters, words = list(text), [list(tag) for tag in tags]
    for piece in pieces:
        chosen = [offset for offset in range(piece.length) if random.random() < share]
        for offset in chosen or [random.randrange(piece.length)]:
            character = random.choice(kanji())
            characters[piece.start + offset] = character
            words[piece.tag][len(OPEN) + offset] = character
    return "".join(characters), tuple("".join(word) for word in words)


def with_latin(text: str, tags: Sequence[str], random: Random) -> Pair | None:
    """The pair with a word in Latin letters in place of an open noun; ``None`` without one."""
    nouns = [piece for piece in copied_pieces(text, tags) if piece.whole and piece.length > 1]
    if not nouns:
        return None
    piece, word, words = random.choice(nouns), _latin_word(random), list(tags)
    words[piece.tag] = OPEN + word
    return text[: piece.start] + word + text[piece.start + piece.length :], tuple(words)


def with_number(text: str, tags: Sequence[str], random: Random) -> Pair | None:
    """The pair with another number in place of one that stands before a unit; ``None`` without one.

    Lengths of one to six digits are equally frequent, and a third of the numbers are round: a grammar that draws
    from everyday ranges hardly ever writes 177,324円 or 40000人.
    """
    match = _COUNTED.search(text)
    if match is None:
        return None
    old = number_tags(int(match.group()))
    places = [place for place in range(len(tags)) if tuple(tags[place : place + len(old)]) == old]
    if len(places) != 1:
        return None
    digits = random.randint(1, 6)
    number = random.randint(10 ** (digits - 1), 10**digits - 1)
    if random.random() < 0.35:
        number = number // 10 ** (digits - 1) * 10 ** (digits - 1)
    new = number_tags(number)
    written = str(number)
    if number > 10_000 and random.random() < 0.25:
        written = f"{number // 10_000}万{number % 10_000 or ''}"
    return (
        text[: match.start()] + written + text[match.end() :],
        (*tags[: places[0]], *new, *tags[places[0] + len(old) :]),
    )


def with_slots(text: str, tags: Sequence[str], random: Random) -> Pair | None:
    """The pair with a piece of one or more of its open words replaced by a slot each; ``None`` without open words.

    Half of the time the piece is the whole of what the word and the sentence share, as when a dictionary entry
    stands there; else it is a part, as when a character is unknown.
    """
    pieces = copied_pieces(text, tags)[: len(SLOTS)]
    if not pieces:
        return None
    cuts = []
    for piece in [one for one in pieces if random.random() < 0.6] or [random.choice(pieces)]:
        first, last = 0, piece.length
        if random.random() < 0.5:
            first = random.randrange(piece.length)
            last = random.randint(first + 1, piece.length)
        cuts.append((piece.start + first, piece.start + last, piece.tag, first, last))
    words, parts, position = list(tags), [], 0
    slots = sorted(random.sample(SLOTS, len(cuts)))
    for slot, (start, end, place, first, last) in zip(slots, sorted(cuts), strict=True):
        words[place] = words[place][: len(OPEN) + first] + slot + words[place][len(OPEN) + last :]
        parts += [text[position:start], slot]
        position = end
    return "".join([*parts, text[position:]]), tuple(words)


class NounSwapper:
    """Nouns that can stand in each other's places: people for people, places for places, things for things.

    Args:
        lexicon: whose nouns are replaced, and put in the place of others.
        others: nouns outside the lexicon, which stand for things.
    """

    _GROUPS = ("人", "場所", "建物", "動物")
    """Senses whose nouns only stand in for each other; every other noun is a thing."""
    _WRITTEN = re.compile("[㐀-鿿々ァ-ヶー]+")
    """Nouns that are replaced, and put in the place of others: in hiragana they could be a part of anything."""
    _PART_OF_A_WORD = re.compile("[㐀-鿿々ァ-ヶーA-Za-z0-9おご]")
    """What a noun does not begin behind: 手話 is a part of 日本手話, 茶 of お茶."""
    _BEHIND = re.compile(
        r"[がをはもにとのへや、。！？!?]|で(?!き)|です|だ|か(?![ら-ろ])|から|まで|より|しか|なら|って|$"
    )
    """What stands behind a noun that is not a part of a longer word or of a verb."""

    def __init__(self, lexicon: Lexicon, others: Iterable[str]) -> None:
        verbs = {text for word in lexicon.words if word.word_class in VERB_CLASSES for text in word.spellings}
        self._nouns: dict[str, list[tuple[str, str]]] = {}
        self._groups: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for word in lexicon.words:
            if word.word_class != "名" or not word.tags:
                continue
            group = next((name for name in self._GROUPS if name in word.senses), "物")
            for text in word.spellings:
                if self._WRITTEN.fullmatch(text) and not {text, text + "する"} & verbs:
                    self._groups.setdefault(group, []).append((text, word.tags))
                    if len(word.tags) == 1:
                        self._nouns.setdefault(word.tags[0], []).append((text, group))
        self._others = [(text, (OPEN + text,)) for text in others]

    def swapped(self, text: str, tags: Sequence[str], random: Random, share: float = 0.7) -> Pair | None:
        """The pair with other nouns in place of some of its nouns; ``None`` where none can be replaced.

        A noun is replaced that sentence and tags hold exactly once, and that is no part of a longer word.

        Args:
            share: of the nouns that are replaced, on average; one is in any case.
        """
        places = [
            (*found, place)
            for place, tag in enumerate(tags)
            if tags.count(tag) == 1 and (found := self._found_in(text, tag)) is not None
        ]
        if not places:
            return None
        kept = [one for one in places if random.random() < share] or [random.choice(places)]
        put: list[tuple[str, ...]] = [(tag,) for tag in tags]
        replaced, at = list(text), len(text)
        for start, end, group, place in sorted(kept, key=itemgetter(0, 1, 3), reverse=True):
            if end > at:  # two tags in one piece
                continue
            others = group == "物" and random.random() < 0.4 and self._others
            written, put[place] = random.choice(others or self._groups[group])
            replaced[start:end], at = written, start
        return "".join(replaced), tuple(tag for one in put for tag in one)

    def _found_in(self, text: str, tag: str) -> tuple[int, int, str] | None:
        """[start, end) and group of the noun that a tag stands for, where the sentence holds it once."""
        candidates = [(tag.removeprefix(OPEN), "物")] if tag.startswith(OPEN) else self._nouns.get(tag, [])
        for word, group in candidates:
            start = text.find(word)
            if (
                start >= 0
                and self._WRITTEN.fullmatch(word)
                and text.count(word) == 1
                and not (start and self._PART_OF_A_WORD.match(text[start - 1]))
                and self._BEHIND.match(text, start + len(word))
            ):
                return start, start + len(word), group
        return None


@cache
def kanji() -> tuple[str, ...]:
    """The kanji of JIS X 0208, levels 1 and 2: rows 16 to 84."""
    found = []
    for row in range(16, 85):
        for cell in range(1, 95):
            character = bytes([row + 0xA0, cell + 0xA0]).decode("euc_jp", "ignore")
            if "\u4e00" <= character <= "\u9fff":
                found.append(character)
    return tuple(found)


def _latin_word(random: Random) -> str:
    """A word that is often written in Latin letters, or letters in the shape of one."""
    if random.random() < 0.55:
        return random.choice(_LATIN)
    length, shape = random.randint(2, 8), random.random()
    if shape < 0.35:
        word = "".join(random.choices(_UPPER, k=min(length, 5)))
    elif shape < 0.7:
        word = "".join(random.choices(_UPPER, k=length + 1)).capitalize()
    elif shape < 0.85:
        word = "".join(random.choices(_UPPER, k=length)).lower()
    else:
        parts = ["".join(random.choices(_UPPER, k=max(2, length // 2))).capitalize() for _ in range(2)]
        word = random.choice("-&+.").join(parts)
    return word + str(random.randint(1, 99)) if random.random() < 0.12 else word
