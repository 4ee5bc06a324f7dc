"""The original project's one vocabulary for both sides, and ours made from it.

168 entries: 86 characters, 79 tags, then SOS, EOS and PAD, in the order of its source. Its files do not carry
it; where one does, in ``config.json``, that one counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...errors import Failure
from ...settings import SPECIALS
from ...tokenize import Tokenizers, Vocabulary
from ...tokenize.tokenizer import CharTokenizer, TagTokenizer

CHARACTERS = (
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわをん"
    "がぎぐげござじずぜぞだぢづでどばびぶべぼ"
    "ぱぴぷぺぽ"
    "ぁぃぅぇぉゃゅょっ"
    "。、！？ ー"
)
_TAG_GROUPS = """
    朝 昼 夜 ありがとう お願い 挨拶
    食べる 飲む 行く 来る 見る 聞く 言う 寝る 起きる 歩く 座る 立つ 読む 書く やる いる
    家 学校 会社 医 駅 公 建物
    私 あなた 彼 彼女 これ それ
    悲しい 辛い 寒い 暑い 楽しい 怖い 面白い 厳しい
    はい いいえ OK ダメ 分かる 分からない 何 なぜ 原因 どこ 場所 誰 何時 いくら
    1 2 3 4 5 6 7 8 9 10 千 万 億
    今 明日 昨日 来週 先週 月 日 週 年
"""
TAGS = tuple(_TAG_GROUPS.split())

_SPECIAL_NAMES = {
    "PAD": {"PAD"},
    "SOS": {"SOS", "BOS", "<S>"},
    "EOS": {"EOS", "</S>"},
}
_DIGITS = 9
"""Of the number of an entry, at most."""
_BLANK_NAMES = {"SPACE", "SP"}


@dataclass(frozen=True)
class OriginalVocabulary:
    """One entry per row of the original's embeddings, in its order.

    Attributes:
        characters: the character of each row that stands for one; ``None`` for the others.
        tags: the tag, without brackets, of each row that stands for one; ``None`` for the others.
        specials: the rows of PAD, SOS and EOS.
    """

    characters: tuple[str | None, ...]
    tags: tuple[str | None, ...]
    specials: tuple[int, int, int]

    @property
    def order(self) -> list[int]:
        """The original's row behind each of our ids: our ids start with the specials."""
        rest = [row for row in range(len(self.tags)) if row not in self.specials]
        return [*self.specials, *rest]

    def tokenizers(self) -> Tokenizers:
        """Ours. Both sides have all entries, since the original's embeddings have a row for each.

        On the source side a tag is written ``<私>``, so that no sentence's 私 can be taken for it.
        """
        source, target = [], []
        taken = {tag for tag in self.tags if tag is not None}
        for row in self.order[len(SPECIALS) :]:
            character, tag = self.characters[row], self.tags[row]
            if tag is not None:
                source.append(f"<{tag}>")
                target.append(tag)
            elif character is not None:
                source.append(character)
                target.append(character if character not in taken else f"文字:{character}")
        return Tokenizers(CharTokenizer(Vocabulary(source)), TagTokenizer(Vocabulary(target)))


def known_vocabulary() -> OriginalVocabulary:
    """The original's: :data:`CHARACTERS`, :data:`TAGS` and the specials."""
    return _parsed([*CHARACTERS, *(f"<{tag}>" for tag in TAGS), "<SOS>", "<EOS>", "<PAD>"], "")


def read_vocabulary(values: Any, where: str) -> OriginalVocabulary:
    """A vocabulary from JSON: a list of entries, or a mapping of entries to their numbers, or the reverse.

    Args:
        where: file and key, for messages.

    Raises:
        Failure: it is none of these, or PAD, SOS and EOS are not in it.
    """
    if isinstance(values, dict) and values:
        if all(type(number) is int for number in values.values()):
            values = {number: entry for entry, number in values.items()}
        else:
            values = {
                int(number) if len(number) <= _DIGITS and number.isdecimal() else -1: entry
                for number, entry in values.items()
            }
        if sorted(values) != list(range(len(values))):
            raise _wrong(f"{where} の番号が 0 からの通し番号になっていません。", where)
        values = [values[number] for number in range(len(values))]
    if not isinstance(values, list) or not all(isinstance(entry, str) and entry for entry in values):
        raise _wrong(f"{where} が、語彙（文字列の並び）になっていません。", where)
    if len(set(values)) != len(values):
        twice = next(entry for entry in values if values.count(entry) > 1)
        raise _wrong(f"{where} に同じ項目が 2 回あります: {twice}", where, entry=twice)
    return _parsed(values, where)


def _wrong(what: str, where: str, **facts: Any) -> Failure:
    hint = "元のプロジェクトで書き出したままの config.json を使ってください。"
    return Failure(what, hint, code="burn-vocabulary-invalid", field=where, **facts)


def _parsed(entries: list[str], where: str) -> OriginalVocabulary:
    specials = {}
    for row, entry in enumerate(entries):
        for name, spellings in _SPECIAL_NAMES.items():
            if {entry.upper(), entry.strip("<>[]").upper()} & spellings:
                specials.setdefault(name, row)
    missing = [name for name in SPECIALS if name not in specials]
    if missing:
        raise _wrong(f"{where} に {'・'.join(missing)} がありません。", where, missing=missing)
    others = [(row, entry) for row, entry in enumerate(entries) if row not in specials.values()]
    bracketed = any(_is_bracketed(entry) and not _is_blank(entry) for _, entry in others)
    characters: list[str | None] = [None] * len(entries)
    tags: list[str | None] = [None] * len(entries)
    for row, entry in others:
        if _is_blank(entry):
            characters[row] = " "
        elif _is_bracketed(entry):
            tags[row] = entry[1:-1]
        elif len(entry) > 1 or (not bracketed and entry in TAGS):
            tags[row] = entry
        else:
            characters[row] = entry
    return OriginalVocabulary(
        tuple(characters), tuple(tags), (specials["PAD"], specials["SOS"], specials["EOS"])
    )


def _is_bracketed(entry: str) -> bool:
    return len(entry) > 2 and entry.startswith("<") and entry.endswith(">")


def _is_blank(entry: str) -> bool:
    return entry == " " or entry.strip("<>[]").upper() in _BLANK_NAMES
