"""Asking for compiled networks in float32: what one gets, and what one is told where there are none."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from jsl_seq2seq import Translator
from jsl_seq2seq.backends.interface import TrainingOps
from jsl_seq2seq.backends.network import NetworkDecodingOps
from jsl_seq2seq.backends.registry import Selection, all_backends, choose_backend
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.store import shipped_model
from jsl_seq2seq.training.self_test import SelfTest, translating_self_test

from ..backend_cases import require
from ..refusals import refused

SENTENCES = ["私は明日学校に行きません", "駅はどこですか", "田中さんは医者です"]


def test_it_translates_with_compiled_networks() -> None:
    require("numba")
    backend = choose_backend("numba", translating=1)
    ops = backend.open(None)
    assert backend.name == ops.name == "numba" and ops.precision == "fp32"
    assert isinstance(ops, NetworkDecodingOps) and not isinstance(ops, TrainingOps)
    result = translating_self_test(backend)
    assert 0 < result.difference < result.allowed == SelfTest.allowed  # its sums are in another order


@pytest.mark.parametrize("beam", [1, 3])
def test_translations_are_numpys(beam: int) -> None:
    require("numba")
    numpys, compiled = (Translator.load(shipped_model(), backend=name) for name in ("ndarray", "numba"))
    for wanted, found in zip(
        *(one.translate_batch(SENTENCES, beam=beam) for one in (numpys, compiled)), strict=True
    ):
        assert found.tags == wanted.tags
        np.testing.assert_allclose(found.probabilities, wanted.probabilities, rtol=1e-3)


def test_auto_leaves_it_to_those_who_ask() -> None:
    assert choose_backend(translating=1).name == "ndarray"


def test_not_for_training() -> None:
    require("numba")
    with refused(UserError, "numba", "学習"):
        choose_backend("numba").training_ops(None)


def test_only_on_the_cpu_and_in_float32() -> None:
    require("numba")
    with refused(UserError, "numba", "CPU"):
        choose_backend("numba", "0", translating=1)
    with refused(UserError, "numba", "int8", "ndarray"):
        choose_backend("numba", translating=1, precision="int8")


def test_without_numba(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [
        each
        for each in sys.modules
        if each.startswith(("jsl_seq2seq.backends.int8", "jsl_seq2seq.backends.numba"))
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "numba", None)
    with refused(UserError, "Numba", "pip install 'jsl-seq2seq[int8]'"):
        choose_backend("numba", translating=1)
    assert isinstance(dict(all_backends())[Selection("numba")], UserError)
