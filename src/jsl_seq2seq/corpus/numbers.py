"""Whole numbers: how they are written in Japanese, how they are read, and their composed tags.

Japanese Sign Language composes numbers as they are spoken: 11 is 10 followed by 1 (source: note.com, see
docs/corpus.md). Twenty is 2 and 10, three hundred is 3 and 百.
"""

from __future__ import annotations

from ..errors import UserError

_DIGITS = "〇一二三四五六七八九"
_READINGS = ("ゼロ", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう")
_HUNDREDS = ("", "ひゃく", "にひゃく", "さんびゃく", "よんひゃく", "ごひゃく", "ろっぴゃく", "ななひゃく",
             "はっぴゃく", "きゅうひゃく")  # fmt: skip
_THOUSANDS = ("", "せん", "にせん", "さんぜん", "よんせん", "ごせん", "ろくせん", "ななせん", "はっせん",
              "きゅうせん")  # fmt: skip
_GROUPS = ((100_000_000, "億", "おく"), (10_000, "万", "まん"), (1, "", ""))
LIMIT = 1_000_000_000_000


def number_tags(number: int) -> tuple[str, ...]:
    """11 -> ('10', '1'); 2500 -> ('2', '千', '5', '百'); 30000 -> ('3', '万'). A leading 1 stands before
    万 and 億 only (一万, but 千, 百, 十). Raises UserError below 0 and from LIMIT on."""
    tags = [tag for small, unit, _ in _groups(number) for tag in (*_small_tags(small), unit) if tag]
    return tuple(tags) or ("0",)


def kanji_numeral(number: int) -> str:
    """25 -> 二十五. Raises UserError as number_tags."""
    return "".join(_small_kanji(small) + unit for small, unit, _ in _groups(number)) or "〇"


def mixed_numeral(number: int, thousands: bool = False) -> str:
    """120000000 -> 1億2000万, as it is mostly written; with ``thousands`` 3000 -> 3千.

    Raises UserError as number_tags.
    """
    return "".join(_small_mixed(small, thousands) + unit for small, unit, _ in _groups(number)) or "0"


def kana_numeral(number: int) -> str:
    """25 -> にじゅうご. Raises UserError as number_tags."""
    return "".join(_small_kana(small) + reading for small, _, reading in _groups(number)) or "ゼロ"


def _groups(number: int) -> list[tuple[int, str, str]]:
    """120003000 -> (1, 億, おく), (2000, 万, まん) and (3000, "", ""): what is not 0, each from 1 to 9999."""
    if not 0 <= number < LIMIT:
        raise UserError(
            f"数を扱えません: {number}", "0 から 9999 億 9999 万 9999 までの整数を使ってください。"
        )
    groups = []
    for size, unit, reading in _GROUPS:
        small, number = divmod(number, size)
        if small:
            groups.append((small, unit, reading))
    return groups


def _places(number: int) -> tuple[int, int, int, int]:
    return number // 1000, number // 100 % 10, number // 10 % 10, number % 10


def _small_tags(number: int) -> list[str]:
    tags: list[str] = []
    for digit, unit in zip(_places(number), ("千", "百", "10", ""), strict=True):
        if digit and (digit > 1 or not unit):
            tags.append(str(digit))
        if digit and unit:
            tags.append(unit)
    return tags


def _small_kanji(number: int) -> str:
    text = ""
    for digit, unit in zip(_places(number), ("千", "百", "十", ""), strict=True):
        if digit:
            text += ("" if digit == 1 and unit else _DIGITS[digit]) + unit
    return text


def _small_mixed(number: int, thousands: bool) -> str:
    return f"{number // 1000}千" if thousands and number >= 1000 and number % 1000 == 0 else str(number)


def _small_kana(number: int) -> str:
    thousand, hundred, ten, one = _places(number)
    text = _THOUSANDS[thousand] + _HUNDREDS[hundred]
    if ten:
        text += ("" if ten == 1 else _READINGS[ten]) + "じゅう"
    return text + (_READINGS[one] if one else "")
