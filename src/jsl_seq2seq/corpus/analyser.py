"""A rule-based analyser: any Japanese sentence to the tags that docs/corpus.md prescribes for it.

The text is normalized, cut into sentences and into morphemes (SudachiPy with its core dictionary), and read from
left to right. Words of the lexicon give their tags. A content word outside the lexicon becomes an open word: a
tag ``+`` followed by its dictionary form. Endings are consumed by the table ``ENDINGS``: patterns over the
dictionary forms of the morphemes after a predicate, the first match of a key wins. A clause is a list of items;
when it ends, its time words go to the front. Question words go to the end of the sentence, or of the clause that
is embedded by か.

The result is a label for training data, not a translation: what no rule covers is said in ``Analysis.doubts``.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from ..tokenize.normalize import katakana, normalize
from .conjugation import VERB_CLASSES, conjugate
from .conventions import rewrite
from .fragment import fingerspell
from .lexicon import Lexicon, Word, read_lexicon
from .numbers import LIMIT, number_tags
from .sudachi import open_core_dictionary
from .word_tables import read_tables

OPEN = "+"
"""First character of a tag that is a word outside the lexicon, in dictionary form."""

Span = tuple[int, int]
Mark = tuple[str, Span | None]
"""A tag and where it is written; None for a tag that no one place stands for."""


@dataclass(frozen=True)
class Analysis:
    """The tags of one text.

    Attributes:
        tags: the tags in order; an open word starts with ``+``.
        spans: for each tag its offsets [start, end) in the text as given, or None where the grammar of
            several places yields the tag.
        doubts: why the result should be reviewed, in Japanese; empty when every morpheme was covered by a rule.
    """

    tags: tuple[str, ...]
    spans: tuple[Span | None, ...]
    doubts: tuple[str, ...] = ()

    @property
    def certain(self) -> bool:
        """Whether there is no doubt and at least one tag."""
        return not self.doubts and bool(self.tags)

    def line(self) -> str:
        """The tags in angle brackets, separated by spaces."""
        return " ".join(f"<{tag}>" for tag in self.tags)


# ----------------------------------------------------------------------------------------------------------
# Tables. Every convention that docs/corpus.md names stands here once.
# ----------------------------------------------------------------------------------------------------------


_TABLES = read_tables()


def _table(kind: str) -> dict[str, str]:
    return _TABLES[kind]


def _set(kind: str) -> frozenset[str]:
    return frozenset(_TABLES[kind])


@cache
def _of(words: str) -> frozenset[str]:
    """The words of a list written with spaces; ``_`` stands for the end of the sentence."""
    return frozenset("" if word == "_" else word for word in words.split())


_LEMMAS = _table("同じ語")
"""Functional words in one spelling each, so that a pattern names a word once."""

_NEG = r"(?:ない\||ます\|ぬ\||ぬ\|)"
_FINE = r"(?:いい\||よろしい\||けっこう\||結構\||だいじょうぶ\||平気\||OK\||オーケー\||かまう\|" + _NEG + ")"
_BAD = (
    r"(?:(?:いける|行ける)\|"
    + _NEG
    + r"|いく\|"
    + _NEG
    + r"|だめ\|(?:な\|の\|)?|なる\|"
    + _NEG
    + r"|まずい\||こまる\||困る\|)"
)
_SAY = r"(?:(?:よ|ね|な|さ|わ|ぞ|ぜ|なあ|もん|もの|じゃん|、|っす|って)\|)"
_END = rf"(?={_SAY}*$|(?:{_SAY})*。\|)"
_POLITE_ASK = (
    r"(?:ます\|)?(?:ない\||ぬ\|)?(?:の\|)?(?:です!\||だ!\||です\|)?"
    r"(?:か\|(?:な\||ね\||と\|おもう\|)*|(?=？\|))"
)
_REQUEST = (
    r"(?:くださる\^\|(?:ます\|ぬ\|(?:です!\|)?か\|)?|くださる\|ます\|ぬ\|(?:です!\|)?(?:か\|)?|くれる\^\||ちょうだい\||いただける\|と\|"
    r"|(?:ほしい|(?:もらう|いただく)\|たい)\|(?:です\|)?"
    rf"|(?:くれる|もらえる|いただける|くださる)\|(?!の\|？|です!\||だ!\||ます\|(?:です!|だ!)\|){_POLITE_ASK}"
    rf"|(?:もらう|いただく)\|て\|(?:も\|)?{_FINE}(?:です\||っす\|)?(?:か\||(?=？\|))"
    r"|(?:もらえる|いただける|くれる|くださる)\|(?:ます\|)?(?:と\||たら\||ば\|)"
    r"(?:うれしい\||ありがたい\||助かる\||幸い\|)(?:の\|)?(?:です\|)?)"
)
_KNOWING = "(?:" + "|".join(_TABLES["間接疑問の動詞"]) + ")"
_QUOTING = _set("引用の動詞")
"""Verbs before which と marks what is said or thought, not a condition."""

# A pattern stands over the dictionary forms of the morphemes, each followed by |. A form that matters is
# marked: ! volitional, ^ imperative, & conjunction (が&). な, に, で, じゃ, なら are forms of だ.
# Actions: a plain word is a tag. NEG negates, POT is the potential, VOICE decides れる/られる, PAST, STATE (ている),
# LINK:x ends the clause with the tag x, JUNC ends it without one, STOP ends the predicate, Q asks, INVITE decides
# between an invitation and a negative question, VERB/PLAIN say how a following ない negates.
_ENDINGS: list[tuple[str, str]] = [
    # ない and what it becomes
    (rf"ない\|(?:ば\||て\|は\||ちゃ\||と\|){_BAD}", "必要 VERB"),
    (rf"なきゃ\|{_BAD}", "必要 VERB"),
    (rf"ぬ\|ば\|{_BAD}", "必要 VERB"),
    (rf"ない\|(?:ば\||て\|は\||ちゃ\||と\|){_END}", "MUST"),
    (rf"なきゃ\|{_END}", "必要"),
    (r"なきゃ\|", "NEG LINK:場合"),
    (rf"ない\|て\|(?:も\|)?{_FINE}", "必要 ない"),
    (r"ない\|わけ\|に\|は\|(?:いく|いける)\|(?:ない\||ます\|ぬ\|)", "必要"),
    (rf"ない\|で\|{_REQUEST}", "NEG お願い ASKED"),
    (rf"ない\|で\|{_END}", "NOTDO"),
    (r"ない\|て\|も\|(?:済む|すむ)\|", "必要 ない VERB"),
    (r"ない\|(?:て|で)\|も\|", "NEG LINK:しかし"),
    (r"ない\|(?:て|で)\|いる\|", "NEG"),
    (r"ない\|(?:て|で)\|(?:は\|)?", "NEG JUNC"),
    (r"ない\|うち\|に\|(?:は\|)?", "LINK:前"),
    (r"ない\|か\|(?:な\||なあ\|)(?:？\|)?$", "NEG だろう ?"),
    (r"ない\|(?:？\|$|か\|(?:ね\|)?(?:？\|)?$)", "INVITE"),
    (r"ない\|です\|か\|(?:？\|)?$", "NEG ?"),
    (r"ない\|", "NEG"),
    (r"ます\|ぬ\|(?:です\|)?か\|(?:ね\|)?(?:？\|)?$", "INVITE"),
    (r"ます\|ぬ\|(?:です\|(?=た\|)|です\|)?", "NEG"),
    (r"ず\|を\|得る\|(?:ない\||ます\|ぬ\|)", "必要"),
    (r"ず\|に\|(?:は\|)?(?:いる|いられる)\|られる\|(?:ない\||ます\|ぬ\|)", "必要"),
    (r"ず\|(?:に\|)?(?:は\|)?", "NEG JUNC"),
    (r"ぬ\|", "NEG"),
    (r"まい\|", "NEG だろう"),
    (r"ます!\|か\|(?:ね\|)?(?:？\|)?$", "しよう ?"),
    (r"ます!\|", "しよう"),
    (r"ます\|", ""),
    # て and what follows it
    (rf"て\|{_REQUEST}", "お願い ASKED"),
    (r"て\|ほしい\|ない\|(?:です\|)?", "ない お願い"),
    (rf"て\|(?:も\|)?{_FINE}(?!た\||ば\|)", "かまわない VERB"),
    (rf"(?:て\|は\||ちゃ\|){_BAD}", "ダメ"),
    (r"て\|(?:いる|おる|ござる|いらっしゃる|らっしゃる)\|", "STATE"),
    (r"(?:てる|とる|てらっしゃる|ておる|でる)\|", "STATE"),
    (r"て\|(?:は\||も\|)(?:いる)\|", "STATE"),
    (r"て\|(?:ある|おく|みせる|見せる)\|", ""),
    (r"(?:とく|どく|とける)\|", ""),
    (r"て\|(?:しまう|仕舞う)\|", "DONE"),
    (r"(?:ちゃう|じゃう|ちまう|じまう)\|", "DONE"),
    (r"て\|みる\|", "試す VERB"),
    (r"て\|みたい\|", "試す たい VERB"),
    (r"て\|(?:ごらん|ご覧)\|(?:なさる\^\|)?", "試す"),
    (r"て\|やる\|(?=て\|(?:みる|くる|いく|いる)|た\|こと)", "JUNC0"),
    (r"て\|(?:あげる|やる|さしあげる|差し上げる)\|", "あげる VERB"),
    (r"て\|(?:くれる|くださる)\|", "くれる VERB"),
    (r"て\|(?:もらう|いただく)\|(?=(?:て\|)?(?:ありがとう|ありがたい|感謝))", "くれる VERB"),
    (r"て\|(?:もらう|いただく)\|", "もらう VERB"),
    (r"て\|(?:もらえる|いただける)\|", "もらう POT"),
    (r"て\|くる\|", "COME"),
    (r"て\|いく\|", "GO"),
    (r"て(?:く|ける)\|", "GO"),
    (r"て\|から\|に\|する\|", "後 VERB"),
    (r"て\|から\|で\|(?:は\|)?ない\|(?:と\||ば\|)", "NEG LINK:場合"),
    (r"て\|から\|(?:は\||も\|)?", "LINK:後"),
    (r"て\|以来\|", "LINK:から"),
    (r"て\|も\|", "LINK:しかし"),
    (r"(?:たって|だって)\|", "LINK:しかし"),
    (r"て\|ばかり\|(?:いる|です|だ)\|", "ばかり"),
    (r"て\|ばかり\|で\|(?:は\|)?", "ばかり JUNC"),
    (r"て\|(?:仕方|しかた|しょう|しよう)\|(?:が\|)?(?:ない\||ある\|ます\|ぬ\|)", "とても PLAIN"),
    (r"て\|(?:仕方ない|しょうがない)\|", "とても PLAIN"),
    (r"て\|(?:参る|まいる)\|", ""),
    (r"て\|(?:、\|)?たまる\|(?:ない\||ます\|ぬ\|)", "とても PLAIN"),
    (rf"て\|{_END}", "TEREQ"),
    (r"て\|の\|", ""),
    (r"て\|(?:は\||ね\||さ\||よ\|)?", "JUNC"),
    (r"ちゃ\|", "JUNC"),
    (r"たり\|(?:など\|)?(?:と\|)?(?:する|だ|です)\|", "いろいろ VERB"),
    (r"たり\|(?:など\|)?", "JUNC"),
    # voice, wish, degree, phase
    (r"(?:れる|られる)\|", "VOICE"),
    (r"(?:せる|させる|しめる)\|", "させる VERB"),
    (r"たい\|と\|(?:は\|)?おもう\|(?:て\|(?:いる|おる)\|)?", "たい VERB"),
    (r"(?:たい|たがる)\|", "たい VERB"),
    (r"やすい\|", "簡単 PLAIN"),
    (r"(?:にくい|づらい|がたい)\|", "難しい PLAIN"),
    (r"すぎる\|", "過ぎる VERB"),
    (r"すぎ\|(?:じゃ\||で\|は\|)ない\|(?:です\|)?(?:か\|)?(?:？\|)?$", "過ぎる だろう ?"),
    (r"すぎ\|", "過ぎる PLAIN"),
    (r"(?:はじめる|だす)\|", "始める VERB"),
    (r"つづける\|", "続ける VERB"),
    (r"終わる\|", "DONE"),
    (r"なさる\^\|", ""),
    (r"がる\|", ""),
    (r"ながら\|(?:も\|)?", "WHILE"),
    (r"つつ\|(?:も\|)?(?:ある\|)?", "LINK:同時"),
    # appearance, hearsay, guess
    (r"そう\|(?:に\|(?:は\||も\|)?|も\||じゃ\||で\|は\|)(?:ない\||ある\|ます\|ぬ\|)", "NEG らしい"),
    (r"みたい\|(?:な\|(?!の\|)|に\|)", "LIKE STOP"),
    (r"(?:そう|みたい|らしい|っぽい)\|(?:な\|(?!の\|))?", "らしい PLAIN"),
    (r"よう\|(?:なら\||だ\|たら\|)", "LINK:場合"),
    (r"よう\|に\|なる\|", "なる VERB"),
    (r"よう\|に\|(?:する|心がける|努める)\|", "VERB"),
    (rf"よう\|に\|{_END}", "WISH"),
    (r"よう\|に\|(?:は\||と\|)?", "SOTHAT"),
    (r"よう\|(?!な\||に\||だ\||です\||だ!\||です!\||で\||か\||ね\||よ\||？\||$)(?:、\|)?", "SOTHAT"),
    (r"よう\|(?:な\|(?!の\|))?", "らしい PLAIN"),
    (r"か\|も\|(?:しれる\|(?:ない\||ます\|ぬ\|))?", "かもしれない"),
    (r"(?:だ!|です!)\|(?:か\|(?:ね\||な\||なあ\|)*(?:？\|)?$|(?:ね\|)?？\|$)", "だろう ?"),
    (r"(?:だ!|です!)\|(?:か\|(?!と\|))?(?:と\|おもう\|(?:て\|いる\|)?)?", "だろう"),
    (r"(?:か\|(?:な\||なあ\||しら\|)|かしら\|)(?:と\|おもう\|(?:て\|いる\|)?)", "だろう"),
    (rf"(?:か\|(?:な\||なあ\||しら\|)|かしら\|)(?:ね\||あ\|)?(?:？\|)?{_END}", "だろう ?"),
    (r"(?:に|で)\|(?:ちがう|違い)\|ない\|", "だろう"),
    (r"に\|違う\|ない\|", "だろう"),
    # の after a predicate
    (
        r"の\|(?:じゃ\||で\|は\|)(?:ない\||ある\|ます\|ぬ\|)(?:です!\||だ!\||です\|)?(?:か\|(?:な\||ね\|)*(?:？\|)?$|の\|？\|$|？\|$|か\|な\|)",
        "だろう ?",
    ),
    (
        r"の\|(?:じゃ\||で\|は\|)(?:ない\||ある\|ます\|ぬ\|)(?:です!\||だ!\|)?(?:か\|)?と\|おもう\|(?:て\|いる\|)?",
        "だろう",
    ),
    (r"の\|で\|は\|(?:ない\||ある\|ます\|ぬ\|)", "違う"),
    (r"の\|だ\|から\|(?:ね\||な\||さ\|)+$", ""),
    (rf"の\|だ\|(?:って|そう)\|{_END}", "らしい"),
    (r"の\|で\|ある\|", ""),
    (r"の\|で\|す\|", ""),
    (r"の\|で\|(?:、\|)?", "LINK:原因"),
    (r"(?:の\|)?に\|も\|(?:かかわる|関わる|拘わる)\|ず\|", "LINK:しかし"),
    (r"の\|に\|(?:は\||も\|)?", "NONI"),
    (r"の\|(?=(?:だ|です|だ!|です!|なら|じゃ|か|な)\|)", ""),
    (r"の\|(?=？\|$)", ""),
    (rf"の\|{_END}", ""),
    (r"の\|", "NOMINAL"),
    # noun-like words after a predicate
    (r"こと\|(?:が\||は\||も\|)?できる\|", "ABLE"),
    (r"こと\|(?:は\|)?ない\|", "NONEED"),
    (r"こと\|(?:が\||は\||も\|)?(?:ない\||ある\|ます\|ぬ\|)", "NOEXPERIENCE"),
    (r"こと\|(?:が\||は\||も\|)?ある\|", "EXPERIENCE"),
    (r"こと\|に\|(?:する|きめる|決める)\|", "決める VERB"),
    (r"こと\|に\|なる\|", "決まる VERB"),
    (r"こと\|(?:だ\||です\|)?", "NOMINAL"),
    (r"つもり\|(?:は\||が\||も\||じゃ\||で\|は\|)(?:ない\||ある\|ます\|ぬ\|)", "予定 ない"),
    (r"つもり\|", "予定 VERB"),
    (r"予定\|(?=(?:だ|です|で|な|なら|だ!|です!|、|が&)\||$|。\||？\|)", "予定 VERB"),
    (r"必要\|(?:が\||は\||も\|)?(?:ない\||ある\|ます\|ぬ\|)", "必要 ない"),
    (r"必要\|(?:が\||は\||も\|)?ある\|", "必要 VERB"),
    (r"ほう\|が\|(?:いい|よろしい|まし)\|", "良い PLAIN"),
    (r"ほう\|(?=が\||は\||を\||も\|)", "NOMINAL"),
    (r"はず\|(?:が\||は\||も\|)?(?:ない\||ある\|ます\|ぬ\|)", "はず ない"),
    (r"はず\|", "はず PLAIN"),
    (r"わけ\|(?:で\|は\||じゃ\|)(?:ない\||ある\|ます\|ぬ\|)", "違う"),
    (r"わけ\|に\|は\|(?:いく|いける)\|(?:ない\||ます\|ぬ\|)", "無理"),
    (r"わけ\|(?:が\||は\||も\|)?(?:ない\||ある\|ます\|ぬ\|)", "無理"),
    (r"わけ\|(?=(?:だ|です|な|で)\|)", ""),
    (r"べし\|(?:で\|は\||じゃ\|)(?:ない\||ある\|ます\|ぬ\|)", "ダメ"),
    (r"べし\|", "必要"),
    (r"ところ\|(?=(?:だ!?|です!?|で|なら|な|みたい|らしい|か)\|(?!は\|))", "JUSTNOW"),
    (r"最中\|(?=(?:だ|です|な|に|で)\|)", ""),
    (r"ところ\|(?=(?:が|は|も)\|(?:ある|ない|見つかる|みつかる|ほしい|いい|たくさん))", "場所 NOMINAL"),
    (r"ところ\|(?:に\||へ\|)", "LINK:とき"),
    (r"ところ\|(?:が\||、\|)", "JUNC"),
    (r"ところ\|", "場所 NOMINAL"),
    (r"もの\|(?:だ|です)\|", ""),
    (r"もの\|(?=な\|の\|(?:です|だ|か|？))", ""),
    (r"もの\|の\|", "LINK:しかし"),
    (r"ばかり\|(?:だ\||です\||の\|(?=(?:とき|ころ)\|))?", "ばかり PLAIN"),
    (r"だけ\|", "だけ PLAIN"),
    (r"しか\|(?:ない\||ある\|ます\|ぬ\|)", "ONLY"),
    (r"まま\|(?:で\||に\|)?", "LINK:まま"),
    (r"くらい\|(?=(?:だ|です|な|なら|で)\|)", ""),
    (r"くらい\|", "JUNC"),
    (r"ほど\|(?=(?:だ|です|で)\|)", "ほど PLAIN"),
    (r"ほど\|", "LINK:ほど"),
    (r"より\|(?:は\||も\|)?", "LINK:より"),
    (r"など\|", "いろいろ"),
    # clauses
    (r"とき\|(?:に\|)?(?:は\||も\|)?", "LINK:とき"),
    (r"ころ\|(?:に\|)?(?:は\||も\|)?", "LINK:とき"),
    (r"まえ\|(?:に\|)?(?:は\||も\|)?", "LINK:前"),
    (r"あと\|(?:で\||に\|)?(?:は\||も\|)?", "LINK:後"),
    (r"あいだ\|(?:に\||中\|)?(?:は\||も\|)?", "LINK:間"),
    (r"うち\|(?:に\|(?:は\|)?|は\|)", "LINK:間"),
    (r"まで\|(?:に\|)?(?:は\||も\|)?", "LINK:まで"),
    (rf"ため\|(?:だ\||です\|){_END}", "ため"),
    (r"ため\|(?:に\|)?(?:は\||も\|)?", "LINK:ため"),
    (r"(?:うえ|上)\|(?:で\|(?:は\|)?|、\|)", "LINK:後"),
    (r"(?:せい|おかげ)\|(?=じゃ\||だ\||です\||で\|は\|)", "原因 PLAIN"),
    (r"(?:せい|おかげ)\|(?:で\||か\|)?", "LINK:原因"),
    (r"たび\|に\|", "LINK:毎回"),
    (r"場合\|(?:に\|)?(?:は\||も\|)?", "LINK:場合"),
    (r"(?:とたん|途端)\|(?:に\|)?", "LINK:すぐ"),
    (r"(?:すぐ|直後)\|(?:に\|)?(?=、\|)", "LINK:すぐ"),
    (r"とおり\|(?:に\|)?", "LINK:同じ"),
    (r"ついで\|に\|", "LINK:ついで"),
    (r"(?:たら|なら)\|(?:ば\|)?(?:？\|$)", "LINK:場合"),
    (r"(?:たら|なら)\|(?:ば\|)?", "LINK:場合"),
    (r"りゃ\|", "LINK:場合"),
    (r"ば\|", "IF"),
    (rf"から\|{_END}", "STOP"),
    (r"から\|と\|いう\|て\|(?:も\|)?", "LINK:しかし"),
    (rf"から\|って\|(?!{_SAY}*$)(?:、\|)?", "LINK:しかし"),
    (r"から\|(?:に\|は\||こそ\|)?", "LINK:原因"),
    (rf"(?:が&|けど|のに|くせ|し&)\|{_END}", "STOP"),
    (r"(?:が&|けど|のに)\|(?:も\|)?", "LINK:しかし"),
    (r"(?:くせ|わり|割)\|に\|(?:は\|)?", "LINK:しかし"),
    (r"(?:っぱなし|っ放し)\|(?:(?=(?:だ|です|の)\|)|に\|する\|)", "まま VERB"),
    (r"(?:っぱなし|っ放し)\|(?:で\|)?", "LINK:まま"),
    (r"し&\|", "JUNC"),
    (r"と\|(?:は\|)?(?:限る|かぎる)\|(?:ない\||ます\|ぬ\|)", "違う"),
    (r"と\|の\|こと\|(?:だ\||です\|)?", "らしい"),
    (r"と\|か\|", "JUNC"),
    (rf"って\|{_END}", "らしい"),
    (r"と\|いう\|より\|(?:は\||も\|)?", "LINK:より"),
    (r"と\|いう\|(?:。\|)?$", "らしい"),
    (r"きり\|", "LINK:まま"),
    (r"あげく\|(?:に\|)?", "LINK:後"),
    (r"に\|する\|て\|も\|", "LINK:しかし"),
    (r"(?:と|って)\|", "THAT"),
    # forms of だ, and what is only politeness
    (r"(?:じゃ\||で\|は\|)だめ\|", "ダメ"),
    (r"(?:じゃ\||で\|は\|)ない\|(?:です\||の\|)*(?:か\|(?:よ\||ね\|)*)?(?:？\|)?$", "SURELY"),
    (r"(?:じゃ\||で\|(?:は\||も\|)?)(?:ない\||ある\|ます\|ぬ\||ござる\|ます\|ぬ\|)", "NEG"),
    (rf"で\|も\|{_FINE}", "かまわない VERB"),
    (r"で\|(?:ある|ござる|いらっしゃる)\|", "COPULA"),
    (r"(?:は|も)\|(?:ない\||ある\|ます\|ぬ\|)", "NEGA"),
    (r"ある\|ます\|ぬ\|", "NEGA"),
    (r"(?:だ|です|っす)\|か\|、\|", "CHOICE"),
    (r"だ\|だ\|", ""),
    (r"(?:だ|です|っす)\|", "COPULA"),
    (rf"な\|(?:よ\|)?(?:(?=と\|)|{_END})", "DONT"),
    (r"な\|(?=の\|)", ""),
    (r"な\|", "ADNOMINAL"),
    (r"た\|", "PAST"),
    (r"た!\|", "PAST だろう"),
    (rf"ては\|{_BAD}", "ダメ"),
    (r"ては\|", "JUNC"),
    (r"(?:なんて|なんか)\|", "NOMINAL"),
    # questions
    (r"(?:っけ|け)\|(?:か\|)?(?:ね\||な\|)*(?:？\|)?", "Q"),
    (r"か\|どう\|か\|", "WHETHER"),
    (r"か\|い\|(?:？\|)?$", "Q"),
    (r"か\|(?:よ\||ね\||い\||い\||あ\|)*(?:？\|)?$", "Q"),
    (r"か\|", "EMBED"),
    (r"(?:よ|ね|なあ|さ|わ|ぞ|ぜ|もん|じゃん|い|え|ねん|わい|や|かし)\|", ""),
    (r"な\|", ""),
    (r"もの\|$", ""),
]


def _by_key(rules: list[tuple[str, str]]) -> dict[str, list[tuple[re.Pattern[str], tuple[str, ...]]]]:
    """The rules by the first morpheme that each can match; the order of the table stays."""
    table: dict[str, list[tuple[re.Pattern[str], tuple[str, ...]]]] = {}
    for pattern, actions in rules:
        compiled = re.compile(pattern)
        for key in _first_words(pattern):
            table.setdefault(key, []).append((compiled, tuple(actions.split())))
    return table


def _first_words(pattern: str) -> list[str]:
    """The literal first morphemes of a pattern: all alternatives of a leading group, or the leading literal."""
    if not pattern.startswith("(?:"):
        return _literal_heads(pattern)
    depth, start, heads = 0, 3, []
    for position in range(len(pattern)):
        if pattern[position] == "(":
            depth += 1
        elif pattern[position] == ")":
            depth -= 1
        if depth == 1 and pattern[position] == "|" and pattern[position - 1] != "\\":
            heads.append(pattern[start:position])
            start = position + 1
        if depth == 0:
            heads.append(pattern[start:position])
            rest = pattern[position + 1 :]
            break
    else:
        raise ValueError(pattern)
    return [
        word
        for head in heads
        for word in _literal_heads(head if "\\|" in head or "(?" in head else head + rest)
    ]


def _literal_heads(text: str) -> list[str]:
    head = text.partition("\\|")[0]
    if "(?:" in head:  # て(?:く|ける)
        stem, _, group = text.partition("(?:")
        return [stem + option for option in group.partition(")")[0].split("|")]
    return [head.replace("\\^", "^")]


ENDINGS = _by_key(_ENDINGS)

_QUESTIONS = _table("疑問語")

_THING_COUNTERS = _set("数える物")
"""Counters for things: their numbers alone are signed, as 個 and 本 in docs/corpus.md."""

_UNITS = _table("助数詞")

_NUMBER_TAGS = frozenset(("百", "千", "万", "億"))

_TIME_WORDS = _set("時")
"""Time words outside the lexicon: they go to the front of their clause as the lexicon's do."""

