"""CUDA graphs without a GPU: record which operations ran on which tensors, and run them again on the same ones.

What a graph must not do shows here as it would there: a value read back while recording is refused, and a tensor
that was made from Python's numbers while recording keeps them for ever.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten


class FakeGraph:
    """Stands in for ``torch.cuda.CUDAGraph``."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, Any, Any, Any]] = []

    def replay(self) -> None:
        with torch.no_grad():
            for function, args, kwargs, output in self.calls:
                again = tree_flatten(function(*args, **kwargs))[0]
                for old, new in zip(tree_flatten(output)[0], again, strict=True):
                    if isinstance(old, torch.Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)


class _Recording(TorchDispatchMode):
    def __init__(self, graph: FakeGraph) -> None:
        super().__init__()
        self.graph = graph
        self.before: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        assert "_local_scalar_dense" not in str(func), "a value was read back while recording"
        if func._schema.is_mutable:
            for tensor in tree_flatten((args, kwargs))[0]:
                if isinstance(tensor, torch.Tensor):
                    self.before.setdefault(tensor.data_ptr(), (tensor.detach(), tensor.detach().clone()))
        output = func(*args, **(kwargs or {}))
        kept = [torch.Tensor.detach(x) if isinstance(x, torch.Tensor) else x for x in tree_flatten(output)[0]]
        self.graph.calls.append((func, args, kwargs or {}, kept))
        return output


@contextlib.contextmanager
def _recorded(graph: FakeGraph, **_: Any) -> Iterator[None]:
    with _Recording(graph) as recording:
        yield
    for tensor, before in reversed(recording.before.values()):
        tensor.copy_(before)  # recording only listens: nothing may have happened


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``jsl_seq2seq.backends.torch.graphs`` work on the CPU."""
    monkeypatch.setattr(torch.cuda, "CUDAGraph", FakeGraph)
    monkeypatch.setattr(torch.cuda, "graph", _recorded)
    monkeypatch.setattr(torch.cuda, "graph_pool_handle", lambda: None)
