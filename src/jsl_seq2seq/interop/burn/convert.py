"""Between the original's module tree and our flat parameters.

The original has one linear layer per head; ours are columns of one: head h is columns h·E to (h+1)·E. Its
special tokens stand at the end of the vocabulary, ours at the beginning, so the rows of both embeddings and
the columns of the output projection change places. Nothing else changes: the numbers are the same bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ...errors import Failure
from ...settings import ModelConfig
from .record import DECODER_BLOCK, ENCODER_BLOCK, Attention, Block, Linear, Norm, Parameter, Record, Stack

_ATTENTIONS = {"encoder": ("self_attn",), "decoder": ("self_attn", "cross_attn")}
_PROJECTIONS = ("q_proj", "k_proj", "v_proj")
Arrays = dict[str, np.ndarray]


def dimensions(record: Record, name: str) -> dict[str, int]:
    """The sizes that the tensors have, by ModelConfig's names; ``vocab_size`` is one number for both sides.

    Raises:
        Failure: encoder and decoder do not fit each other, or there is no layer.
    """
    vocab_size, d_model = record.encoder.embedding.values.shape
    if record.decoder.embedding.values.shape != (vocab_size, d_model):
        raise Failure(
            f"{name} のエンコーダーとデコーダーの埋め込みの形が違います: "
            f"{record.encoder.embedding.values.shape} と {record.decoder.embedding.values.shape}",
            code="burn-embeddings-differ",
            path=Path(name),
            encoder=record.encoder.embedding.values.shape,
            decoder=record.decoder.embedding.values.shape,
        )
    layers = len(record.encoder.blocks)
    if not layers or layers != len(record.decoder.blocks):
        raise Failure(
            f"{name} の層の数が読み込めるものではありません"
            f"（エンコーダー {layers}、デコーダー {len(record.decoder.blocks)}）。",
            "読み込めるのは、1 層以上で、両方が同じ数のモデルです。",
            code="burn-layers-differ",
            path=Path(name),
            encoder=layers,
            decoder=len(record.decoder.blocks),
        )
    first = record.encoder.blocks[0]
    n_heads = len(first.attentions[0].w_q)
    for block in (*record.encoder.blocks, *record.decoder.blocks):
        for attention in block.attentions:
            heads = [len(projection) for projection in (attention.w_q, attention.w_k, attention.w_v)]
            if set(heads) != {n_heads} or not n_heads:
                raise Failure(
                    f"{name} のヘッドの数がそろっていません（{n_heads} と {heads}）。",
                    code="burn-heads-differ",
                    path=Path(name),
                    expected=n_heads,
                    found=heads,
                )
    return {
        "vocab_size": vocab_size,
        "d_model": d_model,
        "n_heads": n_heads,
        "n_layers": layers,
        "n_decoder_layers": layers,
        "d_ff": first.w_1.weight.values.shape[1],
    }


def to_parameters(record: Record, order: Sequence[int]) -> Arrays:
    """Our parameters, in no particular order and of whatever shapes the record has.

    Args:
        order: the original's vocabulary row behind each of our ids.
    """
    rows = np.array(order)
    named: Arrays = {}
    for side, stack in (("encoder", record.encoder), ("decoder", record.decoder)):
        named[f"{side}.embedding.weight"] = _reordered(stack.embedding.values, rows)
        for index, block in enumerate(stack.blocks):
            named.update(_block_parameters(block, side, f"{side}.layers.{index}"))
    output = record.output_projection
    named["decoder.output_projection.weight"] = _reordered(output.weight.values.T, rows).T
    named["decoder.output_projection.bias"] = _reordered(_bias(output), rows)
    return named


def to_record(
    named: Mapping[str, np.ndarray],
    config: ModelConfig,
    order: Sequence[int],
    header: Sequence[str],
    ids: Sequence[str | None],
) -> Record:
    """The reverse of :func:`to_parameters`.

    Args:
        header: from the file that the model came from.
        ids: :func:`parameter_ids` of it.

    Raises:
        Failure: there are not as many ids as parameters, or a bias that the original lacks is no longer zero.
    """
    rows = np.argsort(np.array(order))
    build = _Builder(ids, config)
    # the order of these calls is the order of the ids
    stacks = []
    for side, kind in (("encoder", ENCODER_BLOCK), ("decoder", DECODER_BLOCK)):
        embedding = build.parameter(named[f"{side}.embedding.weight"][rows])
        blocks = tuple(
            build.block(named, f"{side}.layers.{index}", _ATTENTIONS[side], kind[1])
            for index in range(config.n_layers)
        )
        stacks.append(Stack(embedding, blocks))
    name = "decoder.output_projection"
    output = build.linear(named[f"{name}.weight"][:, rows], named[f"{name}.bias"][rows], name)
    build.finish()
    return Record(tuple(header), stacks[0], stacks[1], output)


def parameter_ids(record: Record) -> list[str | None]:
    """Burn's name for every parameter, in file order; ``None`` where there is no bias."""
    return [None if parameter is None else parameter.id for parameter in _in_file_order(record)]