_TIME_SYNONYMS = _table("時の言い換え")
"""Time words that docs/corpus.md folds into another; used where the lexicon has no entry of its own."""

_TIME_MODIFIERS = _set("時の前")
"""Words that stay before the time word they describe: この夏, 今度の日曜."""

_IGNORED = _set("間投")
"""Fillers and softeners that are not signed."""

_GUESSING = frozenset(("だ!", "です!", "ます!", "た!"))

_TITLES = _set("敬称")
"""Suffixes after a person that are not signed."""

_CONNECTIVES = _table("つなぎ")
"""Words that open a sentence or a clause, and their tags; empty when not signed."""

_SPECIAL_VERBS = _table("特別な動詞")

_HONORIFIC_NOUNS = _table("敬語の名詞")

_COLUMN_WORDS = _table("言い換え")
"""Words that docs/corpus.md folds into another tag; used where the lexicon has no entry of its own."""


_INTRANSITIVE = {"入れる": "入る", "開ける": "開く"}
"""Transitive verbs written as the potential of their intransitive: 車が入れない."""

_NOT_POTENTIAL = _set("可能でない動詞")
"""Verbs that look like the potential of another and are words of their own."""

_FETCHING = _set("取りに行く動詞")
"""Verbs whose …てくる and …ていく say that somebody comes or goes; elsewhere they are not signed."""

_PASSIVE = _set("受け身の動詞")
"""Ichidan verbs whose られる is taken as the passive even where no agent is named."""

_SENSED = _set("感じる物")
"""Nouns whose …がする means that they are there."""

_HONORED = _set("敬語で問う動作")
"""Actions whose …されますか asks politely."""

_PHRASES = _table("句")
"""Adverbs of several morphemes."""

_RESPECTED = _set("目上")

_FORMAL = _of("こと もの ところ とき ため よう わけ はず まま ほう なし とも もと")
"""Nouns of grammar, which are no words of the lexicon with the same reading (琴)."""

_SENTENCE_END = re.compile(r"[。！？\n]+")
_ADNOMINAL = ("連体形", "終止形")
_MAX_CHARACTERS = 400
"""A sentence longer than this is cut: SudachiPy refuses very long input, and rules say nothing about such text."""

_NUMERAL = ("名詞", "数詞", "*", "*", "*", "*")
_COUNTER = ("接尾辞", "名詞的", "助数詞", "*", "*", "*")
_NUMERALS = re.compile(
    r"[一二三四五六七八九〇十百千万億]{2,}|十(?=分(?:以内|くらい|ぐらい|ほど|前|後|かか|おき|ごと|歩|遅|待|間|も|だけ))|[二三四五六七八九](?=軒目)|一(?=時(?:[半頃にからまのですごを、。？]|[一二三四五六七八九十0-9]+分|$))"
)
_AFTER_NUMERAL = re.compile(
    r"[人個円年月日時分回階番度枚冊本匹台歳才つ週秒メキ名か杯点倍代軒頭羽件割ページヶカ便校社部文錠滴問席膳畳坪段列組通皿箱袋着曲話票歩口]|[ぁ-ん、。！？]|$"
)
_KANJI_DIGITS = {character: value for value, character in enumerate("〇一二三四五六七八九")}


# ----------------------------------------------------------------------------------------------------------
# Text
# ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Text:
    """Normalized text with the place of each character in the text as given."""

    text: str
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> Span:
        return self.starts[start], self.ends[end - 1]


def _aligned(raw: str) -> _Text:
    """The text cluster by cluster (a character with its combining marks) through :func:`normalize`."""
    characters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    while position < len(raw):
        end = position + 1
        while end < len(raw) and (unicodedata.combining(raw[end]) or raw[end] in "゛゜ﾞﾟ\ufe0e\ufe0f\u200d"):
            end += 1
        cluster = raw[position:end]
        written = "\n" if cluster == "\n" else normalize(cluster) or (" " if cluster.isspace() else "")
        if cluster == "\uff0e":
            written = "." if end < len(raw) and raw[end].isdigit() else "。"
        if cluster == ",":
            written = (
                ","
                if end < len(raw) and raw[end].isdigit() and position and raw[position - 1].isdigit()
                else "、"
            )
        if cluster == "，":
            written = "、"
        if cluster in ("～", "〜"):
            written = "〜"
        for character in written:
            characters.append(character)
            starts.append(position)
            ends.append(end)
        position = end
    written = re.sub("(?<=対)零|零(?=[時度点分対])", "0", _CRIED.sub(r"\1い", "".join(characters)))
    return _arabic(_without_fillers(_Text(written, tuple(starts), tuple(ends))))


_CRIED = re.compile(
    r"(?<![一-鿿々ぁ-ゖ])([痛寒暑熱怖高安早速重軽甘臭眠近遠古若狭広短強弱辛]|うま|やば|でか|すご|まず|きも|くさ|こわ|さむ|あつ|たか|いた|はや|ちか|おも)っ(?=[、。！!？?…]|$)"
)
"""Adjectives cut short in a cry: 痛っ is 痛い."""


_FILLERS = re.compile(
    r"(?:^|(?<=[、。！？!?\n…\.]))(?:えっと|えーっと|えーと|ええと|えと|あのう?|あのー|そのー|うーんと?|なんか|何か|まあ|まぁ|ねえねえ|ねえ|ねぇ"
    r"|ほら|えー|えーっと|あー|さあ|いやー|なあ?んだ|あのですね|そうですね)ー*ね?(?:、|…+|\.{2,}|。{2,}|・{2,})"
    r"|(?:…|\.{2,}|。{2,}|・{2,})[…。.・]*(?=\s*(?:$|\n))"
    r"|[¥￥]\d[\d,]*"
)
"""Hesitations with the comma or the dots after them, dots at the end, and prices written with a sign."""


def _without_fillers(text: _Text) -> _Text:
    """The text without hesitations; dots at its end are a full stop, ¥500 is 500円."""
    if not _FILLERS.search(text.text):
        return text
    result: list[str] = []
    kept: list[int] = []
    last = 0
    for match in _FILLERS.finditer(text.text):
        result.append(text.text[last : match.start()])
        kept += range(last, match.start())
        if match.group()[0] in "…。.・":
            result.append("。")
            kept.append(match.start())
        elif match.group()[0] in "¥￥":
            result.append(match.group()[1:] + "円")
            kept += [*range(match.start() + 1, match.end()), match.start()]
        last = match.end()
    result.append(text.text[last:])
    kept += range(last, len(text.text))
    return _Text("".join(result), tuple(text.starts[i] for i in kept), tuple(text.ends[i] for i in kept))


def _arabic(text: _Text) -> _Text:
    """Kanji numerals of two and more characters before a counter as digits: 二十人 is cut wrongly otherwise."""
    result, starts, ends, last = [], [], [], 0
    for match in _NUMERALS.finditer(text.text):
        if match.group() in _of("一 二 三 四 五 六 七 八 九 十") and text.text[
            max(0, match.start() - 1) : match.start()
        ] in ("数", "何", "第", "同"):
            continue
        value = None if match.group() in ("五七五", "七五三") else _kanji_value(match.group())
        following = text.text[match.end() : match.end() + 1]
        if (
            value is None
            or not _AFTER_NUMERAL.match(following)
            or (len(match.group()) == 2 and following == "")
        ):
            continue
        if (
            following
            and "ぁ" <= following <= "ん"
            and value < 100
            and following not in "はがをにでのもつとか"
        ):
            continue
        before = text.text[match.start() - 1 : match.start()]
        if before and before.isdigit():
            continue
        if before and before in "数何第約各" and before in "数何":
            continue
        digits = str(value)
        result.append(text.text[last : match.start()])
        starts += text.starts[last : match.start()]
        ends += text.ends[last : match.start()]
        result.append(digits)
        starts += [text.starts[match.start()]] * len(digits)
        ends += [text.ends[match.end() - 1]] * len(digits)
        last = match.end()
    if not result:
        return text
    result.append(text.text[last:])
    starts += text.starts[last:]
    ends += text.ends[last:]
    return _Text("".join(result), tuple(starts), tuple(ends))


def _kanji_value(text: str) -> int | None:
    """二千五百 -> 2500, 一九九八 -> 1998; None for what is no well-formed number (二三, 万一)."""
    if not text or not all(character in "〇一二三四五六七八九十百千万億" for character in text):
        return None
    if len(text) == 1 and text in _KANJI_DIGITS:
        return _KANJI_DIGITS[text]
    if not any(character in "十百千万億" for character in text):
        return int("".join(str(_KANJI_DIGITS[c]) for c in text)) if len(text) >= 3 or "〇" in text else None
    total = group = digit = 0
    last_small = 10**4
    last_large = 10**12
    for character in text:
        if character in _KANJI_DIGITS:
            if digit:
                return None
            digit = _KANJI_DIGITS[character]
        elif character in "十百千":
            size = {"十": 10, "百": 100, "千": 1000}[character]
            if size >= last_small:
                return None
            group, digit, last_small = group + (digit or 1) * size, 0, size
        else:
            size = {"万": 10**4, "億": 10**8}[character]
            if size >= last_large or not group + digit:
                return None
            total, group, digit, last_small, last_large = total + (group + digit) * size, 0, 0, 10**4, size
    return total + group + digit


# ----------------------------------------------------------------------------------------------------------
# Morphemes
# ----------------------------------------------------------------------------------------------------------


@dataclass
class _Token:
    """One morpheme, with the name that the patterns of ENDINGS know it by."""

    surface: str
    base: str
    norm: str
    reading: str
    pos: tuple[str, ...]
    start: int
    end: int
    oov: bool
    raw: Any
    name: str = ""

    def __post_init__(self) -> None:
        self.name = _name(self.surface, self.base, self.norm, self.pos)

    @property
    def form(self) -> str:
        return self.pos[5]

    @property
    def is_verb(self) -> bool:
        return self.pos[0] == "動詞"

    @property
    def is_kana(self) -> bool:
        return all("ぁ" <= c <= "ヿ" or c == "ー" for c in self.surface)


_LATIN = re.compile(r"[A-Za-z][A-Za-z0-9.]*")

_COMMON_NOUN = ("名詞", "普通名詞", "一般", "*", "*", "*")
_CONTINUING = ("動詞", "一般", "*", "*", "五段-サ行", "連用形-一般")
_DONE_VERB = ("動詞", "非自立可能", "*", "*", "五段-ラ行", "連用形-促音便")


def _retold(token: _Token, base: str, pos: tuple[str, ...]) -> _Token:
    """The morpheme as a form of another word."""
    return _Token(token.surface, base, base, token.reading, pos, token.start, token.end, False, token.raw)


def _divided(token: _Token, length: int, verb: str) -> list[_Token]:
    """A noun that the dictionary made of a noun and the last ``length`` characters, a form of the verb."""
    noun, form = token.surface[:-length], token.surface[-length:]
    middle = token.end - length
    return [
        _Token(noun, noun, noun, "", _COMMON_NOUN, token.start, middle, False, token.raw),
        _Token(form, verb, verb, "", _CONTINUING, middle, token.end, False, token.raw),
    ]


@lru_cache(maxsize=50000)
def _name(surface: str, base: str, norm: str, pos: tuple[str, ...]) -> str:
    kind, sub, form = pos[0], pos[1], pos[5]
    if kind == "助動詞":
        if pos[4] == "助動詞-タ":
            base = "た"
        if base == "た" and form.startswith("仮定形"):
            return "たら"
        if base == "ない" and form == "仮定形-融合":
            return "なきゃ"
        if base == "だ":
            if form.startswith("仮定形"):
                return "なら"
            if form == "意志推量形":
                return "だ!"
            if surface in _of("な に で じゃ じゃあ"):
                return surface[:2] if surface != "じゃあ" else "じゃ"
            return "だ"
        if base == "ぬ" and surface in ("ず", "ざる"):
            return "ず"
        if base == "ず":
            return "ず"
        if form == "意志推量形" and base in ("だ", "です", "ます", "た"):
            return base + "!"
        if form.startswith("仮定形-融合"):
            return "りゃ"
        return base
    if kind == "助詞":
        if sub == "準体助詞":
            return "の"
        if sub == "接続助詞":
            if norm == "て":
                return "ちゃ" if surface in _of("ちゃ じゃ ちゃあ じゃあ ちゃー") else "て"
            if surface == "が":
                return "が&"
            if surface == "し":
                return "し&"
            if norm == "けれど":
                return "けど"
            if norm == "たり":
                return "たり"
            return _LEMMAS.get(base, base)
        if norm == "たり":
            return "たり"
        return _LEMMAS.get(surface, surface)
    if kind == "補助記号":
        return "、" if surface in ("、", "，", " ") else surface
    lemma = _LEMMAS.get(base, base)
    if kind == "動詞":
        if (form == "命令形" and lemma in ("くださる", "くれる", "なさる", "する")) or surface == "ください":
            return lemma + "^"
        return lemma
    return lemma


# ----------------------------------------------------------------------------------------------------------
# Clauses
# ----------------------------------------------------------------------------------------------------------


@dataclass
class _Item:
    """Tags that stay together while a clause is ordered.

    Attributes:
        kind: time, wh (question word), noun, verb, adjective, adverb or other.
        particle: the case particle after it, if any.
        live: a person or an animal, as far as the lexicon or the part of speech says so.
        fixed: a time word that stays where it is written.
    """

    marks: list[Mark]
    kind: str = "other"
    particle: str = ""
    live: bool = False
    fixed: bool = False
    word: Word | None = None
    base: str = ""


@dataclass
class _Predicate:
    """A predicate while its endings are read."""

    item: _Item
    kind: str
    word: Word | None = None
    added: list[Mark] = field(default_factory=list)
    verbal: bool = True
    past: bool = False
    state: bool = False
    asked: bool = False
    done: bool = False
    honorific: bool = False
    closed: bool = False


# ----------------------------------------------------------------------------------------------------------
# The analyser
# ----------------------------------------------------------------------------------------------------------


class Analyser:
    """Labels Japanese text with tags by rules. Construct once: it loads a dictionary of some 70 MB.

    Args:
        lexicon: a folder in place of the packaged lexicon, or a file of rows added to it.

    Raises:
        UserError: SudachiPy or its dictionary is missing or broken, or the lexicon is.
    """

    def __init__(self, lexicon: Path | None = None) -> None:
        self._tokenizer, self._short = _open_dictionary()
        self.lexicon = read_lexicon(lexicon)
        self.words = _Index(self.lexicon)

    def label(self, text: str) -> Analysis:
        """The tags of a text of any number of sentences. Never fails."""
        aligned = _aligned(text)
        marks: list[Mark] = []
        doubts: dict[str, None] = {}
        for start, end, mark in _sentences(aligned.text):
            reader = _Reader(self, self._morphemes(aligned.text[start:end], start), mark, doubts)
            marks += _rewritten(reader.read())
        return Analysis(
            tuple(tag for tag, _ in marks),
            tuple(None if span is None else aligned.span(*span) for _, span in marks),
            tuple(doubts),
        )

    def _morphemes(self, text: str, offset: int) -> list[_Token]:
        tokens = [self._token(m, offset) for m in self._tokenizer.tokenize(text)]
        return [
            token for token in tokens if token.surface != "ませ" or token.form != "命令形"
        ]  # お待ちくださいませ

    def _token(self, m: Any, offset: int) -> _Token:
        return _Token(
            m.surface(), m.dictionary_form(), m.normalized_form(), m.reading_form(), tuple(m.part_of_speech()),
            m.begin() + offset, m.end() + offset, m.is_oov(), m,
        )  # fmt: skip

    def parts(self, token: _Token) -> list[_Token]:
        """The short units of a compound, or the token alone."""
        pieces = token.raw.split(self._short)
        if len(pieces) < 2:
            return [token]
        offset = token.start - pieces[0].begin()
        return [self._token(piece, offset) for piece in pieces]


def label_lines(texts: Iterable[str], lexicon: Path | None = None) -> Iterator[str]:
    """TSV lines ``text<TAB><tag> <tag> …`` for texts, open words as ``<+word>``; a text without tags is left out.

    A line whose tags should be reviewed has ``?`` in a third column. A tab in a text becomes a space. Raises
    UserError as :class:`Analyser`, before the first line.
    """
    analyser = Analyser(lexicon)
    for text in texts:
        clean = " ".join(text.split())
        found = analyser.label(clean)
        if found.tags:
            yield f"{clean}\t{found.line()}" + ("" if found.certain else "\t?")


def _open_dictionary() -> tuple[Any, Any]:
    """The tokenizer of the core dictionary and the mode of short units."""
    library, dictionary = open_core_dictionary("形態素解析には")
    opener = getattr(dictionary, "tokenizer", None) or dictionary.create
    return opener(library.SplitMode.C), library.SplitMode.A


