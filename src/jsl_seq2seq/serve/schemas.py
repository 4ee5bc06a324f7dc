"""What requests and answers look like: the models behind the OpenAPI document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import UserError
from ..settings import MAX_PENALTY
from ..translate.translator import MAX_CHARACTERS
from .responses import request_invalid

MAX_TEXTS = 64
"""Texts of one request."""
MAX_BEAM = 16
MAX_ENTRIES = 100
"""Entries of a request's dictionary."""

Text = Annotated[str, Field(max_length=MAX_CHARACTERS)]
Tag = Annotated[str, Field(min_length=1, max_length=100)]
Tags = Annotated[list[Tag], Field(min_length=1, max_length=MAX_CHARACTERS)]
Probability = Annotated[float, Field(ge=0, le=1)]
Span = Annotated[
    list[Annotated[int, Field(ge=0)]],
    Field(min_length=2, max_length=2, description="始まりと、終わりの次（0 から、コードポイント）"),
]
ModelName = Annotated[str | None, Field(None, max_length=100, description="モデルの名前。省くと最初のモデル")]


class RequestBody(BaseModel):
    """What is posted."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @classmethod
    def read(cls, content: bytes) -> Self:
        """The value that a JSON text describes. Raises UserError for anything else (``request-invalid``)."""
        try:
            return cls.model_validate_json(content)
        except ValidationError as error:
            found = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_url=False)]
            raise not_as_documented(found) from None


def not_as_documented(errors: Iterable[Any]) -> UserError:
    """The error of a request (``request-invalid``): where and what, of the first of pydantic's errors."""
    first = list(islice(errors, 5))
    english = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in first]
    return request_invalid("; ".join(english), "".join(dict.fromkeys(map(_in_japanese, first))))


_JAPANESE: dict[str, Callable[[str, Mapping[str, Any]], str]] = {
    "bool_type": lambda name, facts: f"{name}は true か false にしてください。",
    "extra_forbidden": lambda name, facts: f"{name}という項目はありません。",
    "float_parsing": lambda name, facts: f"{name}は数にしてください。",
    "float_type": lambda name, facts: f"{name}は数にしてください。",
    "greater_than_equal": lambda name, facts: f"{name}は {facts['ge']} 以上にしてください。",
    "int_from_float": lambda name, facts: f"{name}は整数にしてください。",
    "int_parsing": lambda name, facts: f"{name}は整数にしてください。",
    "int_type": lambda name, facts: f"{name}は整数にしてください。",
    "json_invalid": lambda name, facts: f"JSON として読めません（{facts['error']}）。",
    "less_than_equal": lambda name, facts: f"{name}は {facts['le']} 以下にしてください。",
    "list_type": lambda name, facts: f"{name}は配列にしてください。",
    "missing": lambda name, facts: f"{name}がありません。",
    "model_type": lambda name, facts: f"{name}はオブジェクトにしてください。",
    "string_too_long": lambda name, facts: f"{name}は {facts['max_length']:,} 文字までです。",
    "string_too_short": lambda name, facts: f"{name}は {facts['min_length']:,} 文字以上にしてください。",
    "string_type": lambda name, facts: f"{name}は文字列にしてください。",
    "too_long": lambda name, facts: f"{name}は {facts['max_length']:,} 個までです。",
    "too_short": lambda name, facts: f"{name}は {facts['min_length']:,} 個以上にしてください。",
}
"""Type of an error of pydantic -> what is wrong, from the name of the member and the error's facts. Sorted by type."""


def _in_japanese(error: Mapping[str, Any]) -> str:
    # what is in brackets, or has a hyphen, is one of the types of a union and no member
    path = [one for one in error["loc"] if isinstance(one, int) or not {"[", "-"} & set(one)]
    name = ".".join(map(str, path[1:])) + " " if path[1:] else "本文"
    written = _JAPANESE.get(error["type"])
    return written(name, error.get("ctx", {})) if written else f"{name.strip()}: {error['msg']}。"


class DictionaryEntry(RequestBody):
    """A word of the user's own and its tags, for one request."""

    word: Annotated[str, Field(min_length=1, max_length=100)]
    tags: Annotated[list[Tag], Field(min_length=1, max_length=20)]


_ENTRIES = Field(default_factory=list, max_length=MAX_ENTRIES, description="この要求だけの辞書")


