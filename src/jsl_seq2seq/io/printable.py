"""Text of unknown origin made safe for where it is shown: a terminal, a Markdown file.

A tag, a sentence or a file name may hold characters that act instead of being seen: ESC begins commands to a
terminal, U+202E turns the direction of what follows, a line separator begins a line that nobody wrote.
"""

from __future__ import annotations

import re
import unicodedata

UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ufffe\uffff\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
"""Control characters (C0 and C1), marks of direction, line and paragraph separators, invisible operators,
annotations, tag characters, noncharacters, halves of surrogate pairs. The joiners U+200C and U+200D, with which
Persian and Hindi are written, and variation selectors are none of them."""

_MARKDOWN = re.compile(r"([\\`*_\[\]|~>$@]|:(?=//)|(?<=www)\.)")
_BACKTICKS = re.compile("`+")


def for_terminal(text: str, lines: bool = True) -> str:
    """The text with unsafe characters as ``\\x1b`` or ``\\u202e``.

    Args:
        lines: whether line feeds and tabs stay. Without, the result is one line.
    """
    return UNSAFE.sub(_kept_lines if lines else _visible, text)


def one_line(text: str) -> str:
    """:func:`for_terminal` without line feeds and tabs: what a program reads line by line, and field by field."""
    return for_terminal(text, lines=False)


def for_markdown(text: str) -> str:
    """One line of Markdown that shows the text as it is: no markup, no HTML, no links."""
    return _MARKDOWN.sub(r"\\\1", one_line(text).replace("&", "&amp;").replace("<", "&lt;"))


def markdown_code(text: str) -> str:
    """The text as inline code, in as many backticks as no run inside has."""
    text = one_line(text)
    fence = "`" * (_longest_run(text) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def markdown_block(text: str) -> str:
    """One line as a code block."""
    text = one_line(text)
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}\n{text}\n{fence}"


def substitute(text: str, by: str = "□") -> str:
    """The text with ``by`` for every unsafe character; those that are invisible in themselves are left out.

    Line feeds and tabs stay.
    """
    return UNSAFE.sub(lambda found: _substituted(found[0], by), text)


def _substituted(character: str, by: str) -> str:
    if character in "\n\t":
        return character
    return "" if unicodedata.category(character) == "Cf" else by


def _visible(found: re.Match[str]) -> str:
    code = ord(found[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _kept_lines(found: re.Match[str]) -> str:
    return found[0] if found[0] in "\n\t" else _visible(found)


def _longest_run(text: str) -> int:
    return max(map(len, _BACKTICKS.findall(text)), default=0)
