"""Files of the original project, written byte by byte from issue 6's description and nothing of ours."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ALPHABET = "0123456789abcdefghijklmnopqrstuv"


def integer(value: int) -> bytes:
    """A bincode 2 unsigned integer."""
    if value < 251:
        return struct.pack("<B", value)
    if value < 2**16:
        return b"\xfb" + struct.pack("<H", value)
    return b"\xfc" + struct.pack("<I", value)


def string(value: str) -> bytes:
    return integer(len(value.encode())) + value.encode()


@dataclass
class Original:
    """A model of the original with random weights, as nested lists and dictionaries of arrays.

    ``tree`` has the original's field names; a linear layer is ``{"weight": ..., "bias": ...}``.
    """

    d_model: int = 16
    n_heads: int = 2
    n_layers: int = 4
    d_ff: int = 64
    vocab_size: int = 168
    seed: int = 0
    biases: bool = True
    version: str = "0.18.0"
    random: np.random.Generator = field(init=False)
    tree: dict[str, Any] = field(init=False)
    tensors: int = field(init=False, default=0)
    numbers: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        d, v = self.d_model, self.vocab_size
        self.tree = {
            "encoder": {
                "embedding": self._normal(v, d),
                "encoder_blocks": [self._block(["attention"], 2) for _ in range(self.n_layers)],
            },
            "decoder": {
                "embedding": self._normal(v, d),
                "decoder_blocks": [
                    self._block(["self_attention", "cross_attention"], 3) for _ in range(self.n_layers)
                ],
                "output_projection": self._linear(d, v),
            },
        }

    def content(self) -> bytes:
        """``model.bin``."""
        self.tensors = self.numbers = 0
        self._ids = np.random.default_rng(self.seed + 1)
        encoder, decoder = self.tree["encoder"], self.tree["decoder"]
        out = b"".join(
            string(text)
            for text in [
                "f32",
                "i32",
                "burn_core::record::file::BinFileRecorder<burn_core::record::settings::FullPrecisionSettings>",
                self.version,
                "FullPrecisionSettings",
            ]
        )
        out += self._tensor(encoder["embedding"])
        out += integer(len(encoder["encoder_blocks"]))
        for block in encoder["encoder_blocks"]:
            out += self._attention_bytes(block["attention"])
            out += self._rest(block)
        out += self._tensor(decoder["embedding"])
        out += integer(len(decoder["decoder_blocks"]))
        for block in decoder["decoder_blocks"]:
            out += self._attention_bytes(block["self_attention"])
            out += self._attention_bytes(block["cross_attention"])
            out += self._rest(block)
        return out + self._linear_bytes(decoder["output_projection"])

    def settings(self) -> dict[str, Any]:
        """A ``config.json`` as the original might have it."""
        return {
            "model": {
                "vocab_size": self.vocab_size,
                "d_model": self.d_model,
                "n_heads": self.n_heads,
                "n_layers": self.n_layers,
                "d_ff": self.d_ff,
                "max_seq_len": 10,
            },
            "training": {"epochs": 100, "batch_size": 8, "learning_rate": 0.001},
        }

    def write(self, directory: Path, settings: Any = None) -> Path:
        """A directory of the original."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "model.bin").write_bytes(self.content())
        text = json.dumps(self.settings() if settings is None else settings, ensure_ascii=False, indent=2)
        (directory / "config.json").write_text(text, encoding="utf-8", newline="\r\n")
        return directory

    def _block(self, attentions: list[str], norms: int) -> dict[str, Any]:
        block: dict[str, Any] = {name: self._attention() for name in attentions}
        block["feed_forward"] = {
            "w_1": self._linear(self.d_model, self.d_ff),
            "w_2": self._linear(self.d_ff, self.d_model),
        }
        for number in range(1, norms + 1):
            block[f"layer_norm{number}"] = {
                "gamma": 1 + self._normal(self.d_model) / 5,
                "beta": self._normal(self.d_model) / 5,
            }
        return block

    def _attention(self) -> dict[str, Any]:
        width = self.d_model // self.n_heads
        heads = {
            name: [self._linear(self.d_model, width) for _ in range(self.n_heads)]
            for name in ("w_q", "w_k", "w_v")
        }
        return {**heads, "w_o": self._linear(self.d_model, self.d_model)}

    def _linear(self, inputs: int, outputs: int) -> dict[str, Any]:
        bias = self._normal(outputs) / 4 if self.biases else None
        return {"weight": self._normal(inputs, outputs) / inputs**0.5, "bias": bias}

    def _normal(self, *shape: int) -> np.ndarray:
        return self.random.normal(size=shape).astype(np.float32)

    def _rest(self, block: dict[str, Any]) -> bytes:
        out = self._linear_bytes(block["feed_forward"]["w_1"]) + self._linear_bytes(
            block["feed_forward"]["w_2"]
        )
        for number in (1, 2, 3):
            norm = block.get(f"layer_norm{number}")
            if norm is not None:
                out += self._tensor(norm["gamma"]) + self._tensor(norm["beta"]) + b"\0"
        return out

    def _attention_bytes(self, attention: dict[str, Any]) -> bytes:
        out = b""
        for name in ("w_q", "w_k", "w_v"):
            out += integer(len(attention[name]))
            for head in attention[name]:
                out += self._linear_bytes(head)
        return out + self._linear_bytes(attention["w_o"])

    def _linear_bytes(self, linear: dict[str, Any]) -> bytes:
        out = self._tensor(linear["weight"])
        return out + (b"\0" if linear["bias"] is None else b"\x01" + self._tensor(linear["bias"]))

    def _tensor(self, values: np.ndarray) -> bytes:
        self.tensors += 1
        self.numbers += values.size
        name = "".join(ALPHABET[i] for i in self._ids.integers(0, 32, 13))
        numbers = [struct.pack("<f", value) for value in values.ravel().tolist()]
        out = string(name) + integer(4 * len(numbers)) + b"".join(numbers)
        out += integer(values.ndim)
        for length in values.shape:
            out += integer(length)
        return out + b"\x01"