class TranslateRequest(RequestBody):
    """Texts, and how to translate them."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={
            "examples": [
                {"text": "わたしはたべます"},
                {"text": ["ありがとう", "えきはどこですか"], "n_best": 3},
            ]
        },
    )

    text: Text | Annotated[list[Text], Field(min_length=1, max_length=MAX_TEXTS)]
    model: ModelName = None
    n_best: Annotated[int, Field(1, ge=1, le=MAX_BEAM, description="訳の数")] = 1
    beam: Annotated[
        int | None, Field(None, ge=1, le=MAX_BEAM, description="ビームの幅。省くとモデルの設定")
    ] = None
    length_penalty: Annotated[
        float | None, Field(ge=0, le=MAX_PENALTY, strict=False, description="省くとモデルの設定")
    ] = None
    attention: Annotated[bool, Field(description="アテンションも返す（100 文字まで）")] = False
    dictionary: Annotated[list[DictionaryEntry], _ENTRIES]


class DiagnoseRequest(RequestBody):
    """A text to look into."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": [{"text": "わたしはたべます"}]}
    )

    text: Text
    model: ModelName = None


class ScoreRequest(RequestBody):
    """A text and a translation of it."""

    model_config = ConfigDict(
        extra="forbid",
        strict=True,
        json_schema_extra={"examples": [{"text": "わたしはたべます", "tags": ["私", "食べる"]}]},
    )

    text: Text
    tags: Tags
    model: ModelName = None


class TranslatedTag(BaseModel):
    tag: str
    probability: Probability
    known: bool
    span: Span | None
    uncertain: bool
    entry: str | None = None


class Candidate(BaseModel):
    tags: list[TranslatedTag]
    probability: Probability
    finished: bool


class SentenceSpan(BaseModel):
    span: Span
    tags: Span


class AttentionWeights(BaseModel):
    weights: Annotated[list[list[list[float]]], Field(description="［ヘッド, query, key］。行の合計は 1")]
    query_labels: list[str]
    key_labels: list[str]


class Translation(Candidate):
    """docs/library.md has the meaning of each key."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "text": "ありがとう",
                    "tags": [
                        {
                            "tag": "ありがとう",
                            "probability": 0.99,
                            "known": True,
                            "span": [0, 5],
                            "uncertain": False,
                        }
                    ],
                    "probability": 0.99,
                    "finished": True,
                    "uncertain": False,
                    "warnings": [],
                }
            ]
        }
    )

    text: str
    uncertain: bool
    warnings: list[str]
    sentences: list[SentenceSpan] | None = None
    alternatives: list[Candidate] | None = None
    attention: dict[str, AttentionWeights] | None = None


class Problem(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:jsl-seq2seq:error:nothing-to-translate",
                    "title": "訳せる文字がありません: 「♪」",
                    "status": 422,
                    "detail": "空の文か、モデルが学習していない文字だけの文です。",
                    "code": "nothing-to-translate",
                    "facts": {"text": "♪", "unknown": ["♪"]},
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    detail: str
    code: str
    facts: dict[str, Any]


class FailedText(Problem):
    """In an array, a text that cannot be translated."""

    text: str


class Translations(BaseModel):
    """The answer to an array, in its order."""

    translations: list[Translation | FailedText]


class Score(BaseModel):
    text: str
    tags: list[str]
    log_prob: float
    log_probs: list[float]
    per_token: float
    perplexity: float | None


class TagExample(BaseModel):
    text: str
    tags: list[str]


class ListedTag(BaseModel):
    tags: list[str]
    spellings: list[str]
    example: TagExample | None


class TagList(BaseModel):
    total: int
    tags: list[ListedTag]


class VocabularySize(BaseModel):
    source: int
    target: int
    tags: int


class Model(BaseModel):
    name: str
    sha256: str
    backend: str
    precision: str
    vocabulary: VocabularySize
    open_words: bool
    dictionary: bool
    target_tokenizer: str
    settings: dict[str, Any]
    models: Annotated[list[str], Field(description="使えるモデルの名前。最初が既定")]
    version: str


class Share(BaseModel):
    tag: str | None
    probability: Probability


class Place(Share):
    alternatives: list[Share]
    attention: list[float]


class DeletedUnit(BaseModel):
    unit: str
    tags: list[str]
    same: bool
    log_prob_changes: list[float]
    log_prob_change: float


class Diagnosis(BaseModel):
    """docs/evaluate.md has the meaning of each key."""

    text: str
    units: list[str]
    tags: list[str]
    log_prob: float
    finished: bool
    warnings: list[str]
    places: list[Place]
    deletions: list[DeletedUnit]


class Status(BaseModel):
    status: str


class LibreTranslated(BaseModel):
    translatedText: str | list[str]
    alternatives: list[str] | list[list[str]] | None = None
    detectedLanguage: Any = None


class Detected(BaseModel):
    confidence: float
    language: str


class Language(BaseModel):
    code: str
    name: str
    targets: list[str]
