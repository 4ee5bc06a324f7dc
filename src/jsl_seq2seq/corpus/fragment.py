"""A piece of a sentence in three spellings at once, with its tags."""

from __future__ import annotations

from dataclasses import dataclass

from ..tokenize.normalize import katakana


@dataclass(frozen=True)
class Fragment:
    """A piece of a sentence.

    Attributes:
        kanji, kana, mixed: the piece as most people write it, in kana alone, and half and half.
        tags: its tags, in order.
    """

    kanji: str = ""
    kana: str = ""
    mixed: str = ""
    tags: tuple[str, ...] = ()

    def __add__(self, other: Fragment) -> Fragment:
        return Fragment(
            self.kanji + other.kanji, self.kana + other.kana, self.mixed + other.mixed, self.tags + other.tags
        )


def plain(text: str, tags: tuple[str, ...] = ()) -> Fragment:
    """A piece that is spelled the same in every way."""
    return Fragment(text, text, text, tags)


def fingerspell(kana: str) -> tuple[str, ...]:
    """たなか -> ('指文字:タ', '指文字:ナ', '指文字:カ'): one tag for each katakana character."""
    return tuple(f"指文字:{character}" for character in katakana(kana))
