"""What the original's ``config.json`` says, as far as it can be understood, held against the tensors.

Its exact keys are not known here, so each number is looked for under several names, at the top level and
one level down. The tensors decide: a number that contradicts them is an error, one that is missing is not.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, RootModel

from ...errors import Failure
from ...io.files import read_bytes
from ...io.text import parse_json
from ...store.schemas import validated
from .vocabulary import OriginalVocabulary, read_vocabulary

_NAMES = {
    "d_model": ("d_model", "model_dim", "hidden_size"),
    "n_heads": ("n_heads", "num_heads", "heads"),
    "n_layers": ("n_layers", "num_layers", "n_encoder_layers", "num_encoder_layers"),
    "n_decoder_layers": ("n_decoder_layers", "num_decoder_layers"),
    "d_ff": ("d_ff", "ff_dim"),
    "vocab_size": ("vocab_size", "vocabulary_size"),
    "max_seq_len": ("max_seq_len", "max_seq_length", "seq_len", "max_len", "max_length"),
}
_VOCABULARY_NAMES = ("vocab", "vocabulary", "tokens", "id_to_token", "token_to_id")
_MAX_BYTES = 1_000_000
_COPY_AGAIN = "元のプロジェクトからもう一度コピーしてください。"


@dataclass(frozen=True)
class OriginalSettings:
    """What was found.

    Attributes:
        text: the file as it is, for writing it back; ``None`` if there is none.
        numbers: by our names, those that were there.
        places: the key under which each stood, for messages.
        vocabulary: if there was one.
    """

    text: str | None
    numbers: Mapping[str, int]
    places: Mapping[str, str]
    vocabulary: OriginalVocabulary | None


class Sizes(RootModel[dict[str, Annotated[int, Field(strict=True, ge=1, le=10**9)]]]):
    """The numbers that mean something, by the place where they stand."""


def read_settings(path: Path) -> OriginalSettings:
    """Read the original's ``config.json``; no file is no settings.

    Raises:
        Failure: it is no JSON object, says two different things, or a number is no number.
    """
    if not path.exists():
        return OriginalSettings(None, {}, {}, None)
    try:
        text = read_bytes(path, _MAX_BYTES).decode("utf-8")
        values = parse_json(text.removeprefix("\ufeff"))
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        raise Failure(
            f"{path} が大きすぎます。",
            "元のプロジェクトの config.json ではありません。",
            code="burn-config-too-large",
            path=path,
            bytes=path.stat().st_size,
            limit=_MAX_BYTES,
        ) from None
    except (ValueError, RecursionError) as error:
        raise Failure(
            f"{path} を JSON として読めません（{error}）。",
            _COPY_AGAIN,
            code="burn-config-not-json",
            path=path,
            reason=str(error),
        ) from None
    if not isinstance(values, dict):
        raise Failure(
            f"{path} が設定（{{…}}）になっていません。", _COPY_AGAIN, code="burn-config-invalid", path=path
        )
    found: dict[str, Any] = {}
    names: dict[str, str] = {}
    vocabulary = None
    for place, key, value in _entries(values):
        name = next((name for name, keys in _NAMES.items() if key in keys), None)
        if name is not None:
            sides = (
                {f"{place}.{side}": number for side, number in value.items()}
                if isinstance(value, dict)
                else {place: value}
            )
            found |= sides
            names |= dict.fromkeys(sides, name)
        if key in _VOCABULARY_NAMES and isinstance(value, list | dict) and vocabulary is None:
            vocabulary = read_vocabulary(value, f"{path} の {place}")
    sizes = validated(Sizes, found, path, "burn-config-invalid", "元の config.json に戻してください。").root
    numbers: dict[str, int] = {}
    places: dict[str, str] = {}
    for place, value in sizes.items():
        name = names[place]
        if numbers.setdefault(name, value) != value:
            raise Failure(
                f"{path} の {place} は {value} ですが、{places[name]} は {numbers[name]} です。",
                "元の config.json に戻してください。",
                code="burn-config-contradiction",
                path=path,
                name=name,
                found=[numbers[name], value],
            )
        places.setdefault(name, f"{path} の {place}")
    return OriginalSettings(text, numbers, places, vocabulary)


def check_settings(found: OriginalSettings, actual: Mapping[str, int], weights: Path) -> None:
    """Raise Failure, naming both, where a number is not what the tensors have."""
    for name, value in actual.items():
        stated = found.numbers.get(name, value)
        if stated != value:
            raise Failure(
                f"{found.places[name]} は {stated} ですが、{weights} の重みでは {value} です。",
                "別のモデルの config.json が混ざっていないか確かめてください。",
                code="burn-config-mismatch",
                path=weights,
                name=name,
                found=stated,
                expected=value,
            )


def _entries(values: Mapping[str, Any]) -> Iterator[tuple[str, str, Any]]:
    """Place, key and value at the top level and one level down."""
    for key, value in values.items():
        yield key, key, value
        if isinstance(value, dict) and key not in _VOCABULARY_NAMES and key not in _NAMES["vocab_size"]:
            for inner, inner_value in value.items():
                yield f"{key}.{inner}", inner, inner_value
