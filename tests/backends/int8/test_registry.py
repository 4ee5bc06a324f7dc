"""Asking for weights of one byte: what one gets, and what one is told where there are none."""

from __future__ import annotations

import builtins
import sys
from typing import Any

import pytest

from jsl_seq2seq.backends.interface import TrainingOps
from jsl_seq2seq.backends.registry import Selection, all_backends, choose_backend
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.training.self_test import translating_self_test

from ...backend_cases import require
from ...refusals import refused


@pytest.mark.parametrize("name", ["auto", "ndarray"])
def test_it_is_numpys_backend(name: str) -> None:
    require("int8")
    backend = choose_backend(name, translating=1, precision="int8")
    assert backend.name == "ndarray"
    assert not isinstance(backend.open(None), TrainingOps)
    assert "int8" in backend.reason and "Numba" in backend.reason
    result = translating_self_test(backend)
    assert 1e-4 < result.difference < result.allowed  # it does round


def test_not_for_training() -> None:
    with refused(UserError, "int8", "学習", "bf16"):
        choose_backend("ndarray", precision="int8")


def test_bf16_is_not_for_translating() -> None:
    with refused(UserError, "bf16", "翻訳", "int8"):
        choose_backend("torch", translating=1, precision="bf16")


@pytest.mark.parametrize("name", ["wgpu", "torch"])
def test_not_on_other_backends(name: str) -> None:
    with refused(UserError, name, "int8", "ndarray"):
        choose_backend(name, translating=1, precision="int8")


@pytest.mark.parametrize(("name", "device"), [("ndarray", "cpu"), ("auto", "0")])
def test_only_on_the_cpu(name: str, device: str) -> None:
    require("int8")
    with refused(UserError, "int8", "CPU"):
        choose_backend(name, device, translating=1, precision="int8")


@pytest.fixture
def reimported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package is imported anew, as in a new process."""
    for name in [each for each in sys.modules if each.startswith("jsl_seq2seq.backends.int8")]:
        monkeypatch.delitem(sys.modules, name)


@pytest.mark.usefixtures("reimported")
def test_a_numba_that_does_not_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it says after NumPy has been updated past it."""
    require("int8")
    honest = builtins.__import__

    def importing(name: str, *others: Any) -> Any:
        if name == "numba":
            raise ImportError("Numba needs NumPy 2.4 or less. Got NumPy 2.9.")
        return honest(name, *others)

    monkeypatch.setattr(builtins, "__import__", importing)
    with refused(UserError, "NumPy 2.4 or less", "pip install -U"):
        choose_backend(translating=1, precision="int8")


def test_models_do_not_pile_up() -> None:
    require("int8")
    backend = choose_backend(translating=1, precision="int8")
    assert backend.open(None) is not backend.open(None)


@pytest.mark.usefixtures("reimported")
def test_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numba", None)
    with refused(UserError, "Numba", "pip install 'jsl-seq2seq[int8]'"):
        choose_backend(translating=1, precision="int8")
    assert isinstance(dict(all_backends())[Selection("ndarray", None, "int8")], UserError)
