"""Numbers as people type them: 37.5度, 10:30, 3/15, 50%, 03-1234-5678, 5〜6人, ￥1000, with their tags.

Templates write ``{数字.時刻}``; the kinds are the keys of ``_kinds``. Plain whole numbers with a counter are
``{数.円}`` and come from words.py. The text is what ``normalize`` leaves: full-width digits, ％ and ： become
ASCII and the commas of 12,345 go, so that those spellings need no sentences of their own.
"""

from __future__ import annotations

from collections.abc import Callable

from ..errors import UserError
from .fragment import Fragment
from .numbers import (
    counted_kana,
    decimal_kana,
    decimal_tags,
    digit_kana,
    digit_tags,
    kana_numeral,
    kanji_numeral,
    number_tags,
)
from .words import Words, counter_range

_PHONE_FORMS = (
    "0#-####-####", "0##-###-####", "0##-####-####", "0##-####-####", "0###-##-####", "0120-###-###",
    "090-####-####", "080-####-####", "0##########", "####-####", "(0#)####-####",
)  # fmt: skip
"""# stands for any digit."""

_WEEKDAYS = "月火水木金土日"
_ERAS = (("令和", "れいわ", 12), ("平成", "へいせい", 31), ("昭和", "しょうわ", 64))
_MONTH_READINGS = {4: "しがつ", 7: "しちがつ", 9: "くがつ"}
_HOUR_READINGS = {4: "よじ", 7: "しちじ", 9: "くじ", 0: "れいじ", 14: "じゅうよじ", 19: "じゅうくじ"}
_MINUTE_READINGS = {
    1: "いっぷん",
    3: "さんぷん",
    4: "よんぷん",
    6: "ろっぷん",
    8: "はっぷん",
    10: "じゅっぷん",
}
_DAY_READINGS = {
    1: "ついたち", 2: "ふつか", 3: "みっか", 4: "よっか", 5: "いつか", 6: "むいか", 7: "なのか", 8: "ようか",
    9: "ここのか", 10: "とおか", 14: "じゅうよっか", 20: "はつか", 24: "にじゅうよっか",
}  # fmt: skip


