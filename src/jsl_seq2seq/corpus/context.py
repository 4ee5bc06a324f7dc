"""The state of a clause while it is being derived."""

from __future__ import annotations

from dataclasses import dataclass, field

from .fragment import Fragment
from .grammar import Ending
from .lexicon import Word


class DeadEnd(Exception):
    """This path of the derivation has no continuation; the sentence is tried again."""


@dataclass
class Trace:
    """What a derivation used: phenomena of its clauses, rules, and (head tag, pattern) combinations."""

    phenomena: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    combinations: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class Context:
    """The state of one clause.

    Attributes:
        past: whether the sentence is about the past.
        style: how the clause ends, a key of grammar.STYLES.
        options: further wishes of the rule around it (埋, 主なし, 時なし, 問, =否定/...).
        head: the predicate word; ending: how it ends.
        subject: who may be the subject, by the rule.
        adverb: one adverb, and at which of the two places it stands.
    """

    past: bool = False
    style: str = "丁寧"
    options: tuple[str, ...] = ()
    head: Word | None = None
    ending: Ending | None = None
    subject: str = ""
    adverb: Fragment | None = None
    adverb_place: int = 0
