"""What JSON that another program may have written must look like: one schema for each file, strict and bounded.

Imported only where a whole record is read, since pydantic takes longer to import than translating takes.
"""

from __future__ import annotations

import reprlib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import Failure
from ..io.text import one_line

Count = Annotated[int, Field(ge=0, le=10**15)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Text = Annotated[str, Field(max_length=100_000)]
Digest = Annotated[str, Field(max_length=64)]
"""SHA-256 in hexadecimal, or nothing."""
_MOST = 10_000_000
"""Items of a list: more than any vocabulary or training curve has."""
_SHOWN_PROBLEMS = 3
_BRIEF = reprlib.Repr()
_BRIEF.maxstring = _BRIEF.maxother = 60
_BRIEF.maxlist = _BRIEF.maxdict = 3
_BRIEF.maxlevel = 2


class Schema(BaseModel):
    """No value is converted: a number in quotes, or ``true`` for 1, is a mistake. Unknown keys are refused."""

    model_config = ConfigDict(strict=True, extra="forbid", protected_namespaces=())


class Open(Schema):
    """A place where later releases may add keys that change no result."""

    model_config = ConfigDict(extra="ignore")


class FileEntry(Open):
    bytes: Count
    sha256: Digest


class DataEntry(Open):
    name: str  # may hold lone surrogates, as a path on Linux may, which no bound can be checked on
    sha256: Digest


class StageEntry(Open):
    start: Count
    end: Count
    until: Count
    interrupted: bool
    settings: dict[str, int | float | str | bool]
    units: dict[str, int | float | str | bool] = {}
    extended_from: dict[Literal["source", "target"], Count] = {}
    data_name: str
    data_digest: Digest
    valid_name: str = ""
    valid_digest: Digest = ""
    backend: Text = ""
    device: Text | None = None
    precision: Text = "fp32"
    processes: Annotated[int, Field(ge=1, le=10**6)] = 1
    checkpoint_every: Count = 0
    training_state: bool = True
    git_commit: Text | None = None
    package_version: Text = ""
    trained_at: Text = ""


class Metadata(Open):
    format: Literal["jsl-seq2seq"]
    format_version: Count
    vocab_hash: Digest
    data: DataEntry
    files: dict[Text, FileEntry]
    stages: list[StageEntry] = Field(default=[], max_length=10_000)


class ConfigFile(Schema):
    """``config.json``. What the three sections hold is checked by the dataclasses that they become."""

    model: dict[str, Any]
    training: dict[str, Any]
    progress: dict[str, Any]
    metadata: Metadata
    checksum: Digest


class VocabularyFile(Open):
    """The outer shape of ``vocabulary.json``; which units there may be is the tokenizers' to say."""

    specials: list[Text] = Field(max_length=100)
    source: list[Text] = Field(max_length=_MOST)
    target: list[Text] = Field(max_length=_MOST)


class EpochEntry(Schema):
    epoch: Count
    loss: Number
    seconds: Number
    tokens_per_second: Number
    valid_loss: Number | None = None
    valid_exact: Number | None = None
    valid_bleu: Number | None = None
    valid_chrf: Number | None = None


class ExampleEntry(Open):
    source: str
    expected: list[Text] = Field(max_length=_MOST)
    produced: list[Text] = Field(max_length=_MOST)


class StatisticsEntry(Open):
    mean: Number
    std: Number
    min: Number
    max: Number


class MetricsFile(Open):
    """``metrics.json``; the first releases kept the statistics as ``weights``, by parameter."""

    history: list[EpochEntry] = Field(max_length=_MOST)
    examples: list[ExampleEntry] = Field(max_length=_MOST)
    layers: dict[Text, dict[Text, StatisticsEntry]] = {}
    weights: dict[Text, StatisticsEntry] = {}
    trained_on: Annotated[str, Field(max_length=8_000_000)] = ""


class BurnFile(Open):
    """``burn.json``: what :func:`jsl_seq2seq.interop.burn.export_burn` needs beside the model."""

    header: list[Text] = Field(max_length=100)
    order: list[Count] = Field(max_length=_MOST)
    ids: list[Text | None] = Field(max_length=_MOST)
    config: Annotated[str, Field(max_length=1_000_000)] | None = None


Checked = TypeVar("Checked", bound=BaseModel)


def validated(schema: type[Checked], values: Any, path: Path | str, code: str, hint: str = "") -> Checked:
    """``values``, which were parsed from the JSON of ``path``, as the schema describes them.

    Raises:
        Failure: they are not so. Says where in the file, what belongs there and what was found.
    """
    try:
        return schema.model_validate(values)
    except ValidationError as error:
        found = error.errors(include_url=False)
        problems = "、".join(_problem(dict(one)) for one in found[:_SHOWN_PROBLEMS])
        more = f"、ほか {len(found) - _SHOWN_PROBLEMS} か所" if len(found) > _SHOWN_PROBLEMS else ""
        raise Failure(
            f"{path} の中身が正しくありません: {problems}{more}。",
            hint,
            code=code,
            path=Path(path),
            field=_place(found[0]["loc"]),
        ) from None


_WORDS = {
    "int_type": "整数",
    "int_from_float": "整数",
    "float_type": "数",
    "finite_number": "有限の数",
    "bool_type": "true か false",
    "string_type": "文字列",
    "string_unicode": "文字列",
    "list_type": "並び（[…]）",
    "dict_type": "項目の組（{…}）",
    "model_type": "項目の組（{…}）",
    "literal_error": "決まった値",
}


def _problem(error: dict[str, Any]) -> str:
    place, kind, context = _place(error["loc"]), error["type"], error.get("ctx", {})
    found = one_line(_BRIEF.repr(error.get("input")))
    if kind == "missing":
        return f"{place} がありません"
    if kind == "extra_forbidden":
        return f"{place} は知らない項目です"
    if kind in _WORDS:
        return f"{place} は{_WORDS[kind]}のはずですが、{found} でした"
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = f"{context['ge']} 以上" if "ge" in context else f"{context['le']} 以下"
        return f"{place} は {bound} のはずですが、{found} でした"
    if kind in ("too_long", "string_too_long"):
        return f"{place} が長すぎます（上限は {context['max_length']:,}）"
    return f"{place} の値 {found} が正しくありません"


def _place(parts: tuple[int | str, ...]) -> str:
    """``history[3].loss``; the whole file if there are no parts."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts).removeprefix(".")
    return one_line(text) or "全体"
