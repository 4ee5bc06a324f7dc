"""The original project's module tree, as Burn 0.18 writes it to ``model.bin``, and a plain structure for it.

Five strings say who wrote it, then comes the module, depth first in the order of its fields:

    encoder   embedding, encoder_blocks[attention, feed_forward, layer_norm1, layer_norm2]
    decoder   embedding, decoder_blocks[self_attention, cross_attention, feed_forward, layer_norm1..3],
              output_projection

where an attention is ``w_q[heads], w_k[heads], w_v[heads], w_o`` and a feed-forward layer ``w_1, w_2``, all of
them linear layers: a weight and an optional bias. A layer norm is gamma, beta and one zero byte, since its
epsilon is a constant, which Burn does not store.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from .bincode import Reader, Writer

HEADER = (
    "f32",
    "i32",
    "burn_core::record::file::BinFileRecorder<burn_core::record::settings::FullPrecisionSettings>",
    "0.18.0",
    "FullPrecisionSettings",
)
"""Float type, integer type, recorder, Burn's version, settings."""
_VERSION = 3
_FLOAT32 = 1
_LONGEST_TEXT = 1_000
_MOST_TENSORS = 10_000


@dataclass(frozen=True)
class Parameter:
    """A float32 tensor and the name that Burn drew for it."""

    id: str
    values: np.ndarray


@dataclass(frozen=True)
class Linear:
    """``weight`` is input x output."""

    weight: Parameter
    bias: Parameter | None


@dataclass(frozen=True)
class Norm:
    """A layer norm's scale and shift."""

    gamma: Parameter
    beta: Parameter


@dataclass(frozen=True)
class Attention:
    """One linear layer per head and projection; ``w_o`` joins them."""

    w_q: tuple[Linear, ...]
    w_k: tuple[Linear, ...]
    w_v: tuple[Linear, ...]
    w_o: Linear


@dataclass(frozen=True)
class Block:
    """An encoder block has one attention and two norms, a decoder block two and three."""

    attentions: tuple[Attention, ...]
    w_1: Linear
    w_2: Linear
    norms: tuple[Norm, ...]


@dataclass(frozen=True)
class Stack:
    """Encoder, or decoder without its output projection."""

    embedding: Parameter
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Record:
    """A whole file."""

    header: tuple[str, ...]
    encoder: Stack
    decoder: Stack
    output_projection: Linear


ENCODER_BLOCK = (("attention",), 2)
DECODER_BLOCK = (("self_attention", "cross_attention"), 3)
_Kind = tuple[tuple[str, ...], int]
Item = TypeVar("Item")


class _Reader(Reader):
    """A reader that counts, so that a file of a million tiny tensors is given up on early."""

    tensors = 0


def read_record(content: bytes, name: str) -> Record:
    """Read a file's content to its last byte.

    Args:
        name: the file, for messages.

    Raises:
        Failure: it is not such a file; says where reading stopped and at which tensor.
    """
    reader = _Reader(content, name)
    header = _read_header(reader)
    record = Record(
        header,
        _read_stack(reader, "encoder", ENCODER_BLOCK),
        _read_stack(reader, "decoder", DECODER_BLOCK),
        _read_linear(reader, "decoder.output_projection"),
    )
    reader.finish()
    return record


def write_record(record: Record) -> bytes:
    """The bytes that :func:`read_record` reads."""
    writer = Writer()
    for text in record.header:
        writer.text(text)
    for stack in (record.encoder, record.decoder):
        _write_parameter(writer, stack.embedding)
        writer.unsigned(len(stack.blocks))
        for block in stack.blocks:
            _write_block(writer, block)
    _write_linear(writer, record.output_projection)
    return writer.content()


def _read_header(reader: _Reader) -> tuple[str, ...]:
    header = []
    for index, expected in enumerate(HEADER):
        text = reader.text("見出し（Burn の版と精度）", _LONGEST_TEXT)
        if text != expected and not (index == _VERSION and text.startswith("0.18.")):
            reader.fail("見出し（Burn の版と精度）", f"「{expected}」のはずが「{text[:80]}」です")
        header.append(text)
    return tuple(header)


