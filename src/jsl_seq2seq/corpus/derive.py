"""Derivations: from a symbol of the grammar down to a sentence in three spellings and its tags."""

from __future__ import annotations

from dataclasses import replace

from .conjugation import ADJECTIVE_CLASSES, VERB_CLASSES
from .context import Context, DeadEnd, Trace
from .figures import Figures
from .fragment import Fragment, plain
from .grammar import Grammar, Rule, TagTemplate
from .heads import Heads
from .lexicon import Lexicon
from .nouns import Nouns
from .open_words import OpenWords
from .rng import Rng
from .template import Choice, Literal, Node, Slot, slot_names
from .words import Words

_COUNTABLE = {"食べ物", "飲み物", "買う物", "読み物"}
"""Of these one eats, drinks, buys or reads たくさん."""


class Deriver:
    """Samples derivations of a grammar over a lexicon.

    Args:
        open_words: words outside the lexicon.
        open_share: how many of the words that are drawn from the lexicon are replaced by them.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        grammar: Grammar,
        rng: Rng,
        open_words: OpenWords | None = None,
        open_share: float = 0.0,
    ) -> None:
        self.lexicon, self.grammar, self.rng = lexicon, grammar, rng
        self.words = Words(lexicon, rng, open_words, open_share)
        self.trace = Trace()
        self._figures = Figures(self.words)
        self._heads = Heads(grammar, self.words)
        self._nouns = Nouns(self.words, grammar.particles, self.symbol)

    def sentence(self) -> tuple[Fragment, Rule]:
        """One sentence and the rule it started from. Raises DeadEnd if what was drawn has no continuation."""
        self.trace = Trace()
        past = self.rng.bernoulli(0.4)
        rules = [
            rule for rule in self.grammar.rules["文"] if rule.tense in ("", "過去" if past else "非過去")
        ]
        rule = self.rng.weighted_choice(rules, [rule.weight for rule in rules])
        return self._apply(rule, Context(past=past)), rule

    def symbol(self, name: str, context: Context) -> Fragment:
        """One production of a symbol."""
        tense = "過去" if context.past else "非過去"
        rules = [rule for rule in self.grammar.rules[name] if rule.tense in ("", tense)]
        if not rules:
            raise DeadEnd
        return self._apply(self.rng.weighted_choice(rules, [rule.weight for rule in rules]), context)

    def _apply(self, rule: Rule, context: Context) -> Fragment:
        """What a rule writes in a clause: one of its templates, with the slots filled, and its tags."""
        self.trace.rules.append(rule.id)
        if rule.head is not None:
            context = self._with_head(rule, context)
        nodes, tags = self.rng.choice(self._pairs(rule, context))
        if rule.head is not None:
            self._place_adverb(context, slot_names(nodes))
        found: dict[str, Fragment] = {}
        written = self._walk(nodes, context, found, rule.where)
        return replace(written, tags=_fill(tags, found))

    def _pairs(self, rule: Rule, context: Context) -> tuple[tuple[tuple[Node, ...], TagTemplate], ...]:
        """The rule's templates; where the subject is no person, those with a slot for it, if there are any.

        「消えています」 alone does not say what."""
        if rule.head is None or context.head is None:
            return rule.pairs
        case = context.head.case("が")
        if case is None or "人" in case.classes:
            return rule.pairs
        with_subject = tuple(pair for pair in rule.pairs if "主" in slot_names(pair[0]))
        return with_subject or rule.pairs

    def _walk(
        self, nodes: tuple[Node, ...], context: Context, found: dict[str, Fragment], where: str
    ) -> Fragment:
        """The text of a template.

        Args:
            found: receives what stands in each slot, by the slot's name.
            where: file and line of the template, for messages.
        """
        written = Fragment()
        for node in nodes:
            if isinstance(node, Literal):
                written += Fragment(node.kanji, node.kana, self.rng.choice((node.kanji, node.kana)))
            elif isinstance(node, Choice):
                written += self._walk(self.rng.choice(node.alternatives), context, found, where)
            else:
                piece = self._slot(node, context, where)
                name, numbered, _ = node.name.partition("#")
                if numbered and any(
                    other.tags == piece.tags for key, other in found.items() if key.startswith(name)
                ):
                    raise DeadEnd  # 月曜日から月曜日まで
                found[node.name] = piece
                written += piece
        return written

    def _slot(self, slot: Slot, context: Context, where: str) -> Fragment:
        """What stands in a slot: its name says whether it is a part of the clause, a symbol, a number or a word."""
        name = slot.name.partition("#")[0]
        if name == "述":
            return self._predicate(context)
        if name == "主":
            return self._nouns.subject(context)
        if name == "語" and context.head is not None:
            return self.words.write(context.head, slot.options[0] if slot.options else "")
        if name in ("副1", "副2"):
            return self._adverb(context, int(name[1]))
        if name == "項" or name.startswith(("項-", "項=")):
            return self._nouns.arguments(context, name[1:])
        if name.startswith("裸="):
            return self._nouns.bare(context, name[2:])
        if name == "時" and not self._takes_time(context):
            return Fragment()
        if name == "飾":
            adjectives = self.words.suitable(context.head) if context.head else ()
            if not adjectives:
                raise DeadEnd
            return self.words.write(self.words.fresh(adjectives), "連体")
        if name == "人":
            return self._nouns.person()
        if name == "名前.仮":
            return self.words.invented_name()
        if name in self.grammar.rules:
            return self.symbol(name, self._inner(slot, context))
        if name.startswith("数字."):
            return self._figures.write(name[3:], where)
        if name.startswith("数."):
            counters = self.words.query("助数." + name[2:], where)
            return self.words.number(self.rng.choice(counters), where)
        return self.words.write(
            self.words.fresh(self.words.query(name, where)), slot.options[0] if slot.options else ""
        )

    def _inner(self, slot: Slot, context: Context) -> Context:
        """The clause that a slot's options ask for, such as ``{節:連体,主なし}``; the same one without options."""
        if not slot.options:
            return context
        return Context(
            past=context.past and "非過去" not in slot.options,
            style=slot.options[0],
            options=slot.options[1:],
        )

    # Clauses -------------------------------------------------------------------------------------

    def _with_head(self, rule: Rule, context: Context) -> Context:
        """The clause with a predicate, its ending and its adverb. Raises DeadEnd if no ending is allowed."""
        head = self._heads.choose(rule)
        endings = self._heads.endings(rule, head, context)
        if not endings:
            raise DeadEnd
        # A weight of 0 keeps an ending out unless a rule asks for it by name.
        ending = self.rng.weighted_choice(endings, [e.weight or 1.0 for e in endings])
        self.trace.phenomena.append(rule.phenomenon or ending.phenomenon)
        self.trace.combinations.append((" ".join(head.tags), f"{rule.id}/{ending.id}"))
        inner = replace(context, head=head, ending=ending, subject=rule.subject, adverb=None)
        inner.adverb = self._choose_adverb(inner)
        return inner

    def _place_adverb(self, context: Context, slots: tuple[str, ...]) -> None:
        """Decide where the adverb stands. Raises DeadEnd if the template has no place for one that the ending needs
        (もう, まだ)."""
        places = [place for place in (1, 2) if f"副{place}" in slots]
        if places:
            context.adverb_place = self.rng.choice(places)
        elif context.ending is not None and context.ending.adverbs:
            raise DeadEnd

    def _takes_time(self, context: Context) -> bool:
        """Whether the clause is given a word of time, drawn."""
        if "時なし" in context.options or (context.ending is not None and not context.ending.time):
            return False
        return context.head is None or self.rng.bernoulli(0.55)

    def _predicate(self, context: Context) -> Fragment:
        """The predicate in the form of its ending, and its tags, negated ones included."""
        head, ending = context.head, context.ending
        if head is None or ending is None:
            raise DeadEnd
        forms = ending.written(context.style, context.past)
        written = self._walk(self.rng.choice(forms), context, {}, ending.where)
        negated = head.negative or (*head.tags, "ない" if head.word_class in VERB_CLASSES else "違う")
        return replace(
            written, tags=_fill(ending.tags, {"語": plain("", head.tags), "否": plain("", negated)})
        )

    def _choose_adverb(self, context: Context) -> Fragment | None:
        """An adverb for the predicate, drawn; one of the ending's own if it has some."""
        head, ending, rng = context.head, context.ending, self.rng
        if head is None or ending is None:
            return None
        if ending.adverbs:
            return self._walk(rng.choice(ending.adverbs), context, {}, ending.where)
        share, senses = self._adverbs(context)
        if ending.adverb_class and rng.bernoulli(0.15):
            share, senses = 1.0, [ending.adverb_class]
        elif "動作" in head.senses and rng.bernoulli(0.04):
            return self.symbol("期間", context)
        if not senses or not rng.bernoulli(share):
            return None
        return self.words.write(self.words.fresh(self.words.query("副." + rng.choice(senses), ending.where)))

    def _adverbs(self, context: Context) -> tuple[float, list[str]]:
        """How often the predicate has an adverb, and the classes of adverb that suit it."""
        head, ending = context.head, context.ending
        if head is None or ending is None or head.word_class == "名":
            return 0.0, []
        if head.word_class in ADJECTIVE_CLASSES:
            return (0.25, ["程度,程度少"]) if head.senses.isdisjoint({"可否", "必要"}) else (0.0, [])
        if "動作" not in head.senses:
            if head.cases and "降る物" in head.cases[0].classes:
                return 0.25, ["量", "様態急"]
            if head.case("が2"):
                return 0.15, ["程度少,頻度,量全"]
            return (0.06, ["様態急"]) if head.senses.isdisjoint({"存在", "可能動詞"}) else (0.0, [])
        senses = ["様態,様態再,様態必", "様態,様態再", "程度少", "程度比,頻度"]
        if not context.past:
            senses.append("もう")
        if not head.case("と"):
            senses.append("様態共,様態独")
        if (case := head.case("を")) and not _COUNTABLE.isdisjoint(case.classes):
            senses += ["量", "量,量全"]
        return 0.17, senses

    def _adverb(self, context: Context, place: int) -> Fragment:
        """The clause's adverb if it stands at this place, else nothing."""
        if context.adverb is None or context.adverb_place != place:
            return Fragment()
        return context.adverb


def _fill(template: TagTemplate, found: dict[str, Fragment]) -> tuple[str, ...]:
    """The tags of a template, with those of each slot's text in its place; none for a slot that was not written."""
    tags: list[str] = []
    for part in template:
        if isinstance(part, Slot):
            tags += found[part.name].tags if part.name in found else ()
        else:
            tags.append(part)
    return tuple(tags)
