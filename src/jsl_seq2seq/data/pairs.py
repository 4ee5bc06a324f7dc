"""A sentence and what it stands for: how tags and words are written, and what may not be."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..errors import UserError
from ..settings import SPECIALS
from ..tokenize import Tokenizers
from .formats import Row


@dataclass(frozen=True)
class SentencePair:
    """A sentence, normalized, and the tags (or words) it stands for, without their brackets.

    Attributes:
        phenomenon: what the pair is an example of, if the file says; makes no difference to equality.
    """

    source: str
    tags: tuple[str, ...]
    phenomenon: str = field(default="", compare=False)


def pair_of(row: Row, tokenizers: Tokenizers, name: str, hint: str) -> SentencePair:
    """The pair in a row.

    Args:
        tokenizers: how sentences and tags are spelled; their vocabularies make no difference.
        name: the file's, for messages.
        hint: how such a file is written.

    Raises:
        UserError: the row has no sentence, no tags, or something that is no tag; names file and line.
    """
    where = f"{name} の {row.line} 行目"
    source, target = tokenizers.source.normalize(row.source), tokenizers.target
    if not source:
        raise UserError(
            f"{where}: {tokenizers.source.text_name}が空です。",
            hint,
            code="empty-sentence",
            path=name,
            line=row.line,
        )
    try:
        tags = target.parse(row.target)
    except ValueError as error:
        place = f"の {row.column} 列目（{row.column_name}）" if row.column else ""
        raise UserError(
            f"{where}{place}: {target.unit_name}として読めません: {error}",
            target.writing_hint,
            code="not-a-token",
            found=str(error),
            written=row.target,
            column=row.column,
            units=target.kind,
            path=name,
            line=row.line,
        ) from None
    if not tags:
        raise UserError(f"{where}: タグがありません。", hint, code="empty-target", path=name, line=row.line)
    reserved = next((tag for tag in tags if tag in SPECIALS), None)
    if reserved:
        raise UserError(
            f"{where}: {target.join([reserved])} はプログラムが内部で使う名前です。",
            "別の名前のタグにしてください。",
            code="reserved-name",
            found=reserved,
            path=name,
            line=row.line,
        )
    return SentencePair(source, tags, row.phenomenon.strip())
