"""The jobs of each operation: kernels of ``kernels/*.wgsl`` on arrays. Matrix products have :mod:`.matmul`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .engine import Engine
from .job import Block, Constants, Field, Job, Span
from .matmul import sum_job
from .tensor import Tensor

# -- arrays: from the host and back, and jobs that move, fill or add elements ---------------------

SCALE, ADD, RELU, GATE, COPY, DIFFERS, WEIGH, REACH = range(8)
"""Operations of ``elementwise.wgsl``."""

_PER_GROUP = 256


def to_words(values: Any) -> tuple[np.ndarray, str]:
    """Numbers as the device keeps them: 32-bit words in C order, and what they mean."""
    array = np.asarray(values)
    dtype = {"f": "float32", "i": "int32", "u": "uint32", "b": "bool"}[array.dtype.kind]
    stored = np.ascontiguousarray(array, np.uint32 if dtype == "bool" else dtype)
    return stored.view(np.uint32).reshape(array.shape), dtype


def from_words(words: np.ndarray, dtype: str) -> np.ndarray:
    """Undo :func:`to_words`."""
    return words.astype(bool) if dtype == "bool" else words.view(dtype)


def upload(engine: Engine, values: Any) -> Tensor:
    """An array with the host's values, which travel when they are first needed."""
    words, dtype = to_words(values)
    block = Block(max(words.size, 1), words.reshape(-1).copy())
    return Tensor(engine.ref(block), words.shape, dtype=dtype)


def empty(engine: Engine, shape: Sequence[int], dtype: str = "float32") -> Tensor:
    """A new array that some job is about to write."""
    return Tensor(engine.ref(Block(max(math.prod(shape), 1))), shape, dtype=dtype)


