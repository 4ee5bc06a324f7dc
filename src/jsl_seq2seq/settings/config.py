"""The settings of a model and of its training: frozen values, checked when they are made.

The field names are the keys of ``config.json``, the names in messages, and, spelt with dashes, the options of the
command line.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, TypeVar

from ..errors import UserError
from .special_ids import PAD, SOS

Config = TypeVar("Config")
_SHOWN_DIGITS = 20
_PLAIN_TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}


@dataclass(frozen=True)
class VocabSize:
    """How many entries each side's vocabulary has, special tokens included."""

    source: int
    target: int


_MODEL_RANGES = {
    "d_model": (1, 65_536),
    "n_heads": (1, 65_536),
    "n_layers": (1, 1_000),
    "d_ff": (1, 1_048_576),
    "max_seq_len": (1, 100_000),
}
"""Beyond any model that this program could train; a damaged file must not make it try."""
_MOST_SCORES = 1 << 25
"""Attention scores of one layer for a sentence of padding alone: 128 MiB."""
MAX_BEAM, MAX_PENALTY = 1_000, 10
"""Beyond any search that finds more."""


@dataclass(frozen=True)
class ModelConfig:
    """The shape of an encoder-decoder Transformer (Vaswani et al. 2017, Table 3's letters in brackets).

    Raises:
        UserError: if the numbers do not describe a model, for example ``d_model`` not divisible by ``n_heads``.
    """

    vocab_size: VocabSize
    d_model: int = 16
    n_heads: int = 2
    n_layers: int = 4
    """Encoder layers, and as many decoder layers (N)."""
    d_ff: int = 32
    """Width of the feed-forward layer's hidden part (d_ff)."""
    max_seq_len: int = 64
    """Longest sentence, in source units or tags, that training accepts and decoding produces."""
    final_norm: bool = True
    """Whether a LayerNorm stands behind the last encoder and the last decoder layer, as Pre-LN requires."""
    attention_masks: bool = True
    """Whether attention is kept from padding, and the decoder from what comes later. The original Rust
    project trained without: an imported model has learnt with what it saw there, and needs to see it."""
    source_length: int = 0
    """Every shorter sentence is filled up with PAD to this length; 0 for none (imported models)."""
    source_cut: bool = False
    """Whether a longer sentence is cut to ``source_length`` (imported models)."""
    embedding_scale: bool = True
    """Whether embeddings are multiplied by √D before positions are added (Vaswani et al. 2017, §3.4)."""
    tied_embeddings: bool = False
    """Whether tags are read and written with the same vectors: the output projection's weight is the
    decoder's embedding (Press & Wolf 2017)."""
    uncertain_below: float = 0.0
    """A sentence or a tag whose probability is lower is marked as uncertain; chosen on development data."""
    temperature: float = 1.0
    """What logits are divided by before probabilities are computed (Guo et al. 2017, §4.2)."""
    specials_masked: bool = True
    """Whether decoding never chooses PAD and SOS. Without, it chooses among all entries of the vocabulary, and
    those that are no tag are left out of the translation afterwards (imported models)."""
    beam: int = 1
    """Hypotheses that beam search keeps where a translation asks for no other number; 1 is greedy decoding."""
    length_penalty: float = 0.6
    """How much beam search favours longer translations where none is asked for (α of Wu et al. 2016, §7)."""

    def __post_init__(self) -> None:
        for name, (low, high) in _MODEL_RANGES.items():
            require_range(name, getattr(self, name), low, high)
        if self.d_model % self.n_heads:
            raise UserError(
                f"d_model（{self.d_model}）が n_heads（{self.n_heads}）で割り切れません。",
                "d_model を n_heads の倍数にしてください（例: 64 と 4）。",
                code="d-model-not-divisible",
                settings={"d_model": self.d_model, "n_heads": self.n_heads},
            )
        if self.d_model % 2:
            raise UserError(
                f"d_model（{self.d_model}）が奇数です。",
                "位置符号化は sin と cos を組にするので、偶数にしてください。",
                code="d-model-odd",
                setting="d_model",
                value=self.d_model,
            )
        require_range("source_length", self.source_length, 0, self.max_seq_len)
        if self.n_heads * self.source_length**2 > _MOST_SCORES:
            raise UserError(
                f"source_length（{self.source_length:,}）が大きすぎます。どの文もこの長さまで埋めて計算します。",
                "source_length を小さくしてください。",
                code="source-length-too-large",
                setting="source_length",
                value=self.source_length,
            )
        require_range("uncertain_below", self.uncertain_below, 0, 1)
        require_range("temperature", self.temperature, 0.01, 100)
        require_range("beam", self.beam, 1, MAX_BEAM)
        require_range("length_penalty", self.length_penalty, 0, MAX_PENALTY)

    @property
    def head_size(self) -> int:
        """E, the width of one attention head."""
        return self.d_model // self.n_heads

    @property
    def never_decoded(self) -> tuple[int, ...]:
        """Ids that decoding never chooses."""
        return (PAD, SOS) if self.specials_masked else ()

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``config.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelConfig:
        """Read what :meth:`to_json` wrote.

        Raises:
            UserError: an unknown, missing or mistyped key, named.
        """
        values = dict(values)
        size = values.pop("vocab_size", None)
        if not isinstance(size, Mapping):
            raise UserError(
                "モデル設定の vocab_size が {source, target} の形ではありません。",
                code="mistyped-value",
                key="model.vocab_size",
                expected="{source, target}",
                found=size,
            )
        return from_mapping(
            cls, values, "model", vocab_size=from_mapping(VocabSize, size, "model.vocab_size")
        )


