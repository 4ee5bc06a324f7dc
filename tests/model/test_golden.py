"""One fixed training step, on every backend."""

from __future__ import annotations

import numpy as np
import pytest

from jsl_seq2seq.model import parameter_specs

from ..backend_cases import Backend
from ..golden.make import CONFIG, FILE, LABEL_SMOOTHING, read
from .reference import Answer, our_answer, torch_answer
from .test_transformer import assert_answers_agree


def golden_answer() -> Answer:
    arrays = read()[2]
    prefix = "gradient/"
    gradients = {
        name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)
    }
    return Answer(arrays["logits"], float(arrays["loss"]), gradients)


def test_every_backend_gives_the_golden_step(backend: Backend) -> None:
    parameters, batch, _ = read()
    assert_answers_agree(
        backend, our_answer(backend, parameters, CONFIG, batch, LABEL_SMOOTHING), golden_answer()
    )


def test_the_file_fits_the_model_and_the_maker() -> None:
    parameters, batch, _ = read()
    assert {name: value.shape for name, value in parameters.items()} == {
        name: spec.shape for name, spec in parameter_specs(CONFIG).items()
    }
    wanted, golden = torch_answer(parameters, CONFIG, batch, LABEL_SMOOTHING), golden_answer()
    np.testing.assert_allclose(golden.logits, wanted.logits, rtol=1e-10, atol=1e-12)
    assert golden.loss == pytest.approx(wanted.loss, rel=1e-12)
    assert (batch.source == 0).any(), "padding belongs into the example"
    assert FILE.stat().st_size < 300_000
