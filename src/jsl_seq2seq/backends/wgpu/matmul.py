"""Matrix products as jobs: which kernel, which strides, how K is split."""

from __future__ import annotations

from .engine import Engine
from .fuse import MATMULS
from .job import Block, Job, Span
from .tensor import Tensor, packed_strides

SMALL, TILE, WIDE = MATMULS
_TILES = {SMALL: 4, TILE: 64, WIDE: 128}
"""Rows and columns of the result that a thread of the small kernel, or a workgroup of the others, computes."""


def matmul(
    engine: Engine,
    a: Tensor,
    b: Tensor,
    bias: Tensor | None = None,
    sums: bool = False,
) -> Tensor:
    """α A B (+ bias), over the last two axes of arrays with up to two leading axes.

    Args:
        a: [..., M, K], any strides and factor.
        b: [..., K, N], the same leading axes.
        bias: [N], plain.
        sums: also Σ_k B[k, :], which then lies as one more row after the result's M.

    Returns:
        [..., M, N] (or [M + 1, N] with ``sums``). Where B is a row-wise view of a larger array, as a head is
        of all heads, the result has its axes in memory in the same order, so that joining heads again moves
        nothing.
    """
    *batch, m, k = a.shape
    n = b.shape[-1]
    shape = (*batch, m + sums, n)
    outer, heads = (1, 1, *batch)[-2:]
    batches = outer * heads
    out_strides = _order_like(b, shape) if batch else packed_strides(shape)
    size = batches * (m + sums) * n
    kernel, splits = choose(engine, m, n, k, batches)
    k_piece = -(-k // splits)
    splits = -(-k // k_piece)
    block = Block(size)
    target = Block(size * splits) if splits > 1 else block
    a_batch, a_head = _batch_strides(a)
    b_batch, b_head = _batch_strides(b)
    out_batch, out_head = (0, 0, *out_strides[:-2])[-2:]
    tile = _TILES[kernel]
    tiles = batches * splits * -(-m // tile) * -(-n // tile)
    job = Job(
        kernel,
        {
            "epilogue": 0,
            "a": (a.address, None, None, None),
            "b": (b.address, None, None, None),
            "m": m,
            "n": n,
            "k": k,
            "terms": 1,
            "heads": heads,
            "batches": batches,
            "splits": splits,
            "k_piece": k_piece,
            "a_batch": a_batch,
            "a_head": a_head,
            "a_row": a.strides[-2],
            "a_column": a.strides[-1],
            "b_batch": b_batch,
            "b_head": b_head,
            "b_row": b.strides[-2],
            "b_column": b.strides[-1],
            "out": Span(target, 0, 0).address,
            "bias": None if bias is None or splits > 1 else bias.address,
            "extra": None,
            "sums": Span(target, m * n, 0).address if sums else None,
            "out_batch": out_batch,
            "out_head": out_head,
            "out_row": out_strides[-2],
            "out_split": size,
            "alpha": a.factor * b.factor,
        },
        reads=[a.span, b.span, *([] if bias is None else [bias.span])],
        writes=[Span(target, 0, target.size)],
        groups=-(-tiles // 64) if kernel == SMALL else tiles,
    )
    result = Tensor(engine.ref(block), shape, out_strides)
    engine.add(job)
    if splits > 1:
        engine.add(sum_job(Tensor(engine.ref(target), (1, splits, size)), Span(block, 0, size), bias))
    return result


def sum_job(x: Tensor, out: Span, bias: Tensor | None = None) -> Job:
    """The middle of three axes added up into ``out``, plus a bias to every row of the result."""
    outer, repeat, inner = x.shape
    return Job(
        "sum",
        {
            "size": outer * inner,
            "x": x.address,
            "out": out.address,
            "inner": inner,
            "repeat": repeat,
            "outer_stride": x.strides[0],
            "repeat_stride": x.strides[1],
            "inner_stride": x.strides[2],
            "factor": x.factor,
            "bias": None if bias is None else bias.address,
            "columns": 1 if bias is None else bias.size,
        },
        reads=[x.span, *([] if bias is None else [bias.span])],
        writes=[out],
        groups=-(-outer * inner // 64),
    )


def choose(engine: Engine, m: int, n: int, k: int, batches: int) -> tuple[str, int]:
    """Which kernel, and into how many pieces K goes.

    K is split where the result alone gives the device too little to do at once. Adding the pieces up is one
    more job and keeps bias and activation out, so it must be worth while.
    """
    if engine.serial:
        return SMALL, 1
    if m * n * k < 2**18 or k < 32 or not _fits(TILE, m, n):
        threads = batches * -(-m // 4) * -(-n // 4)
        return SMALL, max(1, min(4096 // threads, k // 64))
    wanted = engine.wanted_groups
    groups = {kernel: batches * -(-m // _TILES[kernel]) * -(-n // _TILES[kernel]) for kernel in (WIDE, TILE)}
    if groups[WIDE] >= wanted // 2 and _fits(WIDE, m, n):
        return WIDE, 1
    if groups[TILE] >= wanted // 3:
        return TILE, 1
    splits = {kernel: max(1, min(wanted // groups[kernel], k // 128)) for kernel in (WIDE, TILE)}
    kernel = WIDE if groups[WIDE] * splits[WIDE] >= wanted // 2 and _fits(WIDE, m, n) else TILE
    return kernel, splits[kernel]


def _fits(kernel: str, m: int, n: int) -> bool:
    """Whether not too much of the kernel's tiles would lie outside the result."""
    tile = _TILES[kernel]
    return -(-m // tile) * -(-n // tile) * tile * tile <= (3 if kernel == TILE else 1.3) * m * n


def _batch_strides(x: Tensor) -> tuple[int, int]:
    outer, head = (0, 0, *x.strides[:-2])[-2:]
    return outer, head


def _order_like(b: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """C order, but with the axes that enclose the columns in the order of B's strides."""
    if b.strides[-1] != 1 or b.strides[-2] == b.shape[-1]:
        return packed_strides(shape)
    axes = sorted(range(len(shape) - 1), key=lambda axis: -b.strides[axis])
    strides = [0] * (len(shape) - 1) + [1]
    step = shape[-1]
    for axis in reversed(axes):
        strides[axis] = step
        step *= shape[axis]
    return tuple(strides)
