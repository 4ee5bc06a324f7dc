"""From words of the lexicon to written pieces: spellings, names, numbers with counters, noun phrases."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import UserError
from .chance import Chance
from .conjugation import ADJECTIVE_CLASSES, VERB_CLASSES, conjugate
from .fragment import Fragment, fingerspell, plain, to_hiragana, to_katakana
from .lexicon import Lexicon, Word
from .numbers import kana_numeral, kanji_numeral, mixed_numeral, number_tags

_MORAE = (
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわ"
    "がぎぐげござじずぜぞだでどばびぶべぼぱぴぷぺぽ"
)
_CONTRACTED = tuple(a + b for a in "きしちにひみりぎじびぴ" for b in "ゃゅょ")
_PARTICLE_LIKE = "はがをにでともへのかよねや"
"""A made-up name neither starts nor ends like this, or nobody could tell where it stops."""


class Words:
    """Samples words and writes them; keeps count so that rare words get their turn."""

    def __init__(self, lexicon: Lexicon, chance: Chance) -> None:
        self.lexicon = lexicon
        self.chance = chance
        self._used: dict[str, int] = {}
        self._nouns: dict[tuple[str, ...], tuple[Word, ...]] = {}
        self._queries: dict[str, tuple[Word, ...]] = {}
        self._modifiers: dict[str, tuple[Word, ...]] = {}
        self._adjectives = [w for w in lexicon.words if w.word_class in ADJECTIVE_CLASSES]
        self._known_kana = {
            to_hiragana(k) for w in lexicon.words if w.word_class != "名前" for k in w.kana + w.spellings
        }

    def fresh(self, words: Sequence[Word]) -> Word:
        """Of two random words the one used less so far: random, and yet no word starves."""
        first, second = self.chance.pick(words), self.chance.pick(words)
        word = first if self._used.get(first.key, 0) <= self._used.get(second.key, 0) else second
        self._used[word.key] = self._used.get(word.key, 0) + 1
        return word

    def nouns(self, classes: tuple[str, ...]) -> tuple[Word, ...]:
        """Nouns of any of the classes."""
        if classes not in self._nouns:
            self._nouns[classes] = self.lexicon.nouns(classes)
        return self._nouns[classes]

    def query(self, query: str, where: str) -> tuple[Word, ...]:
        """Words of a class and any of its senses: ``定型.挨拶``, ``名.食べ物,飲み物``. Raises UserError when none."""
        if query not in self._queries:
            word_class, _, senses = query.partition(".")
            wanted = tuple(senses.split(",")) if senses else ()
            if word_class == "名" and wanted:
                found = self.nouns(wanted)
            else:
                found = tuple(
                    word
                    for word in self.lexicon.words
                    if word.word_class == word_class
                    and (
                        not wanted
                        or word.senses.intersection(wanted)
                        or not set(wanted).isdisjoint(word.spellings)
                    )
                )
            if not found:
                raise UserError(
                    f"{where}: 「{{{query}}}」に当たる語も規則もありません。",
                    "語彙の品詞・意味か、規則の symbol を確かめてください。",
                )
            self._queries[query] = found
        return self._queries[query]

    def write(self, word: Word, form: str = "", in_context: bool = False) -> Fragment:
        """The word in one of its spellings, conjugated when a form is named.

        ``in_context`` says that a predicate tells かみ (紙) from かみ (髪); elsewhere a noun that sounds like
        another keeps its kanji even in a kana sentence.
        """
        chance = self.chance
        spelling = word.spellings[0] if chance.happens(0.7) else chance.pick(word.spellings)
        clear = in_context or word.word_class != "名" or not word.needs_context
        kana = chance.pick(word.kana) if word.kana and clear else spelling
        if not form and word.word_class == "名" and kana != to_hiragana(kana) and chance.happens(0.25):
            kana = to_hiragana(kana)  # テレビ typed as てれび
        if form or word.word_class in VERB_CLASSES + ADJECTIVE_CLASSES:
            wanted = form or "辞書"
            spelling = conjugate(spelling, word.word_class, wanted)
            kana = conjugate(kana, word.word_class, wanted)
        tags = fingerspell(kana) if word.word_class == "名前" else word.tags
        return Fragment(spelling, kana, chance.pick((spelling, kana)), tags)

    def invented_name(self) -> Fragment:
        """A name that exists nowhere, so that copying, not knowing, is what can be learned."""
        chance = self.chance
        while True:
            morae = [
                chance.pick(_CONTRACTED) if chance.happens(0.08) else chance.pick(_MORAE)
                for _ in range(2 + chance.below(4))
            ]
            if len(morae) > 2 and chance.happens(0.1):
                morae[1] = "ん"
            name = "".join(morae)
            if name[0] in _PARTICLE_LIKE + "ん" or name[-1] in _PARTICLE_LIKE or name in self._known_kana:
                continue
            if chance.happens(0.1):
                name += "ー"
            written = to_katakana(name) if name.endswith("ー") or chance.happens(0.5) else name
            return plain(written, fingerspell(name))

    def number(self, counter: Word, where: str) -> Fragment:
        """A number in the counter's range, with the counter."""
        span, _, readings = counter.note.partition(" ")
        try:
            low, high = (int(part) for part in span.split("-"))
            special = {int(k): v for k, v in (item.split("=") for item in readings.split(",") if item)}
        except ValueError:
            raise UserError(
                f"{counter.where}: 助数詞の範囲「{counter.note}」が読めません。",
                "「1-12 4=よじ」のように書いてください。",
            ) from None
        number = self._amount(low, high)
        spelling = self.chance.pick(counter.spellings)
        sound = counter.kana[0] if counter.kana else spelling
        digits = str(number)
        # Nobody counts the zeros of 120000000: 1億2000万.
        large = 0.95 if number >= 100_000_000 else 0.6 if number >= 1000 and number % 1000 == 0 else 0.0
        if self.chance.happens(large):
            digits = mixed_numeral(number, thousands=self.chance.happens(0.25))
        kanji = (
            kanji_numeral(number) if 0 < number < 100 and self.chance.happens(0.25) else digits
        ) + spelling
        if number in special and self.chance.happens(0.7):
            kana = special[number]
        elif (
            (number in range(1, 11) or len(special) < 2)
            and (number < 100 or _is_round(number))
            and self.chance.happens(0.6)
            and number not in special
        ):
            kana = kana_numeral(number) + sound
        else:
            kana = digits + sound
        return Fragment(kanji, kana, self.chance.pick((kanji, kana)), (*number_tags(number), *counter.tags))

    def _amount(self, low: int, high: int) -> int:
        if high <= 2100:
            return low + self.chance.below(high - low + 1)
        # Prices and crowds: mostly round numbers of every size.
        fewest = max(2, len(str(low)))
        digits = fewest + self.chance.below(len(str(high)) - fewest + 1)
        lead = 1 + self.chance.below(99)
        number = lead * 10 ** (digits - 2)
        if digits < 9 and self.chance.happens(0.25):
            number += self.chance.below(10 ** min(digits - 1, 3))
        return max(low, min(high, number))

    def noun_phrase(self, word: Word, person: Callable[[], Fragment], modified: float) -> Fragment:
        """A noun, now and then with この, 私の or an adjective that suits it."""
        chance = self.chance
        fragment = self.write(word, in_context=True)
        if not chance.happens(modified):
            return fragment
        roll = chance.below(3)
        if roll == 0 and not word.senses & {
            "事",
            "国",
            "都市",
            "体",
            "方向",
            "位置",
            "天気",
            "季節",
            "趣味",
            "家族",
            "地域",
        }:
            return self.write(chance.pick(self.query("連体.指示", "名詞句"))) + fragment
        if roll == 1 and word.senses & {
            "家族",
            "知人",
            "持ち物",
            "動物",
            "部屋",
            "家",
            "職場",
            "学び場",
            "着る物",
            "機械",
        }:
            return person() + plain("の") + fragment
        adjectives = self.suitable(word)
        if roll == 2 and adjectives:
            return self.write(self.fresh(adjectives), "連体") + fragment
        return fragment

    def suitable(self, word: Word) -> tuple[Word, ...]:
        """Adjectives that may stand before the noun."""
        if word.key not in self._modifiers:
            self._modifiers[word.key] = tuple(
                adjective
                for adjective in self._adjectives
                if (case := adjective.case("が"))
                and not adjective.case("が2")
                and word in self.nouns(case.classes)
                and adjective.senses & {"性質", "値性質", "味", "温度", "色性", "人性質", "評価", "難易"}
            )
        return self._modifiers[word.key]


def _is_round(number: int) -> bool:
    """500, 3000, 200000000: said in one breath, so also written out in kana."""
    return len(str(number).rstrip("0")) == 1
