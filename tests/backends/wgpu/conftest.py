"""Engines of their own, so that these tests count memory and dispatches undisturbed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ...backend_cases import require


@pytest.fixture
def engine() -> Iterator[object]:
    """A fresh engine on the best adapter."""
    require("wgpu")
    from jsl_seq2seq.backends.wgpu import Engine, choose_adapter  # noqa: PLC0415

    engine = Engine(choose_adapter())
    yield engine
    engine.wait()


@pytest.fixture(params=[False, True], ids=["as-shipped", "checked"])
def gpu_engine(request: pytest.FixtureRequest) -> Iterator[object]:
    """An engine that chooses kernels as for a GPU, whatever runs them; once with every index guarded."""
    require("wgpu")
    from jsl_seq2seq.backends.wgpu import Engine, choose_adapter  # noqa: PLC0415

    engine = Engine(choose_adapter(), checked=request.param, serial=False)
    yield engine
    engine.wait()
