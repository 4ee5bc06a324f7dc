"""What a model counts in: the pieces a source sentence falls into, and what stands on the target side."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import UserError
from .normalize import normalize, tidy

CHAR, WORD, SUBWORD = "char", "word", "subword"
TAGS, WORDS = "tags", "words"
SOURCE_UNITS = (CHAR, WORD, SUBWORD)
TARGET_UNITS = (TAGS, WORDS)


@dataclass(frozen=True)
class Units:
    """The kinds of units of both sides. They are part of a model's vocabulary and never change afterwards.

    Attributes:
        source: ``char`` (characters, for Japanese), ``word`` (what stands between blanks) or ``subword``
            (frequent pieces of words).
        target: ``tags`` (``<私> <食べる>``) or ``words`` (``ICH ESSEN``).

    Raises:
        UserError: for any other kind.
    """

    source: str = CHAR
    target: str = TAGS

    def __post_init__(self) -> None:
        _require("--source-units", self.source, SOURCE_UNITS)
        _require("--target-units", self.target, TARGET_UNITS)

    @property
    def source_name(self) -> str:
        """What a source unit is called in Japanese."""
        return {CHAR: "文字", WORD: "語", SUBWORD: "部分語"}[self.source]

    @property
    def target_name(self) -> str:
        """What a target unit is called in Japanese."""
        return {TAGS: "タグ", WORDS: "語"}[self.target]

    @property
    def left_out(self) -> str:
        """What is left out of a sentence when a model does not know it; of a subword, single characters."""
        return "語" if self.source == WORD else "文字"


def _require(flag: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UserError(
            f"{flag} に {value!r} は指定できません。", f"使えるのは {'、'.join(known)} のどれかです。"
        )


CHARACTERS_AND_TAGS = Units()
"""What models count in unless somebody asks for something else."""


def spelled(text: str, units: Units) -> str:
    """A source sentence as the vocabulary spells it: :func:`normalize` for characters, else :func:`tidy`."""
    return normalize(text) if units.source == CHAR else tidy(text)
