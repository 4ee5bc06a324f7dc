"""The shape of a model: a frozen value that is saved with it. The field names are the keys of ``config.json``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import UserError
from .schema import from_mapping, require_range
from .special_ids import PAD, SOS


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
    source_cut: bool = False
    """Whether a longer sentence is cut to ``source_length`` (imported models)."""
    embedding_scale: bool = True
    """Whether embeddings are multiplied by √D before positions are added (Vaswani et al. 2017, §3.4)."""
    tied_embeddings: bool = False
    """Whether tags are read and written with the same vectors: the output projection's weight is the
    decoder's embedding (Press & Wolf 2017)."""
    specials_masked: bool = True
    """Whether decoding never chooses PAD and SOS. Without, it chooses among all entries of the vocabulary, and
    those that are no tag are left out of the translation afterwards (imported models)."""

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