_TRAINING_RANGES = {
    "epochs": (1, 10**9),
    "batch_size": (1, 10**6),
    "batch_tokens": (0, 10**9),
    "accumulate": (1, 10**6),
    "warmup_steps": (0, 10**9),
    "decay_steps": (0, 10**18),
    "restart_step": (0, 10**18),
    "position_shift": (0, 100_000),
    "substitutions": (0, 100),
    "average": (1, 1_000),
    "patience": (0, 10**9),
    "seed": (0, 2**63 - 1),
}
"""Beyond any training; what is computed from them stays a number that every backend can hold."""
_CHOICES = {
    "optimizer": ("adam",),
    "schedule": ("cosine", "constant", "inverse-sqrt"),
    "keep": ("last", "best", "average"),
    "metric": ("loss", "exact", "bleu", "chrf"),
}

_ABSENT = {"schedule": "constant"}
"""What a file means that lacks a key, where that is not today's default: it was written before there was one."""


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained. Learning happens with Adam (Kingma & Ba 2015) on shuffled batches."""

    epochs: int = 200
    batch_size: int = 8
    batch_tokens: int = 0
    """Instead of ``batch_size``: as many sentences as have so many positions once they are padded; 0 for off."""
    accumulate: int = 1
    """Batches whose gradients make one update together."""
    learning_rate: float = 0.002
    warmup_steps: int = 100
    """Steps over which the learning rate rises linearly from 0; ``schedule`` is what comes afterwards."""
    schedule: str = "cosine"
    """``cosine``, ``constant`` or ``inverse-sqrt``: see :func:`jsl_seq2seq.training.schedule.learning_rate`."""
    decay_steps: int = 0
    """Update at which ``cosine`` reaches its floor; 0 for the last update of the run that begins."""
    restart_step: int = 0
    """Update after which ``cosine`` begins: where a run that continues a trained model began."""
    position_shift: int = 0
    """In training sentences begin at a position drawn from 0 to this, so that a model trained on short
    sentences has seen the positions of longer ones (Kiyono et al. 2021)."""
    substitutions: int = 0
    """Variants of each sentence that are trained on besides it, with copied tags in the places of others (see
    :mod:`jsl_seq2seq.training.substitution`); only where both sides are written with characters."""
    keep: str = "last"
    """Which parameters are saved in the end: those of the ``last`` step, of the epoch that is ``best`` on
    validation data by ``metric``, or the ``average`` of the last ``average`` epochs (Vaswani et al. 2017, §6.1)."""
    average: int = 5
    patience: int = 0
    """Stop after so many epochs without a better ``metric``; 0 for never."""
    metric: str = "loss"
    """Figure of the validation data that ``keep`` and ``patience`` go by: its ``loss`` (lower is better), or of
    greedy translations the share of ``exact`` ones, ``bleu`` or ``chrf`` (higher is better)."""
    target_loss: float = 0.0
    """Stop after an epoch whose training loss is below this, nats per target token; 0 for never."""
    freeze: str = "none"
    """Parameters that training leaves as they are: ``encoder``, ``decoder``, ``embeddings`` or a module's name such as
    ``encoder.layers.0``, several separated by commas; ``none`` for none."""
    dropout: float = 0.0
    label_smoothing: float = 0.0
    consistency: float = 0.0
    """Weight of R-Drop (Liang et al. 2021): each sentence passes through the model twice, and the two predictions,
    which dropout makes different, are drawn together. It doubles the time of a step; 0 for off."""
    clip_norm: float = 1.0
    """Largest Euclidean norm of the whole gradient; 0 leaves gradients alone."""
    seed: int = 0
    optimizer: str = "adam"
    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-9

    def __post_init__(self) -> None:
        for name, (low, high) in _TRAINING_RANGES.items():
            require_range(name, getattr(self, name), low, high)
        for name in ("learning_rate", "epsilon"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise UserError(
                    f"{name} は 0 より大きい数にしてください（いまの値: {value}）。",
                    code="setting-not-positive",
                    setting=name,
                    value=value,
                )
        for name in ("clip_norm", "target_loss", "consistency"):
            value = getattr(self, name)
            if not 0 <= value < math.inf:
                raise UserError(
                    f"{name} は 0 以上の数にしてください（いまの値: {value}）。",
                    "使わないなら 0 とします。",
                    code="setting-negative",
                    setting=name,
                    value=value,
                )
        for name in ("dropout", "label_smoothing", "beta1", "beta2"):
            value = getattr(self, name)
            if not 0 <= value < 1:
                raise UserError(
                    f"{name} は 0 以上 1 未満にしてください（いまの値: {value}）。",
                    "割合です。たとえば 0.1 は 10 % のことです。",
                    code="setting-not-a-share",
                    setting=name,
                    value=value,
                )
        for name, choices in _CHOICES.items():
            require_choice(name, getattr(self, name), choices)

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``config.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """Read what :meth:`to_json` wrote; raises UserError for an unknown, missing or mistyped key."""
        return from_mapping(cls, {**_ABSENT, **values}, "training")


def in_effect(options: Mapping[str, Any], validated: bool) -> dict[str, Any]:
    """Of settings by name those that have an effect beside the others: a training refuses to be given the rest.

    Args:
        validated: whether there are validation data.
    """
    idle = {
        "average": options.get("keep") != "average",
        "batch_size": bool(options.get("batch_tokens")),
        "metric": not validated,
    }
    return {name: value for name, value in options.items() if not idle.get(name)}


def from_mapping(cls: type[Config], values: Mapping[str, Any], where: str, **ready: Any) -> Config:
    """Build dataclass ``cls`` from JSON ``values``, refusing unknown, missing and mistyped keys.

    Args:
        where: the section's name, for messages.
        ready: fields that are built already and not read from ``values``.
    """
    known = {field.name: field for field in fields(cls) if field.name not in ready}  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise UserError(
            f"設定 {where} に知らない項目があります: {', '.join(unknown)}",
            "もっと新しい版で作られたモデルかもしれません。プログラムを更新してください。",
            code="unknown-keys",
            section=where,
            keys=unknown,
        )
    missing = [name for name, field in known.items() if name not in values and field.default is MISSING]
    if missing:
        raise UserError(
            f"設定 {where} に必要な項目がありません: {', '.join(missing)}",
            code="missing-keys",
            section=where,
            keys=missing,
        )
    checked = {
        name: _typed(value, str(known[name].type), f"{where}.{name}") for name, value in values.items()
    }
    return cls(**checked, **ready)


def _typed(value: Any, expected: str, where: str) -> Any:
    plain = _PLAIN_TYPES[expected]
    if plain is float and type(value) is int:
        value = float(value)
    # bool is an int in Python, but `"d_model": true` is a damaged file, not a size of 1
    if type(value) is not plain:
        raise UserError(
            f"設定 {where} は {expected} のはずですが、{value!r} でした。",
            code="mistyped-value",
            key=where,
            expected=expected,
            found=value,
        )
    return value


def require_range(setting: str, value: float, low: float, high: float) -> None:
    """Raise UserError unless ``low`` ≤ ``value`` ≤ ``high``; NaN is never in between.

    Args:
        setting: the name of the field or argument.
    """
    if not low <= value <= high:
        raise UserError(
            f"{setting} は {low:,} から {high:,} までにしてください（いまの値: {_shown(value)}）。",
            code="setting-out-of-range",
            setting=setting,
            value=value,
            low=low,
            high=high,
        )


def require_choice(setting: str, value: Any, choices: Sequence[str]) -> None:
    """Raise UserError unless ``value`` is one of ``choices``.

    Args:
        setting: the name of the field or argument.
    """
    if value not in choices:
        raise UserError(
            f"知らない {setting} です: {value!r}",
            f"使えるのは {'、'.join(choices)} です。",
            code="unknown-choice",
            setting=setting,
            value=value,
            choices=tuple(choices),
        )


def _shown(value: float) -> str:
    """The number in digits, at most ``_SHOWN_DIGITS`` of them."""
    shown = str(value)
    return shown if len(shown) <= _SHOWN_DIGITS else f"{shown[:_SHOWN_DIGITS]}…、{len(shown)} 文字"
