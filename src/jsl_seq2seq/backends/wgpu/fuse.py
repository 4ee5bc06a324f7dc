"""Fusing: one job in place of two, where the result in between is used nowhere else.

The formulas in ``ops.py`` and in the model stay whole; this happens to the list of jobs afterwards.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import cast

from .job import Address, Block, Job, Span

ADD, RELU, GATE = 1, 2, 3
"""Epilogues of ``matmul.wgsl``, and operations of ``elementwise.wgsl``."""

MATMULS = ("matmul", "matmul_tile", "matmul_wide")


def fused(jobs: list[Job]) -> list[Job]:
    """The same results from fewer jobs."""
    uses: Counter[Block] = Counter()
    makers: dict[Block, Job] = {}
    order: dict[Job, int] = {}
    written: defaultdict[Block, list[int]] = defaultdict(list)
    for position, job in enumerate(jobs):
        order[job] = position
        for span in job.reads:
            uses[span.block] += 1
        for span in job.writes:
            # a block that several jobs write into has no single maker
            uses[span.block] += span.block in makers
            makers[span.block] = job
            written[span.root().block].append(position)
    state = _Fusing(uses, makers, order, written)
    result: list[Job] = []
    for job in jobs:
        taken = state.absorb(job)
        if taken is not None:
            state.gone.add(taken)
        result.append(job)
    return [job for job in result if job not in state.gone]


class _Fusing:
    """The list of jobs by block: which job makes it, how often it is read, when it is written."""

    def __init__(
        self,
        uses: Counter[Block],
        makers: dict[Block, Job],
        order: dict[Job, int],
        written: dict[Block, list[int]],
    ) -> None:
        self.uses, self.makers, self.order, self.written = uses, makers, order, written
        self.gone: set[Job] = set()

    def absorb(self, job: Job) -> Job | None:
        """Take an earlier job into this one, which changes; returns the earlier one."""
        if job.kernel == "elementwise" and job.fields["contiguous"] == 1 and job.fields["alpha"] == 1.0:
            operation = job.fields["operation"]
            if operation == ADD and job.fields["beta"] == 1.0:
                return self._absorb_sum(job)
            if operation == RELU:
                return self._absorb_activation(job)
            if operation == GATE:
                return self._absorb_gate(job)
        if job.kernel == "adam":
            return self._absorb_clip(job)
        return None

    def _private_maker(self, job: Job, name: str) -> Job | None:
        """The job that writes exactly this operand of ``job``, if no other job reads it."""
        block, offset = cast(Address, job.fields[name])
        maker = self.makers.get(block)
        if (
            maker is None
            or maker in self.gone
            or offset != 0
            or block.size != job.fields["size"]
            or block.inside is not None
            or block.held
            or block.bound
            or block.place is not None
            or self.uses[block] != 1
        ):
            return None
        begin, end = self.order[maker], self.order[job]
        for span in maker.reads:  # what it reads must still be the same when it runs later
            if any(begin < position < end for position in self.written.get(span.root().block, ())):
                return None
        return maker

    def _absorb_activation(self, job: Job) -> Job | None:
        maker = self._private_maker(job, "a")
        if maker is None or maker.kernel not in MATMULS or not _unfinished(maker):
            return None
        self._become(job, maker, {"epilogue": RELU})
        return maker

    def _absorb_gate(self, job: Job) -> Job | None:
        maker = self._private_maker(job, "a")
        if maker is None or maker.kernel not in MATMULS or not _unfinished(maker):
            return None
        self._become(job, maker, {"epilogue": GATE, "extra": job.fields["b"]}, job.reads[1])
        return maker

    def _absorb_sum(self, job: Job) -> Job | None:
        """a + b: one of the two is computed here, the other is added to it on the way out."""
        makers = [self._private_maker(job, name) for name in ("a", "b")]
        first, second = makers
        if first is not None and second is not None and _same_products(first, second):
            later, earlier = (first, second) if self.order[first] > self.order[second] else (second, first)
            self.gone.add(earlier)
            terms = earlier.fields["terms"] + later.fields["terms"]  # type: ignore[operator]
            both = {name: _joined(earlier, later, name) for name in ("a", "b")}
            self._become(job, later, {"terms": terms, **both}, *earlier.reads)
            return later
        candidates = [
            (self.order[maker], side)
            for side, maker in enumerate(makers)
            if maker is not None and ((maker.kernel in MATMULS and _unfinished(maker)) or _takes_extra(maker))
        ]
        if not candidates:
            return None
        _, side = max(candidates)
        maker = makers[side]
        assert maker is not None
        other = job.fields["b" if side == 0 else "a"]
        change = {"extra": other} | ({"epilogue": ADD} if maker.kernel in MATMULS else {})
        self._become(job, maker, change, job.reads[1 - side])  # type: ignore[arg-type]
        return maker

    def _absorb_clip(self, job: Job) -> Job | None:
        maker = self._private_maker(job, "g")
        if maker is None or maker.kernel != "clip":
            return None
        for name in ("g", "norms", "pieces", "max_norm"):
            job.fields[name] = maker.fields[name]
        job.reads = [span for span in job.reads if span.block is not maker.writes[0].block] + maker.reads
        return maker

    def _become(self, job: Job, maker: Job, change: dict, *more_reads: Span) -> None:
        """``job`` does ``maker``'s work and its own in one, at its own place in the list."""
        out = job.fields["out"]
        dropped = maker.writes[0].block
        job.writes = [span if span.block is not dropped else job.writes[0] for span in maker.writes]
        job.kernel, job.constants, job.groups, job.shape = (
            maker.kernel,
            maker.constants,
            maker.groups,
            maker.shape,
        )
        job.fields = {**maker.fields, **change, "out": out}
        job.reads = [*maker.reads, *more_reads]
        for span in job.writes:
            self.makers[span.block] = job


def _unfinished(job: Job) -> bool:
    """A matrix product whose result lies in C order and that has no epilogue yet."""
    f = job.fields
    return (
        f["epilogue"] == 0
        and f["splits"] == 1
        and f["sums"] is None
        and job.writes[0].end == job.writes[0].block.size
        and _c_order(job)
    )


def _c_order(job: Job) -> bool:
    f = job.fields
    m, n, heads = f["m"], f["n"], f["heads"]
    return f["out_row"] == n and (
        f["batches"] == 1 or (f["out_head"] == m * n and f["out_batch"] == heads * m * n)  # type: ignore[operator]
    )


def _takes_extra(job: Job) -> bool:
    return job.kernel in ("layer_norm_gradient", "dropout") and job.fields["extra"] is None


_SAME = [
    "m",
    "n",
    "k",
    "heads",
    "batches",
    "k_piece",
    "a_batch",
    "a_head",
    "a_row",
    "a_column",
    "b_batch",
    "b_head",
    "b_row",
    "b_column",
    "out_batch",
    "out_head",
    "out_row",
    "alpha",
]


def _same_products(first: Job, second: Job) -> bool:
    return (
        first.kernel in MATMULS
        and first.kernel == second.kernel
        and _unfinished(first)
        and _unfinished(second)
        and first.fields["bias"] is None
        and second.fields["bias"] is None
        and first.fields["terms"] + second.fields["terms"] <= 4  # type: ignore[operator]
        and all(first.fields[name] == second.fields[name] for name in _SAME)
    )


def _joined(first: Job, second: Job, name: str) -> tuple:
    parts = [part for job in (first, second) for part in job.fields[name] if part is not None]  # type: ignore[union-attr]
    return (*parts, *[None] * (4 - len(parts)))
