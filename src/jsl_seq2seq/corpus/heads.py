"""Which words may be the predicate of a rule, and how they may end there."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import UserError
from .conjugation import ADJECTIVE_CLASSES, VERB_CLASSES
from .context import Context
from .grammar import Ending, Grammar, Rule
from .lexicon import Word
from .words import Words

_KINDS = {
    "動詞": VERB_CLASSES,
    "形容詞": ADJECTIVE_CLASSES,
    "イ形": ("イ形", "良い形"),
    "ナ形": ("ナ形", "ナ形連"),
    "名詞": ("名",),
}

_MANY_NAMED = 8

_EVERYDAY = 0.35
"""How often a predicate is taken from the everyday words alone."""


class Heads:
    """Chooses predicates. What fits a rule is looked up once: each rule is applied thousands of times."""

    def __init__(self, grammar: Grammar, words: Words) -> None:
        self._words = words
        self._suitable: dict[str, tuple[Word, ...]] = {}
        self._everyday: dict[str, tuple[Word, ...]] = {}
        self._endings: dict[tuple[object, ...], tuple[Ending, ...]] = {}
        self._endings_of: dict[str, list[Ending]] = {}
        for ending in grammar.endings:
            for word_class in dict.fromkeys(
                c for kind in ending.word_classes for c in _KINDS.get(kind, (kind,))
            ):
                self._endings_of.setdefault(word_class, []).append(ending)

    def suitable(self, rule: Rule) -> tuple[Word, ...]:
        """Words that may head the rule. Raises UserError when the lexicon has none."""
        if rule.id not in self._suitable:
            self._suitable[rule.id] = self._find(rule)
        return self._suitable[rule.id]

    def choose(self, rule: Rule) -> Word:
        """A word for the rule, drawn: everyday words (意味: 常用) more often, and those used least so far."""
        suitable = self.suitable(rule)
        # where a rule lists few words, no word outside the lexicon takes the place of one
        named = len((rule.head or {}).get("語", ()))
        open_to_others = not 0 < named < _MANY_NAMED
        if self._words.rng.bernoulli(_EVERYDAY):
            if rule.id not in self._everyday:
                self._everyday[rule.id] = tuple(word for word in suitable if "常用" in word.senses)
            if self._everyday[rule.id]:
                return self._words.fresh(self._everyday[rule.id], open_to_others)
        return self._words.fresh(suitable, open_to_others)

    def endings(self, rule: Rule, head: Word, context: Context) -> tuple[Ending, ...]:
        """Endings that the rule, the word and the place in the sentence allow; may be empty."""
        key = (rule.id, head.key, context.style, context.past, context.options)
        if key not in self._endings:
            self._endings[key] = tuple(
                ending
                for ending in self._endings_of.get(head.word_class, ())
                if (ending.id in rule.endings if rule.endings else ending.weight > 0)
                and self._allowed(ending, head, context)
            )
        return self._endings[key]

    def _find(self, rule: Rule) -> tuple[Word, ...]:
        head = rule.head or {}
        kind = head["種類"][0]
        if kind not in _KINDS:
            raise UserError(
                f"{rule.where}: head の種類「{kind}」が分かりません。",
                f"使えるもの: {'・'.join(_KINDS)}",
                code="grammar-invalid",
                where=rule.where,
            )
        words = self._words.nouns(head["意味"]) if kind == "名詞" else self._words.predicates
        found = tuple(word for word in words if word.word_class in _KINDS[kind] and _meets(word, head))
        if not found:
            raise UserError(
                f"{rule.where}: head に合う語が語彙にありません。",
                "head の条件か語彙を確かめてください。",
                code="grammar-invalid",
                where=rule.where,
            )
        return found

    def _allowed(self, ending: Ending, head: Word, context: Context) -> bool:
        wanted = next((o[1:].split("/") for o in context.options if o.startswith("=")), None)
        return (
            (wanted is None or ending.id in wanted)
            and not head.senses.intersection(ending.excludes)
            and (not ending.requires or bool(head.senses.intersection(ending.requires)))
            and (ending.embed or "埋" not in context.options)
            and (ending.question or "問" not in context.options)
            and bool(ending.written(context.style, context.past))
        )


def _meets(word: Word, head: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether the word meets every condition of 「動詞 格:を 意味:動作 除:状態 語:買う」."""
    if "語" in head:
        if set(head["語"]).isdisjoint((*word.spellings, " ".join(word.tags))):
            return False
    elif "節のみ" in word.senses:
        return False
    if "格分類" in head:
        particles = head.get("格")
        cases = [case for case in word.cases if particles is None or case.particle in particles]
        if not any(set(case.classes).intersection(head["格分類"]) for case in cases):
            return False
    return (
        ("意味" not in head or word.word_class == "名" or bool(word.senses.intersection(head["意味"])))
        and not word.senses.intersection(head.get("除", ()))
        and all(word.case(particle) for particle in head.get("格", ()))
        and not any(word.case(particle) for particle in head.get("格なし", ()))
    )
