"""Translates numbers in every form that people write, and counts those that come out right.

    python tools/measure_numbers.py [MODEL]          # without MODEL: the model that ships

100 values of each form, drawn at random, each in sentences that no rule of the grammar writes. The right tags are put
together from the rules of docs/corpus.md (corpus/numbers.py), not by the analyser. Prints the share of right ones by
form, and the first wrong ones.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random

from jsl_seq2seq.corpus.numbers import decimal_tags, digit_tags, kanji_numeral, number_tags
from jsl_seq2seq.translate.translator import Translator

Written = tuple[str, tuple[str, ...]]
"""A number as it is written, and its tags."""


def _clock(random: Random) -> Written:
    hour, minute = random.randrange(24), random.randrange(60)
    tags = (*number_tags(hour), "時", *((*number_tags(minute), "分") if minute else ()))
    return f"{hour}:{minute:02}", tags


def _afternoon(random: Random) -> Written:
    hour = random.randint(1, 12)
    half = random.choice(("午前", "午後"))
    return f"{half}{hour}時半", (half, *number_tags(hour), "時", "半")


def _date(random: Random) -> Written:
    month, day = random.randint(1, 12), random.randint(1, 28)
    return f"{month}/{day}", (*number_tags(month), "月", *number_tags(day), "日")


def _full_date(random: Random) -> Written:
    year, month, day = random.randint(1900, 2099), random.randint(1, 12), random.randint(1, 28)
    tags = (*number_tags(year), "年", *number_tags(month), "月", *number_tags(day), "日")
    return f"{year}年{month}月{day}日", tags


def _phone(random: Random) -> Written:
    digits = "".join(str(random.randrange(10)) for _ in range(8))
    text = random.choice(("03", "06")) + f"-{digits[:4]}-{digits[4:]}"
    return text, digit_tags(text)


def _decimal(random: Random) -> Written:
    text = f"{random.randrange(100)}.{random.randrange(10)}"
    return text + "キロ", (*decimal_tags(text), "キロ")


def _degrees(random: Random) -> Written:
    text = f"{random.randint(35, 41)}.{random.randrange(10)}"
    return text + "度", (*decimal_tags(text), "度")


def _percent(random: Random) -> Written:
    number = random.randint(1, 100)
    return f"{number}%", (*number_tags(number), "パーセント")


def _pieces(random: Random) -> Written:
    count, price = random.randint(1, 20), random.randint(1, 99) * 10 ** random.randint(1, 2)
    return f"{count}個で{price}円", (*number_tags(count), *number_tags(price), "円")


def _counted(
    low: int, high: int, unit: str, tag: str, write: Callable[[int], str] = str
) -> Callable[[Random], Written]:
    """A whole number of one of the lengths that low..high has, each length as often, and its unit."""

    def draw(random: Random) -> Written:
        digits = random.randint(len(str(low)), len(str(high)))
        number = random.randint(max(low, 10 ** (digits - 1)), min(high, 10**digits - 1))
        if random.random() < 0.3:  # round numbers, which people say most
            number = max(low, number // 10 ** (digits - 1) * 10 ** (digits - 1))
        return write(number) + unit, (*number_tags(number), tag)

    return draw


FORMS: dict[str, tuple[Callable[[Random], Written], Sequence[tuple[str, str]]]] = {
    "12,345": (
        _counted(1_000, 999_999, "円", "円", "{:,}".format),
        [("家賃は{}です", "家賃 {}"), ("{}払いました", "{} 払う")],
    ),
    "3.5": (_decimal, [("荷物は{}です", "荷物 {}"), ("昨日{}走りました", "昨日 {} 走る")]),
    "37.5度": (_degrees, [("子供の熱が{}あります", "子供 熱 {} ある"), ("体温は{}でした", "体温 {}")]),
    "10:30": (_clock, [("{}に友達が来ます", "{} 友達 来る"), ("会議は{}からです", "会議 {} から")]),
    "午後3時半": (_afternoon, [("{}に母が来ます", "{} 母 来る"), ("約束は{}です", "約束 {}")]),
    "3/15": (_date, [("{}に病院へ行きます", "{} 医 建物 行く"), ("試験は{}です", "試験 {}")]),
    "2026年11月25日": (_full_date, [("{}に結婚しました", "{} 結婚"), ("今日は{}です", "今日 {}")]),
    "50%": (_percent, [("値段が{}上がりました", "値段 {} 上がる"), ("学生の{}が反対です", "学生 {} 反対")]),
    "03-1234-5678": (
        _phone,
        [("電話番号は{}です", "電話 番号 {}"), ("{}に電話してください", "{} 電話 お願い")],
    ),
    "三千五百円": (
        _counted(10, 99_999, "円", "円", kanji_numeral),
        [("この本は{}です", "これ 本 {}"), ("{}あります", "{} ある")],
    ),
    "二十": (
        _counted(1, 999, "人", "人", kanji_numeral),
        [("学生が{}います", "学生 {} いる"), ("全部で{}です", "全部 {}")],
    ),
    "1000人": (
        _counted(10, 99_999, "人", "人"),
        [("駅に{}います", "駅 {} いる"), ("{}が参加しました", "{} 参加")],
    ),
    "100年前": (
        _counted(1, 9_999, "年前", "年 前"),
        [("{}に町ができました", "{} 町 できる"), ("{}に大きな地震がありました", "{} 大きい 地震 ある")],
    ),
    "2個で500円": (_pieces, [("りんごは{}です", "りんご {}"), ("{}でした", "{}")]),
}


def sentences(form: str, count: int, random: Random) -> list[tuple[str, tuple[str, ...]]]:
    """``count`` sentences of a form with their tags, its carriers in turn."""
    write, carriers = FORMS[form]
    found = []
    for index in range(count):
        text, tags = write(random)
        sentence, frame = carriers[index % len(carriers)]
        found.append((sentence.format(text), tuple(frame.format(" ".join(tags)).split())))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", nargs="?", help="a model directory")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=int, default=3, help="wrong ones to print of each form")
    arguments = parser.parse_args()
    translator = Translator.load(Path(arguments.model)) if arguments.model else Translator.load()
    random, total = Random(arguments.seed), 0
    for form in FORMS:
        pairs = sentences(form, arguments.count, random)
        found = translator.translate_batch([sentence for sentence, _ in pairs])
        wrong = [(s, t, one.tags) for (s, t), one in zip(pairs, found, strict=True) if one.tags != t]
        total += len(pairs) - len(wrong)
        print(f"{form:16} {1 - len(wrong) / len(pairs):7.1%}", flush=True)
        for sentence, tags, made in wrong[: arguments.show]:
            print(f"    {sentence}: {' '.join(made)}  (right: {' '.join(tags)})")
    print(f"{'all':16} {total / (arguments.count * len(FORMS)):7.1%}")


if __name__ == "__main__":
    main()