def _read_stack(reader: _Reader, name: str, kind: _Kind) -> Stack:
    embedding = _read_parameter(reader, f"{name}.embedding.weight", 2)
    return Stack(
        embedding,
        _read_vec(reader, f"{name}.{name}_blocks", lambda where: _read_block(reader, where, kind)),
    )


def _read_block(reader: _Reader, where: str, kind: _Kind) -> Block:
    attentions, norms = kind
    return Block(
        tuple(_read_attention(reader, f"{where}.{name}") for name in attentions),
        _read_linear(reader, f"{where}.feed_forward.w_1"),
        _read_linear(reader, f"{where}.feed_forward.w_2"),
        tuple(_read_norm(reader, f"{where}.layer_norm{number}") for number in range(1, norms + 1)),
    )


def _write_block(writer: Writer, block: Block) -> None:
    for attention in block.attentions:
        for heads in (attention.w_q, attention.w_k, attention.w_v):
            writer.unsigned(len(heads))
            for head in heads:
                _write_linear(writer, head)
        _write_linear(writer, attention.w_o)
    _write_linear(writer, block.w_1)
    _write_linear(writer, block.w_2)
    for norm in block.norms:
        _write_parameter(writer, norm.gamma)
        _write_parameter(writer, norm.beta)
        writer.flag(False)  # epsilon


def _read_attention(reader: _Reader, where: str) -> Attention:
    w_q, w_k, w_v = (
        _read_vec(reader, f"{where}.{name}", lambda head: _read_linear(reader, head))
        for name in ("w_q", "w_k", "w_v")
    )
    return Attention(w_q, w_k, w_v, _read_linear(reader, f"{where}.w_o"))


def _read_norm(reader: _Reader, where: str) -> Norm:
    norm = Norm(_read_parameter(reader, f"{where}.gamma", 1), _read_parameter(reader, f"{where}.beta", 1))
    if reader.flag(f"{where}.epsilon"):
        reader.fail(f"{where}.epsilon", "保存されないはずの値があります")
    return norm


def _read_linear(reader: _Reader, where: str) -> Linear:
    weight = _read_parameter(reader, f"{where}.weight", 2)
    return Linear(
        weight, _read_parameter(reader, f"{where}.bias", 1) if reader.flag(f"{where}.bias") else None
    )


def _write_linear(writer: Writer, linear: Linear) -> None:
    _write_parameter(writer, linear.weight)
    writer.flag(linear.bias is not None)
    if linear.bias is not None:
        _write_parameter(writer, linear.bias)


def _read_vec(reader: _Reader, where: str, read: Callable[[str], Item]) -> tuple[Item, ...]:
    """A ``Vec``. A false length ends at the end of the bytes, since no item is empty."""
    return tuple(read(f"{where}[{index}]") for index in range(reader.unsigned(f"{where} の個数")))


def _read_parameter(reader: _Reader, where: str, dimensions: int) -> Parameter:
    reader.tensors += 1
    if reader.tensors > _MOST_TENSORS:
        reader.fail(where, f"テンソルが {_MOST_TENSORS} 個を超えています")
    identifier = reader.text(f"{where} の id", _LONGEST_TEXT)
    content = reader.take(reader.unsigned(f"{where} の長さ"), where)
    found = reader.unsigned(f"{where} の次元の数")
    if found != dimensions:
        reader.fail(where, f"{dimensions} 次元のはずが {found} 次元です")
    shape = tuple(reader.unsigned(f"{where} の形") for _ in range(dimensions))
    dtype = reader.unsigned(f"{where} の型")
    if dtype != _FLOAT32:
        reader.fail(where, f"型が float32（1）ではなく {dtype} です")
    if 0 in shape or 4 * math.prod(shape) != len(content):
        reader.fail(where, f"形 {list(shape)} と長さ {len(content)} バイトが合いません")
    values = np.frombuffer(content, "<f4").reshape(shape)
    if not np.isfinite(values).all():
        reader.fail(where, "数でない値（NaN や無限大）があります")
    return Parameter(identifier, values)


def _write_parameter(writer: Writer, parameter: Parameter) -> None:
    content = np.ascontiguousarray(parameter.values, "<f4").tobytes()
    writer.text(parameter.id)
    writer.unsigned(len(content))
    writer.raw(content)
    writer.unsigned(parameter.values.ndim)
    for length in parameter.values.shape:
        writer.unsigned(length)
    writer.unsigned(_FLOAT32)
