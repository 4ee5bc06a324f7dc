"""Jobs of training: embeddings, dropout, the flat gradient, clipping and Adam."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .arrays import COPY, SCALE, elementwise, empty, fill, plain
from .engine import Engine
from .job import Block, Job
from .tensor import Tensor

_UPDATE_GROUP = 1024
"""Floats that one workgroup of ``clip`` and ``adam`` works on."""


def embedding(engine: Engine, weight: Tensor, ids: Tensor) -> Tensor:
    """Row ids[i] of the weight for every i."""
    vocabulary, length = weight.shape
    out = empty(engine, (*ids.shape, length))
    engine.add(
        Job(
            "embedding",
            {
                "size": out.size,
                "ids": ids.address,
                "weight": weight.address,
                "out": out.address,
                "vocabulary": vocabulary,
                "length": length,
                "factor": 1.0,
            },
            [weight.span, ids.span],
            [out.span],
            -(-out.size // 64),
        )
    )
    return out


def embedding_gradient(engine: Engine, g: Tensor, ids: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Every use of a row adds to that row's gradient."""
    factor = 1.0
    if g.packed:
        factor = g.factor
    else:
        g = plain(engine, g)
    out = empty(engine, shape)
    engine.add(
        Job(
            "embedding_gradient",
            {
                "size": out.size,
                "ids": ids.address,
                "g": g.address,
                "out": out.address,
                "tokens": ids.size,
                "length": shape[1],
                "factor": factor,
            },
            [g.span, ids.span],
            [out.span],
            -(-out.size // 64),
        )
    )
    return out


def dropout(engine: Engine, x: Tensor, rate: float, key: Tensor, site: int) -> Tensor:
    """Zero what the hash of (key, site, position) chooses, divide the rest by 1 - rate."""
    out = empty(engine, x.shape)
    engine.add(
        Job(
            "dropout",
            {
                "size": x.size,
                "x": x.address,
                "out": out.address,
                "key": key.address,
                "site": site,
                "threshold": int(rate * 2**32),
                "scale": float(np.float32(1) / np.float32(1 - rate)),
                "extra": None,
            },
            [x.span, key.span],
            [out.span],
            -(-x.size // 64),
        )
    )
    return out


def joined(engine: Engine, pieces: Sequence[Tensor | None], shapes: Sequence[tuple[int, ...]]) -> Tensor:
    """All gradients one after another in one flat array.

    Where a gradient (or several, that lie one after another already) fills a block of its own, the block
    becomes a part of the flat one, so that its maker writes straight into its place.
    """
    sizes = [math.prod(shape) for shape in shapes]
    starts = np.cumsum([0, *sizes]).tolist()
    flat = empty(engine, (starts[-1],))
    home = flat.hold.block
    settled: dict[Block, int] = {}
    lone = _filling(pieces, sizes, starts)
    for piece, shape, start, size in zip(pieces, shapes, starts, sizes, strict=False):
        place = flat.view(shape, Tensor(flat.hold, shape).strides, start)
        if piece is None:
            fill(engine, place, 0.0)
            continue
        block = piece.hold.block
        if block in lone and settled.setdefault(block, start - piece.offset) == start - piece.offset:
            continue
        if block in lone:
            lone.pop(block)
        elementwise(engine, COPY if piece.factor == 1.0 else SCALE, piece, out=place)
        assert piece.size == size
    for block, start in settled.items():
        if block in lone:
            block.put_inside(home, start)
    return flat


def _filling(
    pieces: Sequence[Tensor | None], sizes: Sequence[int], starts: Sequence[int]
) -> dict[Block, int]:
    """Blocks that consist of nothing but consecutive gradients, each once, and where they go."""
    members: dict[Block, list[tuple[Tensor, int, int]]] = {}
    for piece, size, start in zip(pieces, sizes, starts, strict=False):
        if piece is not None:
            members.setdefault(piece.hold.block, []).append((piece, size, start))
    result = {}
    for block, parts in members.items():
        home = parts[0][2] - parts[0][0].offset
        if (
            block.place is None
            and block.inside is None
            and block.values is None
            and not block.bound
            and all(piece.plain and start - piece.offset == home for piece, _, start in parts)
            and sum(size for _, size, _ in parts) == block.size
        ):
            result[block] = home
    return result


def clip_norm(engine: Engine, gradient: Tensor, max_norm: float) -> Tensor:
    """g · min(1, max_norm / ‖g‖)."""
    size = gradient.size
    piece = max(_UPDATE_GROUP, -(-size // 256))
    pieces = -(-size // piece)
    norms, out = empty(engine, (pieces,)), empty(engine, gradient.shape)
    together = (("LANES", 64),)
    engine.add(
        Job(
            "norm",
            {"size": size, "g": gradient.address, "out": norms.address, "piece": piece},
            [gradient.span],
            [norms.span],
            pieces,
            together,
        )
    )
    engine.add(
        Job(
            "clip",
            {
                "size": size,
                "g": gradient.address,
                "out": out.address,
                "norms": norms.address,
                "pieces": pieces,
                "max_norm": max_norm,
            },
            [gradient.span, norms.span],
            [out.span],
            -(-size // _UPDATE_GROUP),
            together,
        )
    )
    return out


def adam(
    engine: Engine,
    parameters: Tensor,
    gradient: Tensor,
    m: Tensor,
    v: Tensor,
    rates: Tensor,
    betas: tuple[float, float],
) -> None:
    """One step of Adam, in place; see ``adam.wgsl``."""
    size = parameters.size
    beta1, beta2 = betas
    engine.add(
        Job(
            "adam",
            {
                "size": size,
                "parameters": parameters.address,
                "g": gradient.address,
                "m": m.address,
                "v": v.address,
                "rates": rates.address,
                "norms": None,
                "pieces": 0,
                "max_norm": 0.0,
                "beta1": beta1,
                "beta2": beta2,
                "rest1": 1 - beta1,
                "rest2": 1 - beta2,
            },
            [parameters.span, gradient.span, m.span, v.span, rates.span],
            [parameters.span, m.span, v.span],
            -(-size // _UPDATE_GROUP),
            (("LANES", 64),),
        )
    )
