"""A piece of a sentence in three spellings at once, with its tags."""

from __future__ import annotations

from dataclasses import dataclass


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
    return tuple(f"指文字:{to_katakana(character)}" for character in kana)


def to_katakana(text: str) -> str:
    """Hiragana to katakana; everything else stays."""
    return "".join(chr(ord(c) + 0x60) if "ぁ" <= c <= "ゖ" else c for c in text)


def to_hiragana(text: str) -> str:
    """Katakana to hiragana; everything else stays, the long mark too."""
    return "".join(chr(ord(c) - 0x60) if "ァ" <= c <= "ヶ" else c for c in text)