def _sentences(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and mark (？ or nothing) of each sentence; marks inside 「」 and （） do not end one."""
    depth = start = 0
    for position, character in enumerate(text):
        if character in "「『（(":
            depth += 1
        elif character in "」』）)":
            depth = max(0, depth - 1)
        long = position - start >= _MAX_CHARACTERS
        if (character in "。！？!?\n" and (depth == 0 or long)) or long:
            if text[start:position].strip():
                yield start, position + (character not in "。！？!?\n"), "？" if character in "？?" else ""
            start = position + 1
    if text[start:].strip():
        yield start, len(text), ""


def _marks(tags: Iterable[str], span: Span | None) -> list[Mark]:
    return [(tag, span) for tag in tags]


def _rewritten(marks: list[Mark]) -> list[Mark]:
    """The marks of a sentence by the chosen conventions; a tag that only the other form has is written nowhere."""
    tags = [tag for tag, _ in marks]
    chosen = rewrite(tags)
    if list(chosen) == tags:
        return marks
    left, found = list(marks), []
    for tag in chosen:
        mark = next((one for one in left if one[0] == tag), (tag, None))
        if mark in left:
            left.remove(mark)
        found.append(mark)
    return found


class _Index:
    """The lexicon by what is written: nominal words by surface, predicates by surfaces and dictionary form."""

    def __init__(self, lexicon: Lexicon) -> None:
        self.tags = frozenset(lexicon.tags)
        self.nominal: dict[str, list[Word]] = {}
        self.predicate: dict[str, list[Word]] = {}
        self.stems: dict[str, Word] = {}
        self.suru: dict[str, Word] = {}
        self.suru_object: dict[str, Word] = {}
        self.names: dict[str, Word] = {}
        self.counters: dict[str, str] = dict(_UNITS)
        self.prefixes: set[str] = set()
        for word in lexicon.words:
            for spelling in (*word.spellings, *word.kana):
                self._add(word, spelling)
        self.counters.update(dict.fromkeys(_THING_COUNTERS, ""))
        for question in _QUESTIONS:
            self._prefix(question)
        for opener in (*_PHRASES, *_CONNECTIVES, *_COLUMN_WORDS, *_TIME_WORDS):
            self._prefix(opener)

    def _prefix(self, text: str) -> None:
        for end in range(1, len(text) + 1):
            self.prefixes.add(text[:end])

    def _add(self, word: Word, spelling: str) -> None:
        if word.word_class == "助数":
            self.counters.setdefault(spelling, " ".join(word.tags))
            return
        if word.word_class == "名前":
            if spelling not in word.kana:
                self.names.setdefault(spelling, word)
            return
        if word.word_class == "サ変":
            if spelling.endswith("を"):
                self.suru_object.setdefault(spelling[:-1], word)
            elif spelling:
                self.suru.setdefault(spelling, word)
                self.nominal.setdefault(spelling, []).append(word)
                self._prefix(spelling)
            return
        table = self.nominal
        if word.word_class in VERB_CLASSES or word.word_class in ("イ形", "良い形"):
            table = self.predicate
        if word.word_class == "良い形" and spelling.endswith("いい"):
            for ending in ("よい", "良い"):
                self.predicate.setdefault(spelling[:-2] + ending, []).append(word)
                self._prefix(spelling[:-2] + ending)
        for variant in _without_particle(spelling) if table is self.predicate else (spelling,):
            table.setdefault(variant, []).append(word)
            self._prefix(variant)
        if word.word_class in ("五段", "一段"):
            self.stems.setdefault(conjugate(spelling, word.word_class, "連用"), word)

    def emit(self, name: str) -> str:
        """The tag itself where the lexicon has it, else the open word."""
        return name if name in self.tags or name in _NUMBER_TAGS or name.isdigit() else OPEN + name


def _without_particle(spelling: str) -> tuple[str, ...]:
    """お腹が空く is also said お腹空く and お腹も空く; a spelling without を or が only as it is."""
    match = re.fullmatch(r"(.{1,6}?[^ぁ-んァ-ヶ]|[ぁ-んァ-ヶー]{2,5})([をが])(.{2,})", spelling)
    if not match:
        return (spelling,)
    return (
        spelling,
        match[1] + match[3],
        *(match[1] + particle + match[3] for particle in "はもがを" if particle != match[2]),
    )


class _Reader:
    """Reads the morphemes of one sentence into tags."""

    def __init__(self, analyser: Analyser, tokens: list[_Token], mark: str, doubts: dict[str, None]) -> None:
        self.analyser = analyser
        self.words = analyser.words
        self.tokens = [token for token in tokens if token.surface.strip()]
        self.mark = mark
        self.doubts = doubts
        self.out: list[Mark] = []
        self.items: list[_Item] = []
        self.questions: list[Mark] = []
        self.asked_at = 0
        self.asked = False
        self.suppress = False
        self.only = False
        self.choice = False
        self.ranged = False
        self.inverted = 0
        self.names = [token.name for token in self.tokens]
        if self.names and self.names[-1] == "？":
            self.names.pop()
        self.mend_contractions()
        self.divide_counters()
        for position, token in enumerate(self.tokens):  # 飲んで is て, but ないで is not なくて
            if token.surface == "で" and token.pos[1] == "接続助詞" and self.names[position - 1] != "ない":
                self.names[position] = token.name = "て"
        if mark:
            self.names.append("？")
        self.tags_after: list[Mark] = []
        self.seen_predicate = False

    def mend_contractions(self) -> None:
        """Colloquial forms that the dictionary cuts wrongly: 宿題やった, 飲んどいて; 存じます after と thinks."""
        for position in range(len(self.tokens) - 1, 0, -1):
            if position >= len(self.tokens):
                continue  # joined to the morphemes before
            token, before = self.tokens[position], self.tokens[position - 1]
            if (
                token.surface == "やっ"
                and token.pos[4] == "助動詞-ヤ"
                and before.pos[:2] in (("名詞", "普通名詞"), ("名詞", "固有名詞"))
            ):
                self.tokens[position] = _retold(token, "やる", _DONE_VERB)
            elif (
                before.surface == "."
                and position > 1
                and _LATIN.fullmatch(token.surface)
                and _LATIN.fullmatch(self.tokens[position - 2].surface)
                and self.tokens[position - 2].end == before.start
                and before.end == token.start
            ):  # Next.js
                first = self.tokens[position - 2]
                written = f"{first.surface}.{token.surface}"
                joined = _Token(
                    written, written, written, "", first.pos, first.start, token.end, False, first.raw
                )
                self.tokens[position - 2 : position + 1] = [joined]
            elif token.base in ("いる", "く") and before.surface == "ど" and before.pos[1] == "接続助詞":
                joined = _retold(
                    token, "どく", ("動詞", "非自立可能", "*", "*", "五段-カ行", "連用形-イ音便")
                )
                joined.start = before.start
                self.tokens[position - 1 : position + 1] = [joined]
            elif before.surface == "お" and before.pos[1] == "フィラー" and token.form.startswith("連用形"):
                self.tokens[position - 1] = _retold(before, "お", ("接頭辞", "*", "*", "*", "*", "*"))
            elif (
                token.base == "せる"
                and token.pos[0] == "助動詞"
                and before.base not in ("する", "為る")
                and len(before.surface) > 1
                and f"{before.surface}す" in self.words.predicate
                and self.name_after(position) in ("ない", "ます")
            ):  # 動かせない is 動かす, not 動く
                joined = _retold(
                    token, f"{before.surface}せる", ("動詞", "一般", "*", "*", "下一段-サ行", token.form)
                )
                joined.surface = before.surface + token.surface
                joined.norm = f"{before.surface}す"
                joined.start = before.start
                self.tokens[position - 1 : position + 1] = [joined]
            elif (
                token.base == "ある"
                and token.surface in ("あっ", "あい", "あわ", "あう")
                and before.surface == "に"
                and position > 1
                and self.tokens[position - 2].surface.endswith(("事故", "被害", "災害", "詐欺", "盗難", "目"))
            ):
                self.tokens[position] = _retold(token, "遭う", token.pos)
            elif (
                token.name == "て"
                and len(before.surface) > 2
                and before.pos[0] == "名詞"
                and before.surface.endswith("し")
                and f"{before.surface[-2]}す" in self.words.predicate
            ):  # 手出して is 手 and 出して
                self.tokens[position - 1 : position] = _divided(before, 2, f"{before.surface[-2]}す")
            elif (
                token.base in ("する", "為る")
                and token.surface == "し"
                and len(before.surface) > 1
                and before.pos[0] == "名詞"
                and not before.pos[2].startswith("サ変")
                and f"{before.surface[-1]}す" in self.words.predicate
                and before.surface[:-1] in self.words.nominal
                and before.surface not in self.words.nominal
            ):  # 金貸して
                whole = _retold(before, before.surface + "し", before.pos)
                whole.surface, whole.end = before.surface + "し", token.end
                self.tokens[position - 1 : position + 1] = _divided(whole, 2, f"{before.surface[-1]}す")
            elif (
                token.base == "かなう"
                and before.surface == "と"
                and position > 1
                and self.tokens[position - 2].surface in ("何", "なん")
            ):  # 何とかなる
                become = _retold(token, "なる", token.pos)
                become.surface, become.start = token.surface[1:], token.start + 1
                somehow = _retold(self.tokens[position - 2], "なんとか", ("副詞", "*", "*", "*", "*", "*"))
                somehow.surface, somehow.end = "なんとか", token.start + 1
                self.tokens[position - 2 : position + 1] = [somehow, become]
            elif (
                token.surface == "そう"
                and before.surface == "出"
                and before.base == "出る"
                and position > 1
                and self.tokens[position - 2].surface == "を"
            ):  # こたつを出そう
                out = _retold(token, "出す", ("動詞", "一般", "*", "*", "五段-サ行", "意志推量形"))
                out.surface, out.start = "出そう", before.start
                self.tokens[position - 1 : position + 1] = [out]
            elif token.base in ("存ずる", "存じる") and (
                before.surface in ("と", "に")
                or (before.pos[0] == "形容詞" and before.surface.endswith("く"))
            ):
                self.tokens[position] = _retold(token, "思う", token.pos)
        self.names = [token.name for token in self.tokens]

    def name_after(self, position: int) -> str:
        return self.tokens[position + 1].name if position + 1 < len(self.tokens) else ""

    def divide_counters(self) -> None:
        """1人 and 1度 are single morphemes of the dictionary, even in 11人: cut them into number and counter."""
        for position in range(len(self.tokens) - 1, -1, -1):
            token = self.tokens[position]
            match = re.fullmatch(
                r"([0-9]+|[一二三四五六七八九十])([^0-9一二三四五六七八九十].*)", token.surface
            )
            if not match or match[2] not in self.words.counters:
                continue
            if not match[1].isascii() and (
                token.surface in self.words.nominal
                or match[2]
                not in _of("回 枚 本 匹 台 個 冊 階 つ 番 年 月 週 分 秒 円 歳 才 足 文字 便 校 社")
            ):
                continue
            before = self.tokens[position - 1] if position else None
            start, digits, first = token.start, match[1], position
            if (
                before is not None
                and before.pos[1] == "数詞"
                and before.norm.isdigit()
                and before.end == token.start
            ):
                start, digits, first = before.start, before.norm + digits, position - 1
            middle = token.end - len(match[2])
            value = str(_KANJI_DIGITS.get(digits, 10 if digits == "十" else digits))
            number = _Token(digits, digits, value, "", _NUMERAL, start, middle, False, token.raw)
            counter = _Token(match[2], match[2], match[2], "", _COUNTER, middle, token.end, False, token.raw)
            self.tokens[first : position + 1] = [number, counter]
        self.names = [token.name for token in self.tokens]

    # -- small helpers -------------------------------------------------------------------------------------

    def doubt(self, reason: str) -> None:
        self.doubts.setdefault(reason)

    def at(self, index: int) -> _Token | None:
        return self.tokens[index] if 0 <= index < len(self.tokens) else None

    def name(self, index: int) -> str:
        return self.names[index] if 0 <= index < len(self.names) else ""

    def rest(self, index: int) -> str:
        """The names of the next morphemes, each followed by |; an ellipsis where more come."""
        end = index + 14
        text = "".join(name + "|" for name in self.names[index:end])
        return text + ("…|" if end < len(self.names) else "")

    def span(self, start: int, end: int) -> Span:
        return self.tokens[start].start, self.tokens[end - 1].end

    def emit(self, names: str, start: int, end: int) -> list[Mark]:
        span = self.span(start, max(end, start + 1)) if start < len(self.tokens) else None
        return [(self.words.emit(name), span) for name in names.split()]

    def marks(self, tags: Iterable[str], start: int, end: int) -> list[Mark]:
        """The tags with the span of the morphemes from ``start`` to before ``end``."""
        return _marks(tags, self.span(start, end))

    def open_word(self, base: str, start: int, end: int) -> list[Mark]:
        """The word as a tag of the lexicon, or as an open word."""
        if _hiragana(base) and (len(base) == 1 or any(token.oov for token in self.tokens[start:end])):
            self.doubt(f"「{base}」の切れ目が確かではありません。")
        return self.marks([self.words.emit(base)], start, end)

    def push(self, marks: list[Mark], kind: str, **more: Any) -> _Item:
        item = _Item(marks, kind, **more)
        self.items.append(item)
        return item

    # -- clauses -------------------------------------------------------------------------------------------

    def order(self, start: int = 0) -> None:
        """Time words of the items from ``start`` on go to the front and stay there."""
        part = self.items[start:]
        times = [item for item in part if item.kind == "time" and not item.fixed]
        if not times:
            return
        others = [item for item in part if item.kind != "time" or item.fixed]
        for item in times:
            item.fixed = True
        leading: list[_Item] = []
        while others and others[0].kind == "opener":
            leading.append(others.pop(0))
        self.items[start:] = leading + times + others

    def close(self, link: list[Mark] | None = None) -> None:
        """End the clause: order it, move it to the output, add the tag that links it to the next."""
        self.fix_final_time()
        self.order()
        for item in self.items:
            self.out += item.marks
        self.items = []
        self.inverted = 0
        self.only = False
        if link:
            self.out += link
        self.seen_predicate = False

    def fix_final_time(self) -> None:
        """A time word that is the predicate (休みは月曜日です) stays in place, with those written right before it."""
        if self.seen_predicate or not self.items:
            return
        last = len(self.items) - 1
        if self.items[last].kind != "time" or all(item.kind == "time" for item in self.items):
            return
        while last >= 0 and self.items[last].kind == "time" and not self.items[last].fixed:
            self.items[last].fixed = True
            last -= 1
            if last >= 0 and self.items[last].particle in ("は", "も", "が", "、"):
                break

    def embedded_start(self, person_first: bool, asked: bool = False) -> int:
        """Where the clause inside begins: after 先生は (person_first), or after 私は before another subject."""
        for index, item in enumerate(self.items):
            if item.kind == "opener" or item.kind == "time":
                continue
            if (
                item.particle
                not in (("は", "が", "も", "に", "から") if person_first else ("は", "が", "も"))
                or not item.live
            ):
                return 0
            if person_first or (
                item.base in ("私", "僕", "俺")
                and (
                    asked
                    or self.items[-1].kind != "verb"
                    or any(other.particle == "が" for other in self.items[index + 1 :])
                )
            ):
                return index + 1
            later = any(other.particle == "が" for other in self.items[index + 1 :])
            return index + 1 if item.particle == "は" and later else 0
        return 0

    # -- reading -------------------------------------------------------------------------------------------

    def read(self) -> list[Mark]:
        """The tags of the sentence."""
        index = 0
        while index < len(self.tokens):
            following = self.step(index)
            if following <= index:
                following = index + 1
            index = following
        self.turn_back()
        self.close()
        asked = (self.asked or bool(self.mark)) and not self.suppress
        if self.choice:
            self.questions.append((self.words.emit("どちら"), None))
        if (
            self.questions
            and not self.choice
            and not asked
            and self.tokens
            and self.names[-1] not in _of("の だ! です! ？ んだ")
        ):
            tail = self.tokens[-1]
            if (tail.is_verb and not tail.form.startswith("命令")) or (
                tail.pos[0] in ("助動詞", "形容詞") and tail.name not in ("だ!", "です!")
            ):
                self.doubt("疑問語がありますが、問いの形ではありません。")
        if self.questions:
            while self.out and self.out[-1][0] in ("?", "だろう"):
                self.out.pop()
            return self.out + self.questions
        if asked and self.out and self.out[-1][0] != "?":
            self.out.append(("?", self.mark_span()))
        return self.out

    def turn_back(self) -> None:
        """What is said after the predicate (行くよ、明日) goes before it."""
        after = self.items[self.inverted :]
        called = len(after) == 1 and after[0].base == "名前" and not after[0].particle
        if (
            self.inverted
            and after
            and not called
            and after[-1].kind not in ("verb", "adverb", "opener", "wh")
        ):
            last = self.tokens[-1]
            if last.pos[0] in ("名詞", "代名詞", "接尾辞") or last.name in _of("を は が に へ も で"):
                before = self.items[: self.inverted]
                for item in after:
                    item.fixed = False
                leading = [item for item in before if item.kind == "opener"]
                self.items = leading + after + [item for item in before if item.kind != "opener"]
                self.seen_predicate = True

    def mark_span(self) -> Span | None:
        last = self.tokens[-1] if self.tokens else None
        return (last.start, last.end) if last and last.name in ("か", "の", "っけ", "け") else None

    def step(self, index: int) -> int:
        """Consume what starts at ``index``; the index after it."""
        token = self.tokens[index]
        kind = token.pos[0]
        if kind == "補助記号" or kind == "空白" or token.surface in ("~", "〜"):
            return self.punctuation(index)
        for reader in (
            self.cry,
            self.filler,
            self.opener,
            self.greeting,
            self.phrase,
            self.question_word,
            self.named,
            self.number,
            self.known,
        ):
            following = reader(index)
            if following:
                return following
        return self.unknown(index)

    def punctuation(self, index: int) -> int:
        token = self.tokens[index]
        if token.surface in "「『（(":
            closing = {"「": "」", "『": "』", "（": "）", "(": ")"}[token.surface]
            depth = 0
            for end in range(index, len(self.tokens)):
                depth += (self.tokens[end].surface == token.surface) - (self.tokens[end].surface == closing)
                if depth == 0:
                    break
            else:
                return index + 1
            inner: list[Mark] = []
            start = index + 1
            for position in range(index + 1, end + 1):
                surface = self.tokens[position].surface
                if position == end or surface in "。！？":
                    if position > start:
                        mark = "？" if surface in "？" else ""
                        inner += _Reader(self.analyser, self.tokens[start:position], mark, self.doubts).read()
                    start = position + 1
            item = self.push(inner, "noun")
            item.base = "「」"
            return self.after_noun(end + 1, item)
        if token.surface == "、" and self.items and index and self.seen_predicate:
            head = self.tokens[index - 1]
            softened = head.pos[1] == "終助詞" and head.surface in _of("よ ね なあ な わ ぞ さ ぜ なー ねえ")
            ended = head.form.startswith("終止形") or head.name == "た"
            if softened or (ended and self.name(len(self.tokens) - 1) in ("を", "は")):
                self.inverted = len(self.items)
        if token.surface == "、" and self.items and not self.items[-1].particle:
            self.items[-1].particle = "、"
            if len(self.items) == 1 and self.items[0].live and (self.mark or self.names[-1] == "か"):
                self.items[0].kind = "opener"  # somebody is called: the time words of the question follow
        if token.surface in _of("〜 ~ ～ - – — ー") and self.items and self.items[-1].base == "数":
            after = self.at(index + 1)
            if after is not None and (
                after.pos[1] == "数詞"
                or (
                    after.surface in ("午前", "午後")
                    and self.at(index + 2) is not None
                    and self.tokens[index + 2].pos[1] == "数詞"
                )
            ):
                last = self.items[-1]
                if not last.marks[-1][0].isdigit() or (last.kind == "number" and token.surface in "〜~～"):
                    last.marks += self.emit("から", index, index + 1)
                    last.particle = "から"
                    self.ranged = last.kind == "time"
        elif (
            token.pos[1] == "一般"
            and token.surface not in "・…―‥〜~/:：；;＝=－-*＊○●◯△□■♪→「」『』（）()[]【】〈〉《》“”\"'’‘　 "
        ):
            self.doubt(f"記号「{token.surface}」を読み飛ばしました。")
        return index + 1

    def filler(self, index: int) -> int:
        token = self.tokens[index]
        if (
            token.surface in ("だいたい", "ちょうど")
            and (after := self.at(index + 1)) is not None
            and after.pos[1] == "数詞"
        ):
            return index + 1
        if token.surface == "あっ" and self.name(index + 1) == "と" and self.name(index + 2) == "いう":
            return 0  # あっという間
        if token.surface in ("あっ", "もし") and self.longest(index, self.words.nominal)[1] > index + 1:
            return 0
        if token.pos[1] == "フィラー":
            return index + 1
        if token.surface in _IGNORED and (
            token.pos[0] in ("感動詞", "副詞", "接続詞")
            or self.name(index + 1) in ("、", "")
            or token.surface in "約もし"
        ):
            following = self.name(index + 1)
            if token.surface == "ああ" and following == "いう":
                return 0
            if token.surface in ("あれ", "ほう", "まあ", "おい") and following not in ("、", ""):
                return 0
            return index + 1 + (following in ("ね", "さ") and self.name(index + 2) == "、")
        if token.surface in ("あの", "その") and self.name(index + 1) in ("、", "ね", "さ"):
            return index + 1 + (self.name(index + 1) in ("ね", "さ"))
        if token.surface in ("なんか", "何か") and self.name(index + 1) == "、":
            return index + 1
        if (
            (token.surface == "なんか" or (token.name == "なん" and self.name(index + 1) == "か"))
            and not self.items
            and (word := self.at(index + (1 if token.surface == "なんか" else 2))) is not None
            and word.pos[0] in _of("名詞 代名詞 形容詞 形状詞 副詞 連体詞")
        ):
            return index + (1 if token.surface == "なんか" else 2)
        if token.name == "なん" and self.name(index + 1) == "か" and self.name(index + 2) == "、":
            return index + 2
        return 0

    def cry(self, index: int) -> int:
        """やった、 and しまった、 before what is meant."""
        cries = self.tokens[index].surface in ("やっ", "しまっ") and self.name(index + 1) == "た"
        return index + 3 if cries and index == 0 and self.name(2) == "、" and self.at(3) is not None else 0

    def at_opening(self, index: int) -> bool:
        return not self.items or (index > 0 and self.name(index - 1) in ("、", "」") and self.seen_predicate)

    def opener(self, index: int) -> int:
        """A connective at the head of a sentence or a clause."""
        alternative = "".join(token.surface for token in self.tokens[index : index + 3]) == "それとも"
        if self.items and not alternative and self.tokens[index].pos[0] != "接続詞":
            return 0
        for end in range(min(index + 4, len(self.tokens)), index, -1):
            text = "".join(token.surface for token in self.tokens[index:end])
            if text not in _CONNECTIVES:
                continue
            if text in _of("で では ただ じゃ それで それに よって だって ですが そこで") and not (
                self.name(end) == "、" or self.tokens[index].pos[0] == "接続詞"
            ):
                continue
            if text == "ところが" and self.items and self.items[-1].kind in ("adjective", "modifier"):
                continue
            if text in ("それから", "そこで", "その後") and self.name(end) in ("は", "の", "も"):
                continue
            if self.name(end) in _of("は が を の だ です") and text not in ("だから", "例えば"):
                continue
            if self.seen_predicate and not alternative:
                self.close()
            word = next((w for w in self.words.nominal.get(text, ()) if w.word_class == "接続"), None)
            tags = " ".join(word.tags) if word is not None else _CONNECTIVES[text]
            if tags:
                self.push(self.emit(tags, index, end), "opener")
            return end
        return 0

    def greeting(self, index: int) -> int:
        """A fixed expression of the lexicon (class 定型): whole, and not inside another sentence."""
        found, end = self.longest(index, self.words.nominal, classes=("定型",))
        if found is None:
            return 0
        text = "".join(token.surface for token in self.tokens[index:end])
        after = self.name(end)
        if text in ("了解", "承知") and self.is_doing(end):
            return self.suru(index, end, self.push(self.marks(found.tags, index, end), "verb"), None)
        alone = after in _of("_ 、 ？ 。 」 よ ね … さ なあ ー わ な") or after in _of(
            "が& けど ので から って と"
        )
        if text in _of("はい うん ええ いいえ いや") and not (
            self.at_opening(index) and after in _of("_ 、 ？ 。 そう …")
        ):
            return 0
        if (text in ("いや", "そう") and after == "だ") or (text.endswith("か") and after == "も"):
            return 0
        if self.items and found.tags[0] in _of("分かる 大丈夫 そう 初めて 静か 久しぶり OK また 元気"):
            if not (text.startswith("また") and self.name(index - 1) == "、" and alone):
                return 0
            self.close()
        if (
            "です" in text
            and not text.startswith("そう")
            and self.items
            and self.items[-1].particle not in ("、", "")
        ):
            return 0
        if text.endswith(("て", "で")) and after in _of(
            "ほしい もらう もらえる いる みる くれる いく しまう"
        ):
            return 0
        if text == "よろしく" and "".join(t.surface for t in self.tokens[end : end + 2]) == "お願い":
            self.push(self.marks(found.tags[:1], index, end), "opener")
            return end
        if text == "いただきます" and self.items:
            return 0
        if text == "よろしく" and after in ("伝える", "いう"):
            return 0
        if text == "気をつけて" and self.at(end) is not None and after not in _of("ね よ … 。 」"):
            return 0
        if (
            text in _of("お願い 失礼 お帰り 大丈夫です そうです 初めてです OK 乾杯 よろしく ただいま")
            and not alone
        ):
            if text in ("お願い",):
                item = self.push(self.marks(found.tags, index, end), "verb")
                return self.suru(index, end, item, found)
            return 0
        polite = bool({"ます", "です", "おる"} & set(self.names))
        if text == "ただいま" and not (
            self.at_opening(index) and after in ("", "。", "！", *(() if polite else ("、",)))
        ):
            return 0
        if after in _of("が を の は に") and not alone and text not in ("お願いします",):
            return 0
        item = self.push(self.marks(found.tags, index, end), "verb" if self.items else "opener")
        if "お願い" in found.tags:
            self.suppress = True
        if (
            found.tags == ("すみません",)
            and after in ("が&", "が", "けど")
            and text.startswith(("すみ", "すい", "済み"))
        ):
            end += 1
            alone = True
            after = self.name(end)
        if text.endswith(("た", "す", "ん", "さい", "い", "う", "ま")) or alone:
            return self.predicate(end, _Predicate(item, "v", found))
        return end

    def phrase(self, index: int) -> int:
        """An adverb or a time word of several morphemes."""
        for length in (1, 2):
            written = "".join(token.surface for token in self.tokens[index : index + length])
            word = self.at(index + length)
            if (
                written in ("なんて", "なんと")
                and not self.items
                and word is not None
                and word.pos[0] in ("形容詞", "形状詞", "連体詞")
            ):
                return self.adverb_word("とても", index, index + length)
        first, second = self.tokens[index], self.at(index + 1)
        if (
            first.surface == "あと"
            and second is not None
            and (second.pos[1] == "数詞" or second.surface in ("少し", "ちょっと", "何"))
        ):
            return self.adverb_word("後", index, index + 1)  # あと二十分で着く
        if (
            first.surface in ("別に", "べつに") or (first.surface == "別" and self.name(index + 1) == "に")
        ) and (
            self.negated_later(index)
            or self.name(index + 2) in _of("いい どっち どちら だいじょうぶ 平気 何でも")
        ):
            return self.adverb_word("特に", index, index + (1 if len(first.surface) > 1 else 2))
        for end in (index + 3, index + 2):
            written = "".join(token.surface for token in self.tokens[index:end])
            if (
                written in _TIME_WORDS
                and end <= len(self.tokens)
                and self.longest(index, self.words.nominal)[1] < end
            ):
                return self.time(index, end, [(OPEN + written, self.span(index, end))], written)
        text, best = "", 0
        for end in range(index + 1, min(index + 5, len(self.tokens)) + 1):
            text += self.tokens[end - 1].surface
            if text in _PHRASES:
                best = end
            if text not in self.words.prefixes:
                break
        if not best:
            return 0
        text = "".join(token.surface for token in self.tokens[index:best])
        if text in ("そうした", "こうした", "ああした", "ああいう"):
            following = self.at(best)
            if following is None or following.pos[0] not in ("名詞", "形状詞", "形容詞"):
                return 0
        if text in self.words.nominal or (self.tokens[index].pos[0] in ("助詞", "助動詞")):
            return 0
        if text.endswith("て") and self.name(best) in _of(
            "いる おる いらっしゃる くる いく ください くださる^ しまう"
        ):
            return 0
        item = self.push(self.emit(_PHRASES[text], index, best), "adverb", base=text)
        return self.after_noun(best, item) if self.name(best) in _of("だ です の を が は") else best

    # -- words ---------------------------------------------------------------------------------------------

    def longest(
        self, index: int, table: dict[str, list[Word]], classes: tuple[str, ...] = ()
    ) -> tuple[Word | None, int]:
        """The longest word of a table that starts here and ends at the end of a morpheme."""
        best: tuple[Word | None, int] = (None, index)
        text = ""
        for end in range(index + 1, min(index + 9, len(self.tokens)) + 1):
            token = self.tokens[end - 1]
            if table is self.words.predicate:
                for key in dict.fromkeys(
                    (text + token.base, text + token.surface if end == index + 1 else text + token.base)
                ):
                    found = self.fitting(table.get(key, ()), token)
                    if found is not None:
                        best = (found, end)
            text += token.surface
            if table is not self.words.predicate:
                words = table.get(text, ())
                if classes:
                    words = [word for word in words if word.word_class in classes]
                else:
                    opens = self.tokens[index].pos[0] == "接続詞" or (
                        not self.items and self.name(end) == "、"
                    )
                    barred = ("定型",) if opens or end == index + 1 else ("定型", "接続")
                    words = [word for word in words if word.word_class not in barred and text != "どうか"]
                    if (
                        end > index + 1
                        and self.tokens[index].pos[0] in ("動詞", "助詞", "助動詞", "形容詞")
                        and _hiragana(text)
                    ):
                        words = [
                            word for word in words if word.word_class == "副" and text.endswith(("て", "で"))
                        ]
                words = self.by_part(words, token) if end == index + 1 else words
                if words and (
                    end > index + 1 or classes or self.nominal_token(token, words[0], self.noun_like(end))
                ):
                    best = (words[0], end)
            if text not in self.words.prefixes:
                break
        return best

    @staticmethod
    def by_part(words: list[Word], token: _Token) -> list[Word]:
        """The words written so that the morpheme's part of speech allows: no 琴 for こと, ようやく before 要約."""
        if token.surface in _FORMAL:
            return [word for word in words if token.surface in word.spellings]
        if token.surface == "うち" and token.pos[0] != "代名詞":
            return []
        if _hiragana(token.surface) and len(token.surface) <= 3 and not _hiragana(token.norm):
            fitting = [word for word in words if {token.norm, token.surface} & set(word.spellings)]
            if fitting or len(token.surface) < 3:
                return fitting
        if token.pos[0] == "副詞" and len(words) > 1:
            return sorted(words, key=lambda word: word.word_class != "副")
        return words

    def fitting(self, words: Iterable[Word], token: _Token) -> Word | None:
        """The word whose class of conjugation is the morpheme's; None where none is."""
        for word in words:
            if word.word_class in ("イ形", "良い形"):
                if (
                    token.pos[0] == "形容詞"
                    or token.name == "っぽい"
                    or (token.name == "ない" and not word.spellings[0].startswith("ない"))
                ):
                    return word
            elif token.name in ("せる", "させる") and word.word_class == "一段":
                return word
            elif token.is_verb:
                conjugation = token.pos[4]
                if word.word_class == "五段" and "段" in conjugation and "一段" in conjugation:
                    continue
                if word.word_class == "一段" and conjugation.startswith("五段"):
                    continue
                return self.by_subject(words, word)
        return None

    def by_subject(self, words: Iterable[Word], first: Word) -> Word:
        """Of two verbs written alike (起きる) the one whose subject is named in the clause."""
        candidates = [word for word in words if word.word_class == first.word_class]
        if self.items and self.items[-1].particle == "を" and not first.case("を"):
            first = next((word for word in candidates if word.case("を")), first)
        if len({word.tags for word in candidates}) < 2:
            return first
        subject = next(
            (item.word for item in reversed(self.items) if item.particle in ("が", "は", "も") and item.word),
            None,
        )
        if subject is None:
            return first
        for word in candidates:
            case = word.case("が")
            if case and (
                subject.senses & set(case.classes) or not set(subject.spellings).isdisjoint(case.classes)
            ):
                return word
        return first

    def noun_like(self, end: int) -> bool:
        """Whether the 連用形 that ends here is a noun (曇り, 休み): a particle or a form of だ follows."""
        token, after = self.tokens[end - 1], self.name(end)
        described = end > 1 and self.name(end - 2) == "の" and after == "、"  # 次の休み、
        return token.form.startswith("連用形-一般") and (
            described or after in _of("が を の は だ です らしい でしょう です! だ! も")
        )

    @staticmethod
    def nominal_token(token: _Token, word: Word, noun_like: bool = False) -> bool:
        """Whether a single morpheme may be this nominal word: いる the verb is not 要る, は the particle not 歯."""
        kind = token.pos[0]
        if kind in ("助詞", "助動詞", "補助記号") or (len(token.surface) == 1 and _hiragana(token.surface)):
            return False
        if kind == "動詞":
            return noun_like and len(token.surface) > 1 and word.word_class == "名"
        if kind == "形容詞":
            return word.word_class == "副"
        if kind == "接尾辞":
            return len(token.surface) > 1 or token.surface in "中前後駅市店"
        return kind != "接頭辞"

    def known(self, index: int) -> int:
        """A word of the lexicon that starts here."""
        token = self.tokens[index]
        if token.pos[0] in ("助詞", "助動詞"):
            return self.loose_function(index)
        prefix = token.pos[0] == "接頭辞" and token.surface in ("お", "ご", "御", "おん")
        name = self.words.names.get(token.surface)
        titled = self.at(index + 1)
        if name is not None and titled is not None and titled.surface in _of("さん ちゃん くん 君 様 さま"):
            return self.person(index, index + 1, fingerspell(name.kana[0]))
        noun, noun_end = self.longest(index, self.words.nominal)
        verb, verb_end = self.longest(index, self.words.predicate)
        done = self.name(index - 1) not in ("を", "が", "は", "も") or (
            bool(self.items) and self.items[-1].kind == "number"
        )
        if verb is not None and done and (token.base, token.surface, verb_end) == ("行う", "行っ", index + 1):
            verb = self.words.predicate["行く"][0]  # 行った is read as 行く unless something is done
        stem = self.words.stems.get(token.surface[1:]) if token.surface[:1] in ("お", "ご") else None
        if stem is not None and self.is_doing(index + 1):  # お手伝いします
            item = self.push(self.marks(stem.tags, index, index + 1), "verb", word=stem)
            return self.honorific(index + 1, _Predicate(item, "v", stem))
        if (
            noun is not None
            and noun.word_class == "副"
            and token.is_verb
            and self.name(noun_end - 1) == "て"
            and self.name(noun_end)
            in _of("いる おる いらっしゃる くださる くださる^ しまう いく くる みる くれる もらう も")
        ):
            noun, noun_end = None, index  # 急いでいる
            if verb is None:
                return 0
        if (
            noun is not None
            and noun.word_class == "名"
            and noun_end == verb_end
            and (
                (self.name(index - 1) == "の" and self.name(noun_end) == "、")
                or (
                    token.is_verb
                    and self.name(noun_end) == "に"
                    and self.name(noun_end + 1) in ("する", "なる")
                )
            )
            and self.name(index - 1) not in ("お", "ご")
        ):
            return self.noun(index, noun_end, noun)  # 次の休み、 休みにする
        if (
            verb is not None
            and verb_end >= noun_end
            and not (noun is not None and noun_end == verb_end and noun.word_class == "副")
        ) or (
            verb is not None
            and noun is not None
            and token.is_verb
            and noun.word_class == "副"
            and self.name(noun_end - 1) == "て"
            and (
                self.name(index - 1) in ("を", "が", "に", "て")
                or (self.items and self.items[-1].base == "数")
            )
        ):
            return self.verb(index, verb_end, verb)
        if (
            noun is not None
            and prefix
            and noun.word_class == "名"
            and self.is_doing(noun_end)
            and not (self.name(noun_end) == "くださる^" and noun.spellings[0].startswith("お"))
        ):
            stem = self.words.stems.get(self.tokens[noun_end - 1].surface)
            item = self.push(self.marks(stem.tags if stem else noun.tags, index, noun_end), "verb", word=stem)
            return self.suru(index, noun_end, item, stem)
        if noun is not None:
            if token.surface in ("よく", "良く") and (
                re.match(r"(?:は\||も\|)?(?:ない|ある\|ます\|ぬ|なる)\|", self.rest(noun_end))
                and (
                    (self.items and self.items[-1].particle in ("が", "は", "も", "に"))
                    or self.name(noun_end) == "なる"
                )
            ):
                good = next(iter(self.words.predicate.get("いい", ())), None)
                if good is not None:
                    return self.adjective(index, noun_end, self.marks(good.tags, index, noun_end), good)
            if noun.word_class == "副" and token.pos[0] == "形容詞":
                after = self.name(noun_end)
                if after in _of("なる ない する て は も ある") and not (
                    after in ("する",) and token.surface == "早く"
                ):
                    adjective = self.fitting(self.words.predicate.get(token.base, ()), token)
                    if adjective is not None:
                        return self.verb(index, index + 1, adjective)
            return self.noun(index, noun_end, noun)
        if prefix and self.at(index + 1) is not None:
            return self.polite(index)
        if name is not None and token.pos[0] == "名詞":
            return self.person(index, index + 1, fingerspell(name.kana[0]))
        return 0

    def polite(self, index: int) -> int:
        """お or ご before a noun or a verb: お待ちください, ご利用になる, お持ちですか, お仕事."""
        after = self.tokens[index + 1]
        if self.tokens[index].surface == "御" and after.surface == "社":
            item = self.push(self.open_word("御社", index, index + 2), "noun", base="御社")
            return self.after_noun(index + 2, item)
        stem = self.words.stems.get(after.surface)
        tail = self.rest(index + 2)
        if after.surface in _HONORIFIC_NOUNS and (after.pos[0] == "名詞" or after.surface == "越し"):
            item = self.push(self.emit(_HONORIFIC_NOUNS[after.surface], index, index + 2), "verb")
            return self.honorific(index + 2, _Predicate(item, "v", None))
        if (after.is_verb and after.form.startswith("連用形")) or (
            after.pos[0] == "名詞"
            and stem is not None
            and re.match(r"(?:に\|なる|する|いたす|くださる|です|だ|できる|願う|いただく|いただける)", tail)
            and after.surface not in self.words.nominal
        ):
            if stem is not None:
                item = self.push(
                    self.marks(stem.tags, index, index + 2), "verb", word=stem, base=stem.spellings[0]
                )
                return self.honorific(index + 2, _Predicate(item, "v", stem))
            marks, word, extra = self.verb_marks(index + 1)
            item = self.push(marks, "verb", word=word, base=after.base)
            return self.honorific(index + 2, _Predicate(item, "v", word, list(extra)))
        return index + 1

    def honorific(self, index: int, predicate: _Predicate) -> int:
        """After お…/ご…: になる, する, いたす, です and くださる add nothing, or a request."""
        match = re.match(
            r"(?:に\|なる\||に\|なれる\||する\||いたす\||申し上げる\||願う\|(?:する|いたす|できる|申し上げる)\|(?:ます\|)?(?:か\|)?|できる\||くださる\^\||いただく\||いただける\|)",
            self.rest(index),
        )
        if not match:
            return self.predicate(index, predicate)
        text = match.group()
        end = index + text.count("|")
        if text.startswith("くださる^") or text.startswith("願う"):
            predicate.added += self.emit("お願い", index, min(end, len(self.tokens)))
            self.suppress = True
        elif text.startswith(("できる", "に|なれる")):
            predicate.added += self.emit("できる", index, end)
        elif text.startswith("いただける") and re.match(_POLITE_ASK, self.rest(end)):
            predicate.added += self.emit("お願い", index, end)
            self.suppress = True
        elif text.startswith("いただける"):
            predicate.added += self.emit("できる", index, end)  # お選びいただけます
        elif text.startswith("いただく"):
            predicate.added += self.emit("もらう", index, end)
        return self.predicate(end, predicate)

    def verb(self, index: int, end: int, word: Word) -> int:
        """A predicate of the lexicon."""
        last = self.tokens[end - 1]
        if word.word_class in ("イ形", "良い形"):
            return self.adjective(index, end, self.marks(word.tags, index, end), word)
        if last.base == "やる" and self.name(index - 1) != "を" and re.match(r"て\|くる\|", self.rest(end)):
            come = next(iter(self.words.predicate.get("来る", ())), None)
            item = self.push(self.emit("来る", index, end + 2), "verb", word=come, base="来る")
            return self.predicate(end + 2, _Predicate(item, "v", come))
        if last.name in ("くださる^", "くださる") and word.word_class == "五段":
            return self.unknown(index)
        if end == index + 1:
            special = self.special_verb(index)
            if special:
                return special
        falling = any(
            (item.word is not None and "降る物" in item.word.senses)
            or any("雨" in tag or "雪" in tag for tag, _ in item.marks)
            for item in self.items
        )
        from_it = any(item.particle in ("を", "から", "で") for item in self.items)
        falling = falling or (last.surface == "降り" and self.name(end) == "そう" and not from_it)
        if last.base == "降る" and last.surface == "降り" and not falling:
            word = next(iter(self.words.predicate.get("降りる", ())), word)
        if word.tags == ("降りる",) and any(
            mark[0] in ("雨", "雪") for mark in (self.items[-1].marks if self.items else ())
        ):
            word = next(iter(self.words.predicate.get("降る", ())), word)
        lit = next(iter(self.words.predicate.get("つける", ())), None)
        if (
            last.base == "つく"
            and lit is not None
            and any(
                item.word is not None and item.word.senses & {"つける物", "機械つけ"} for item in self.items
            )
        ):
            word = lit  # 電気がつく
        subject = next((item for item in self.items if item.particle in ("が", "は", "も")), None)
        if subject is None and self.items and self.items[-1].particle == "の":
            subject = self.items[-1]
        by_itself = _INTRANSITIVE.get(word.tags[0]) if word.tags and end == index + 1 else None
        if (
            by_itself is not None
            and not any(item.particle == "を" for item in self.arguments())
            and not self.questions
            and (self.negated_after(end) or re.match(r"ます\|(?!た|ば)|の\||か\||$|。", self.rest(end)))
            and (
                (self.name(index - 1) in ("が", "に", "へ", "まで") and self.negated_after(end))
                or (self.name(index - 1) == "は" and self.name(index - 2) in ("に", "へ"))
                or (by_itself == "入る" and not any(self.may_be_put(item) for item in self.arguments()))
            )
        ):  # 車が入れない, ファイルが開けない
            able = next(iter(self.words.predicate.get(by_itself, ())), None)
            item = self.push(self.marks([self.words.emit(by_itself)], index, end), "verb", word=able)
            return self.predicate(end, _Predicate(item, "v", able, self.emit("できる", index, end)))
        if (
            word.tags == ("聞く",)
            and last.is_kana
            and self.name(index - 1) in ("が", "は", "も")
            and subject is not None
            and not subject.live
            and (subject.base in _of("ブレーキ 薬 機転 融通") or self.negated_after(end))
            and subject.word is not None
            and subject.word.senses & {"物", "道具", "機械", "医療", "食べ物"}
        ):  # ブレーキがきかない
            works = next(iter(self.words.predicate.get("効く", ())), None)
            item = self.push(self.emit("効く", index, end), "verb", word=works)
            return self.predicate(end, _Predicate(item, "v", works))
        span = self.items[-1] if self.items else None
        if (
            last.base == "たつ"
            and span is not None
            and (span.kind == "number" or span.base in ("時間", "月日"))
        ):
            passed = next(iter(self.words.predicate.get("経つ", ())), None)
            item = self.push(self.emit("経つ", index, end), "verb", word=passed, base=last.base)
            return self.predicate(end, _Predicate(item, "v", passed))
        if last.base == "のぞく":
            word = next(iter(self.words.predicate.get("覗く", ())), word)
        if (
            last.surface == "つい"
            and word.tags == ("着く",)
            and re.match(r"て\|(?:いく|いける|くる)\|", self.rest(end))
        ):
            word = next(iter(self.words.predicate.get("付く", ())), word)  # ついていけない
        if (
            last.surface.startswith("つ")
            and word.tags == ("着く",)
            and subject is not None
            and (
                not subject.live
                or (subject.base.endswith(("通訳", "ガイド")) and self.name(index - 1) == "が")
            )
            and subject.base != "名前"
            and not (subject.word is not None and subject.word.senses & {"乗り物", "公共", "送る物"})
            and (self.name(index - 1) in ("が", "は", "も", "に", "の") or self.items[-1].kind == "number")
        ):  # 字幕がつく
            stuck = next(iter(self.words.predicate.get("付く", ())), None)
            item = self.push(self.open_word("付く", index, end), "verb", word=stuck, base=last.base)
            return self.predicate(end, _Predicate(item, "v", stuck))
        before = self.items[-1] if self.items else None
        if (
            word.tags == ("かかる",)
            and before is not None
            and self.name(index - 1) == "に"
            and before.word
            and before.word.senses & {"症状", "病気"}
        ):
            word = next((w for w in self.words.predicate.get("なる", ()) if w.tags == ("なる",)), word)
        if last.is_kana and word.needs_context and len(last.base) < 4 and last.base not in ("いる", "する"):
            self.doubt(f"「{last.surface}」は同音の語と紛れます。")
        if (
            word.tags == ("思う",)
            and self.name(index - 1) == "と"
            and any(
                item.kind in ("adverb", "opener") and item.marks and item.marks[0][0] == "たぶん"
                for item in self.items
            )
        ):
            item = self.push(self.emit("だろう", index, end), "verb")
            return self.predicate(end, _Predicate(item, "v", None))
        item = self.push(self.marks(word.tags, index, end), "verb", word=word, base=last.base)
        return self.predicate(end, _Predicate(item, "v", word))

    def arguments(self) -> list[_Item]:
        """The items since the last verb."""
        verbs = [position for position, item in enumerate(self.items) if item.kind == "verb"]
        return self.items[verbs[-1] + 1 if verbs else 0 :]

    @staticmethod
    def may_be_put(item: _Item) -> bool:
        """Whether the item can be what is put into something: a thing, not a time, a person or a place."""
        if item.kind in ("time", "adverb", "opener", "modifier") or item.live:
            return False
        place = item.word is not None and bool(item.word.senses & {"場所", "建物", "部屋"})
        return (
            not place
            and item.particle not in ("に", "で", "へ", "から", "まで", "の")
            and item.base not in ("風呂", "ない")
        )

    def negated_after(self, end: int) -> bool:
        return re.match(r"(?:ます\|)?(?:ない|ぬ)\|", self.rest(end)) is not None

    def do(self, index: int, end: int) -> int:
        """する by itself: どうする, Xをする, AくするとNにする."""
        before = self.items[-1] if self.items else None
        previous = self.name(index - 1)
        tail = self.rest(end)
        if (
            self.questions
            and self.questions[-1][0] == "どう"
            and previous == "どう"
            and re.match(
                (r"(?:ます\|)?" if self.tokens[index].base == "なさる" else r"(?:れる\|)?(?:ます\|)?た\|")
                + r"(?:の\|)?(?:です\|)?(?:か\||の\||？\||、\|)*$",
                tail,
            )
        ):
            return self.predicate(end, _Predicate(_Item([], "verb"), "v", None))
        if before is not None and previous in ("を", "は", "も") and before.base in self.words.suru_object:
            word = self.words.suru_object[before.base]
            kept = before.marks[len(before.word.tags) :] if before.word is not None else []
            before.marks = [(tag, before.marks[0][1]) for tag in word.tags] + kept
            return self.predicate(end, _Predicate(before, "v", word))
        if (
            before is not None
            and previous in ("を", "は", "も")
            and before.word is not None
            and any(spelling in self.words.suru for spelling in before.word.spellings)
        ):
            return self.predicate(
                end, _Predicate(before, "v", self.words.suru.get(before.base) or before.word)
            )
        if before is not None and previous == "を" and before.base.startswith(OPEN + "サ変"):
            return self.predicate(end, _Predicate(before, "v", None))
        if (
            before is not None
            and self.questions
            and self.questions[-1][0] == "何"
            and len(self.questions) > 1
            and self.questions[-2][0] == "方法"
            and previous in ("どの", "に", "よう")
            and tail.startswith("て|")
        ):
            return end + 1
        if (
            before is not None
            and previous in ("せる", "させる")
            and self.tokens[index - 1].form.startswith("連用")
        ):
            return self.predicate(end, _Predicate(before, "v", None))  # お待たせする
        if before is not None and before.kind == "number" and before.marks[-1][0] == "円":
            return self.predicate(end, _Predicate(before, "n", None, verbal=False))  # 五百円もする
        if self.questions and self.questions[-1][0] == "いくら" and previous == "いくら":
            return self.predicate(end, _Predicate(_Item([], "verb"), "v", None))
        if (
            previous == "に"
            and self.questions
            and self.name(index - 2) in ("何", "なに", "なん", "どれ", "どちら", "どっち")
        ):
            return self.predicate(end, _Predicate(_Item([], "verb"), "v", None))
        if before is not None and before.base in ("気", "口") and previous == "に":
            whole = before.base + "にする"
            before.marks = self.marks([self.words.emit(whole)], index - 2, end)
            return self.predicate(end, _Predicate(before, "v", None))
        if before is not None and before.base in ("楽しみ", OPEN + "楽しみ") and previous == "に":
            return self.predicate(end, _Predicate(before, "v", None))
        if (
            before is not None
            and previous == "が"
            and (before.base in _SENSED or (before.word is not None and "症状" in before.word.senses))
        ):
            item = self.push(self.emit("ある", index, end), "verb")
            return self.predicate(end, _Predicate(item, "v", None))
        if (
            before is not None
            and previous == "に"
            and before.kind in ("noun", "time", "number")
            and self.tokens[index].base == "なさる"
        ):
            return self.predicate(end, _Predicate(before, "v", None))
        if before is not None and previous == "に" and before.kind in ("noun", "time", "number"):
            if before.kind == "time":
                before.fixed = True
            if re.search(r"に\|する\|ます\|か\|.*に\|する\|ます\|か\|", "|".join(self.names) + "|"):
                return self.predicate(end, _Predicate(before, "v", None))  # AにしますかBにしますか
            turned = any(item.particle == "を" for item in self.items)
            item = self.push(self.emit("変える" if turned else "決める", index, end), "verb")
            return self.predicate(end, _Predicate(item, "v", None))
        if (
            before is not None
            and before.kind == "adverb"
            and before.word is not None
            and tail.startswith(("た|", "て|"))
            and "程度" not in before.word.senses
        ):
            return self.predicate(end, _Predicate(before, "v", None))  # すっきりした
        if before is not None and (
            (before.kind == "adjective" and self.tokens[index - 1].pos[0] == "形容詞")
            or (previous in ("に", "と") and before.kind in ("adjective", "adverb"))
        ):
            return self.predicate(end, _Predicate(before, "v", None))
        item = self.push(self.emit("やる", index, end), "verb", base="する")
        return self.predicate(end, _Predicate(item, "v", None))

    def special_verb(self, index: int) -> int:
        """いらっしゃる, ください and other verbs whose tag depends on what surrounds them."""
        token = self.tokens[index]
        name = token.name
        if (
            name == "くださる^"
            or (name in ("ちょうだい",))
            or (
                name in ("いただける", "もらえる", "くださる")
                and not (self.questions and name == "もらえる")
                and re.match(rf"{_POLITE_ASK}", self.rest(index + 1))
                and self.rest(index + 1)
                and ("か|" in self.rest(index + 1) or self.mark)
            )
        ):
            item = self.push(self.emit("お願い", index, index + 1), "verb")
            self.suppress = True
            predicate = _Predicate(item, "v", None, asked=True)
            match = re.match(_POLITE_ASK, self.rest(index + 1))
            skip = match.group().count("|") if match and name != "くださる^" else 0
            return self.predicate(min(index + 1 + skip, len(self.tokens)), predicate)
        if token.base == "いらしゃる" and self.name(index + 1) == "て":
            item = self.push(self.emit("来る", index, index + 1), "verb", base="来る")
            return self.predicate(index + 1, _Predicate(item, "v", None))
        if token.base == "いらっしゃる" and self.questions and self.questions[-1][0] in ("どこ", "どちら"):
            self.questions[-1] = ("どこ", self.questions[-1][1])
            if self.name(index - 1) in ("へ", "に") and not any(
                item.live and item.particle == "は" for item in self.items
            ):
                item = self.push(self.emit("行く", index, index + 1), "verb")
                return self.predicate(index + 1, _Predicate(item, "v", None))
            if self.name(index - 1) == "から":
                item = self.push(self.emit("来る", index, index + 1), "verb")
                return self.predicate(index + 1, _Predicate(item, "v", None))
        if (
            token.name == "なる"
            and self.name(index - 1) == "と"
            and self.items
            and re.match(r"て\|(?:いる|おる)\|", self.rest(index + 1))
        ):  # 10時までとなっております is 10時までです
            before = self.items[-1]
            if before.kind == "time":
                self.fix_chain(before)
            return self.predicate(index + 3, _Predicate(before, "n", None, verbal=False))
        if token.base in ("伺う", "うかがう") and (
            (self.items and self.items[-1].kind == "time")
            or (
                self.name(index - 1) in ("に", "へ", "まで", "から")
                and self.items
                and not self.items[-1].live
            )
        ):
            item = self.push(self.emit("行く", index, index + 1), "verb", base="行く")
            return self.predicate(index + 1, _Predicate(item, "v", None))
        base = (
            token.base
            if token.base in _SPECIAL_VERBS
            else token.norm
            if token.norm in ("くれる", "貰う")
            else ""
        )
        if token.base in ("いる", "居る") and token.pos[4].startswith("上一段"):
            word = next((w for w in self.words.predicate.get("いる", ()) if w.tags == ("いる",)), None)
            item = self.push(self.emit("いる", index, index + 1), "verb", word=word, base="いる")
            return self.predicate(index + 1, _Predicate(item, "v", word))
        changed = (
            index > 0
            and self.tokens[index - 1].pos[0] in ("形容詞", "副詞")
            and self.tokens[index - 1].surface.endswith("く")
        )
        if token.base == "なれる" and ((self.name(index - 1) == "に" and token.norm != "慣れる") or changed):
            item = self.push(self.emit("なる", index, index + 1), "verb", base="なる")
            return self.predicate(
                index + 1, _Predicate(item, "v", None, self.emit("できる", index, index + 1))
            )
        if (
            base in ("なる", "成る")
            and self.items
            and self.items[-1].base == "気"
            and self.name(index - 1) == "に"
        ):
            mind = self.items[-1]
            mind.marks = self.marks([self.words.emit("気になる")], index - 2, index + 1)
            return self.predicate(index + 1, _Predicate(mind, "v", None))
        if base and base in _SPECIAL_VERBS:
            tags = _SPECIAL_VERBS[base]
            if (
                base in ("いただく", "頂く")
                and "".join(t.surface for t in self.tokens[index : index + 2]) == "いただきます"
                and not self.items
            ):
                return 0
            word = next((w for w in self.words.predicate.get(tags, ()) if w.tags == (tags,)), None)
            extra = self.emit("できる", index, index + 1) if base in ("いただける", "もらえる") else []
            item = self.push(self.emit(tags, index, index + 1), "verb", word=word, base=base)
            return self.predicate(index + 1, _Predicate(item, "v", word, extra))
        return 0

    def verb_marks(self, index: int) -> tuple[list[Mark], Word | None, list[Mark]]:
        """Tags of the verb morpheme here, its word, and the tags its form adds (potential, causative)."""
        token = self.tokens[index]
        span = (token.start, token.end)
        table = self.words.predicate
        going = (
            token.base == "行う"
            and token.surface == "行っ"
            and self.name(index - 1) not in ("を", "が", "は", "も")
        )
        found = self.fitting(table.get("行く" if going else token.base, ()), token)
        if found is not None:
            return _marks(found.tags, span), found, []
        godan = _potential_base(token.base)
        if godan and token.norm == godan and token.form == "命令形":
            words = table.get(godan) or []
            return (
                (_marks(words[0].tags, span) if words else _marks([OPEN + godan], span)),
                (words[0] if words else None),
                [],
            )
        if godan and (
            token.norm == godan
            or (godan in table and token.base not in _NOT_POTENTIAL)
            or (token.norm in table and token.norm != token.base and not _potential_base(token.norm))
        ):
            words = table.get(godan) or table.get(token.norm) or []
            able = _marks([self.words.emit("できる")], span)
            if words:
                return _marks(words[0].tags, span), words[0], able
            return _marks([OPEN + godan], span), None, able
        if (
            token.base.endswith(("れる", "られる"))
            and token.norm != token.base
            and token.norm.endswith("る")
            and token.base[:-2] == token.norm[:-1]
        ):
            words = table.get(token.norm) or []
            able = _marks([self.words.emit("できる")], span)
            return (
                (_marks(words[0].tags, span) if words else _marks([OPEN + token.norm], span)),
                (words[0] if words else None),
                able,
            )
        for ending, tag in (
            ("過ぎる", "過ぎる"),
            ("すぎる", "過ぎる"),
            ("始める", "始める"),
            ("続ける", "続ける"),
            ("終わる", "終わる"),
            ("終える", "終わる"),
        ):
            stem = (
                self.words.stems.get(token.base.removesuffix(ending)) if token.base.endswith(ending) else None
            )
            if stem is not None:
                return _marks(stem.tags, span), stem, _marks([self.words.emit(tag)], span)
        causative = _causative_base(token.base)
        if causative and causative in table:
            word = table[causative][0]
            made = _marks([self.words.emit("させる")], span)
            return _marks(word.tags, span), word, made
        if token.norm in table:
            by_norm = self.fitting(table[token.norm], token)
            if by_norm is not None:
                if token.is_kana and len(table[token.norm]) and by_norm.needs_context:
                    self.doubt(f"「{token.surface}」は同音の語と紛れます。")
                return _marks(by_norm.tags, span), by_norm, []
        return _marks([OPEN + token.base], span), None, []

    def adjective(self, index: int, end: int, marks: list[Mark], word: Word | None) -> int:
        last = self.tokens[end - 1]
        suffix = self.at(end)
        sense = self.of_taste_or_skill(index, end)
        if sense:
            word = next(iter(self.words.predicate.get(sense) or self.words.nominal.get(sense, ())), None)
            marks = self.marks(word.tags if word else [sense], index, end)
        if (
            suffix is not None
            and suffix.surface == "さ"
            and suffix.pos[0] == "接尾辞"
            and last.form.startswith("語幹")
            and self.at(end + 1)
        ):
            noun = self.push(marks, "noun", base=last.surface + "さ")
            return self.after_noun(end + 1, noun)
        if word is not None and word.needs_context and _hiragana(last.surface):
            self.doubt(f"「{last.surface}」は同音の語と紛れます。")
        item = self.push(marks, "adjective", word=word, base=last.base)
        if (last.form.startswith("連用形") or last.surface == "よく") and self.name(end) not in _of(
            "ない て た ある は も たら たって すぎる つつ ない^ だ です"
        ):
            return end
        if self.name(end) in ("は", "も") and self.name(end + 1) not in ("ない", "ある"):
            return end
        if (
            last.surface == "よろしい" or (last.name == "いい" and self.name(index - 1) == "で")
        ) and self.name(end) == "です!":
            self.names[end] = "です"
        predicate = _Predicate(item, "a", word, verbal=False)
        return self.predicate(end, predicate)

    def of_taste_or_skill(self, index: int, end: int) -> str:
        """うまい is おいしい or 上手, 辛い からい or つらい, by what is said so; empty for other adjectives."""
        token = self.tokens[index]
        if token.base not in ("うまい", "旨い", "美味い", "上手い", "巧い", "辛い") or end > index + 1:
            return ""
        eaten = {"食べ物", "飲み物", "献立", "味"}
        following = self.at(end)
        named = [item.word for item in self.items if item.word is not None]
        after = next(iter(self.words.nominal.get(following.surface, ())), None) if following else None
        ahead = [token.surface for token in self.tokens[end : end + 4]]
        food = bool({"料理", "味", "物", "もの", "食べ物"} & set(ahead)) and token.base == "辛い"
        food = (
            food
            or any(word.senses & eaten for word in (*named, after) if word is not None)
            or any(item.base in _of("味 料理 食べる 飲む カレー 皮") for item in self.items)
        )
        if token.base == "辛い":
            measured = following is not None and following.surface == "さ" and not self.items
            return "からい" if food or measured else ""
        if token.form.startswith("連用形") and self.name(end) not in _of("ない て た は も"):
            return "上手"
        if token.base in ("旨い", "美味い") or food or not self.items:
            return "おいしい" if token.base not in ("上手い", "巧い") else "上手"
        return "上手"

    def noun(self, index: int, end: int, word: Word) -> int:
        """A nominal word of the lexicon: noun, time, pronoun, adverb, adjectival noun, interjection."""
        marks: list[Mark] = self.marks(word.tags, index, end)
        text = "".join(token.surface for token in self.tokens[index:end])
        after = self.name(end)
        following = self.at(end)
        if (
            following is not None
            and (
                following.pos[0] in ("形容詞", "形状詞", "動詞", "副詞")
                or "形状詞可能" in following.pos[2]
                or (text == "大変" and following.pos[2].startswith("サ変"))
            )
            and after not in ("する", "できる")
        ):
            adverb = next((w for w in self.words.nominal.get(text, ()) if w.word_class == "副"), None)
            if adverb is not None and word.word_class != "副":
                word, marks = adverb, self.marks(adverb.tags, index, end)
        kind = word.word_class
        if (
            text == "休み"
            and index
            and self.tokens[index - 1].surface == "お"
            and re.match(r"に\|なる\|", self.rest(end))
        ):
            rest = self.words.predicate["休む"][0]
            item = self.push(self.marks(rest.tags, index - 1, end), "verb", word=rest)
            return self.predicate(end + 2, _Predicate(item, "v", rest))
        if (
            index
            and self.tokens[index - 1].surface == "お"
            and text in self.words.stems
            and self.is_doing(end)
        ):
            stem = self.words.stems[text]  # お手伝いします
            item = self.push(self.marks(stem.tags, index - 1, end), "verb", word=stem)
            return self.suru(index, end, item, stem)
        if text in self.words.suru and self.is_doing(end):
            item = self.push(
                self.marks(self.words.suru[text].tags, index, end),
                "verb",
                word=self.words.suru[text],
                base=text,
            )
            return self.suru(index, end, item, self.words.suru[text])
        if (
            word.word_class == "名"
            and self.is_doing(end)
            and self.tokens[end - 1].pos[2].startswith("サ変")
            and text not in self.words.suru
            and "お願い" not in word.tags
        ):
            item = self.push(marks, "verb", word=None, base=text)
            return self.suru(index, end, item, None)
        if kind == "副":
            if text == "大変" and after in _of("だ です な で に じゃ _"):
                word = next((w for w in self.words.nominal[text] if w.word_class == "ナ形"), word)
                marks = self.marks(word.tags, index, end)
                kind = "ナ形"
            elif after == "の" and text in ("先", "もう"):
                kind = "名"
            else:
                leads = ("文頭" in word.senses or word.tags == ("たぶん",)) and word.tags != ("もう",)
                leads = leads and all(item.kind == "opener" for item in self.items)
                item = self.push(marks, "opener" if leads else "adverb", word=word, base=text)
                if self.name(end) in _of("だ です で じゃ です! だ! な か だけ も の しか から"):
                    return self.after_noun(end, item)
                return end
        if kind == "接続":
            kind = "名"
        if kind == "名" and any(
            w.word_class in ("時", "曜日", "季節") for w in self.words.nominal.get(text, ())
        ):
            kind = "時"
        if kind in ("時", "曜日", "季節") or text in _TIME_WORDS:
            if self.name(index - 1) == "の" and text in ("後で", "前"):
                item = self.push(self.emit("後" if text == "後で" else "前", index, end), "noun", base=text)
                return self.after_noun(end, item)
            return self.time(index, end, marks, text)
        if kind == "連体":
            item = self.push(marks, "modifier", base=text)
            return end
        if word.needs_context and _hiragana(text):
            self.doubt(f"「{text}」は同音の語と紛れます。")
        live = bool(word.senses & {"人", "家族", "知人", "職業", "動物", "人称", "人一般"}) or (
            kind == "代" and bool(word.senses & {"人称", "一人称", "二人称", "三人称", "複数", "一人称敬"})
        )
        item = self.push(
            marks,
            "adjective" if kind in ("ナ形", "ナ形連") else "noun",
            word=word,
            base=word.spellings[0],
            live=live,
        )
        if kind == "名" and after == "中" and word.senses & {"地域", "国", "都市", "場所"}:
            end += 1
        if text == "あと" or text == "後":
            item.base = "後"
        return self.after_noun(end, item)

    def is_doing(self, end: int) -> bool:
        """Whether する, できる or a request follows a noun, with or without を."""
        name = self.name(end)
        if name in _DOING_ON or (name == "す" and self.name(end + 1) == "べし"):
            return True
        return name in _of(
            "する できる いたす なさる する^ する! なさる^ くださる^ "
            "いただく いただける 致す いたす! し 申し上げる 願う できる!"
        ) or (
            name == "に"
            and self.name(end + 1) == "なる"
            and self.polite_before(end)
            and self.name(end - 1) not in ("迷惑", "世話")
        )

    def polite_before(self, end: int) -> bool:
        for index in range(max(0, end - 3), end):
            if self.tokens[index].surface.startswith(("お", "ご", "御")) and self.tokens[index].pos[0] in (
                "接頭辞",
                "名詞",
            ):
                return True
        return False

    def suru(self, index: int, end: int, item: _Item, word: Word | None) -> int:
        """する after a noun that is an action."""
        name = self.name(end)
        predicate = _Predicate(item, "v", word)
        if (
            item.marks
            and item.marks[-1][0] == "お願い"
            and name in ("する", "できる", "いたす", "申し上げる")
        ):
            self.suppress = True
            match = re.match(r"[^|]+\|(?:たい\|)?(?:と\|おもう\|)?(?:ます\|)?", self.rest(end))
            return self.predicate(
                min(end + (match.group().count("|") if match else 1), len(self.tokens)), predicate
            )
        if name in ("できる", "できる!"):
            predicate.added += self.emit("できる", end, end + 1)
            return self.predicate(end + 1, predicate)
        if name == "す":
            return self.predicate(end + 1, predicate)
        if name in _DOING_ON:
            predicate.added += self.emit(_DOING_ON[name], end, end + 1)
            return self.predicate(end + 1, predicate)
        if name in ("くださる^", "願う"):
            return self.honorific(end, predicate)
        if name in ("いただく", "いただける"):
            return self.honorific(end, predicate)
        if name == "に":
            return self.predicate(end + 2, predicate)
        if name in _of("する いたす なさる する^ する! なさる^ いたす! 申し上げる"):
            if name.endswith("!"):
                return self.volitional(end, end + 1, predicate)
            if self.name(end + 1) == "れる" and self.tokens[index - 1].surface == "ご" and index:
                return self.predicate(end + 2, predicate)  # ご練習される is polite
            return self.predicate(end + 1, predicate)
        return self.predicate(end, predicate)

    def volitional(self, index: int, end: int, predicate: _Predicate) -> int:
        """…よう: an invitation, an intention before と思う, an attempt before とする."""
        match = re.match(
            r"(?:か\|(?:な\||なあ\|)?)?と\|(?:は\|)?おもう\|(?:て\|(?:いる|おる)\|)?", self.rest(end)
        )
        if match:
            stop = end + match.group().count("|")
            predicate.added += self.emit("予定", index, min(stop, len(self.tokens)))
            return self.predicate(stop, predicate)
        match = re.match(r"と\|(?:は\||も\|)?(?:する)\|", self.rest(end))
        if match:
            stop = end + match.group().count("|")
            if not self.negated_soon(stop):
                predicate.added += self.emit("試す", index, stop)
            return self.predicate(stop, predicate)
        predicate.added += self.emit("しよう", index, end)
        if re.match(r"か\|(?:な\||なあ\|)", self.rest(end)):
            predicate.added += self.emit("だろう", index, end)
            predicate.added.append(("?", None))
            return len(self.tokens)
        return self.predicate(end, predicate)

    def person(self, index: int, end: int, tags: Iterable[str]) -> int:
        item = self.push(self.marks(tags, index, end), "noun", live=True, base="名前")
        while (
            (token := self.at(end)) is not None
            and (token.surface in _TITLES)
            and token.pos[0] in ("接尾辞", "名詞")
        ):
            end += 1
        if (
            self.name(end) in ("と", "って")
            and self.name(end + 1) == "いう"
            and self.at(end + 2) is not None
            and self.tokens[end + 2].pos[0] == "名詞"
        ):
            self.push(self.emit("言う", end, end + 2), "verb")
            return end + 2
        return self.after_noun(end, item)

    def time(self, index: int, end: int, marks: list[Mark], text: str) -> int:
        """A time word, with the words before it that describe it and the particles after it."""
        if text in _TIME_SYNONYMS and marks[0][0].startswith(OPEN):
            marks = self.emit(_TIME_SYNONYMS[text], index, end)
        item = _Item(marks, "time", base=text)
        if self.items:
            before = self.items[-1]
            if (
                before.base in _TIME_MODIFIERS
                and (before.particle == "の" or before.kind == "modifier")
                and before.kind != "time"
            ):
                self.items.pop()
                item.marks = before.marks + item.marks
        if self.items and self.items[-1].kind == "noun" and self.items[-1].particle == "の":
            item.fixed = True  # 日本の夏
        if (
            self.items
            and self.items[-1].kind == "number"
            and text.endswith("曜日")
            and not self.items[-1].particle
        ):
            item.marks = self.items.pop().marks + item.marks  # 第二水曜日
        self.items.append(item)
        return self.after_time(end, item)

    def after_time(self, end: int, item: _Item) -> int:
        """Particles after a time word; some make it an ordinary noun that stays in place."""
        name = self.name(end)
        if name == "中":
            after = self.name(end + 1)
            if after == "に":
                item.marks += self.emit("まで", end, end + 1)
                return end + 2
            end += 1
            name = self.name(end)
        if name in _of("ころ くらい 辺り あたり ごろ"):
            end += 1
            name = self.name(end)
        limit = self.at(end)
        late = (
            limit is not None
            and limit.surface in ("遅く", "早く")
            and self.name(end + 1) in _of("まで から に")
        )
        early = (
            limit is not None
            and limit.surface in ("前", "まえ")
            and self.name(end + 1) in _of("に から の は で まで")
        )
        if limit is not None and (late or early or limit.surface in _of("以降 以後 以前 過ぎ すぎ いっぱい")):
            tag = {
                "過ぎ": "過ぎる",
                "すぎ": "過ぎる",
                "遅く": "遅い",
                "早く": "早い",
                "いっぱい": "まで",
                "まえ": "前",
            }.get(limit.surface, limit.surface)
            item.marks += self.emit(tag, end, end + 1)
            end += 1
            name = self.name(end)
        if name == "に" and self.name(end + 1) in _of("なる する する! 決める なる!"):
            item.fixed = True
            item.particle = "に"
            return end + 1
        if re.match(r"に\|(?:つく|関する|対する)\|て\|", self.rest(end)) and self.functional_ni(end):
            item.fixed = True
            return end + 3
        if name in ("が", "を"):
            item.fixed = True
            item.particle = name
            return end + 1
        while name in _of(
            "に は も の から まで より だけ で と や か ほど しか って こそ くらい ばかり など さえ 、"
        ):
            if name == "の" and self.name(end + 1) == "ほう" and self.name(end + 2) in _of("が は も を"):
                item.fixed = True
                item.particle = self.name(end + 2)
                return end + 3
            if name == "で" and (self.copular(end) or re.match(r"で\|(?:も\|)?" + _FINE, self.rest(end))):
                break
            if name == "か":
                if self.at(end + 1) is None or self.name(end + 1) in _of("？ な なあ しら も どう"):
                    break
                item.marks += self.emit("または", end, end + 1)
            elif name in _of("も から まで だけ より"):
                item.marks += self.emit(name, end, end + 1)
            elif name == "しか":
                item.marks += self.emit("だけ", end, end + 1)
                self.only = True
            elif name == "ほど" and self.negated_later(end):
                item.marks += self.emit("より", end, end + 1)
            elif name == "など":
                item.marks += self.emit("いろいろ", end, end + 1)
            item.particle = name
            end += 1
            name = self.name(end)
            if (
                item.particle == "の"
                and (
                    name in _of("とき ころ あいだ ため あと まえ")
                    or (name == "うち" and self.name(end + 1) in ("に", "は"))
                )
                and self.tokens[end].pos[0] == "名詞"
            ):
                return self.predicate(end, _Predicate(item, "n", None, verbal=False))
            if item.particle in ("の", "は", "、"):
                break
        if name in _of(
            "だ です じゃ なら だ! です! らしい みたい か で っけ な よう け"
        ) and item.particle in _of("_ から まで だけ の より"):
            self.fix_chain(item)
            return self.predicate(end, _Predicate(item, "n", None, verbal=False))
        return end

    def fix_chain(self, item: _Item) -> None:
        """The time word is the predicate: it stays, with the time words written right before it."""
        if all(other.kind == "time" for other in self.items):
            return
        position = next(i for i, other in enumerate(self.items) if other is item)
        item.fixed = True
        while (
            position
            and self.items[position - 1].kind == "time"
            and self.items[position - 1].particle in _of("_ の から と か や")
        ):
            position -= 1
            self.items[position].fixed = True

    def negated_later(self, index: int) -> bool:
        """Whether the clause that goes on here has a negation."""
        for position in range(index + 1, min(index + 14, len(self.tokens))):
            if self.tokens[position].name in ("ない", "ぬ"):
                return True
            if self.tokens[position].name in ("が&", "けど", "から") and position > index + 1:
                return False
        return False

    # -- after a noun --------------------------------------------------------------------------------------

    def copular(self, end: int) -> bool:
        """Whether a form of だ or an ending that stands directly on nouns follows."""
        rest = self.rest(end)
        return bool(
            re.match(
                r"(?:だ|です|だ!|です!|じゃ|なら|っす|らしい|みたい|すぎる|すぎ|がる)\||で\|(?:は\||も\|)?(?:ない\||ある\||ござる\|)"
                r"|で\|は\|だめ|か\|も\|(?:しれる|ね\||な\||$)|な\|の\||っけ\||け\||かしら\||か\|(?:な\||なあ\||ね\||よ\||しら\|)*(?:？\|)?$|に\|違い\|"
                r"|か\|どう\|か\||か\|と\||よう\||そう\||で\|いらっしゃる\||って\|(?:こと\|)?$|で\|も\|"
                + _FINE,
                rest,
            )
        )

    def after_noun(self, end: int, item: _Item) -> int:
        """What follows a noun: titles, a form of だ, or particles."""
        token = self.at(end)
        if token is not None and token.surface in ("付き", "つき") and token.pos[0] == "接尾辞":
            item.marks = item.marks + self.emit("付く", end, end + 1)  # 字幕付き
            end += 1
            token = self.at(end)
        while (
            token is not None
            and token.surface in _TITLES
            and token.pos[0] == "接尾辞"
            and (item.live or token.surface in ("さん", "たち", "達", "ら"))
            and not (
                token.surface == "ちゃん"
                and self.name(end + 1) == "と"
                and item.base in _of("私 僕 俺 あなた")
            )
        ):
            end += 1
            item.live = True
            if token.surface in ("様", "さま"):
                item.base = "様"
            token = self.at(end)
        if (
            token is not None
            and token.name == "に"
            and item.kind == "adjective"
            and token.pos[0] in ("助動詞", "助詞")
        ):
            if re.match(r"に\|違い\|", self.rest(end)):
                return self.predicate(end, _Predicate(item, "n", item.word, verbal=False))
            item.particle = "に"
            return end + 1
        if self.copular(end):
            return self.predicate(
                end, _Predicate(item, "a" if item.kind == "adjective" else "n", item.word, verbal=False)
            )
        name = self.name(end)
        if item.kind == "adjective" and name == "で" and self.name(end + 1) == "も":
            self.close(self.emit("しかし", end, end + 2))
            return end + 2
        if item.kind == "adjective" and name == "な":
            if self.name(end + 1) in ("よう", "はず"):
                return self.predicate(end + 1, _Predicate(item, "a", item.word, verbal=False))
            return end + 1
        return self.particles(end, item)

    def particles(self, end: int, item: _Item) -> int:
        while True:
            token = self.at(end)
            if token is None:
                return end
            name = token.name
            rest = self.rest(end)
            if token.pos[0] == "接尾辞" and token.surface in ("ずつ",):
                end += 1
                continue
            if (
                name in _of("くせ ため せい おかげ よう とき ころ 場合 まま とおり")
                and token.pos[0] in ("名詞", "形状詞")
                and item.particle in ("の",)
                and item.kind != "time"
            ):
                return self.noun_clause(end, item)
            if token.pos[0] not in ("助詞", "助動詞"):
                return end
            match = re.match(
                r"に\|(?:そう|沿う|つく|ついて|関する|かんする|対する|たいする|とる|よる|おく|おける|つれる|従う|加える|わたる|あたる|おいて|とって|よって|対して)\|(?:て\|)?(?:は\||も\||の\||、\|)?",
                rest,
            )
            if (
                match
                and not re.match(r"に\|(?:よる|とる|おく|つく|従う|わたる|あたる)\|(?:ます|た|ない)", rest)
                and not (
                    rest.startswith("に|つく|て|") and self.tokens[end + 1].surface not in ("つい", "就い")
                )
                and self.functional_ni(end)
            ):
                item.particle = "に"
                if re.match(r"に\|よる\|と\|", rest) or self.tokens[end + 1].surface.startswith(
                    ("よると", "よれば")
                ):
                    for other in self.items:
                        other.kind = "opener" if other.kind != "time" else "time"
                    stop = end + match.group().count("|")
                    return stop + (self.name(stop) == "と")
                return end + match.group().count("|")
            if (
                rest.startswith("に|つく|")
                and self.tokens[end + 1].surface == "つき"
                and item.kind == "noun"
                and self.at(end + 2) is not None
                and self.tokens[end + 2].pos[0] not in ("助詞", "助動詞")
            ):
                self.close(self.emit("ため", end, end + 2))  # 工事中につき通れません
                return end + 2 + (self.name(end + 2) == "、")
            if re.match(r"に\|も\|(?:かかわる|関わる|拘わる)\|ず\|", rest):
                self.close(self.emit("しかし", end, end + 4))
                return end + 4
            if re.match(r"と\|いう\|より\|", rest):
                item.marks += self.emit("より", end, end + 3)
                item.particle = "より"
                return end + 3
            match = re.match(r"と\|する\|て\|(?:は\||も\||の\|)?", rest)
            if match and item.kind in ("noun", "number"):
                item.particle = "と"
                return end + match.group().count("|")
            match = re.match(
                r"(?:と|って)\|いう\|(?:(?:の\||こと\|)(?=は\||が\||を\||も\|)|こと\|(?=に\||で\||だ\||です\|))",
                rest,
            )
            if match:
                return self.particles(end + match.group().count("|"), item)
            if (
                re.match(r"(?:と|って)\|いう\|", rest)
                and self.at(end + 2) is not None
                and self.tokens[end + 2].pos[0] in ("名詞", "代名詞")
                and self.tokens[end + 1].form.startswith(_ADNOMINAL)
            ):
                self.push(self.emit("言う", end, end + 2), "verb")
                return end + 2
            if name == "の" and self.name(end + 1) in ("ほう",) and self.at(end + 1) is not None:
                following = self.name(end + 2)
                compared = any(mark[0] == "より" for other in self.items for mark in other.marks)
                if self.tokens[end + 1].surface == "ほう" or following in ("が", "は") or compared:
                    item.particle = "の"
                    end += 2
                    continue
            if (
                name == "の"
                and self.name(end + 1) == "こと"
                and self.name(end + 2) in _of("が を は も で に 、 _")
            ):
                item.marks += self.emit("こと", end + 1, end + 2)
                item.particle = "の"
                end += 2
                continue
            if (
                name == "の"
                and self.name(end + 1) in _of("だ です か な だ! です!")
                and self.tokens[end].pos[0] == "助詞"
            ):
                end += 1
                return self.predicate(end, _Predicate(item, "n", item.word, verbal=False))
            if name == "も" and (item.particle == "より" or (item.kind == "number" and not item.particle)):
                pass
            elif name in _of("も から まで だけ より"):
                item.marks += self.emit(name, end, end + 1)
            elif name in ("のみ",):
                item.marks += self.emit("だけ", end, end + 1)
            elif name == "しか":
                item.marks += self.emit("だけ", end, end + 1)
                self.only = True
            elif name == "など" or name == "なんか" or name == "なんて":
                if name == "など":
                    item.marks += self.emit("いろいろ", end, end + 1)
            elif name == "ほど" and item.base not in ("数",) and item.kind != "number":
                if self.negated_later(end):
                    item.marks += self.emit("より", end, end + 1)
            elif name == "でも" or (name == "で" and self.name(end + 1) == "も"):
                if name == "で":
                    end += 1
                if self.in_spite(item):
                    self.close(self.emit("しかし", end, end + 1))
                    return end + 1
                offers = re.search(r"(?:ます!|しよう|たい|ます\|ぬ\|か)\|", self.rest(end)) or any(
                    token.form == "意志推量形" for token in self.tokens[end : end + 4]
                )
                if not offers:
                    item.marks += self.emit("も", end, end + 1)
            elif name == "ばかり":
                item.marks += self.emit("ばかり", end, end + 1)
            elif name == "か":
                following = self.at(end + 1)
                if following is None:
                    return self.predicate(end, _Predicate(item, "n", item.word, verbal=False))
                if following.name in _of("な なあ も しら どう") and following.pos[0] in ("助詞", "副詞"):
                    return self.predicate(end, _Predicate(item, "n", item.word, verbal=False))
                if (
                    any(mark[0] == "または" for other in self.items[:-1] for mark in other.marks)
                    and following.pos[0] != "名詞"
                ):
                    return end + 1
                if re.match(_KNOWING, following.name) or re.match(_KNOWING, following.base):
                    return self.predicate(end, _Predicate(item, "n", item.word, verbal=False))
                item.marks += self.emit("または", end, end + 1)
                if self.name(end + 1) == "、":
                    end += 1
            elif name in _of("ね よ さ なあ わ ぞ ぜ もん じゃん な"):
                return end + 1
            elif name in _of("て ば けど し& ながら") or token.pos[0] == "助動詞":
                return self.predicate(end, _Predicate(item, "n", item.word, verbal=False))
            elif name == "と" and self.name(end + 1) == "か":
                end += 1
            item.particle = name
            end += 1
            if name in ("の", "や"):
                token = self.at(end)
                if (
                    name == "の"
                    and token is not None
                    and token.name
                    in _of("とき ころ ため よう せい おかげ 場合 まま くせ とおり あいだ つもり はず")
                    and token.pos[0] in ("名詞", "形状詞")
                ):
                    return self.noun_clause(end, item)
                if (
                    name == "の"
                    and token is not None
                    and item.kind != "number"
                    and re.match(
                        r"(?:わり|割)\|に\||うち\|(?:は|に)\||あと\|(?:、|に|で|は|も)\|", self.rest(end)
                    )
                    and token.pos[0] == "名詞"
                ):
                    return self.noun_clause(end, item)
                if name == "の" and token and token.surface in ("うえ", "上") and self.name(end + 1) == "、":
                    self.close(self.emit("後", end, end + 1))
                    return end + 2
                if (
                    name == "の"
                    and token is not None
                    and token.name == "日"
                    and self.name(end + 1) in ("は", "に", "、", "も")
                    and not item.live
                ):
                    return self.day_clause(end, item)
                return end
            if name in ("と", "って") and (item.base == "「」" or self.quotes(end)):
                return end

    @staticmethod
    def in_spite(item: _Item) -> bool:
        """Whether でも after this noun means "even if": 雨でも, 休日でも."""
        if item.word is None or item.particle:
            return False
        return bool(item.word.senses & {"降る物", "災害", "悪天"}) or item.base in _of(
            "雨 雪 嵐 休日 休み 祝日 病気 風邪"
        )

    def functional_ni(self, end: int) -> bool:
        """Whether に+verb here is について, によって … and not a verb of its own."""
        verb = self.tokens[end + 1]
        after = self.name(end + 2)
        if verb.surface in _of(
            "つい 就い 対し 関し とっ よっ おい つれ そっ 沿っ 従っ したがっ 加え わたっ あたっ 際し"
        ):
            return after == "て" and self.name(end + 3) not in _of(
                "いる ある ください くださる^ しまう おく みる"
            )
        return verb.surface in _of(
            "関する 対する よる おける よれ よると よれば ついて わたる"
        ) and verb.form.startswith(("連体", "終止", "仮定"))

    def noun_clause(self, index: int, item: _Item) -> int:
        """子供の時, 停電のため, 鳥のように: a clause that consists of nouns."""
        name = self.name(index)
        rest = self.rest(index)
        if name == "よう":
            match = re.match(r"よう\|(?:な\||に\|)", rest)
            if match:
                self.push(self.emit("同じ", index, index + 1), "adjective")
                return index + 2
        return self.predicate(index, _Predicate(item, "n", item.word, verbal=False))

    def day_clause(self, index: int, item: _Item) -> int:
        """テレワークの日は: a time that is described by a noun; it opens its clause."""
        del item
        day = self.push(self.emit("日", index, index + 1), "noun")
        end = index + 1
        while self.name(end) in ("は", "に", "も", "、"):
            if self.name(end) == "も":
                day.marks += self.emit("も", end, end + 1)
            end += 1
        self.close()
        return end

    def quotes(self, end: int) -> bool:
        """Whether the next verb is one of saying or thinking, so that と marks a quotation."""
        if self.name(end) == "、":
            return False
        for index in range(end, min(end + 7, len(self.tokens))):
            token = self.tokens[index]
            if token.name.rstrip("^!") in _QUOTING or token.base in _QUOTING:
                return True
            if token.is_verb or token.pos[0] == "形容詞":
                return False
            if token.name in ("、",) and index == end:
                return False
            if (
                token.pos[0] == "名詞"
                and token.pos[2] == "サ変可能"
                and self.name(index + 1) in ("する", "を")
            ):
                return token.base in _QUOTING
        return False

    # -- predicates ----------------------------------------------------------------------------------------

    def predicate(self, index: int, predicate: _Predicate) -> int:
        """Read the endings from ``index`` on, by the table; the index of the first morpheme not consumed."""
        self.seen_predicate = self.seen_predicate or predicate.kind in "va" or index < len(self.tokens)
        head = self.at(index - 1)
        if predicate.kind == "v" and head is not None and not predicate.added and head.is_verb:
            if head.form == "意志推量形":
                return self.volitional(index - 1, index, predicate)
            if head.form.startswith("仮定形-融合"):
                self.link("場合", index - 1, index, predicate)
                return index
            joined = self.compound(index, predicate)
            if joined:
                return joined
        for _ in range(40):
            name = self.name(index)
            if not name:
                break
            rest = self.rest(index)
            for pattern, actions in ENDINGS.get(name, ()):
                match = pattern.match(rest)
                if match and self.allowed(match.group(), actions, index, predicate):
                    break
            else:
                break
            end = index + match.group().count("|")
            stop = self.apply(actions, index, min(end, len(self.tokens)), predicate)
            last = self.at(end - 1)
            if stop is None and last is not None and last.form == "意志推量形" and last.name not in _GUESSING:
                return self.volitional(end - 1, end, predicate)
            if stop is not None:
                self.finish(predicate)
                return stop
            index = end
            if index >= len(self.tokens):
                break
        self.finish(predicate)
        return self.after_predicate(min(index, len(self.tokens)), predicate)

    def allowed(self, matched: str, actions: tuple[str, ...], index: int, predicate: _Predicate) -> bool:
        """Conditions of a pattern that the text of the pattern cannot say."""
        token = self.at(index)
        if token is None:
            return True
        first = matched.partition("|")[0]
        if (
            first in _of("よ ね な さ わ ぞ ぜ なあ い え や")
            and token.pos[0] != "助詞"
            and not (first == "な" and token.pos[0] == "助動詞")
        ):
            return False
        if (
            first == "て"
            and matched.startswith(("て|くれる|か", "て|くれる|ます", "て|くれる|"))
            and "くれる^" not in matched
            and any(
                item.particle == "が" and item.live and item.base not in ("あなた", "君")
                for item in self.items
            )
            and matched != "て|くれる|"
        ):
            return False
        if actions == ("らしい",) and matched.startswith("と|いう|"):
            return self.tokens[index + 1].surface == "いう" and not self.questions
        if self.questions and matched.startswith(("て|もらえる|", "て|いただける|")) and "お願い" in actions:
            return False  # 何時まで預かってもらえますか
        if actions == ("SURELY",):
            told = predicate.past and not predicate.added
            return predicate.kind == "v" and (told or [tag for tag, _ in predicate.added][-1:] == ["ダメ"])
        if "DONT" in actions:
            head = self.tokens[index - 1]
            return (
                predicate.kind == "v"
                and not predicate.added
                and not predicate.past
                and not self.mark
                and head.is_verb
                and head.surface == head.base
                and not _unwilled(predicate.word)
            )
        if first == "な" and matched == "な|" and token.pos[0] == "助詞" and token.pos[1] != "終助詞":
            return False
        if first in ("ない",) and token.pos[0] == "形容詞" and predicate.kind == "v" and not predicate.added:
            return self.at(index - 1) is not None and self.tokens[index - 1].pos[0] in (
                "助動詞",
                "接尾辞",
                "形容詞",
            )
        if first in _of("だす つづける はじめる 終わる すぎる"):
            before = self.tokens[index - 1] if index else None
            return before is not None and (
                before.form.startswith(("連用形", "語幹")) or before.pos[0] in ("形状詞", "名詞", "助動詞")
            )
        if first == "で" and matched == "で|" and token.pos[0] == "助詞":
            return False
        if (
            first == "から"
            and predicate.kind == "n"
            and index
            and self.tokens[index - 1].pos[0] not in ("助動詞", "助詞", "形容詞")
        ):
            return False
        if (
            first in _of("と って が& より だけ まで しか など ほど くらい ばかり")
            and predicate.kind == "n"
            and index
            and self.tokens[index - 1].pos[0] in ("名詞", "代名詞", "接尾辞")
            and first != "って"
        ):
            return False
        if first == "まえ" and self.name(index + 1) == "の":
            return False
        if first == "か" and token.pos[0] != "助詞":
            return False
        if first in ("は", "も"):
            return (
                predicate.kind == "a"
                or bool(predicate.added)
                or (predicate.kind == "v" and index > 0 and self.tokens[index - 1].form.startswith("連用"))
            )
        if first == "ある" and matched.startswith("ある|ます|ぬ"):
            return predicate.kind == "a" or bool(predicate.added)
        if first == "もの" and matched in ("もの|だ|", "もの|です|") and predicate.kind == "n":
            return False
        if (
            first == "ところ"
            and "場所" in actions
            and self.name(index + 2) not in _of("ある ない")
            and self.name(index + 1) not in _of("に で へ が を は から まで も の")
        ):
            return False
        if first == "ところ" and actions == ("JUNC",) and (predicate.kind == "a" or token.surface == "所"):
            return False
        if first == "ところ" and actions == ("LINK:とき",):
            return predicate.state and predicate.item.base not in ("住む", "働く", "ある", "いる")
        if first == "うち" and (
            token.pos[0] == "代名詞" or ("は" in matched and predicate.kind == "v" and "に" not in matched)
        ):
            return False
        if first == "ほう" and actions == ("NOMINAL",) and self.is_somebody(index):
            return False
        if first == "場合" and self.name(index + 1) == "が":
            return False
        if first == "すぐ" and predicate.kind == "n":
            return False
        return not (first == "たび" and token.surface != "度" and token.surface != "たび")

    def is_somebody(self, index: int) -> bool:
        """Whether 方 after a clause is a person (お持ちの方は), not a side of a comparison (行く方が早い)."""
        if self.tokens[index].surface != "方" or any(
            mark[0] == "より" for item in self.items for mark in item.marks
        ):
            return False
        later = self.names[index + 1 : index + 8]
        return later[0] != "が" or any(name in _of("いる いらっしゃる おる お ご") for name in later)

    def compound(self, index: int, predicate: _Predicate) -> int:
        """A verb directly after the 連用形 of another: 乗り遅れる becomes one open word."""
        token = self.at(index)
        head = self.tokens[index - 1]
        if (
            token is not None
            and token.surface in ("物", "もの")
            and head.form == "連用形-一般"
            and token.pos[0] != "助詞"
        ):
            item = predicate.item
            item.marks = self.open_word(head.surface + token.surface, index - 1, index + 1)
            item.kind, item.word, item.base = "noun", None, head.surface + token.surface
            return self.after_noun(index + 1, item)
        if (
            token is not None
            and token.surface in ("放題", "かけ")
            and not token.is_verb
            and head.form == "連用形-一般"
        ):
            item = predicate.item
            item.marks = self.open_word(head.surface + token.surface, index - 1, index + 1)
            item.kind, item.word, item.base = "noun", None, head.surface + token.surface
            return self.after_noun(index + 1, item)
        if token is not None and token.surface == "方" and head.form.startswith("連用形"):
            predicate.item.marks = predicate.item.marks + self.emit("方法", index, index + 1)
            predicate.item.kind = "noun"
            return self.after_noun(index + 1, predicate.item)
        if (
            token is not None
            and token.is_verb
            and token.base in ("きれる", "切れる")
            and head.form.startswith("連用形")
            and head.surface + token.base not in self.words.predicate
        ):  # 運びきれない
            predicate.added += self.emit("できる", index, index + 1)
            return self.predicate(index + 1, predicate)
        if token is not None and token.is_verb and token.base in ("得る", "うる", "える"):
            predicate.added += self.emit("できる", index, index + 1)
            return self.predicate(index + 1, predicate)
        if token is None or not token.is_verb or not head.form.startswith("連用形"):
            return 0
        if (
            token.name.rstrip("^!") in ENDINGS
            or token.base in _of("する いる ある くださる なさる いたす 得る うる")
            or token.pos[1] != "非自立可能"
        ):
            return 0
        if token.base in _of("くる 来る 行く いく できる"):
            return 0
        if head.base in ("する", "為る") and predicate.item.marks:  # 計算し直す, 連絡し合う
            tag = _AFTER_SHI.get(token.base, token.base)
            predicate.added += self.emit(tag, index, index + 1)
            return self.predicate(index + 1, predicate)
        base = head.surface + token.base
        known = self.words.predicate.get(base)
        span = (predicate.item.marks[0][1] or self.span(index - 1, index))[0]
        if known:
            predicate.item.marks = [(tag, (span, token.end)) for tag in known[0].tags]
            predicate.word = known[0]
        else:
            predicate.item.marks = [(OPEN + base, (span, token.end))]
            predicate.word = None
        if token.form == "意志推量形":
            return self.volitional(index, index + 1, predicate)
        return self.predicate(index + 1, predicate)

    def finish(self, predicate: _Predicate) -> None:
        """Put the tags of the endings behind the predicate, and apply もう."""
        if predicate.closed:
            return
        if predicate.done and predicate.past:
            self.items = [
                i
                for i in self.items
                if not (i.kind == "adverb" and i.marks and i.marks[0][0] in ("もう", "+もう"))
            ]
        predicate.item.marks = predicate.item.marks + predicate.added
        if predicate.item.marks and not any(item is predicate.item for item in self.items):
            self.items.append(predicate.item)
        predicate.added = []

    def link(self, tag: str, index: int, end: int, predicate: _Predicate) -> None:
        self.finish(predicate)
        predicate.closed = True
        if tag == "しかし" and self.questions and self.questions[-1][0] == "いくら":
            self.questions.pop()
        if tag == "しかし" and self.questions and self.name(index) in ("て", "に", "たって"):
            tags = _table("疑問語ても").get(" ".join(tag for tag, _ in self.questions))
            if tags is None:
                self.doubt("「疑問語…ても」を逆接としました。")
                self.push(self.questions, "other")
            else:
                marks = [(self.words.emit(name), self.questions[0][1]) for name in tags.split()]
                self.items.insert(self.asked_at, _Item(marks, "other"))
            self.questions = []
        self.close(self.emit(tag, index, max(index + 1, end)) if tag else None)

    def negate(self, index: int, end: int, predicate: _Predicate) -> None:
        """The tag of a negation: 無理 after できる, まだ after まだ, the word's own, ない, or 違う."""
        if self.only:
            self.only = False
            return
        span = self.span(index, max(end, index + 1)) if index < len(self.tokens) else None
        if predicate.added and predicate.added[-1][0] == "できる":
            predicate.added[-1] = ("無理", span)
            return
        not_yet = next(
            (i for i in self.items if i.kind == "adverb" and i.marks and i.marks[0][0] in ("まだ", "+まだ")),
            None,
        )
        if predicate.state and not_yet is not None and predicate.kind == "v":
            self.items = [item for item in self.items if item is not not_yet]
            predicate.added.append((self.words.emit("まだ"), not_yet.marks[0][1]))
            return
        if (
            not predicate.added
            and predicate.word is not None
            and predicate.word.negative
            and predicate.kind == "v"
        ):
            predicate.item.marks = [
                (tag, predicate.item.marks[0][1] if predicate.item.marks else span)
                for tag in predicate.word.negative
            ]
            return
        if predicate.item.base in ("構う", "かまう") and predicate.kind == "v" and not predicate.added:
            predicate.item.marks = [(self.words.emit("かまわない"), span)]
            return
        predicate.added.append((self.words.emit("ない" if predicate.verbal else "違う"), span))

    def apply(self, actions: tuple[str, ...], index: int, end: int, predicate: _Predicate) -> int | None:
        """Carry out the actions of one rule. The index where the predicate ends, or None where it goes on."""
        for action in actions:
            if action in _ACTIONS:
                stop = getattr(self, "do_" + _ACTIONS[action])(index, end, predicate)
            elif action.startswith("LINK:"):
                self.link(action[5:], index, end, predicate)
                stop = end
            elif action == "?":
                predicate.added.append(("?", self.span(index, end) if end > index else None))
                stop = None
            else:
                predicate.added += self.emit(action, index, end)
                stop = None
            if stop is not None:
                return stop
        return None

    def do_verbal(self, index: int, end: int, predicate: _Predicate) -> None:
        predicate.verbal = True
        if predicate.kind == "n":
            predicate.kind = "v"

    def do_plain(self, index: int, end: int, predicate: _Predicate) -> None:
        predicate.verbal = False

    def do_negate(self, index: int, end: int, predicate: _Predicate) -> None:
        self.negate(index, end, predicate)

    def do_negate_after_topic(self, index: int, end: int, predicate: _Predicate) -> None:
        self.negate(index, end, predicate)

    def do_must(self, index: int, end: int, predicate: _Predicate) -> int | None:
        """ないと, なくては … at the end of the sentence: an obligation, of verbs."""
        if predicate.kind == "v" and not self.mark:
            predicate.added += self.emit("必要", index, end)
            return None
        self.negate(index, end, predicate)
        self.link("場合", index, end, predicate)
        return end

    def do_not_do(self, index: int, end: int, predicate: _Predicate) -> int | None:
        """ないで at the end: a request not to."""
        self.negate(index, end, predicate)
        if not _unwilled(predicate.word) and not self.mark:
            predicate.added += self.emit("お願い", index, end)
        return None

    def do_invite(self, index: int, end: int, predicate: _Predicate) -> int | None:
        """…ませんか, …ない？: an invitation of verbs that people decide on, else a negative question."""
        before = [tag for tag, _ in predicate.added]
        subject = any(item.particle == "が" and not item.live for item in self.items)
        deliberate = (
            predicate.kind == "v"
            and not _unwilled(predicate.word)
            and predicate.item.base not in ("いる", "なる")
        )
        fixed = predicate.word is not None and bool(predicate.word.negative)
        stated = predicate.past or predicate.state or subject or self.only or self.questions or fixed
        invites = deliberate and not stated and all(tag in ("試す", "行く", "来る") for tag in before)
        if invites:
            predicate.added += self.emit("しよう", index, end)
        else:
            self.negate(index, end, predicate)
        predicate.added.append(("?", None))
        return None

    def do_asked(self, index: int, end: int, predicate: _Predicate) -> None:
        predicate.asked = True
        self.suppress = True

    def do_state(self, index: int, end: int, predicate: _Predicate) -> None:
        predicate.state = True

    def do_done(self, index: int, end: int, predicate: _Predicate) -> None:
        """The tag of completion; 入っちゃいなさい only urges."""
        if self.name(end) == "なさる^":
            return
        if not predicate.done and not (predicate.item.marks and predicate.item.marks[-1][0] == "終わる"):
            predicate.added += self.emit("終わる", index, end)
        predicate.done = True
        predicate.verbal = True

    def do_past(self, index: int, end: int, predicate: _Predicate) -> None:
        predicate.past = True
        if (
            self.name(end) == "ほう"
            or predicate.kind != "v"
            or predicate.done
            or any(tag == "ない" for tag, _ in predicate.added)
        ):
            return
        already = next(
            (i for i in self.items if i.kind == "adverb" and i.marks and i.marks[0][0] in ("もう", "+もう")),
            None,
        )
        if already is not None:
            self.items = [item for item in self.items if item is not already]
            if not (predicate.item.marks and predicate.item.marks[-1][0] == "終わる"):
                predicate.added.append((self.words.emit("終わる"), already.marks[0][1]))
            predicate.done = True

    def do_able(self, index: int, end: int, predicate: _Predicate) -> None:
        predicate.added += self.emit("できる", index, end)
        predicate.verbal = True

    def do_experience(self, index: int, end: int, predicate: _Predicate) -> None:
        predicate.added += self.emit(self.thing_or_experience(predicate) + " ある", index, end)
        predicate.past = False
        predicate.verbal = True

    def do_surely(self, index: int, end: int, predicate: _Predicate) -> int:
        """言ったじゃないですか reminds the hearer, as じゃん does: no question and no negation."""
        self.suppress = True
        return len(self.tokens)

    def do_no_need(self, index: int, end: int, predicate: _Predicate) -> None:
        """怒ることはない: there is no need; with た no experience."""
        plain = predicate.kind == "v" and not predicate.past and not predicate.added
        if not plain or _unwilled(predicate.word) or self.name(end) == "た":
            self.do_no_experience(index, end, predicate)
            return
        predicate.added += self.emit("必要 ない", index, end)

    def do_no_experience(self, index: int, end: int, predicate: _Predicate) -> None:
        predicate.added += self.emit(self.thing_or_experience(predicate) + " ない", index, end)

    @staticmethod
    def thing_or_experience(predicate: _Predicate) -> str:
        """経験 of 食べたことがある; こと of 言いたい・すごいことがある; nothing of 食べることがある."""
        if any(tag in ("たい", "必要") for tag, _ in predicate.added) or predicate.item.kind == "adjective":
            return "こと"
        return "経験" if predicate.past else ""

    def do_come(self, index: int, end: int, predicate: _Predicate) -> None:
        """…てくる: 来る after verbs of fetching and moving on foot, else only aspect."""
        tag = predicate.item.marks[0][0].lstrip(OPEN) if predicate.item.marks else ""
        aged = (
            len(self.items) > 1
            and self.items[-2].marks
            and self.items[-2].marks[-1][0].lstrip(OPEN) in ("年", "歳")
        )
        if tag in _FETCHING and not predicate.added and not aged:
            predicate.added += self.emit("来る", index, end)
        predicate.verbal = True

    def do_go(self, index: int, end: int, predicate: _Predicate) -> None:
        tag = predicate.item.marks[0][0].lstrip(OPEN) if predicate.item.marks else ""
        if tag in _FETCHING and not predicate.added:
            predicate.added += self.emit("行く", index, end)
        predicate.verbal = True

    def do_request(self, index: int, end: int, predicate: _Predicate) -> int | None:
        """て at the end: a request of verbs that people decide on."""
        subject = any(item.particle == "が" and not item.fixed for item in self.near(predicate))
        if self.name(index - 1) == "ます":  # 忘れちゃいまして is left unfinished
            return end
        plain = all(
            tag in _of("試す 始める 続ける させる 来る 行く 終わる +来る +行く") for tag, _ in predicate.added
        )
        if (
            predicate.kind == "v"
            and plain
            and (not _unwilled(predicate.word) or any(item.particle == "を" for item in self.near(predicate)))
            and not self.mark
            and not subject
            and not predicate.past
        ):
            if (
                not self.out
                and not predicate.added
                and predicate.word is None
                and predicate.item.marks
                and predicate.item.marks[0][0].startswith(OPEN)
            ):
                self.doubt("文末の「…て」を依頼としました。")
            predicate.added += self.emit("お願い", index, end)
            self.suppress = True
            return None
        self.link("", index, end, predicate)
        return end

    def near(self, predicate: _Predicate) -> list[_Item]:
        """The items before the predicate, last first, back to the predicate before it."""
        found: list[_Item] = []
        for item in reversed(self.items):
            if item.kind == "verb" and item is not predicate.item:
                break
            found.append(item)
        return found

    def do_voice(self, index: int, end: int, predicate: _Predicate) -> None:
        """れる, られる: passive, potential or honorific."""
        token = self.tokens[index]
        head = self.tokens[index - 1] if index else token
        predicate.verbal = True
        if predicate.added and predicate.added[-1][0] == "させる":
            predicate.added += self.emit("される", index, end)
            return
        verb = "する" if head.surface in ("さ",) or head.name == "する" else head.base
        near = self.near(predicate)
        agent = any(item.live and item.particle in ("に", "から") for item in near) or any(
            item.particle == "に" and item.word is not None and item.word.senses & {"降る物", "虫", "災害"}
            for item in near
        )
        subject = next((item for item in self.items if item.particle in ("は", "が")), None)
        respected = (
            subject is not None
            and subject.marks
            and (subject.marks[0][0] in _RESPECTED or subject.base in _RESPECTED or subject.base == "様")
        )
        tag = predicate.item.marks[0][0].lstrip(OPEN) if predicate.item.marks else ""
        if head.name == "する" and self.questions and not predicate.item.marks:
            return
        if (
            verb == "する"
            and tag in _HONORED
            and not agent
            and self.name(end) == "ます"
            and (self.mark or "か" in self.names[-3:])
        ):
            self.doubt("「…れる・られる」を敬語としました。")
            return
        if (
            verb == "する"
            and self.name(end) in ("場合", "とき", "ほう")
            and not agent
            and not any(item.particle in ("を", "が", "は") for item in near)
            and predicate.word is not None
            and "動作" in predicate.word.senses
        ):
            return  # 欠席される場合
        if respected and not agent and not self.negated_soon(end) and head.base != "知る":
            self.doubt("「…れる・られる」を敬語としました。")
            return
        ichidan = verb != "する" and (token.surface.startswith("られ") or "一段" in head.pos[4])
        if not ichidan:
            causative = _causative_short(head.base)
            if causative and causative in self.words.predicate and predicate.word is None:
                if head.is_kana:
                    self.doubt(f"「{head.surface}」は同音の語と紛れます。")
                word = self.words.predicate[causative][0]
                predicate.item.marks = [(t, predicate.item.marks[0][1]) for t in word.tags]
                predicate.word = word
                predicate.added += self.emit("させる", index, end)
            predicate.added += self.emit("される", index, end)
            return
        told = (
            re.match(r"(?:(?:ます\||て\|いる\|(?:ます\|)?)?た\||て\|(?:も|、)\|)", self.rest(end)) is not None
        )
        if (
            agent
            or (
                tag in _PASSIVE
                and not self.negated_soon(end)
                and (told or not any(item.particle == "を" for item in near))
            )
            or (head.name == "くる" and not self.negated_soon(end) and agent)
        ):
            predicate.added += self.emit("される", index, end)
            return
        if re.match(r"(?:ます\|)?(?:た\||て\|いる\|(?:た\|)?)?ほう\|", self.rest(end)) and any(
            token.surface == "方" for token in self.tokens[end : end + 4]
        ):
            return  # 車で来られた方 is polite
        managed = any(item.kind == "adverb" for item in self.items) or any(
            token.surface in ("やっと", "ついに", "ようやく", "よく", "なんとか", "無事", "すぐ")
            for token in self.tokens
        )
        if (
            told
            and not managed
            and head.base
            not in _of(
                "寝る 食べる 起きる 来る くる 着る 出る いる 覚える 続ける 降りる 借りる 乗り換える 決める"
            )
            and (predicate.word is None or predicate.word.case("を") is not None)
        ):
            predicate.added += self.emit("される", index, end)
            self.doubt("「…られる」を受け身としました。")
            return
        ended = re.match(r"(?:て\|いる|(?:ます\|)?た)\|", self.rest(end))
        noun = self.at(end + (ended.group().count("|") if ended else 0))
        if (
            ended is not None
            and noun is not None
            and noun.pos[:2] == ("名詞", "普通名詞")
            and noun.name not in _of("の こと とき ところ はず ため よう ほう まま わけ")
            and predicate.word is not None
            and predicate.word.case("を") is not None
            and not any(item.particle in ("を", "が") for item in near)
        ):
            predicate.added += self.emit("される", index, end)  # 決められた場所
            return
        thing = (
            subject is not None and subject.word is not None and not subject.live and subject.particle == "が"
        )
        by_thing = thing and ended is not None and not any(item.particle == "を" for item in near)
        if by_thing:
            predicate.added += self.emit("される", index, end)
            self.doubt("「…られる」を受け身としました。")
            return
        if not self.negated_soon(end) and any(item.particle in ("を", "に") for item in self.items):
            self.doubt("「…られる」を可能としました。")
        predicate.added += self.emit("できる", index, end)

    def negated_soon(self, end: int) -> bool:
        return self.name(end) in ("ない", "ず") or (self.name(end) == "ます" and self.name(end + 1) == "ぬ")

    def do_junction(self, index: int, end: int, predicate: _Predicate) -> int:
        """The clause ends without a tag; 待ってて、 asks."""
        contracted = (
            index > 0
            and self.tokens[index - 1].name == "てる"
            and self.tokens[index - 1].surface in ("て", "で")
        )
        asks = (
            contracted
            and self.name(index) == "て"
            and self.name(end) == "、"
            and not _unwilled(predicate.word)
        )
        waits = (
            predicate.item.base == "待つ"
            and not predicate.added
            and self.name(index) == "て"
            and self.name(end) == "、"
            and all(
                item is predicate.item or item.kind in ("adverb", "opener", "time") for item in self.items
            )
        )
        if (asks or waits) and not any(item.particle in ("が", "は") for item in self.items):
            predicate.added += self.emit("お願い", index, end)
        self.link("", index, end, predicate)
        return end

    def do_junction_before(self, index: int, end: int, predicate: _Predicate) -> int:
        self.link("", index, end, predicate)
        return index + 1

    def do_stop(self, index: int, end: int, predicate: _Predicate) -> int:
        return end

    def do_while(self, index: int, end: int, predicate: _Predicate) -> int:
        self.link(
            "同時" if predicate.kind == "v" and not predicate.state else "しかし", index, end, predicate
        )
        return end

    def do_so_that(self, index: int, end: int, predicate: _Predicate) -> int:
        """…ように: what is said before a verb of saying, else a purpose."""
        self.finish(predicate)
        if self.quotes(end) and not predicate.past:
            self.order(self.embedded_start(True))
            return end
        if predicate.past:
            predicate.item.marks = predicate.item.marks + self.emit("らしい", index, end)
            predicate.closed = True
            self.close()
            return end
        predicate.closed = True
        self.close(self.emit("ように", index, end))
        return end

    def do_wish(self, index: int, end: int, predicate: _Predicate) -> None:
        """…ように at the end: a wish after ます (合格しますように), else a request (風邪引かないようにね)."""
        asks = self.name(index - 1) != "ます" and predicate.kind == "v" and not self.out
        asks = asks or self.name(index - 1) == "ない"
        predicate.added += self.emit("お願い" if asks and not predicate.past else "ように", index, end)
        self.suppress = True

    def do_if(self, index: int, end: int, predicate: _Predicate) -> int:
        """…ば; …ば…ほど repeats the word and says more."""
        self.link("場合", index, end, predicate)
        for stop in range(end + 1, end + 4):
            if self.name(stop) == "ほど" and self.tokens[end].pos[0] != "名詞":
                self.push(self.emit("ほど", stop, stop + 1), "adverb")
                return stop + 1
        return end

    def do_although(self, index: int, end: int, predicate: _Predicate) -> int:
        """…のに: for what it takes (行くのに一時間かかる), else but."""
        if not predicate.past and predicate.kind == "v" and not predicate.added:
            following = self.at(end)
            if following is not None and following.base in _of(
                "替える 変える 代える 取り替える 交換 する 気づく 気付く 慣れる 驚く 飽きる "
                "成功 失敗 反対 賛成 苦労 似る 気 決める 夢中 忙しい 疲れる"
            ):
                return self.do_nominal(index, end, predicate)
            for token in self.tokens[end : end + 8]:
                if token.base in _of(
                    "かかる 便利 必要 使う 役立つ 要る 掛かる いい 十分 足りる"
                ) or token.surface in ("役",):
                    self.link("ため", index, end, predicate)
                    return end
        if re.match(rf"(?:{_SAY})*$", self.rest(end)):
            return end
        self.link("しかし", index, end, predicate)
        return end

    def do_nominal(self, index: int, end: int, predicate: _Predicate) -> int:
        """の or こと makes the clause a noun: it is not signed, the particles after it are read as after a noun."""
        self.finish(predicate)
        item = predicate.item
        if predicate.kind == "v":
            self.order(self.relative_start(item))
        item.particle = ""
        return self.after_nominal(end, item)

    def after_nominal(self, end: int, item: _Item) -> int:
        if self.copular(end):
            return self.predicate(end, _Predicate(item, "n", None, verbal=False))
        nominal = _Item([], "nominal", base="こと")
        end = self.particles(end, nominal)
        if nominal.marks:
            item.marks = item.marks + nominal.marks
        item.particle = nominal.particle
        return end

    def do_only_this(self, index: int, end: int, predicate: _Predicate) -> None:
        """…するしかない: だけ stands before the verb."""
        position = next((i for i, item in enumerate(self.items) if item is predicate.item), len(self.items))
        self.items.insert(position, _Item(self.emit("だけ", index, end), "other"))

    def do_dont(self, index: int, end: int, predicate: _Predicate) -> None:
        """…するな: a prohibition."""
        predicate.added += self.emit("ダメ", index, end)

    def do_like(self, index: int, end: int, predicate: _Predicate) -> None:
        """…みたいな: like a noun, or as a clause seems."""
        predicate.added += self.emit("同じ" if predicate.kind == "n" else "らしい", index, end)

    def do_just_now(self, index: int, end: int, predicate: _Predicate) -> None:
        if predicate.past:
            predicate.added += self.emit("終わる", index, end)
            predicate.done = True

    def do_that(self, index: int, end: int, predicate: _Predicate) -> int:
        """と, って after a predicate: what is said or thought, or a condition."""
        name = self.name(index)
        self.finish(predicate)
        rest = self.rest(end)
        if (
            re.match(r"(?:は\||も\|)?(?:いう|言う)\|", rest)
            and self.at(end + 1) is not None
            and self.name(end) == "いう"
            and self.tokens[end].form.startswith(_ADNOMINAL)
            and self.tokens[end + 1].pos[0] in ("名詞", "代名詞", "助詞")
            and (
                self.name(end + 1) not in _of("か が& けど から ね よ な の と")
                or (self.name(end + 1) == "の" and self.name(end + 2) in ("は", "が", "を", "も"))
            )
            and self.name(end + 1) != "？"
        ):
            self.order(self.relative_start(predicate.item))
            return end + 1 + (self.name(end + 1) == "の")
        if self.quotes(end):
            first = self.name(end)
            thinks = next((t.name for t in self.tokens[end : end + 7] if t.is_verb), first)
            guess = any(
                item.kind in ("adverb", "opener") and item.marks and item.marks[0][0] == "たぶん"
                for item in self.items
            )
            match = re.match(r"(?:は\||も\|)?おもう\|", rest)
            if match and guess:
                stop = end + match.group().count("|")
                return self.predicate(
                    stop, _Predicate(self.push(self.emit("だろう", index, stop), "verb"), "v", None)
                )
            if match and predicate.item.marks and predicate.item.marks[-1][0] in ("だろう",):
                return self.predicate(end + match.group().count("|"), _Predicate(predicate.item, "v", None))
            self.order(self.embedded_start(thinks != "おもう"))
            for item in self.items:
                item.fixed = True
            self.seen_predicate = False
            return end + (self.name(end) in ("は", "も"))
        willed = bool(predicate.item.marks) and predicate.item.marks[-1][0] == "しよう"
        if name == "って" or ((predicate.past or willed) and name == "と"):
            self.order(self.embedded_start(True))
            return end
        predicate.closed = True
        self.close(self.emit("場合", index, end))
        return end

    def do_copula(self, index: int, end: int, predicate: _Predicate) -> None:
        """だ and です are not signed."""

    def do_adnominal(self, index: int, end: int, predicate: _Predicate) -> int:
        return end

    def do_choice(self, index: int, end: int, predicate: _Predicate) -> int | None:
        """AですかBですか: which of the two."""
        self.finish(predicate)
        text = [token.name for token in self.tokens[end:]]
        if "か" in text[-2:] or self.mark:
            self.choice = not self.questions
        return end

    def do_question(self, index: int, end: int, predicate: _Predicate) -> int | None:
        if not predicate.asked:
            self.asked = True
        return None

    def do_whether(self, index: int, end: int, predicate: _Predicate) -> int:
        self.finish(predicate)
        self.order(self.embedded_start(False, asked=True))
        predicate.item.marks = [*predicate.item.marks, ("?", self.span(index, end))]
        self.settle()
        return self.after_embedded(end)

    def do_embed(self, index: int, end: int, predicate: _Predicate) -> int:
        """か inside a sentence: an indirect question, or a choice of clauses."""
        self.finish(predicate)
        again = "か" in self.names[end + 1 :]
        if (
            again
            and self.name(end) == "、"
            and not re.match(r"、\|" + _KNOWING, self.rest(end))
            and not self.questions
        ):
            self.choice = True
            return end
        self.order(self.embedded_start(False, asked=True))
        if self.questions:
            predicate.item.marks = predicate.item.marks + self.questions
            self.questions = []
        elif self.choice:  # 買うか借りるか迷う
            self.choice = False
            predicate.item.marks = predicate.item.marks + self.emit("どちら", index, end)
        else:
            predicate.item.marks = [*predicate.item.marks, ("?", self.span(index, end))]
        self.settle()
        return self.after_embedded(end)

    def settle(self) -> None:
        for item in self.items:
            item.fixed = True
        self.seen_predicate = False

    def after_embedded(self, end: int) -> int:
        item = _Item([], "nominal", base="こと")
        end = self.particles(end, item) if self.name(end) != "か" else end + 1
        if item.marks:
            self.push(item.marks, "other")
        return end

    def relative_start(self, item: _Item) -> int:
        """Where a relative clause begins: after the last topic or comma before its predicate."""
        position = next((i for i, other in enumerate(self.items) if other is item), len(self.items) - 1)
        start = 0
        for index in range(position):
            pointing = self.items[index].base in ("これ", "それ", "あれ", "ここ")
            if (
                self.items[index].particle == "は"
                or (self.items[index].particle == "が" and pointing)
                or (self.items[index].particle == "、" and self.items[index].kind != "time")
                or self.items[index].kind == "opener"
            ):
                start = index + 1
        return start

    def after_predicate(self, index: int, predicate: _Predicate) -> int:
        """What the morpheme after the last ending says about the clause."""
        token = self.at(index)
        if token is None:
            return index
        kind = token.pos[0]
        head = self.at(index - 1)
        if predicate.kind == "v" and head is not None:
            if (
                kind == "助詞"
                and token.surface == "に"
                and head.form.startswith("連用形")
                and self.at(index + 1) is not None
            ):
                return index + 1
            if token.surface == "、" and head.form.startswith("連用形") and head.pos[0] in ("動詞", "助動詞"):
                self.close()
                return index + 1
            if kind in _of("名詞 代名詞 接頭辞 連体詞 形状詞") and (
                head.form.startswith(_ADNOMINAL) or head.name in ("た", "ない", "ぬ", "な")
            ):
                self.order(self.relative_start(predicate.item))
                self.seen_predicate = False
                return index
            if kind == "動詞" and head.form.startswith("連用形") and head.pos[0] == "動詞":
                return index
        if kind in _of("名詞 代名詞 接頭辞 連体詞 形状詞"):
            self.seen_predicate = False
        return index

    # -- questions, numbers --------------------------------------------------------------------------------

    def question_word(self, index: int) -> int:
        token = self.tokens[index]
        if token.surface[:1] not in "何誰いどなだお幾如":
            return 0
        text, best, end = "", "", index
        for stop in range(index + 1, min(index + 5, len(self.tokens)) + 1):
            text += self.tokens[stop - 1].surface
            if text in _QUESTIONS:
                best, end = text, stop
            if text not in self.words.prefixes:
                break
        if not best:
            return 0
        if token.pos[0] in ("動詞", "助詞", "助動詞", "形容詞"):
            return 0
        word, stop = self.longest(index, self.words.nominal)
        if (
            word is not None
            and stop > end
            and word.word_class == "副"
            and self.name(stop) not in _of("いう 書く 読む 呼ぶ おもう 答える")
        ):
            return self.noun(index, stop, word)
        if token.surface in self.words.nominal and token.pos[0] == "副詞" and token.surface != best:
            return 0
        after = self.name(end)
        if best == "どうして" and after in ("も", "いる", "ます", "る"):
            best, end = "どう", index + 1
        if best in ("なんて", "何て", "何と") and after not in _of(
            "いう 書く 読む 呼ぶ おもう 答える おっしゃる 言う _ 返事"
        ):
            best, end = "何", index + 1
        if best in ("何で", "なんで") and after in ("も", "ある", "できる", "す"):
            best, end = "何", index + 1
        after = self.name(end)
        span_end = end
        particle = ""
        while self.name(span_end) in _of("に へ で と から") and self.name(span_end + 1) in ("も", "か"):
            particle = self.name(span_end)
            span_end += 1
        if self.name(span_end) == "も" and best not in ("いつ",):
            tags = _table("疑問語も").get(best)
            if best == "どう" or tags is None:
                counted = _QUESTIONS[best].split()
                if tags is None:
                    tags = f"{counted[0]} たくさん" if len(counted) == 2 and best != "何色" else best + "も"
                return self.adverb_word(tags, index, span_end + 1)
            if particle == "で" or self.name(span_end - 1) == "で" or self.name(end) == "で":
                known = {"なん": "何", "なに": "何", "だれ": "誰"}.get(best, best)
                if known in _of("何 誰 どこ どれ どちら どっち"):
                    return self.adverb_word(known + "でも", index, span_end + 1)
            item = self.push(self.emit(tags, index, span_end + 1), "noun", base=tags)
            return self.after_noun(span_end + 1, item)
        anywhere = re.match(r"(?:へ|に|と)\|(?:で\|も|でも)\|", self.rest(end))
        if anywhere and best in ("どこ", "誰", "だれ", "何"):
            known = "誰" if best == "だれ" else best
            return self.adverb_word(known + "でも", index, end + anywhere.group().count("|"))
        if best == "いつ" and self.name(end) == "で" and self.name(end + 1) == "も":
            item = self.push(self.open_word("いつでも", index, end + 2), "adverb", base="いつでも")
            return end + 2
        if (
            self.name(end) == "か"
            and best in _of("何 なに なん 誰 だれ どこ いつ どれ どちら いくつ 何人 何回 何度 どなた どっち")
            and not (self.at(end + 1) is None and self.items)
        ):
            following = self.name(end + 1)
            known_later = (
                best in ("どこ", "いつ")
                and any(re.match(_KNOWING, name) for name in self.names[end + 1 : end + 6])
            ) or re.match(_KNOWING, following)
            if not (known_later and self.items and self.items[-1].particle == "が"):
                tags = {
                    "何": "何か",
                    "なに": "何か",
                    "なん": "何か",
                    "誰": "誰か",
                    "だれ": "誰か",
                    "どなた": "誰か",
                    "どこ": "どこか",
                }.get(best, best + "か")
                kind = "time" if best == "いつ" else "noun"
                item = self.push(self.emit(tags, index, end + 1), kind, base=tags, live=tags == "誰か")
                return self.after_noun(end + 1, item) if kind == "noun" else end + 1
        if best == "どう" and self.name(end) == "か" and self.name(end + 1) != "どう":
            return end + 1
        if (
            best in ("なんて", "何て", "なんと", "何と")
            and (word := self.at(end)) is not None
            and word.pos[0] in ("形容詞", "形状詞", "連体詞")
        ):
            return self.adverb_word("とても", index, end)
        everything = re.match(r"(?:の\|)?[^|]+\|(?:に\||を\||で\|)?も\|", rest_after := self.rest(end))
        if (
            everything
            and (
                best in ("どんな", "どの")
                or (best in ("何", "なん", "なに") and rest_after.startswith("の|"))
            )
            and not rest_after.startswith(("の|か", "くらい"))
        ):
            tag = "何も" if best not in ("どんな", "どの") else "全部"
            self.push(self.emit(tag, index, end), "modifier", base=tag)
            return end + (best not in ("どんな", "どの"))
        if (
            best in ("何と", "何て", "なんて", "なんと")
            and self.name(end) == "いう"
            and (word := self.at(end + 1)) is not None
            and word.pos[0] == "名詞"
        ):
            self.questions += self.emit("何", index, end)
            return end + 1
        if best == "どういう" and self.name(end) == "意味":
            best = "何"
        if (
            best in ("どちら", "どっち")
            and self.name(end) in ("に", "へ", "で")
            and self.name(end + 1) not in ("する", "する!", "も", "決める")
            and not any(item.particle == "と" for item in self.items)
            and not any(name in ("いらっしゃる",) for name in self.names)
        ):
            best = "どこ"
        if (
            best == "いくつ"
            and self.items
            and self.items[-1].live
            and re.match(r"(?:だ|です|に\|なる)\|", self.rest(end))
        ):
            best = "おいくつ"
        if best == "どんな" and self.name(end) == "に":
            return self.adverb_word("とても", index, end + 1)
        marks = self.emit(_QUESTIONS[best], index, end)
        if best == "何度" and any(
            item.base.endswith(("熱", "体温", "気温", "温度", "外", "角度")) for item in self.items[-2:]
        ):
            marks = self.emit("度 いくつ", index, end)
        rest = self.rest(end)
        if best == "何階" and (
            floor := re.match(r"に\|(?:ある|ござる)\|(?:ます\|)?(?:の\||です\||か\||？\|)*$", rest)
        ):
            self.questions += marks
            return end + floor.group().count("|")
        if best in ("どこ", "どちら"):
            where = re.match(
                r"(?:だ\||です\||です!\||だ!\||な\||の\||か\||っけ\||け\||？\||よ\||ね\||た\||かしら\||な\||なあ\|)*$|に\|(?:ある|ござる)\|(?:ます\|)?(?:た\|)?(?:の\||です\||か\||？\||ね\||よ\||です!\|)*$",
                rest,
            )
            if best == "どこ" and self.name(end) == "か" and self.items and self.items[-1].particle == "が":
                marks = self.emit("場所 何", index, end)
            topic = bool(self.items) and self.items[-1].kind in _of("noun number adjective time verb")
            if where and topic and not (best == "どちら" and any(i.particle == "と" for i in self.items)):
                marks = self.emit("場所 何", index, end)
                if rest.startswith("に|"):
                    self.questions += marks
                    self.seen_predicate = True
                    return len(self.tokens)
            inner = re.match(r"に\|ある\|(?:ます\|)?(?=か\|(?:は\||を\|)?" + _KNOWING + ")", rest)
            if inner and topic:
                self.questions += self.emit("場所 何", index, end)
                return self.predicate(
                    end + inner.group().count("|"), _Predicate(self.items[-1], "n", None, verbal=False)
                )
        if best in _of("何日 何分 何時間 何年 何週間 何か月 何ヶ月 何カ月") and self.name(end) in (
            "まえ",
            "あと",
        ):
            marks += self.emit("前" if self.name(end) == "まえ" else "後", end, end + 1)
            end += 1
            if self.name(end) == "に":
                end += 1
        stop, unit = self.unit(end) if best == "何" else (end, "")
        if stop > end and self.words.counters.get(unit) and self.tokens[end].pos[0] in ("名詞", "接尾辞"):
            if self.name(stop) == "も":  # 何マイルも
                return self.adverb_word(self.words.counters[unit] + " たくさん", index, stop + 1)
            marks = self.emit(self.words.counters[unit] + " いくつ", index, stop)  # 何ページ
            end = stop
        while self.name(end) in ("から", "まで") or (self.name(end) == "に" and self.name(end - 1) == "まで"):
            if self.name(end) != "に":
                marks += self.emit(self.name(end), end, end + 1)
            end += 1
        while (
            (title := self.at(end)) is not None
            and title.surface in ("様", "さま")
            and title.pos[0] == "接尾辞"
        ):
            end += 1
        self.questions += marks
        self.asked_at = len(self.items)
        if best in ("どの", "どんな", "どういう", "どのような", "どういった"):
            return end
        self.seen_predicate = False
        item = _Item([], "wh", base=_QUESTIONS[best])
        if (self.copular(end) and not rest.startswith("で|ある")) or self.name(end) in ("か", "な"):
            if not self.items or self.items[-1].kind != "wh":
                self.items.append(item)
            return self.predicate(end, _Predicate(item, "n", None, verbal=False))
        following = self.particles(end, item)
        self.questions += item.marks
        item.marks = []
        return following

    def adverb_word(self, tags: str, index: int, end: int) -> int:
        item = self.push(self.emit(tags, index, end), "adverb", base=tags)
        return self.after_noun(end, item) if self.name(end) in ("だ", "です", "の") else end

    def named(self, index: int) -> int:
        """A name of the lexicon that the dictionary cuts apart: 三重, 土日 is none."""
        for end in (index + 3, index + 2):
            if end > len(self.tokens) or any(
                token.pos[0] not in ("名詞", "接尾辞") for token in self.tokens[index:end]
            ):
                continue
            name = self.words.names.get("".join(token.surface for token in self.tokens[index:end]))
            if name is not None and self.longest(index, self.words.nominal)[1] < end:
                return self.person(index, end, fingerspell(name.kana[0]))
        return 0

    def number(self, index: int) -> int:
        """A number with its unit; clock times, dates and years are time words."""
        token = self.tokens[index]
        if (
            token.surface == "第"
            and self.at(index + 1) is not None
            and self.tokens[index + 1].pos[1] == "数詞"
        ):
            return index + 1
        word, stop = self.longest(index, self.words.nominal) if token.surface == "数" else (None, index)
        if word is not None and stop > index + 1:
            return self.noun(index, stop, word)
        if token.surface == "数" and self.unit(index + 1)[0] > index + 1:
            end, unit = self.unit(index + 1)
            marks = self.emit("数", index, index + 1) + self.emit(
                self.words.counters.get(unit, ""), index + 1, end
            )
            return self.finish_number(index, end, marks, [unit], 0)
        if token.pos[1] != "数詞":
            return self.people(index)
        start = index
        word, stop = self.longest(index, self.words.nominal)
        if word is not None and stop > index + 1:
            return self.noun(index, stop, word)
        phone = self.telephone(index)
        if phone:
            return phone
        date = self.slashed(index)
        if date:
            return date
        marks: list[Mark] = []
        end = index
        units: list[str] = []
        value: float = 0
        while (token := self.at(end)) is not None and token.pos[1] == "数詞":
            value, tags = _number(token)
            if tags is None:
                return 0
            marks += [(self.words.emit(tag), (token.start, token.end)) for tag in tags]
            end += 1
            clock = self.at(end)
            if (
                clock is not None
                and clock.surface in (":", "：")
                and value <= 24
                and (after := self.at(end + 1)) is not None
                and after.pos[1] == "数詞"
            ):
                minutes, tags = _number(after)
                if tags is not None and minutes < 60:
                    marks += self.emit("時", end, end + 1)
                    if minutes:
                        marks += _marks(tags, (after.start, after.end))
                        marks += self.emit("分", end + 1, end + 2)
                    units += ["時"]
                    end += 2
                    continue
            stop, unit = self.unit(end)
            if stop > end:
                tags_of_unit = self.words.counters.get(unit, "")
                if unit == "目":
                    tags_of_unit = "番"
                marks += self.emit(tags_of_unit, end, stop)
                units.append(unit)
                end = stop
                if (
                    unit in _of("年 月 日 時 時間 億 万 円 分 半")
                    and (after := self.at(end)) is not None
                    and after.pos[1] == "数詞"
                    and unit != "円"
                ):
                    continue
            elif (
                (after := self.at(end)) is not None
                and after.surface == "、"
                and (next_one := self.at(end + 1)) is not None
                and next_one.pos[1] == "数詞"
            ):
                end += 1
                continue
            break
        return self.finish_number(start, end, marks, units, value)

    def finish_number(self, start: int, end: int, marks: list[Mark], units: list[str], value: float) -> int:
        last = units[-1] if units else ""
        name = self.name(end)
        token = self.at(end)
        if token is not None and token.surface == "目" and units:
            if last in _THING_COUNTERS or last in ("人", "つ"):
                marks += self.emit("番", end, end + 1)
            end += 1
            name = self.name(end)
        if token is not None and name == "中" and last in ("日", "年", "晩", "週間"):
            end += 1
            token, name = self.at(end), self.name(end)
        if name == "半" or (token is not None and token.surface == "半"):
            marks += self.emit("半", end, end + 1)
            end += 1
            name = self.name(end)
        if units and (portion := self.at(end)) is not None and portion.surface == "分":
            end += 1  # 二回分
            name = self.name(end)
        duration = last in _of("時間 分 週 週間 年 日 か月 ヶ月 カ月 ヵ月 ケ月 箇月 秒 年間 日間")
        if (
            duration
            and name in ("まえ", "あと", "ご")
            and self.tokens[end].surface in _of("前 後 まえ あと ご")
        ):
            marks += self.emit("前" if name == "まえ" else "後", end, end + 1)
            item = self.push(marks, "time", base="数")
            return self.after_time(end + 1, item)
        when = (
            bool({"時", "時半"} & set(units))
            or (last in ("月", "日") and ("月" in units or name in _of("に から まで ころ の は 、 より")))
            or (
                last in ("年", "年代")
                and (value >= 1000 or (name in ("から", "まで", "ころ") and value > 100))
            )
            or ("年" in units and "月" in units)
        )
        if last == "日" and "月" not in units and name in ("の", "は", "、") and value < 2:
            when = False
        if last in ("世紀",):
            when = True
        if when:
            if self.ranged and "時" in units and self.name(end) not in ("まで", "から"):
                marks += [(self.words.emit("まで"), None)]
            self.ranged = False
            item = self.push(marks, "time", base="数")
            return self.after_time(end, item)
        before = self.items[-1] if self.items else None
        if (
            before is not None
            and before.marks
            and before.marks[0][0] == "もう"
            and marks[0][0] == "1"
            and not duration
        ):
            marks = self.items.pop().marks + marks  # もう一曲
        item = self.push(marks, "number", base="数")
        while self.name(end) in _of("くらい ほど ころ 程度 余り あまり ずつ ちょうど"):
            end += 1
        if self.copular(end):
            return self.predicate(end, _Predicate(item, "n", None, verbal=False))
        return self.particles(end, item)

    def unit(self, index: int) -> tuple[int, str]:
        """The counter here, of one or two morphemes; (index, "") where there is none."""
        token = self.at(index)
        if token is None or token.pos[0] in ("助詞", "助動詞", "動詞"):
            return index, ""
        after = self.at(index + 1)
        if (
            after is not None
            and token.surface + after.surface in self.words.counters
            and len(token.surface) < 6
        ):
            return index + 2, token.surface + after.surface
        if token.surface in self.words.counters:
            return index + 1, token.surface
        return index, ""

    def people(self, index: int) -> int:
        """一人 and 二人, which are words of the dictionary; はたち."""
        token = self.tokens[index]
        if token.surface == "一杯" and self.name(index - 1) in ("を", "は", "も"):
            item = self.push(self.emit("1", index, index + 1), "number", base="数")
            return self.particles(index + 1, item)
        tags = {
            "一人": "1 人",
            "二人": "2 人",
            "ひとり": "1 人",
            "ふたり": "2 人",
            "はたち": "2 10 年齢",
            "二十歳": "2 10 年齢",
        }.get(token.surface)
        if tags is None or token.pos[0] != "名詞":
            return 0
        if token.surface in ("一人", "ひとり") and self.longest(index, self.words.nominal)[1] > index + 1:
            return 0
        item = self.push(self.emit(tags, index, index + 1), "number", base="数")
        item.live = True
        end = index + 1
        while (suffix := self.at(end)) is not None and suffix.surface in ("とも", "共", "ずつ", "分"):
            end += 1
        if self.copular(end):
            return self.predicate(end, _Predicate(item, "n", None, verbal=False))
        return self.particles(end, item)

    def telephone(self, index: int) -> int:
        """03-1234-5678: digit by digit."""
        end, groups = index, 0
        marks: list[Mark] = []
        while (
            (token := self.at(end)) is not None
            and token.pos[1] == "数詞"
            and token.surface.isascii()
            and token.surface.isdigit()
        ):
            marks += [(digit, (token.start, token.end)) for digit in token.surface]
            groups += 1
            end += 1
            dash = self.at(end)
            if (
                dash is not None
                and dash.surface in ("-", "－", "ー", "‐", "−")
                and (after := self.at(end + 1)) is not None
                and after.pos[1] == "数詞"
            ):
                end += 1
                continue
            break
        first = self.tokens[index].surface
        if groups == 1 and self.name(end) in (":", "："):
            return 0
        if groups >= 2 and not first.startswith("0") and len(marks) < 7:  # an address: 3-4-15
            written = [t for t in self.tokens[index:end] if t.pos[1] == "数詞"]
            marks = [mark for t in written for mark in _marks(_number(t)[1] or (), (t.start, t.end))]
        if groups >= 2 or (groups == 1 and first.isdigit() and len(first) > 1 and first.startswith("0")):
            item = self.push(marks, "number", base="数")
            return self.after_noun(end, item)
        return 0

    def slashed(self, index: int) -> int:
        """3/15 and 2026/11/25 as dates."""
        parts: list[int] = []
        end = index
        while (token := self.at(end)) is not None and token.pos[1] == "数詞" and token.norm.isdigit():
            parts.append(int(token.norm))
            slash = self.at(end + 1)
            end += 1
            if slash is None or slash.surface not in ("/", "／"):
                break
            end += 1
        if (
            len(parts) not in (2, 3)
            or not (1 <= parts[-2] <= 12 and 1 <= parts[-1] <= 31)
            or (len(parts) == 3 and parts[0] < 1000)
        ):
            return 0
        marks: list[Mark] = []
        for value, unit, position in zip(
            parts, ("年", "月", "日")[-len(parts) :], range(index, end, 2), strict=True
        ):
            token = self.tokens[position]
            marks += _marks((*number_tags(value), unit), (token.start, token.end))
        if len(parts) == 2:
            self.doubt("「/」を日付としました。")
        if self.name(end) in ("(", "（") and self.name(end + 2) in (")", "）"):
            weekday = self.words.nominal.get(self.tokens[end + 1].surface + "曜日")
            if weekday:
                marks += self.marks(weekday[0].tags, end + 1, end + 2)
                end += 3
        if self.ranged and self.name(end) not in ("まで", "から"):
            marks += [(self.words.emit("まで"), None)]
        self.ranged = False
        item = self.push(marks, "time", base="数")
        return self.after_time(end, item)

    # -- words outside the lexicon -------------------------------------------------------------------------

    def loose_function(self, index: int) -> int:
        """A particle or auxiliary that no rule consumed."""
        token = self.tokens[index]
        name = token.name
        if token.pos[0] == "助動詞" and name in _of("だ です な に で じゃ"):
            if self.items and name in ("だ", "です"):
                return self.predicate(index, _Predicate(self.items[-1], "n", None, verbal=False))
            return index + 1
        if name in ("か",) and index == len(self.tokens) - 1:
            self.asked = True
            return index + 1
        if name in _of("のみ とも こそ さえ すら ずつ かしら") and token.pos[0] == "助詞":
            if name == "のみ" and self.items:
                self.items[-1].marks = self.items[-1].marks + self.emit("だけ", index, index + 1)
            return index + 1
        if name in _of("は が を に へ で と の ね よ さ な わ や なあ ぞ ぜ 、 って もん ば"):
            return index + 1
        if name in _of("も から まで だけ より など ほど") and token.pos[0] == "助詞":
            if self.items:
                self.items[-1].marks = self.items[-1].marks + self.emit(
                    {"など": "いろいろ", "ほど": "ほど"}.get(name, name), index, index + 1
                )
            return index + 1
        if self.items and name in ENDINGS:
            item = self.items[-1]
            return self.predicate(
                index,
                _Predicate(item, "v" if item.kind == "verb" else "n", item.word, verbal=item.kind == "verb"),
            )
        self.doubt(f"「{token.surface}」を扱う規則がありません。")
        return index + 1

    def unknown(self, index: int) -> int:
        """A content word outside the lexicon: its parts where all are known, a name by fingerspelling, an open word."""
        token = self.tokens[index]
        kind = token.pos[0]
        if token.is_verb:
            if (
                (token.pos[4].startswith("サ行変格") and token.base in ("する", "為る"))
                or token.base in ("致す", "いたす", "なさる")
                or (token.base == "す" and self.name(index + 1) == "べし")
            ):
                return self.do(index, index + 1)
            special = self.special_verb(index)
            if special:
                return special
            marks, word, extra = self.verb_marks(index)
            if token.base in ("取れる", "とれる") and not re.match(
                r"(?:ます\|)?(?:た|て|たら|てる|ちゃう|かける|そう)\|", self.rest(index + 1)
            ):
                word = next(iter(self.words.predicate.get("取る", ())), None)
                marks, extra = self.emit("取る", index, index + 1), self.emit("できる", index, index + 1)
            if token.base == "来す" and token.surface == "来そう":
                found = next(iter(self.words.predicate.get("来る", ())), None)
                item = self.push(self.emit("来る らしい", index, index + 1), "verb", word=found, base="来る")
                return self.predicate(index + 1, _Predicate(item, "n", found, verbal=False))
            item = self.push(marks, "verb", word=word, base=token.base)
            return self.predicate(index + 1, _Predicate(item, "v", word, list(extra)))
        if kind == "形容詞":
            if token.name == "ない":
                return self.nothing(index)
            found = self.fitting(self.words.predicate.get(token.norm, ()), token)
            marks = (
                _marks(found.tags, (token.start, token.end))
                if found
                else self.open_word(token.base, index, index + 1)
            )
            return self.adjective(index, index + 1, marks, found)
        for end in range(min(index + 3, len(self.tokens)), index, -1):
            text = "".join(t.surface for t in self.tokens[index:end])
            if text in _COLUMN_WORDS and (
                text not in ("うち", "そう", "ああ", "こう")
                or kind in ("副詞", "代名詞")
                or (text == "うち" and self.name(index - 1) != "の")
            ):
                return self.folded(index, end, _COLUMN_WORDS[text])
            if text in _TIME_WORDS:
                return self.time(index, end, [(OPEN + text, self.span(index, end))], text)
        if token.name == "よう" and self.items and self.items[-1].kind == "modifier":
            return index + 1 + (self.name(index + 1) in ("な", "に"))
        if kind == "接頭辞":
            return self.prefixed(index)
        if token.surface == "さ" and kind == "接尾辞" and self.items and self.items[-1].kind != "verb":
            self.items[-1].kind = "noun"  # 大切さ is <大切>
            return self.after_noun(index + 1, self.items[-1])
        if kind in ("感動詞",):
            self.push(self.open_word(token.surface, index, index + 1), "other")
            return index + 1
        if token.surface in ("結構", "けっこう") and kind in ("形状詞", "名詞", "副詞"):
            if self.name(index + 1) in ("です", "だ") and self.name(index - 1) in ("は", "、", "もう", ""):
                item = self.push(self.emit("要らない", index, index + 1), "adjective", base="結構")
                return self.after_noun(index + 1, item)  # 袋は結構です
            if kind == "副詞":
                return self.adverb_word("とても", index, index + 1)
        if kind == "副詞":
            if token.surface in ("どうも",):
                return index + 1
            found = self.words.nominal.get(token.norm)
            marks = (
                _marks(found[0].tags, (token.start, token.end))
                if found and found[0].word_class == "副"
                else self.emit(token.surface, index, index + 1)
            )
            item = self.push(marks, "adverb", base=token.surface)
            if self.copular(index + 1) or self.name(index + 1) == "の":
                return self.after_noun(index + 1, item)
            if self.is_doing(index + 1):
                return self.suru(index, index + 1, item, None)
            return index + 1 + (self.name(index + 1) in ("と", "に") and self.name(index + 2) != "なる")
        if kind == "接続詞":
            self.push(self.open_word(token.surface, index, index + 1), "opener")
            return index + 1
        if kind == "連体詞":
            self.push(self.open_word(token.surface, index, index + 1), "modifier", base=token.surface)
            return index + 1
        return self.open_noun(index)

    def folded(self, index: int, end: int, tag: str) -> int:
        word = next(iter(self.words.nominal.get(tag, ())), None)
        live = tag in _of("彼 彼女 私 あなた 私たち みんな 子供")
        marks = self.marks(word.tags, index, end) if word else self.emit(tag, index, end)
        if word is None and tag in self.words.predicate:
            marks = self.marks(self.words.predicate[tag][0].tags, index, end)
        if self.tokens[index].pos[0] in ("連体詞",):
            self.push(marks, "modifier", base=tag)
            if self.name(end) in ("こと", "もの") and tag in ("これ", "それ", "あれ"):
                return self.after_noun(end + 1, self.items[-1])
            return end
        if self.tokens[index].pos[0] == "副詞" and tag not in ("これ", "それ", "そう"):
            item = self.push(marks, "adverb", base=tag)
            return end
        if tag == "そう" and not self.copular(end) and self.name(end) not in ("いう", "おもう"):
            marks = self.emit("それ", index, end) if self.name(end) in ("する", "いう") else marks
        item = self.push(marks, "noun", live=live, base=tag, word=word)
        return self.after_noun(end, item)

    def nothing(self, index: int) -> int:
        """ない by itself: <ない>."""
        item = self.push(self.emit("ない", index, index + 1), "verb", base="ない")
        if self.only:
            item.marks = self.emit("ある", index, index + 1)
            self.only = False
        return self.predicate(index + 1, _Predicate(item, "v", None))

    def prefixed(self, index: int) -> int:
        """A prefix: お and ご are not signed; others belong to the noun after them."""
        token = self.tokens[index]
        if token.surface in _of("お ご 御 約 第 およそ") or self.at(index + 1) is None:
            return index + 1
        following = self.tokens[index + 1]
        if (
            token.surface not in ("中", "計", "満")
            and following.pos[:2] == ("名詞", "普通名詞")
            and following.pos[2] != "助数詞可能"
        ):
            end = index + 2
            written = token.surface + following.surface
            action = following.pos[2].startswith("サ変")
            verbal = action and self.is_doing(end)
            item = self.push(
                self.open_word(written, index, end),
                "verb" if verbal else "noun",
                base=OPEN + "サ変" if action else written,
            )
            return self.suru(index, end, item, None) if verbal else self.after_noun(end, item)
        return self.open_noun(index)

    def is_name(self, token: _Token) -> bool:
        return token.pos[1] == "固有名詞" and token.pos[2] in ("人名", "地名")

    def open_noun(self, index: int) -> int:
        token = self.tokens[index]
        before = self.items[-1] if self.items else None
        country = before is not None and before.word is not None and before.word.senses & {"国", "地域"}
        if before is not None and country and not before.particle and token.surface in ("語", "人"):
            before.marks += self.emit("言葉" if token.surface == "語" else "人", index, index + 1)
            before.live = token.surface == "人"
            return self.after_noun(index + 1, before)
        if self.is_name(token):
            pieces = self.analyser.parts(token)
            if len(pieces) > 1:
                split = self.split(pieces)
                if split is not None:
                    item = self.push(split, "noun", base="名前", live=token.pos[2] == "人名")
                    return self.after_noun(index + 1, item)
            reading = token.surface if _katakana(token.surface) else token.reading
            if not reading or not _katakana(reading):
                self.doubt(f"「{token.surface}」の読みが分かりません。")
                item = self.push(self.open_word(token.surface, index, index + 1), "noun")
                return self.after_noun(index + 1, item)
            if (
                not _katakana(token.surface)
                and token.pos[3] == "名"
                and token.surface not in self.words.names
            ):
                self.doubt(f"名前「{token.surface}」の読みは一つとは限りません。")
            if len(token.surface) == 1 or all("ぁ" <= c <= "ん" for c in token.surface):
                self.doubt(f"「{token.surface}」を名前としました。")
            end = index + 1
            tags = _marks(fingerspell(reading), (token.start, token.end))
            after = self.at(end)
            if after is not None and after.surface in ("人", "語") and after.pos[0] == "接尾辞":
                item = self.push(
                    tags + self.emit("人" if after.surface == "人" else "言葉", end, end + 1),
                    "noun",
                    live=after.surface == "人",
                    base="名前",
                )
                return self.after_noun(end + 1, item)
            item = self.push(tags, "noun", live=token.pos[2] == "人名", base="名前")
            while (
                (title := self.at(end)) is not None
                and title.surface in _TITLES
                and title.pos[0] in ("接尾辞", "名詞")
            ):
                item.live = True
                end += 1
            if (
                self.name(end) in ("と", "って")
                and self.name(end + 1) == "いう"
                and self.at(end + 2) is not None
                and self.tokens[end + 2].pos[0] == "名詞"
            ):
                self.push(self.emit("言う", end, end + 2), "verb")
                return end + 2
            return self.after_noun(end, item)
        if (
            token.pos[0] == "名詞"
            and token.surface in _of("こと 事 もの 物 わけ はず よう ところ とき ため あと まま")
            and self.items
        ):
            return self.bound_noun(index)
        plural = re.fullmatch(r"(.{2,}?|人)(?:たち|達)", token.surface)
        if plural and plural[1] in self.words.nominal:
            return self.noun(index, index + 1, self.words.nominal[plural[1]][0])
        placed = self.place_and_side(token)
        if placed:
            item = self.push(self.marks(placed, index, index + 1), "noun", base=token.surface)
            return self.after_noun(index + 1, item)
        pieces = self.analyser.parts(token)
        if len(pieces) > 1 and pieces[0].surface in ("お", "ご", "御"):
            self.tokens[index : index + 1] = pieces
            self.names[index : index + 1] = [piece.name for piece in pieces]
            return self.step(index)
        if len(pieces) > 1:
            split = self.split(pieces)
            if split is not None:
                item = self.push(split, "noun", base=token.surface)
                if self.is_doing(index + 1):
                    item.kind = "verb"
                    return self.suru(index, index + 1, item, None)
                return self.after_noun(index + 1, item)
        if token.surface in ("頂戴", "ちょうだい") and self.name(index + 1) in _of("_ 。 ！ ね よ"):
            self.suppress = True
            item = self.push(self.emit("お願い", index, index + 1), "verb")
            return self.predicate(index + 1, _Predicate(item, "v", None, asked=True))
        if token.surface in ("頂戴", "ちょうだい") and self.is_doing(index + 1):
            item = self.push(self.emit("もらう", index, index + 1), "verb")
            return self.suru(index, index + 1, item, next(iter(self.words.predicate.get("もらう", ())), None))
        if token.surface in ("ご覧", "御覧"):
            item = self.push(self.emit("見る", index, index + 1), "verb")
            return self.suru(index, index + 1, item, next(iter(self.words.predicate.get("見る", ())), None))
        if token.surface == "方" and self.items and index:
            if (
                self.name(index + 1) in ("へ", "に", "から", "を")
                and not self.mark
                and self.items[-1].particle == "の"
                and not self.items[-1].live
            ):
                return self.particles(index + 1, self.items[-1])
            if self.tokens[index - 1].pos[0] != "数詞":
                item = self.push(self.emit("人", index, index + 1), "noun", live=True, base="人")
                return self.after_noun(index + 1, item)
        if (
            len(pieces) == 2
            and pieces[1].surface == "方"
            and pieces[0].is_verb
            and pieces[0].surface not in self.words.stems
        ):
            item = self.push(
                [(OPEN + pieces[0].base, self.span(index, index + 1)), *self.emit("方法", index, index + 1)],
                "noun",
                base="方法",
            )
            return self.after_noun(index + 1, item)
        way = re.fullmatch(r"(.+)方", token.surface)
        if way and way[1] in self.words.stems:
            stem = self.words.stems[way[1]]
            item = self.push(self.marks((*stem.tags, "方法"), index, index + 1), "noun", base="方法")
            return self.after_noun(index + 1, item)
        by_norm = self.words.nominal.get(token.norm)
        if (
            by_norm
            and token.norm != token.surface
            and by_norm[0].word_class not in ("定型", "接続")
            and token.pos[0] != "接尾辞"
        ):
            if token.is_kana and by_norm[0].needs_context:
                self.doubt(f"「{token.surface}」は同音の語と紛れます。")
            if token.norm in self.words.suru and self.is_doing(index + 1):
                item = self.push(
                    self.marks(by_norm[0].tags, index, index + 1), "verb", word=self.words.suru[token.norm]
                )
                return self.suru(index, index + 1, item, self.words.suru[token.norm])
            return self.noun(index, index + 1, by_norm[0])
        no_way = re.fullmatch(r"(.+)よう", token.surface)
        if (
            no_way
            and no_way[1] in self.words.stems
            and re.match(r"(?:が\||も\|)?(?:ない|ある\|ます\|ぬ)\|", self.rest(index + 1))
        ):
            stem = self.words.stems[no_way[1]]
            end = index + 1 + (self.name(index + 1) in ("が", "も"))
            item = self.push(self.marks((*stem.tags, "無理"), index, end), "verb", word=stem)
            return self.predicate(end + (1 if self.name(end) == "ない" else 3), _Predicate(item, "v", stem))
        stem = self.words.stems.get(token.surface)
        verb = self.at(index + 1)
        if (
            stem is not None
            and len(token.surface) > 1
            and not token.is_kana
            and token.surface not in _of("振り 余り 限り 当たり 通り 辺り")
            and token.pos[:2] == ("名詞", "普通名詞")
            and not self.is_doing(index + 1)
            and not (verb is not None and (verb.is_verb or self.continues(index + 1, verb, True)))
            and not re.match(r"に\|(?:いく|くる|帰る|出かける|戻る|向かう)[\^!]?\|", self.rest(index + 1))
        ):
            item = self.push(self.marks(stem.tags, index, index + 1), "noun", base=token.surface)
            return self.after_noun(index + 1, item)
        if (
            stem is not None
            and verb is not None
            and verb.is_verb
            and verb.pos[1] == "非自立可能"
            and verb.base not in _of("する いる ある なる くる 来る 行く いく できる くださる なさる いたす")
        ):
            if verb.name in ENDINGS:  # 笑いすぎる
                item = self.push(self.marks(stem.tags, index, index + 1), "verb", word=stem)
                return self.predicate(index + 1, _Predicate(item, "v", stem))
            written = OPEN + token.surface + verb.base
            item = self.push(self.marks([written], index, index + 2), "verb", base=verb.base)
            return self.predicate(index + 2, _Predicate(item, "v", None))
        if stem is not None and re.match(
            r"に\|(?:いく|くる|行く|来る|帰る|出かける|戻る|向かう)[\^!]?\|", self.rest(index + 1)
        ):
            self.push(self.marks(stem.tags, index, index + 1), "verb", word=stem, base=stem.spellings[0])
            return index + 2
        if (
            stem is not None
            and self.is_doing(index + 1)
            and index
            and self.tokens[index - 1].pos[0] == "接頭辞"
        ):
            item = self.push(self.marks(stem.tags, index, index + 1), "verb", word=stem)
            return self.honorific(index + 1, _Predicate(item, "v", stem))
        return self.joined_noun(index)

    def joined_noun(self, index: int) -> int:
        """Unknown nouns written without a particle between them, with prefixes and suffixes, as one open word."""
        first = self.tokens[index]
        end = index + 1
        if first.surface == "さ" and first.pos[0] == "接尾辞" and self.name(end) in ("", "。", "、"):
            return end
        if first.surface == "君" and first.pos[0] == "接尾辞" and not (self.items and self.items[-1].live):
            return self.folded(index, end, "あなた")
        if first.pos[0] == "接尾辞" and self.items and index and first.surface not in ("中", "後", "前"):
            before = self.items[-1]
            if (
                before.kind == "noun"
                and before.marks
                and before.particle == ""
                and len(before.marks) == 1
                and before.marks[0][1] is not None
                and before.marks[0][1][1] == first.start
            ):
                text = before.marks[0][0].lstrip(OPEN)
                written = (self.tokens[index - 1].surface if before.base != "名前" else text) + first.surface
                if before.base != "名前":
                    whole = self.words.nominal.get(written)
                    before.marks = (
                        [(tag, (before.marks[0][1][0], first.end)) for tag in whole[0].tags]
                        if whole
                        else [
                            (
                                OPEN
                                + (before.base if before.base and before.base != "数" else text).lstrip(OPEN)
                                + first.surface,
                                (before.marks[0][1][0], first.end),
                            )
                        ]
                    )
                    before.base = written
                    if self.is_doing(end):
                        before.kind = "verb"
                        return self.suru(index, end, before, None)
                    return self.after_noun(end, before)
        joins = first.pos[2] != "副詞可能" and first.pos[0] != "形状詞"
        while (token := self.at(end)) is not None and self.continues(end, token, joins):
            end += 1
        text = "".join(token.surface for token in self.tokens[index:end])
        last = self.tokens[end - 1]
        verbal = last.pos[2] in ("サ変可能", "サ変形状詞可能")
        title = self.at(end)
        if (
            (
                title is not None
                and title.surface in _of("さん くん ちゃん 様 さま 君 氏")
                and title.pos[0] == "接尾辞"
                and first.pos[0] == "名詞"
                and not (first.pos[1] == "普通名詞" and not first.oov and _katakana(text) and len(text) > 2)
            )
            or "".join(t.surface for t in self.tokens[max(0, index - 2) : index]) == "名前は"
            or (re.match(r"(?:と|って)\|(?:いう|申す)\|ます\|", self.rest(end)) and _katakana(text))
        ) and _katakana(katakana(text)):
            return self.person(index, end, fingerspell(text))
        item = self.push(self.open_word(text, index, end), "noun", base=(OPEN + "サ変" if verbal else text))
        if last.pos[0] == "形状詞" or (
            last.pos[2] == "形状詞可能"
            and self.name(end) in ("な", "に")
            and last.pos[0] == "名詞"
            and self.at(end) is not None
            and self.tokens[end].pos[0] == "助動詞"
        ):
            item.kind = "adjective"
        if self.is_doing(end) and (verbal or self.name(end) in ("くださる^",)):
            item.kind = "verb"
            return self.suru(index, end, item, None)
        return self.after_noun(end, item)

    def continues(self, index: int, token: _Token, joins: bool) -> bool:
        """Whether the morpheme belongs to the unknown noun before it: a suffix, or another unknown noun."""
        if token.pos[0] == "接尾辞":
            if token.pos[1] in ("動詞的", "形容詞的"):
                return False
            return token.surface not in _TITLES and token.surface not in ("中", "ずつ", "目")
        return (
            joins
            and token.pos[:2] == ("名詞", "普通名詞")
            and token.pos[2] not in ("助数詞可能", "副詞可能")
            and token.surface not in _of("こと もの とき ため よう ところ わけ はず ほう まま つもり うち")
            and token.surface not in _TIME_WORDS
            and not self.starts_known(index)
        )

    def starts_known(self, index: int) -> bool:
        token = self.tokens[index]
        return self.longest(index, self.words.nominal)[0] is not None or token.norm in self.words.nominal

    def bound_noun(self, index: int) -> int:
        """こと, もの and others where no rule for endings took them."""
        token = self.tokens[index]
        before = self.items[-1]
        if token.surface in ("こと", "事"):
            if before.kind == "adjective" and self.name(index - 1) in ("な", "だ"):
                item = self.push(self.emit("こと", index, index + 1), "noun", base="こと")
                return self.after_noun(index + 1, item)
            return (
                self.after_noun(index + 1, before)
                if before.kind in ("modifier", "adjective", "noun")
                else self.after_nominal(index + 1, before)
            )
        if token.surface in ("もの", "物"):
            if before.kind == "modifier" or (before.marks and before.marks[-1][0] == "同じ"):
                before.kind = "noun"
                return self.after_noun(index + 1, before)
            item = self.push(self.emit("物", index, index + 1), "noun", base="物")
            return self.after_noun(index + 1, item)
        if token.surface == "とき" and before.kind == "modifier":
            self.close(self.emit("とき", index, index + 1))
            end = index + 1
            while self.name(end) in ("に", "は", "も"):
                end += 1
            return end
        if token.surface == "ところ":
            item = self.push(self.emit("場所", index, index + 1), "noun", base="場所")
            return self.after_noun(index + 1, item)
        item = self.push(self.open_word(token.base, index, index + 1), "noun", base=token.base)
        return self.after_noun(index + 1, item)

    def split(self, pieces: list[_Token]) -> list[Mark] | None:
        """Tags of the parts where each is a word of the lexicon or a name; None otherwise."""
        marks: list[Mark] = []
        position = 0
        while position < len(pieces):
            for end in range(len(pieces), position, -1):
                if end - position == len(pieces):
                    continue
                if position and pieces[position].surface == "家" and pieces[position].reading != "イエ":
                    continue  # 投資家
                text = "".join(piece.surface for piece in pieces[position:end])
                words = [
                    w
                    for w in self.words.nominal.get(text, ())
                    if w.word_class in _of("名 ナ形 サ変 季節 時 曜日")
                ]
                if words:
                    span = (pieces[position].start, pieces[end - 1].end)
                    marks += _marks(words[0].tags, span)
                    position = end
                    break
            else:
                piece = pieces[position]
                name = self.words.names.get(piece.surface)
                if self.is_name(piece) and (name is not None or len(piece.surface) > 1):
                    reading = name.kana[0] if name else piece.reading
                    if not name and _katakana(piece.surface):
                        reading = piece.surface
                    marks += _marks(fingerspell(katakana(reading)), (piece.start, piece.end))
                elif position and piece.surface in ("人", "語") and self.is_name(pieces[0]):
                    marks.append(("人" if piece.surface == "人" else "言葉", (piece.start, piece.end)))
                elif position and piece.surface == "付き":
                    marks.append((self.words.emit("付く"), (piece.start, piece.end)))
                elif position and piece.surface == "屋":
                    marks.append(("店", (piece.start, piece.end)))
                elif (
                    position
                    and piece.surface == "中"
                    and piece.pos[0] == "接尾辞"
                    and piece.reading == "ジュウ"
                ):
                    pass
                else:
                    return None
                position += 1
        return marks

    def place_and_side(self, token: _Token) -> tuple[str, ...]:
        """駅前 -> 駅 前; 世界中 -> 世界: a place of the lexicon with a side, or with 中 for all of it."""
        if token.pos[0] != "名詞" or len(token.surface) < 2 or token.surface[-1] not in "前中内":
            return ()
        words = self.words.nominal.get(token.surface[:-1], ())
        word = next((w for w in words if w.senses & {"場所", "建物", "地域", "国"}), None)
        if word is None:
            return ()
        if token.surface[-1] == "中" and token.reading.endswith("ジュウ"):
            return word.tags
        side = self.words.nominal.get("中" if token.surface[-1] == "内" else token.surface[-1], ())
        return (*word.tags, *side[0].tags) if side else ()


_DOING_ON = {
    "し終わる": "終わる",
    "し終える": "終わる",
    "し始める": "始める",
    "し続ける": "続ける",
    "し過ぎる": "過ぎる",
    "しすぎる": "過ぎる",
    "し直す": "もう一度",
    "しなおす": "もう一度",
    "し忘れる": "忘れる",
}
"""する with a verb of phase, which the dictionary has as one morpheme."""

_AFTER_SHI = {
    "直す": "もう一度", "なおす": "もう一度", "合う": "お互い", "あう": "お互い", "切る": "", "きる": "", "かける": "",
    "つくす": "全部", "尽くす": "全部",
}  # fmt: skip
"""Verbs after the し of a noun that is an action, and their tags."""

_ACTIONS = {
    "NEG": "negate", "NEGA": "negate_after_topic", "MUST": "must", "NOTDO": "not_do", "INVITE": "invite",
    "ASKED": "asked", "STATE": "state", "DONE": "done", "PAST": "past", "POT": "able", "ABLE": "able",
    "EXPERIENCE": "experience", "NOEXPERIENCE": "no_experience", "NONEED": "no_need", "SURELY": "surely",
    "WISH": "wish", "COME": "come", "GO": "go", "TEREQ": "request",
    "VOICE": "voice", "JUNC": "junction", "STOP": "stop", "WHILE": "while", "SOTHAT": "so_that", "IF": "if",
    "NONI": "although", "NOMINAL": "nominal", "JUSTNOW": "just_now", "THAT": "that", "COPULA": "copula",
    "ADNOMINAL": "adnominal", "CHOICE": "choice", "Q": "question", "WHETHER": "whether", "EMBED": "embed",
    "JUNC0": "junction_before", "DONT": "dont", "LIKE": "like", "ONLY": "only_this", "VERB": "verbal", "PLAIN": "plain",
}  # fmt: skip


def _unwilled(word: Word | None) -> bool:
    return word is not None and bool(word.senses & {"無意志", "存在", "可能動詞"})


_E_TO_U = dict(zip("えけげせてねべめれ", "うくぐすつぬぶむる", strict=True))
_A_TO_U = dict(zip("わかがさたなばまら", "うくぐすつぬぶむる", strict=True))


def _potential_base(base: str) -> str:
    """書ける -> 書く; empty for what has no such shape."""
    if len(base) < 3 or base[-1] != "る" or base[-2] not in _E_TO_U:
        return ""
    return base[:-2] + _E_TO_U[base[-2]]


def _causative_base(base: str) -> str:
    """習わせる -> 習う; empty for what has no such shape."""
    if len(base) < 4 or not base.endswith("せる") or base[-3] not in _A_TO_U:
        return ""
    return base[:-3] + _A_TO_U[base[-3]]


def _causative_short(base: str) -> str:
    """書かす -> 書く; empty for what has no such shape."""
    if len(base) < 3 or base[-1] != "す" or base[-2] not in _A_TO_U:
        return ""
    return base[:-2] + _A_TO_U[base[-2]]


def _hiragana(text: str) -> bool:
    return all("ぁ" <= character <= "ゖ" or character == "ー" for character in text)


def _katakana(text: str) -> bool:
    return bool(text) and all("ァ" <= character <= "ヺ" or character == "ー" for character in text)


def _number(token: _Token) -> tuple[float, tuple[str, ...] | None]:
    """The value of a numeral morpheme and its tags; None for one that is no plain number."""
    text = token.norm.replace(",", "").replace("，", "")
    if re.fullmatch(r"[\d,]+\.\d+", token.surface):
        text = token.surface.replace(",", "")  # the dictionary drops the zero of 2.0
    match = re.fullmatch(r"(\d+)(?:\.(\d+))?", text)
    if not match:
        match = re.fullmatch(r"(\d+)(?:\.(\d+))?", token.surface.replace(",", ""))
    if not match:
        value = _kanji_value(token.surface)
        return (value, number_tags(value)) if value is not None and value < LIMIT else (0, None)
    whole = int(match[1]) if len(match[1]) < 16 else LIMIT
    tags = number_tags(whole) if whole < LIMIT else tuple(match[1])
    if match[2]:
        tags = (*tags, "点", *match[2])
    return whole, tags


__all__ = ["OPEN", "Analyser", "Analysis", "label_lines"]
