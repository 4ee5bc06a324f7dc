"""Jobs that work row by row: softmax, layer norm, cross-entropy and their gradients."""

from __future__ import annotations

from typing import NamedTuple

from .arrays import COPY, SCALE, elementwise, empty, plain
from .engine import Engine
from .job import Constants, Field, Job, Span
from .matmul import sum_job
from .tensor import Tensor


def lanes(engine: Engine, length: int) -> int:
    """How many threads share a row."""
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
    """Ask for a kernel that includes ``rows.wgsl``."""
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
    """Softmax over the last axis of what the mask lets through; see ``softmax.wgsl``."""
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
    """dx = y ⊙ (g - Σ g ⊙ y)."""
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
    """log softmax over the last axis."""
    logits = plain(engine, logits)
    out = empty(engine, logits.shape)
    length = logits.shape[-1]
    fields: dict[str, Field] = {"x": logits.address, "out": out.address, "length": length}
    row_job(engine, "log_softmax", logits.size // length, length, fields, [logits], [out])
    return out


def top_k(engine: Engine, x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k largest elements along the last axis, and where they stand."""
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
    """The normalised rows, and each row's (mean, 1/σ) for the gradient."""
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
    """dx, dweight and dbias; the latter two lie one after the other, as parameters do."""
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
    """What :func:`cross_entropy` leaves for its gradient."""

    mean: Tensor
    rows: Tensor
    logits: Tensor
    targets: Tensor
    ignore: int
    smoothing: float


def cross_entropy(engine: Engine, logits: Tensor, targets: Tensor, ignore: int, smoothing: float) -> Loss:
    """The mean loss (and the count of rows in it), each row's share of it."""
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
    return Loss(mean, rows, logits, targets, ignore, smoothing)


def cross_entropy_gradient(engine: Engine, loss: Loss, g: Tensor | float) -> Tensor:
    """d loss / d logits."""
    logits = loss.logits
    out = empty(engine, logits.shape)
    device_g = g if isinstance(g, Tensor) else None
    reads: list[Span] = [logits.span, loss.targets.span, loss.rows.span, loss.mean.span]
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
                "factor": device_g.factor if device_g is not None else g,  # type: ignore[dict-item]
            },
            reads if device_g is None else [*reads, device_g.span],
            [out.span],
            -(-logits.size // 64),
        )
    )
    return out
