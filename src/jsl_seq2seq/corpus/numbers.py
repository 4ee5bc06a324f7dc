"""Whole numbers: how they are written in Japanese, how they are read, and their composed tags.

Japanese Sign Language composes numbers as they are spoken: 11 is 10 followed by 1 (source: note.com, see
docs/corpus.md). Twenty is 2 and 10, three hundred is 3 and 百.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import UserError

_DIGITS = "〇一二三四五六七八九"
_READINGS = ("ゼロ", "いち", "に", "さん", "よん", "ご", "ろく", "なな", "はち", "きゅう")
_HUNDREDS = ("", "ひゃく", "にひゃく", "さんびゃく", "よんひゃく", "ごひゃく", "ろっぴゃく", "ななひゃく",
             "はっぴゃく", "きゅうひゃく")  # fmt: skip
_THOUSANDS = ("", "せん", "にせん", "さんぜん", "よんせん", "ごせん", "ろくせん", "ななせん", "はっせん",
              "きゅうせん")  # fmt: skip
_GROUPS = ((100_000_000, "億", "おく"), (10_000, "万", "まん"), (1, "", ""))
_SINO = (
    "いっ",
    "いち",
    "さん",
    "よ",
    "ご",
    "ろっ",
    "ろく",
    "しち",
    "なな",
    "はっ",
    "はち",
    "きゅう",
    "く",
    "じゅっ",
)
"""How Sino-Japanese readings of 1 to 10 begin; ひとつ and ついたち do not continue in 11 and 21."""
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


def decimal_tags(text: str) -> tuple[str, ...]:
    """The tags of a decimal: "37.5" -> ('3', '10', '7', '点', '5'). Digits after the point stand one by one.

    Raises UserError as number_tags.
    """
    whole, _, fraction = text.partition(".")
    return (*number_tags(int(whole)), *(("点", *fraction) if fraction else ()))


def decimal_kana(text: str) -> str:
    """The reading of a decimal: "3.5" -> さんてんご. Raises UserError as number_tags."""
    whole, _, fraction = text.partition(".")
    return kana_numeral(int(whole)) + ("てん" + digit_kana(fraction) if fraction else "")


def digit_tags(text: str) -> tuple[str, ...]:
    """The digits of a text, one tag each: "03-12" -> ('0', '3', '1', '2')."""
    return tuple(character for character in text if character in "0123456789")


def digit_kana(text: str) -> str:
    """The digits of a text, read one by one: "03" -> ゼロさん. Other characters are left out."""
    return "".join(_READINGS[int(digit)] for digit in digit_tags(text))


def positional_kanji(number: int) -> str:
    """2026 -> 二〇二六: the digits as kanji, without units."""
    return "".join(_DIGITS[int(digit)] for digit in str(number))


def counted_kana(number: int, sound: str, special: Mapping[int, str]) -> str:
    """The reading of a number with a counter: 11 with ふん and 1=いっぷん -> じゅういっぷん.

    Args:
        number: the number counted.
        sound: the reading of the counter where it does not change.
        special: readings of numbers whose counter changes; what 1 to 10 say holds for 11, 24, 30 too, but
            not native readings such as ひとつ or ついたち.

    Raises:
        UserError: as number_tags.
    """
    if number in special:
        return special[number]
    last = number % 10 or 10
    changed = special.get(last, "")
    if last == 10 and changed.startswith("じゅっ") and number % 1000:
        return kana_numeral(number)[:-1] + "っ" + changed[3:]  # さんじゅっぷん, ひゃっぷん
    if last == 10 or not changed.startswith(_SINO) or changed.startswith("よっ"):
        return kana_numeral(number) + sound
    rest = kana_numeral(number - last) if number > last else ""
    return rest + changed


def _groups(number: int) -> list[tuple[int, str, str]]:
    """120003000 -> (1, 億, おく), (2000, 万, まん) and (3000, "", ""): what is not 0, each from 1 to 9999."""
    if not 0 <= number < LIMIT:
        raise UserError(
            f"数を扱えません: {number}",
            "0 から 9999 億 9999 万 9999 までの整数を使ってください。",
            code="number-out-of-range",
            value=number,
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