class Figures:
    """Samples numbers in the notations of everyday writing."""

    def __init__(self, words: Words) -> None:
        self._words, self._rng = words, words.rng
        self._kinds: dict[str, Callable[[str], Fragment]] = {
            "小数": self._decimal,
            "体温": self._temperature,
            "百分率": self._percentage,
            "電話": self._phone,
            "時刻": self._clock,
            "日付": self._date,
            "年月日": self._full_date,
            "元号": self._era,
            "範囲": self._range,
            "円記号": self._yen,
            "数だけ": self._bare,
            "番地": self._block,
        }

    def write(self, kind: str, where: str) -> Fragment:
        """One number of the kind. Raises UserError when there is no such kind."""
        if kind not in self._kinds:
            raise UserError(
                f"{where}: 数字の書き方「{kind}」が分かりません。",
                f"使えるもの: {'・'.join(self._kinds)}",
                code="grammar-invalid",
                where=where,
            )
        return self._kinds[kind](where)

    def _both(self, text: str, kana: str, tags: tuple[str, ...], spoken: float = 0.4) -> Fragment:
        """The figures in the kanji sentence; in the kana sentence now and then the reading."""
        other = kana if self._rng.bernoulli(spoken) else text
        return Fragment(text, other, self._rng.choice((text, other)), tags)

    def _point(self, whole: int) -> str:
        """3.5, 0.25: a decimal with one digit after the point, or two."""
        places = 2 if self._rng.bernoulli(0.2) else 1
        fraction = "".join(str(self._rng.integer(10)) for _ in range(places))
        return f"{whole}.{fraction}"

    def _decimal(self, where: str) -> Fragment:
        counter = self._rng.choice(self._words.query("助数.小数", where))
        whole = self._rng.integer(10) if self._rng.bernoulli(0.6) else self._rng.integer(200)
        text, spelling = self._point(whole), self._rng.choice(counter.spellings)
        sound = counter.kana[0] if counter.kana else spelling
        return self._both(text + spelling, decimal_kana(text) + sound, (*decimal_tags(text), *counter.tags))

    def _temperature(self, where: str) -> Fragment:
        text = f"{35 + self._rng.integer(7)}.{self._rng.integer(10)}"
        unit = self._rng.choice(("度", "度", "度", "℃"))
        return self._both(text + unit, decimal_kana(text) + "ど", (*decimal_tags(text), "度"))

    def _percentage(self, where: str) -> Fragment:
        number = 5 * (1 + self._rng.integer(20)) if self._rng.bernoulli(0.4) else self._rng.integer(101)
        text = self._point(number) if self._rng.bernoulli(0.2) else str(number)
        unit = self._rng.choice(("%", "%", "パーセント"))
        return self._both(text + unit, decimal_kana(text) + "パーセント", (*decimal_tags(text), "パーセント"))

    def _phone(self, where: str) -> Fragment:
        form = self._rng.choice(_PHONE_FORMS)
        text = "".join(str(self._rng.integer(10)) if c == "#" else c for c in form)
        hyphen = self._rng.choice(("-", "-", "-", "-", "‐", "−", "ー"))
        return self._both(text.replace("-", hyphen), digit_kana(text), digit_tags(text), 0.1)

    def _clock(self, where: str) -> Fragment:
        hour = self._rng.integer(25)
        minute = 0 if self._rng.bernoulli(0.3) else self._rng.integer(60)
        half, half_kana, half_tags = self._rng.choice(
            (("", "", ()),) * 3 + (("午前", "ごぜん", ("午前",)), ("午後", "ごご", ("午後",)))
        )
        if half:
            hour %= 13
        tags = (*half_tags, *number_tags(hour), "時", *((*number_tags(minute), "分") if minute else ()))
        minutes = counted_kana(minute, "ふん", _MINUTE_READINGS) if minute else ""
        hour_text = f"{hour:02}" if hour < 10 and self._rng.bernoulli(0.2) else str(hour)
        kana = half_kana + counted_kana(hour, "じ", _HOUR_READINGS) + minutes
        return self._both(f"{half}{hour_text}:{minute:02}", kana, tags, 0.3)

    def _date(self, where: str) -> Fragment:
        month, day = 1 + self._rng.integer(12), 1 + self._rng.integer(31)
        tags = (*number_tags(month), "月", *number_tags(day), "日")
        text, kana = f"{month}/{day}", self._month_and_day(month, day)
        if self._rng.bernoulli(0.25):
            weekday = self._rng.choice(_WEEKDAYS)
            text, tags = f"{text}({weekday})", (*tags, f"{weekday}曜日")
            kana = text
        return self._both(text, kana, tags, 0.3)

    def _full_date(self, where: str) -> Fragment:
        year, month, day = (
            1900 + self._rng.integer(150),
            1 + self._rng.integer(12),
            1 + self._rng.integer(31),
        )
        tags = (*number_tags(year), "年", *number_tags(month), "月", *number_tags(day), "日")
        kana = kana_numeral(year) + "ねん" + self._month_and_day(month, day)
        text = self._rng.choice(
            (
                f"{year}年{month}月{day}日",
                f"{year}年{month}月{day}日",
                f"{year}/{month}/{day}",
                f"{kanji_numeral(year)}年{kanji_numeral(month)}月{kanji_numeral(day)}日",
            )
        )
        return self._both(text, kana, tags, 0.3)

    def _era(self, where: str) -> Fragment:
        name, reading, last = self._rng.choice(_ERAS)
        year = 1 + self._rng.integer(last)
        shown, kana = ("元", "がん") if year == 1 else (str(year), kana_numeral(year))
        if year > 1 and self._rng.bernoulli(0.2):
            shown = kanji_numeral(year)
        return self._both(f"{name}{shown}年", f"{reading}{kana}ねん", (name, *number_tags(year), "年"))

    def _range(self, where: str) -> Fragment:
        """5、6人 and 5〜6人: two numbers before one counter, with から only where 〜 stands."""
        counter = self._rng.choice(self._words.query("助数.任意", where))
        sound = counter.kana[0] if counter.kana else counter.spellings[0]
        _, _, special = counter_range(counter, where)
        first = 1 + self._rng.integer(8)
        mark = self._rng.choice(("、", "〜", "~", "-"))
        second = first + (1 if mark == "、" else 1 + self._rng.integer(10))
        between = () if mark == "、" else ("から",)
        kana = kana_numeral(first) + ("、" if mark == "、" else "から") + counted_kana(second, sound, special)
        tags = (*number_tags(first), *between, *number_tags(second), *counter.tags)
        return self._both(f"{first}{mark}{second}{counter.spellings[0]}", kana, tags)

    def _yen(self, where: str) -> Fragment:
        number = (1 + self._rng.integer(99)) * 10 ** self._rng.integer(4)
        return self._both(
            f"¥{number}", counted_kana(number, "えん", {4: "よえん"}), (*number_tags(number), "円")
        )

    def _bare(self, where: str) -> Fragment:
        digits = 1 + self._rng.integer(5)
        number = (
            self._rng.integer(10)
            if digits == 1
            else 10 ** (digits - 1) + self._rng.integer(9 * 10 ** (digits - 1))
        )
        text = kanji_numeral(number) if number and self._rng.bernoulli(0.25) else str(number)
        return self._both(text, kana_numeral(number), number_tags(number))

    def _block(self, where: str) -> Fragment:
        """1丁目2番3号 and 1-2-3: the hyphens of an address are not signed."""
        numbers = [1 + self._rng.integer(30) for _ in range(2 + self._rng.integer(2))]
        tags = tuple(tag for number in numbers for tag in number_tags(number))
        text = "-".join(str(number) for number in numbers)
        return Fragment(text, text, text, tags)

    def _month_and_day(self, month: int, day: int) -> str:
        return counted_kana(month, "がつ", _MONTH_READINGS) + counted_kana(day, "にち", _DAY_READINGS)