def _block_parameters(block: Block, side: str, name: str) -> Iterator[tuple[str, np.ndarray]]:
    for attention, ours in zip(block.attentions, _ATTENTIONS[side], strict=True):
        for projection, heads in zip(
            _PROJECTIONS, (attention.w_q, attention.w_k, attention.w_v), strict=True
        ):
            yield f"{name}.{ours}.{projection}.weight", _columns([head.weight.values for head in heads])
            yield f"{name}.{ours}.{projection}.bias", _columns([_bias(head) for head in heads])
        yield from _linear_parameters(attention.w_o, f"{name}.{ours}.out_proj")
    yield from _linear_parameters(block.w_1, f"{name}.feed_forward.linear1")
    yield from _linear_parameters(block.w_2, f"{name}.feed_forward.linear2")
    for number, norm in enumerate(block.norms, start=1):
        yield f"{name}.norm{number}.weight", norm.gamma.values
        yield f"{name}.norm{number}.bias", norm.beta.values


def _linear_parameters(linear: Linear, name: str) -> Iterator[tuple[str, np.ndarray]]:
    yield f"{name}.weight", linear.weight.values
    yield f"{name}.bias", _bias(linear)


def _reordered(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The rows in another order; of an array that has not as many, the array itself, whose shape is then refused."""
    return values[rows] if len(values) == len(rows) else values


def _bias(linear: Linear) -> np.ndarray:
    if linear.bias is None:
        return np.zeros(linear.weight.values.shape[1], np.float32)
    return linear.bias.values


def _columns(pieces: Sequence[np.ndarray]) -> np.ndarray:
    """Side by side; pieces that do not fit give an array of no acceptable shape."""
    if not pieces or len({piece.shape for piece in pieces}) > 1:
        return np.empty(0, np.float32)
    return np.concatenate(pieces, axis=-1)


class _Builder:
    """Builds the modules of a record; each parameter takes the next id, in file order."""

    def __init__(self, ids: Sequence[str | None], config: ModelConfig) -> None:
        self._ids, self._used, self._heads = ids, 0, config.n_heads

    def finish(self) -> None:
        if self._used != len(self._ids):
            raise _wrong_ids()

    def parameter(self, values: np.ndarray) -> Parameter:
        identifier = self._next()
        if identifier is None:
            raise _wrong_ids()
        return Parameter(identifier, values)

    def linear(self, weight: np.ndarray, bias: np.ndarray, name: str) -> Linear:
        first, identifier = self.parameter(weight), self._next()
        if identifier is None and bias.any():
            raise Failure(
                f"{name}.bias は元のモデルにありませんが、学習で 0 でなくなったので書き出せません。",
                "取り込んだ直後のモデルを書き出してください。",
                code="burn-bias-trained",
                name=f"{name}.bias",
            )
        return Linear(first, None if identifier is None else Parameter(identifier, bias))

    def named_linear(self, named: Mapping[str, np.ndarray], name: str) -> Linear:
        return self.linear(named[f"{name}.weight"], named[f"{name}.bias"], name)

    def block(
        self, named: Mapping[str, np.ndarray], name: str, attentions: Sequence[str], norms: int
    ) -> Block:
        return Block(
            tuple(self._attention(named, f"{name}.{attention}") for attention in attentions),
            self.named_linear(named, f"{name}.feed_forward.linear1"),
            self.named_linear(named, f"{name}.feed_forward.linear2"),
            tuple(self._norm(named, f"{name}.norm{number}") for number in range(1, norms + 1)),
        )

    def _attention(self, named: Mapping[str, np.ndarray], name: str) -> Attention:
        w_q, w_k, w_v = (self._split(named, f"{name}.{projection}") for projection in _PROJECTIONS)
        return Attention(w_q, w_k, w_v, self.named_linear(named, f"{name}.out_proj"))

    def _split(self, named: Mapping[str, np.ndarray], name: str) -> tuple[Linear, ...]:
        weights = np.split(named[f"{name}.weight"], self._heads, axis=1)
        biases = np.split(named[f"{name}.bias"], self._heads)
        return tuple(self.linear(weight, bias, name) for weight, bias in zip(weights, biases, strict=True))

    def _norm(self, named: Mapping[str, np.ndarray], name: str) -> Norm:
        return Norm(self.parameter(named[f"{name}.weight"]), self.parameter(named[f"{name}.bias"]))

    def _next(self) -> str | None:
        if self._used == len(self._ids):
            raise _wrong_ids()
        self._used += 1
        return self._ids[self._used - 1]


def _wrong_ids() -> Failure:
    return Failure(
        "burn.json の id の数が、モデルのパラメーターの数と合いません。",
        "元のファイルから取り込み直してください。",
        code="burn-ids-mismatch",
    )


def _in_file_order(record: Record) -> Iterator[Parameter | None]:
    for stack in (record.encoder, record.decoder):
        yield stack.embedding
        for block in stack.blocks:
            for attention in block.attentions:
                for linear in (*attention.w_q, *attention.w_k, *attention.w_v, attention.w_o):
                    yield from (linear.weight, linear.bias)
            yield from (block.w_1.weight, block.w_1.bias, block.w_2.weight, block.w_2.bias)
            for norm in block.norms:
                yield from (norm.gamma, norm.beta)
    yield from (record.output_projection.weight, record.output_projection.bias)
