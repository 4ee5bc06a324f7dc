"""Which ids may follow in a target sequence with open words: ``BEGIN``, characters, ``END`` among the tags.

A tag outside the vocabulary is written letter by letter between two brackets. Three rules keep such a word true
to the sentence it stands for, whatever the model prefers:

1. Brackets are paired: inside a word only characters and ``END`` may follow, outside only tags, ``BEGIN`` and
   ``EOS``; ``END`` needs at least one character before it.
2. The characters are a contiguous piece of the source, and after it at most one ending of a dictionary form
   (受け取り + る). A word cannot contain what the sentence does not.
3. Outside words only tags that the sentence gives evidence for are allowed, if such a list is given.

Characters that stand for something else (a word of the user's dictionary) are written exactly once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..settings import EOS


@dataclass(frozen=True)
class OpenWordIds:
    """Ids of a target vocabulary with open words.

    Attributes:
        begin, end: the brackets.
        endings: what may follow a copied piece to make a dictionary form, as character ids, none empty.
    """

    begin: int
    end: int
    endings: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class State:
    """Where a hypothesis stands.

    Attributes:
        inside: whether a word is open.
        follow: source positions that may be copied next; ``None`` at a word's first character (all of them).
        ending: character ids of the endings begun so far, each still to be written from ``written`` on.
        written: characters of an ending that have been written; 0 while the source is copied.
        copied: required ids that have been written.
    """

    inside: bool = False
    follow: frozenset[int] | None = None
    ending: tuple[tuple[int, ...], ...] = ()
    written: int = 0
    copied: frozenset[int] = frozenset()


OUTSIDE = State()


class OpenWordConstraint:
    """The ids that may follow in the translation of one sentence.

    Args:
        ids: brackets and endings of the target vocabulary.
        source: for each position of the source sentence the target id of its character; -1 where it cannot be
            part of a word (blanks, punctuation).
        outside: bool [V], what may stand outside of words, ``EOS`` and ``BEGIN`` included.
        required: character ids that stand in exactly one word when ``EOS`` comes, such as slots that a user's
            dictionary has put into the sentence. None of them twice in ``source``.
    """

    def __init__(
        self, ids: OpenWordIds, source: Sequence[int], outside: np.ndarray, required: Sequence[int] = ()
    ) -> None:
        self._ids, self._source, self._required = ids, tuple(source), frozenset(required)
        self.outside, self.begin = outside.copy(), ids.begin
        if not any(character >= 0 for character in self._source):
            self.outside[ids.begin] = False
        self.possible = self.outside.copy()
        inside = {character for character in self._source if character >= 0}
        inside |= {character for one in ids.endings for character in one} | {ids.end} if inside else set()
        self.possible[list(inside)] = True
        self._at_begin = tuple(sorted({character for character in self._source if character >= 0}))

    def missing(self, state: State) -> frozenset[int]:
        """The required ids that have not been written; ``EOS`` may not follow before they have."""
        return self._required - state.copied

    def may_begin(self, state: State) -> bool:
        """Whether a word may begin: some character may still be written."""
        return not state.copied or any(index not in state.copied for index in self._at_begin)

    def allowed(self, state: State) -> tuple[int, ...] | None:
        """Ids that may follow inside a word; ``None`` outside, where :attr:`outside`, :meth:`may_begin` and
        :meth:`missing` say it."""
        if not state.inside:
            return None
        if state.follow is None:
            return tuple(index for index in self._at_begin if index not in state.copied)
        if state.written:
            found = {one[state.written] for one in state.ending if len(one) > state.written}
            complete = any(len(one) == state.written for one in state.ending)
            return (*sorted(found), *([self._ids.end] if complete else []))
        found = {self._source[position] for position in state.follow if self._source[position] >= 0}
        found -= state.copied
        found |= {one[0] for one in self._ids.endings}
        return (*sorted(found), self._ids.end)

    def after(self, state: State, index: int) -> State:
        """The state once id ``index``, which must be allowed, has been written."""
        copied = state.copied | ({index} & self._required) if state.inside else state.copied
        if not state.inside:
            return State(inside=index == self._ids.begin, copied=copied)
        if index == self._ids.end:
            return State(copied=copied)
        if not state.written:
            starts = range(len(self._source)) if state.follow is None else state.follow
            follow = frozenset(position + 1 for position in starts if self._source[position] == index)
            if follow:  # a piece that goes on; its last character may look like an ending
                return State(True, follow - {len(self._source)}, copied=copied)
            endings = tuple(one for one in self._ids.endings if one[0] == index)
            return State(True, frozenset(), endings, 1, copied)
        rest = tuple(one for one in state.ending if len(one) > state.written and one[state.written] == index)
        return State(True, frozenset(), rest, state.written + 1, copied)


class ConstrainedRows:
    """The constraints of a batch's rows, over the ids that any of them allows.

    Attributes:
        ids: int32 [K], ascending; what a column of the batch's log-probabilities stands for.
        possible: bool [R, K], what each row may hold anywhere, inside of words or outside.
    """

    def __init__(self, constraints: Sequence[OpenWordConstraint]) -> None:
        self._constraints = list(constraints)
        self._states = [OUTSIDE] * len(constraints)
        self._forced = [False] * len(constraints)
        every = np.stack([one.possible for one in constraints])
        self.ids = np.flatnonzero(every.any(axis=0)).astype(np.int32)
        self.possible = every[:, self.ids]
        self._hidden = ~np.stack([one.outside[self.ids] for one in constraints])
        """bool [R, K], what may not stand outside of words."""
        self._column = {int(index): column for column, index in enumerate(self.ids)}
        self._end = self._column[EOS]

    def mask(self, log_probs: np.ndarray) -> None:
        """Set log-probabilities [R, K] of what may not follow to -inf, in place."""
        inside = np.array([state.inside for state in self._states])
        hidden = self._hidden & ~inside[:, None] if inside.any() else self._hidden
        np.copyto(log_probs, -np.inf, where=hidden)
        for row, (constraint, state) in enumerate(zip(self._constraints, self._states, strict=True)):
            ids, missing = constraint.allowed(state), constraint.missing(state)
            if ids is not None:
                _keep_only(log_probs[row], [self._column[index] for index in ids])
                if self._forced[row]:  # the word was begun for what is missing, so it begins with that
                    _keep_only(log_probs[row], [self._column[index] for index in missing])
                    self._forced[row] = False
            elif missing:
                if log_probs[row].argmax() == self._end:  # the translation would end without them
                    _keep_only(log_probs[row], [self._column[constraint.begin]])
                    self._forced[row] = True
                log_probs[row, self._end] = -np.inf
            elif not constraint.may_begin(state):
                log_probs[row, self._column[constraint.begin]] = -np.inf

    def advance(self, latest: Sequence[int]) -> None:
        """Every row has been extended by one id."""
        self._states = [
            constraint.after(state, index)
            for constraint, state, index in zip(self._constraints, self._states, latest, strict=True)
        ]

    def keep(self, rows: Sequence[int]) -> None:
        """Continue with these rows, in this order; a row may be left out, and may come twice."""
        self._constraints = [self._constraints[row] for row in rows]
        self._states = [self._states[row] for row in rows]
        self._forced = [self._forced[row] for row in rows]
        self.possible, self._hidden = self.possible[rows], self._hidden[rows]


def _keep_only(row: np.ndarray, columns: Sequence[int]) -> None:
    """Set all other columns of a row to -inf, in place."""
    kept = row[columns]
    row[:] = -np.inf
    row[columns] = kept
