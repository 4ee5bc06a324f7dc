"""What a model is and how it is trained: frozen values that travel with every saved model.

The field names are the keys of ``config.json``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any, TypeVar

from .errors import UserError

SPECIALS = ("PAD", "SOS", "EOS")
"""Every vocabulary's first entries."""
PAD, SOS, EOS = range(3)
"""PAD fills short sequences up: attention never sees it, training never counts it. A target starts after SOS
and ends with EOS."""


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
    """Whether a LayerNorm stands behind the last encoder and the last decoder layer, as Pre-LN wants it."""
    attention_masks: bool = True
    """Whether attention is kept from padding, and the decoder from what comes later. The original Rust
    project trained without: an imported model has learnt with what it saw there, and needs to see it."""
    source_length: int = 0
    """Every shorter sentence is filled up with PAD to this length; 0 for none (imported models)."""
    embedding_scale: bool = True
    """Whether embeddings are multiplied by √D before positions are added (Vaswani et al. 2017, §3.4)."""
    tied_embeddings: bool = False
    """Whether tags are read and written with the same vectors: the output projection's weight is the
    decoder's embedding (Press & Wolf 2017)."""

    def __post_init__(self) -> None:
        for name, (low, high) in _MODEL_RANGES.items():
            require_range(flag(name), getattr(self, name), low, high)
        if self.d_model % self.n_heads:
            raise UserError(
                f"d_model（{self.d_model}）が n_heads（{self.n_heads}）で割り切れません。",
                "--d-model を --n-heads の倍数にしてください（例: --d-model 64 --n-heads 4）。",
            )
        if self.d_model % 2:
            raise UserError(
                f"d_model（{self.d_model}）が奇数です。",
                "位置符号化は sin と cos を組にするので、--d-model は偶数にしてください。",
            )
        if not 0 <= self.source_length <= self.max_seq_len:
            raise UserError(
                f"source_length（{self.source_length}）は 0 から max_seq_len（{self.max_seq_len}）までです。"
            )

    @property
    def head_size(self) -> int:
        """E, the width of one attention head."""
        return self.d_model // self.n_heads

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
            raise UserError("モデル設定の vocab_size が {source, target} の形ではありません。")
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
    "position_shift": (0, 100_000),
    "average": (1, 1_000),
    "patience": (0, 10**9),
    "seed": (0, 2**63 - 1),
}
"""Beyond any training; what is computed from them stays a number that every backend can hold."""
_CHOICES = {
    "optimizer": ("adam",),
    "schedule": ("constant", "inverse-sqrt", "cosine"),
    "keep": ("last", "best", "average"),
}


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
    """Steps over which the learning rate rises linearly from 0; ``schedule`` says what comes afterwards."""
    schedule: str = "constant"
    """``constant``, ``inverse-sqrt`` or ``cosine``: see :func:`jsl_seq2seq.train.schedule.learning_rate`."""
    decay_steps: int = 0
    """Step at which ``cosine`` arrives; 0 for the last step of the training that begins."""
    position_shift: int = 0
    """In training sentences begin at a position drawn from 0 to this, so that a model trained on short
    sentences has seen the positions of longer ones (Kiyono et al. 2021)."""
    keep: str = "last"
    """Which parameters are saved in the end: those of the ``last`` step, of the epoch with the ``best``
    validation loss, or the ``average`` of the last ``average`` epochs (Vaswani et al. 2017, §6.1)."""
    average: int = 5
    patience: int = 0
    """Stop after so many epochs without a better validation loss; 0 for never."""
    dropout: float = 0.0
    label_smoothing: float = 0.0
    clip_norm: float = 1.0
    """Largest Euclidean norm of the whole gradient; 0 leaves gradients alone."""
    seed: int = 0
    optimizer: str = "adam"
    beta1: float = 0.9
    beta2: float = 0.98
    epsilon: float = 1e-9

    def __post_init__(self) -> None:
        for name, (low, high) in _TRAINING_RANGES.items():
            require_range(flag(name), getattr(self, name), low, high)
        for name in ("learning_rate", "epsilon"):
            value = getattr(self, name)
            if not 0 < value < math.inf:
                raise UserError(f"{flag(name)} は 0 より大きい数にしてください（いまの値: {value}）。")
        if not 0 <= self.clip_norm < math.inf:
            raise UserError(
                f"--clip-norm は 0 以上の数にしてください（いまの値: {self.clip_norm}）。",
                "勾配を切らないなら --clip-norm 0 とします。",
            )
        for name in ("dropout", "label_smoothing", "beta1", "beta2"):
            if not 0 <= getattr(self, name) < 1:
                raise UserError(
                    f"{flag(name)} は 0 以上 1 未満にしてください（いまの値: {getattr(self, name)}）。",
                    "割合です。たとえば 0.1 は 10 % のことです。",
                )
        for name, known in _CHOICES.items():
            if getattr(self, name) not in known:
                raise UserError(
                    f"知らない {flag(name)} です: {getattr(self, name)!r}",
                    f"使えるのは {'、'.join(known)} です。",
                )

    def to_json(self) -> dict[str, Any]:
        """Plain values for ``config.json``."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> TrainingConfig:
        """Read what :meth:`to_json` wrote; raises UserError for an unknown, missing or mistyped key."""
        return from_mapping(cls, values, "training")


SETTINGS = frozenset(field.name for cls in (ModelConfig, TrainingConfig) for field in fields(cls))
"""Everything about a model and its training that can be set by name."""

DATA_SETTINGS = frozenset({"source_units", "target_units", "subword_vocab"})
"""What can be set about the units that a new model's vocabulary consists of."""

Config = TypeVar("Config")
_SHOWN_DIGITS = 20
_PLAIN_TYPES: dict[str, type] = {"int": int, "float": float, "str": str, "bool": bool}


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
        )
    missing = [name for name, field in known.items() if name not in values and field.default is MISSING]
    if missing:
        raise UserError(f"設定 {where} に必要な項目がありません: {', '.join(missing)}")
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
        raise UserError(f"設定 {where} は {expected} のはずですが、{value!r} でした。")
    return value


def require_range(option: str, value: float, low: float, high: float) -> None:
    """Raise UserError unless ``low`` ≤ ``value`` ≤ ``high``; NaN is never in between.

    Args:
        option: what the user calls it.
    """
    if not low <= value <= high:
        shown = str(value)
        if len(shown) > _SHOWN_DIGITS:
            shown = f"{shown[:_SHOWN_DIGITS]}…、{len(shown)} 文字"
        raise UserError(f"{option} は {low:,} から {high:,} までにしてください（いまの値: {shown}）。")


def flag(name: str) -> str:
    """The command-line spelling of a field: ``batch_size`` -> ``--batch-size``."""
    return "--" + name.replace("_", "-")