def fill(engine: Engine, x: Tensor, value: float) -> None:
    """Write ``value`` into all of a packed array."""
    fields = {"size": x.size, "out": x.address, "value": value}
    engine.add(Job("fill", fields, [], [x.span], -(-x.size // _PER_GROUP)))


def elementwise(
    engine: Engine,
    operation: int,
    a: Tensor,
    b: Tensor | None = None,
    out: Tensor | None = None,
    dtype: str = "float32",
    value: int = 0,
    weight: Tensor | None = None,
    shift: tuple[Tensor, int] | None = None,
) -> Tensor:
    """One of ``elementwise.wgsl``'s operations; smaller operands are repeated.

    Args:
        out: where to write, and the shape to do it for; a new array of the shape of ``a`` if there is none.
        shift: an integer on the device, and how many words to write later for each one that it counts.
    """
    shape = a.shape if out is None else out.shape
    if out is None:
        out = empty(engine, shape, dtype)
    if out.size == 0:
        return out
    operands = [x for x in (a, b) if x is not None]
    flat = out.packed and all(x.shape == shape and x.packed for x in operands)
    views = [
        a.broadcast_strides(shape),
        (0,) * len(shape) if b is None else b.broadcast_strides(shape),
        out.strides,
    ]
    if flat:
        four, strides = (1, 1, 1, out.size), [(0, 0, 0, 1)] * 3
    else:
        four, strides = _four_axes(shape, views)
    engine.add(
        Job(
            "elementwise",
            {
                "operation": operation,
                "shape": four,
                "a_strides": strides[0],
                "b_strides": strides[1],
                "out_strides": strides[2],
                "a": a.address,
                "b": None if b is None else b.address,
                "out": out.address,
                "value": value & 0xFFFFFFFF,
                "alpha": a.factor,
                "beta": 1.0 if b is None else b.factor,
                "contiguous": int(flat),
                "size": out.size,
                "weight": None if weight is None else weight.address,
                "shift": None if shift is None else shift[0].address,
                "shift_stride": 0 if shift is None else shift[1],
            },
            reads=[x.span for x in (*operands, weight, None if shift is None else shift[0]) if x is not None],
            writes=[out.span if shift is None else Span(out.ref.block, 0, out.ref.block.size)],
            groups=-(-out.size // _PER_GROUP),
        )
    )
    return out


def plain(engine: Engine, x: Tensor) -> Tensor:
    """The same array, packed and with its factor multiplied in; itself if it is so already."""
    if x.plain:
        return x
    return elementwise(engine, COPY if x.factor == 1.0 else SCALE, x, dtype=x.dtype)


def reshape(engine: Engine, x: Tensor, shape: Sequence[int]) -> Tensor:
    """In another shape; the elements move only if they must."""
    view = x.reshaped(shape)
    if view is None:
        view = plain(engine, x).reshaped(shape)
        assert view is not None
    return view


def sum_to(engine: Engine, g: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Undo broadcasting: add up the axes along which a smaller operand was repeated."""
    if g.shape == shape:
        return g
    leading = len(g.shape) - len(shape)
    axes = [
        axis
        for axis in range(len(g.shape))
        if axis < leading or (shape[axis - leading] == 1 and g.shape[axis] != 1)
    ]
    for axis in reversed(axes):  # a kept axis of size 1 stays until the end
        g = _sum_axis(engine, g, axis)
    return reshape(engine, g, shape)


def _sum_axis(engine: Engine, x: Tensor, axis: int) -> Tensor:
    sizes = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    three = (math.prod(sizes[0]), sizes[1], math.prod(sizes[2]))
    out = empty(engine, (*sizes[0], 1, *sizes[2]))
    engine.add(sum_job(reshape(engine, x, three), out.span))
    return out


def _four_axes(
    shape: tuple[int, ...], views: list[tuple[int, ...]]
) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """The same walk over at most four axes: neighbours that every view steps through evenly become one."""
    axes: list[tuple[int, list[int]]] = []
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        steps = [view[axis] for view in views]
        if axes and all(before == step * size for before, step in zip(axes[-1][1], steps, strict=True)):
            axes[-1] = (axes[-1][0] * size, steps)
        else:
            axes.append((size, steps))
    if len(axes) > 4:
        raise ValueError(f"an array of shape {shape} with {len(axes)} separate axes; at most 4 are supported")
    missing = 4 - len(axes)
    four = (1,) * missing + tuple(size for size, _ in axes)
    strides = [(0,) * missing + tuple(steps[view] for _, steps in axes) for view in range(len(views))]
    return four, strides


# -- rows: softmax, layer norm, cross-entropy and their gradients, top-k ---------------------------


def lanes(engine: Engine, length: int) -> int:
    """How many threads share a row of ``length`` elements: a power of two up to 64; 1 on a processor."""
    if engine.serial:
        return 1
    count = 1
    while count < 64 and count * 4 < length:
        count *= 2
    return count


def row_job(
    engine: Engine,
    kernel: str,
    rows: int,
    length: int,
    fields: dict[str, Field],
    reads: list[Tensor],
    writes: list[Tensor],
) -> None:
    """Queue a kernel that includes ``rows.wgsl``, over ``rows`` rows of ``length`` elements."""
    share = lanes(engine, length)
    constants: Constants = (("LANES", share),)
    engine.add(
        Job(
            kernel,
            {"rows": rows, **fields},
            [x.span for x in reads],
            [x.span for x in writes],
            -(-rows * share // 64),
            constants,
        )
    )


def softmax(engine: Engine, scores: Tensor, mask: Tensor | None) -> Tensor:
    """Softmax over the last axis of scores [..., S]; 0 where the mask (broadcast to that shape) is false.

    A row without any true element is all 0. See ``softmax.wgsl``.
    """
    if len(scores.shape) > 4:
        flat = plain(engine, scores).reshaped((-1, *scores.shape[-3:]))
        if mask is not None:
            spread = mask.view(scores.shape, mask.broadcast_strides(scores.shape))
            mask = elementwise(engine, COPY, spread, dtype="bool").reshaped((-1, *scores.shape[-3:]))
        assert flat is not None
        result = softmax(engine, flat, mask).reshaped(scores.shape)
        assert result is not None
        return result
    out = empty(engine, scores.shape)
    length = scores.shape[-1] if scores.shape else 1
    missing = 4 - len(scores.shape)
    shape = (1,) * missing + scores.shape
    mask_strides = (0,) * len(scores.shape) if mask is None else mask.broadcast_strides(scores.shape)
    row_job(
        engine,
        "softmax",
        scores.size // max(length, 1),
        length,
        {
            "shape": shape,
            "x_strides": (0,) * missing + scores.strides,
            "mask_strides": (0,) * missing + mask_strides,
            "x": scores.address,
            "mask": None if mask is None else mask.address,
            "out": out.address,
            "factor": scores.factor,
        },
        [scores, *([] if mask is None else [mask])],
        [out],
    )
    return out


def softmax_gradient(engine: Engine, g: Tensor, y: Tensor) -> Tensor:
    """dx = y ⊙ (g - Σ g ⊙ y), sums over the last axis: twice [..., S] -> [..., S]."""
    factor = g.factor
    g = g if g.packed else elementwise(engine, SCALE, g)
    out = empty(engine, y.shape)
    fields: dict[str, Field] = {
        "g": g.address,
        "y": y.address,
        "out": out.address,
        "length": y.shape[-1],
        "factor": factor if g.factor == factor else 1.0,
    }
    row_job(engine, "softmax_gradient", y.size // y.shape[-1], y.shape[-1], fields, [g, y], [out])
    return out


def log_softmax(engine: Engine, logits: Tensor) -> Tensor:
    """x - max x - log Σ e^(x - max x) over the last axis: [..., V] -> [..., V]."""
    logits = plain(engine, logits)
    out = empty(engine, logits.shape)
    length = logits.shape[-1]
    fields: dict[str, Field] = {"x": logits.address, "out": out.address, "length": length}
    row_job(engine, "log_softmax", logits.size // length, length, fields, [logits], [out])
    return out


def top_k(engine: Engine, x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest elements along the last axis, and their int32 indices: [..., V] -> twice [..., k]."""
    x = plain(engine, x)
    shape = (*x.shape[:-1], k)
    values, places = empty(engine, shape), empty(engine, shape, "int32")
    length = x.shape[-1]
    fields: dict[str, Field] = {
        "x": x.address,
        "values": values.address,
        "places": places.address,
        "length": length,
        "k": k,
    }
    row_job(engine, "top_k", x.size // length, length, fields, [x], [values, places])
    return values, places


def layer_norm(
    engine: Engine, x: Tensor, weight: Tensor, bias: Tensor, epsilon: float
) -> tuple[Tensor, Tensor]:
    """(x - mean) / σ · γ + β (Ba et al. 2016) of rows: [..., D], γ and β [D] -> [..., D], and each row's (mean, 1/σ),
    [R, 2], for the gradient."""
    length = x.shape[-1]
    rows = x.size // length
    out, stats = empty(engine, x.shape), empty(engine, (rows, 2))
    fields: dict[str, Field] = {
        "x": x.address,
        "weight": weight.address,
        "bias": bias.address,
        "out": out.address,
        "stats": stats.address,
        "length": length,
        "epsilon": epsilon,
    }
    row_job(engine, "layer_norm", rows, length, fields, [x, weight, bias], [out, stats])
    return out, stats


def layer_norm_gradient(
    engine: Engine, g: Tensor, x: Tensor, weight: Tensor, stats: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """g, x [..., D], γ [D] and stats [R, 2] -> dx [..., D], dγ [D] and dβ [D]; the latter two lie one after the other,
    as parameters do."""
    length = x.shape[-1]
    rows = x.size // length
    dx = empty(engine, x.shape)
    fields: dict[str, Field] = {
        "g": g.address,
        "x": x.address,
        "weight": weight.address,
        "stats": stats.address,
        "extra": None,
        "out": dx.address,
        "length": length,
    }
    row_job(engine, "layer_norm_gradient", rows, length, fields, [g, x, weight, stats], [dx])

    pieces = 1 if engine.serial else max(1, min(64, rows // 16))
    piece = -(-rows // pieces)
    pieces = -(-rows // piece)
    both = empty(engine, (2, length))
    sums = both if pieces == 1 else empty(engine, (1, pieces, 2 * length))
    engine.add(
        Job(
            "layer_norm_weights",
            {
                "rows": rows,
                "g": g.address,
                "x": x.address,
                "stats": stats.address,
                "out": sums.address,
                "length": length,
                "piece": piece,
                "pieces": pieces,
            },
            [g.span, x.span, stats.span],
            [sums.span],
            -(-pieces * length // 64),
        )
    )
    if pieces > 1:
        engine.add(sum_job(sums, both.span))
    return dx, both.view((length,), (1,)), both.view((length,), (1,), length)


class Loss(NamedTuple):
    """What :func:`cross_entropy` leaves for its gradient.

    Attributes:
        mean: [2], the mean loss and the number of rows in it.
        rows: [R, 3], what ``cross_entropy.wgsl`` keeps of each row.
        logits, targets: [R, V] and [R], as they were given.
        consistency: α of R-Drop.
        divergences: [R], what ``divergence.wgsl`` keeps of each row; ``None`` without ``consistency``.
    """

    mean: Tensor
    rows: Tensor
    logits: Tensor
    targets: Tensor
    ignore: int
    smoothing: float
    consistency: float
    divergences: Tensor | None


def cross_entropy(
    engine: Engine, logits: Tensor, targets: Tensor, ignore: int, smoothing: float, consistency: float
) -> Loss:
    """Label-smoothed cross-entropy (Szegedy et al. 2016, §7), averaged over the rows whose target is not ``ignore``.

    Args:
        logits: [..., V].
        targets: integers [...].
        consistency: α of R-Drop (Liang et al. 2021): the divergence between each row and the one R/2 rows further
            is added.
    """
    logits, targets = plain(engine, logits), plain(engine, targets)
    length = logits.shape[-1]
    count = logits.size // length
    rows = empty(engine, (count, 3))
    fields: dict[str, Field] = {
        "logits": logits.address,
        "targets": targets.address,
        "out": rows.address,
        "length": length,
        "ignore": ignore & 0xFFFFFFFF,
        "smoothing": smoothing,
    }
    row_job(engine, "cross_entropy", count, length, fields, [logits, targets], [rows])
    divergences = empty(engine, (count,)) if consistency else None
    if divergences is not None:
        fields = {
            "logits": logits.address,
            "losses": rows.address,
            "out": divergences.address,
            "length": length,
            "consistency": consistency,
        }
        row_job(engine, "divergence", count, length, fields, [logits, rows], [rows, divergences])
    mean = empty(engine, (2,))
    width = 1 if engine.serial else 64
    engine.add(
        Job(
            "cross_entropy_mean",
            {"rows": count, "x": rows.address, "out": mean.address},
            [rows.span],
            [mean.span],
            1,
            (("LANES", width),),
        )
    )
    return Loss(mean, rows, logits, targets, ignore, smoothing, consistency, divergences)


def cross_entropy_gradient(engine: Engine, loss: Loss, g: Tensor | float) -> Tensor:
    """d loss / d logits."""
    logits = loss.logits
    out = empty(engine, logits.shape)
    device_g = g if isinstance(g, Tensor) else None
    reads: list[Span] = [logits.span, loss.targets.span, loss.rows.span, loss.mean.span]
    if loss.divergences is not None:
        reads.append(loss.divergences.span)
    engine.add(
        Job(
            "cross_entropy_gradient",
            {
                "size": logits.size,
                "logits": logits.address,
                "targets": loss.targets.address,
                "rows": loss.rows.address,
                "mean": loss.mean.address,
                "g": None if device_g is None else device_g.address,
                "out": out.address,
                "length": logits.shape[-1],
                "ignore": loss.ignore & 0xFFFFFFFF,
                "smoothing": loss.smoothing,
                "divergences": None if loss.divergences is None else loss.divergences.address,
                "consistency": loss.consistency,
                "factor": device_g.factor if device_g is not None else g,  # type: ignore[dict-item]
            },
            reads if device_g is None else [*reads, device_g.span],
            [out.span],
            -(-logits.size // 64),
        )
    )
    return out


# -- training: embeddings, dropout, the flat gradient, clipping and Adam ---------------------------

_UPDATE_GROUP = 1024
"""Floats that one workgroup of ``clip`` and ``adam`` works on."""


def embedding(engine: Engine, weight: Tensor, ids: Tensor) -> Tensor:
    """Row ids[i] of the weight for every i: [V, D] and integers [...] -> [..., D]."""
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
    """dweight[v] = Σ g[i] over all i with ids[i] = v: [..., D] and integers [...] -> ``shape``, [V, D]."""
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
    """0 where the hash of (key, site, position) is below rate · 2³², else x / (1 - rate) (Srivastava et al. 2014); any
    shape."""
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
    home = flat.ref.block
    settled: dict[Block, int] = {}
    lone = _filling(pieces, sizes, starts)
    for piece, shape, start, size in zip(pieces, shapes, starts, sizes, strict=False):
        place = flat.view(shape, Tensor(flat.ref, shape).strides, start)
        if piece is None:
            fill(engine, place, 0.0)
            continue
        block = piece.ref.block
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
            members.setdefault(piece.ref.block, []).append((piece, size, start))
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
    """g · min(1, max_norm / ‖g‖) (Pascanu et al. 2013, Algorithm 1): [N] -> [N]."""
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
    """One step of Adam (Kingma & Ba 2015, Algorithm 1) on flat [N] arrays, in place; see ``adam.wgsl``.

    Args:
        rates: [2], α and ε of this step, bias corrections included.
    """
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
