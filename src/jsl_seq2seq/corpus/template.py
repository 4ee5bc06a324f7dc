"""The notation of templates in grammar files.

[{主}は](図書館|学校)で{項}{述}か     brackets: may be left out; ( | ): one of these; { }: a slot
何時《なんじ》に起《お》きる            《》 gives the kana of the kanji right before it (｜ marks where it starts)
{語:連用}ます                           after the colon: a form of the word, or how a clause ends
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import UserError


@dataclass(frozen=True)
class Literal:
    """Fixed text in both spellings."""

    kanji: str
    kana: str


@dataclass(frozen=True)
class Slot:
    """``{name:option,option}``."""

    name: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True)
class Choice:
    """One of several continuations; ``[x]`` is a choice between x and nothing."""

    alternatives: tuple[tuple[Node, ...], ...]


Node = Literal | Slot | Choice

_RUBY = re.compile(r"(?:｜([^｜《》]+)|([㐀-鿿々]+))《([^《》]*)》")


def parse_template(text: str, where: str) -> tuple[Node, ...]:
    """Parse one Japanese template.

    Raises:
        UserError: unbalanced brackets or an empty slot; names ``where``.
    """
    nodes, end = _sequence(text, 0, "", where)
    if end != len(text):
        raise _broken(text, where, f"{end + 1} 文字目の「{text[end]}」に、対応する開き括弧がありません")
    return nodes


def slot_names(nodes: tuple[Node, ...]) -> tuple[str, ...]:
    """Names of the slots of a template, in order of appearance."""
    found: list[str] = []
    for node in nodes:
        if isinstance(node, Slot):
            found.append(node.name)
        elif isinstance(node, Choice):
            for alternative in node.alternatives:
                found += slot_names(alternative)
    return tuple(found)


def _sequence(text: str, start: int, closing: str, where: str) -> tuple[tuple[Node, ...], int]:
    nodes: list[Node] = []
    position = start
    while position < len(text):
        character = text[position]
        if character in "])|" or (closing and character == closing):
            break
        if character == "{":
            end = text.find("}", position)
            if end < 0:
                raise _broken(text, where, "「{」が閉じていません")
            nodes.append(_slot(text[position + 1 : end], text, where))
            position = end + 1
        elif character in "[(":
            closer = "]" if character == "[" else ")"
            alternatives, position = _alternatives(text, position + 1, closer, where)
            nodes.append(Choice((*alternatives, ()) if character == "[" else alternatives))
        else:
            end = position
            while end < len(text) and text[end] not in "{[(])|":
                end += 1
            nodes.append(_literal(text[position:end]))
            position = end
    return tuple(nodes), position


def _alternatives(text: str, start: int, closer: str, where: str) -> tuple[tuple[tuple[Node, ...], ...], int]:
    alternatives: list[tuple[Node, ...]] = []
    position = start
    while True:
        nodes, position = _sequence(text, position, closer, where)
        alternatives.append(nodes)
        if position >= len(text):
            raise _broken(text, where, f"括弧が「{closer}」で閉じていません")
        if text[position] == closer:
            return tuple(alternatives), position + 1
        if text[position] != "|":
            raise _broken(text, where, f"括弧の組み合わせが合いません（「{text[position]}」）")
        position += 1


def _slot(content: str, text: str, where: str) -> Slot:
    name, _, options = content.partition(":")
    if not name:
        raise _broken(text, where, "「{}」の中が空です")
    return Slot(name, tuple(option for option in options.split(",") if option))


def _literal(text: str) -> Literal:
    kanji = _RUBY.sub(lambda match: match[1] or match[2], text)
    return Literal(kanji, _RUBY.sub(lambda match: match[3], text))


def _broken(text: str, where: str, problem: str) -> UserError:
    return UserError(
        f"{where}: ひな形が読めません: {problem}。\n  {text}",
        "docs/corpus.md の「ひな形の書き方」を見てください。",
        code="template-invalid",
        where=where,
        template=text,
    )
