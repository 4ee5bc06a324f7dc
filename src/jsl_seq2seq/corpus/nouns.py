"""The nouns around a predicate: who, whom, where, with what, and the particles after them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .conjugation import ADJECTIVE_CLASSES
from .context import Context, DeadEnd
from .fragment import Fragment, plain
from .lexicon import Case
from .rng import Rng
from .words import Words

_ORDER = ("で", "から", "まで", "と", "に", "を", "が2")
"""The usual order of a predicate's nouns before it."""

_PLACES = {
    "場所",
    "場所来",
    "座る所",
    "屋内",
    "泊まる所",
    "国",
    "都市",
    "食事処",
    "店",
    "公園外",
    "逃げ場",
    "紙面",
}
"""Where one may also say ここ or そこ."""


class Nouns:
    """Writes nouns with their particles.

    Args:
        words: the sampler.
        particles: how particles are written, from the grammar.
        symbol: expands a symbol of the grammar (人名, 場所).
    """

    def __init__(
        self,
        words: Words,
        particles: Mapping[str, tuple[tuple[str, tuple[str, ...], float], ...]],
        symbol: Callable[[str, Context], Fragment],
    ) -> None:
        self._words, self._particles, self._symbol = words, particles, symbol
        self._rng: Rng = words.rng

    def person(self) -> Fragment:
        """Somebody: I, you, a relative, a name."""
        roll = self._rng.integer(20)
        if roll < 8:
            return self._words.write(self._rng.choice(self._words.query("代.一人称", "人")))
        if roll < 11:
            return self._words.write(self._rng.choice(self._words.query("代.二人称,三人称,複数", "人")))
        if roll < 14:
            return self._symbol("人名", Context())
        word = self._words.fresh(self._words.nouns(("家族", "知人", "人")))
        return self._words.noun_phrase(
            word, lambda: self._words.write(self._rng.choice(self._words.query("代.人称", "人"))), 0.15
        )

    def subject(self, context: Context) -> Fragment:
        """The predicate's subject with its particle; nothing where it is left out."""
        if context.head is None or "主なし" in context.options or "主なし" in context.head.senses:
            return Fragment()
        case = context.head.case("が") or Case("が", ("人",))
        wanted = (context.ending.subject if context.ending else "") or context.subject
        human = "人" in case.classes
        if not human:
            return self.noun(case, context) + self.particle("が:物")
        if wanted == "なし" or self._rng.bernoulli(0.4):
            return Fragment()
        if "問" in context.options or wanted == "二人称":
            noun = (
                self._words.write(self._rng.choice(self._words.query("代.二人称,三人称,複数", "主")))
                if self._rng.bernoulli(0.6)
                else self.person()
            )
        elif wanted != "一人称" and self._rng.bernoulli(0.03):
            noun = self._symbol("誰か", Context())
        elif wanted == "三人称":  # one sees of others, not of oneself, that they look tired
            noun = self._symbol("他人", Context())
        elif wanted == "一人称":
            noun = self._words.write(self._rng.choice(self._words.query("代.一人称", "主")))
        else:
            noun = self.person()
        return noun + self.particle("が:人")

    def arguments(self, context: Context, restriction: str) -> Fragment:
        """The predicate's other nouns, each with its particle.

        Args:
            restriction: ``=を`` for the noun of that case alone, without its particle; ``-を-に`` for all others.

        Raises:
            DeadEnd: there is no predicate, or it has no such case.
        """
        if context.head is None:
            raise DeadEnd
        cases = [case for case in context.head.cases if case.particle != "が"]
        if restriction.startswith("="):
            case = context.head.case(restriction[1:])
            if case is None:
                raise DeadEnd
            return self.noun(case, context)
        left_out = restriction[1:].split("-") if restriction else []
        cases = [case for case in cases if case.particle not in left_out and self._rng.bernoulli(case.share)]
        cases.sort(key=lambda case: _ORDER.index(case.particle) if case.particle in _ORDER else 0)
        if len(cases) > 1 and self._rng.bernoulli(0.12):
            cases.reverse()
        written = Fragment()
        for case in cases:
            moving = case.particle == "に" and "移動" in context.head.senses
            particle = "に:移動" if moving else case.particle
            if particle == "を" and context.ending is not None and context.ending.object:
                particle = context.ending.object
            written += self.noun(case, context) + self.particle(particle)
        return written

    def bare(self, context: Context, particle: str) -> Fragment:
        """One of the predicate's nouns with nothing before it, for templates that write この themselves."""
        case = context.head.case(particle) if context.head else None
        if case is None:
            raise DeadEnd
        return self._words.write(self._words.fresh(self._words.nouns(case.classes)), in_context=True)

    def noun(self, case: Case, context: Context) -> Fragment:
        """A noun that makes sense in a case: mostly one of its classes, now and then 誰か, a name or ここ."""
        rng = self._rng
        if case.particle in ("を", "に") and rng.bernoulli(0.03):
            return self._symbol(_indefinite(case), Context())
        people = {"人", "家族", "知人"}.intersection(case.classes)
        if people and case.particle != "が" and rng.bernoulli(0.3):
            if rng.bernoulli(0.5):
                return self._symbol("人名", Context())
            return self._words.write(rng.choice(self._words.query("代.人称", "項")))
        if "都市" in case.classes and rng.bernoulli(0.15):
            return self._words.write(rng.choice(self._words.query("名前.地名", "項")))
        if not _PLACES.isdisjoint(case.classes) and rng.bernoulli(0.08):
            return self._words.write(rng.choice(self._words.query("代.場所指示", "項")))
        if "場所" in case.classes and rng.bernoulli(0.08):
            return self._symbol("場所", Context())
        word = self._words.fresh(self._words.nouns(case.classes))
        # 「大変な仕事は大変だ」: a noun beside an adjective stays bare.
        modified = 0.0 if context.head and context.head.word_class in ADJECTIVE_CLASSES else 0.12
        return self._words.noun_phrase(word, self.person, modified)

    def particle(self, name: str) -> Fragment:
        """A particle as the grammar writes it, drawn; its name where the grammar has no entry for it."""
        options = self._particles.get(name)
        if options is None:
            return plain(name)
        text, tags, _ = self._rng.weighted_choice(options, [weight for _, _, weight in options])
        return plain(text, tags)


def _indefinite(case: Case) -> str:
    """The word for an unnamed one: 誰か, どこか, 何か."""
    if not {"人", "家族", "知人"}.isdisjoint(case.classes):
        return "誰か"
    return "何か" if case.particle == "を" and _PLACES.isdisjoint(case.classes) else "どこか"
