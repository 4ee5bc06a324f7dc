"""From words of the lexicon to written pieces: spellings, names, numbers with counters, noun phrases."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..errors import UserError
from ..tokenize.normalize import hiragana, katakana
from .conjugation import ADJECTIVE_CLASSES, VERB_CLASSES, conjugate
from .fragment import Fragment, fingerspell, plain
from .lexicon import Lexicon, Word
from .numbers import counted_kana, kanji_numeral, mixed_numeral, number_tags, positional_kanji
from .open_words import OpenWords
from .rng import Rng

_MORAE = (
    "あいうえおかきくけこさしすせそたちつてとなにぬねのはひふへほまみむめもやゆよらりるれろわ"
    "がぎぐげござじずぜぞだでどばびぶべぼぱぴぷぺぽ"
)
_CONTRACTED = tuple(a + b for a in "きしちにひみりぎじびぴ" for b in "ゃゅょ")
_PARTICLE_LIKE = "はがをにでともへのかよねや"
"""An invented name neither begins nor ends with one: it could be read as a particle beside the name."""


class Words:
    """Samples words and writes them, and counts how often each was used, so that all of them are (:meth:`fresh`)."""

    def __init__(
        self, lexicon: Lexicon, rng: Rng, open_words: OpenWords | None = None, open_share: float = 0.0
    ) -> None:
        self.lexicon = lexicon
        self.rng = rng
        self._open_words, self._open_share = open_words, open_share
        self._used: dict[str, int] = {}
        self._nouns: dict[tuple[str, ...], tuple[Word, ...]] = {}
        self._noun_sets: dict[tuple[str, ...], frozenset[Word]] = {}
        self._queries: dict[str, tuple[Word, ...]] = {}
        self._modifiers: dict[str, tuple[Word, ...]] = {}
        self.predicates = tuple(w for w in lexicon.words if w.word_class in VERB_CLASSES + ADJECTIVE_CLASSES)
        self._adjectives = [w for w in lexicon.words if w.word_class in ADJECTIVE_CLASSES]
        self._known_kana = {
            hiragana(k) for w in lexicon.words if w.word_class != "名前" for k in w.kana + w.spellings
        }

    def fresh(self, words: Sequence[Word], open_to_others: bool = True) -> Word:
        """Of three random words the one used least so far: every word occurs.

        A share of them is replaced by words outside the lexicon, unless ``open_to_others`` is False.
        """
        word = self.rng.choice(words)
        for _ in range(2):
            other = self.rng.choice(words)
            if self._used.get(other.key, 0) < self._used.get(word.key, 0):
                word = other
        self._used[word.key] = self._used.get(word.key, 0) + 1
        if self._open_words and open_to_others and self.rng.bernoulli(self._open_share):
            return self._open_words.stand_in(word, words, self.rng)
        return word

    def nouns(self, classes: tuple[str, ...]) -> tuple[Word, ...]:
        """Nouns of any of the classes."""
        if classes not in self._nouns:
            self._nouns[classes] = self.lexicon.nouns(classes)
        return self._nouns[classes]

    def _noun_set(self, classes: tuple[str, ...]) -> frozenset[Word]:
        if classes not in self._noun_sets:
            self._noun_sets[classes] = frozenset(self.nouns(classes))
        return self._noun_sets[classes]

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
                        or (word_class != "助数" and not set(wanted).isdisjoint(word.spellings))
                    )
                )
            if not found:
                raise UserError(
                    f"{where}: 「{{{query}}}」に当たる語も規則もありません。",
                    "語彙の品詞・意味か、規則の symbol を確かめてください。",
                    code="grammar-invalid",
                    where=where,
                )
            self._queries[query] = found
        return self._queries[query]

    def write(self, word: Word, form: str = "", in_context: bool = False) -> Fragment:
        """The word in one of its spellings, conjugated when a form is named.

        Args:
            form: of the conjugation; the dictionary form of verbs and adjectives if empty.
            in_context: whether a predicate beside it distinguishes かみ (紙) from かみ (髪). Elsewhere a noun that
                sounds like another keeps its kanji even in a kana sentence.
        """
        rng = self.rng
        spelling = word.spellings[0] if rng.bernoulli(0.7) else rng.choice(word.spellings)
        clear = in_context or word.word_class != "名" or not word.needs_context
        kana = rng.choice(word.kana) if word.kana and clear else spelling
        if (
            word.kana
            and not form
            and word.word_class == "名"
            and kana != hiragana(kana)
            and rng.bernoulli(0.25)
        ):
            kana = hiragana(kana)  # テレビ typed as てれび
        if form or word.word_class in VERB_CLASSES + ADJECTIVE_CLASSES:
            wanted = form or "辞書"
            spelling = conjugate(spelling, word.word_class, wanted)
            kana = conjugate(kana, word.word_class, wanted)
        tags = fingerspell(kana) if word.word_class == "名前" else word.tags
        return Fragment(spelling, kana, rng.choice((spelling, kana)), tags)

    def invented_name(self) -> Fragment:
        """An invented name: a model can translate it only by copying."""
        rng = self.rng
        while True:
            morae = [
                rng.choice(_CONTRACTED) if rng.bernoulli(0.08) else rng.choice(_MORAE)
                for _ in range(2 + rng.integer(4))
            ]
            if len(morae) > 2 and rng.bernoulli(0.1):
                morae[1] = "ん"
            name = "".join(morae)
            if name[0] in _PARTICLE_LIKE + "ん" or name[-1] in _PARTICLE_LIKE or name in self._known_kana:
                continue
            if rng.bernoulli(0.1):
                name += "ー"
            written = katakana(name) if name.endswith("ー") or rng.bernoulli(0.5) else name
            return plain(written, fingerspell(name))

    def number(self, counter: Word, where: str) -> Fragment:
        """A number in the counter's range, with the counter."""
        low, high, special = counter_range(counter, where)
        number = self._amount(low, high)
        spelling = self.rng.choice(counter.spellings)
        sound = counter.kana[0] if counter.kana else spelling
        digits = str(number)
        # large numbers are mostly written with units: 1億2000万 for 120000000
        large = (
            0.95 if number >= 100_000_000 else 0.5 if number >= 10_000 or number % 1000 == 0 < number else 0.0
        )
        if self.rng.bernoulli(large):
            digits = mixed_numeral(number, thousands=self.rng.bernoulli(0.25))
        kanji = digits
        if self.rng.bernoulli(0.22):
            kanji = kanji_numeral(number)
        elif counter.senses & {"西暦"} and self.rng.bernoulli(0.1):
            kanji = positional_kanji(number)
        if self.rng.bernoulli(0.5) and (number < 10_000 or _is_round(number)):
            kana = counted_kana(number, sound, special)
        else:
            kana = digits + sound
        kanji += spelling
        return Fragment(kanji, kana, self.rng.choice((kanji, kana)), (*number_tags(number), *counter.tags))

    def _amount(self, low: int, high: int) -> int:
        """A number from low to high: every number of digits equally often, half of the large ones round."""
        if high - low < 100:
            return low + self.rng.integer(high - low + 1)
        fewest = len(str(low))
        digits = fewest + self.rng.integer(len(str(high)) - fewest + 1)
        if digits > 2 and self.rng.bernoulli(0.5 if digits < 6 else 0.85):
            number = (1 + self.rng.integer(99)) * 10 ** (digits - 2)
        else:
            number = 10 ** (digits - 1) + self.rng.integer(9 * 10 ** (digits - 1))
        return max(low, min(high, number))

    def noun_phrase(self, word: Word, person: Callable[[], Fragment], modified: float) -> Fragment:
        """A noun, now and then with この, 私の or an adjective that suits it."""
        rng = self.rng
        fragment = self.write(word, in_context=True)
        if not rng.bernoulli(modified):
            return fragment
        roll = rng.integer(3)
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
            return self.write(rng.choice(self.query("連体.指示", "名詞句"))) + fragment
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
                and word in self._noun_set(case.classes)
                and adjective.senses & {"性質", "値性質", "味", "温度", "色性", "人性質", "評価", "難易"}
            )
        return self._modifiers[word.key]


def counter_range(counter: Word, where: str) -> tuple[int, int, dict[int, str]]:
    """The 格 column of a counter: smallest number, largest number, readings that change.

    Raises UserError when it cannot be read.
    """
    span, _, readings = counter.note.partition(" ")
    try:
        low, high = (int(part) for part in span.split("-"))
        return low, high, {int(k): v for k, v in (item.split("=") for item in readings.split(",") if item)}
    except ValueError:
        raise UserError(
            f"{counter.where or where}: 助数詞の範囲「{counter.note}」が読めません。",
            "「1-12 4=よじ」のように書いてください。",
            code="lexicon-invalid",
            where=counter.where or where,
        ) from None


def _is_round(number: int) -> bool:
    """500, 3000, 200000000: one digit and a unit, so that they are written out in kana, too."""
    return len(str(number).rstrip("0")) == 1
