"""Makes ``tiny_step.npz``: one training step of a tiny model, computed by PyTorch in float64.

In the manner of llm.c: fixed parameters and token ids in; logits, loss and gradients out. Every backend is
checked against the file, and so can be an implementation in another language. The arrays are

    parameter/NAME, gradient/NAME     float64, under the names of ``parameter_specs``
    source, target_in, target_out     integers [B, S], [B, T], [B, T]; 0 is padding
    logits, loss                      [B, T, V] and a scalar, label smoothing 0.1

Run in the repository, and only when the file should change:

    PYTHONPATH=src python -m tests.golden.make
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jsl_seq2seq.settings import ModelConfig, VocabSize

from ..model.reference import Batch, random_batch, random_parameters, torch_answer

FILE = Path(__file__).with_name("tiny_step.npz")
CONFIG = ModelConfig(VocabSize(11, 9), d_model=8, n_heads=2, n_layers=2, d_ff=12)
LABEL_SMOOTHING = 0.1


def main() -> None:
    """Write the file."""
    parameters = random_parameters(CONFIG, 2025)
    batch = random_batch(CONFIG, [5, 1, 3], [3, 4, 1], 10)
    answer = torch_answer(parameters, CONFIG, batch, LABEL_SMOOTHING)
    arrays = {f"parameter/{name}": value for name, value in parameters.items()}
    arrays |= {f"gradient/{name}": value for name, value in answer.gradients.items()}
    arrays |= batch._asdict() | {"logits": answer.logits, "loss": np.float64(answer.loss)}
    with FILE.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read() -> tuple[dict[str, np.ndarray], Batch, dict[str, np.ndarray]]:
    """Parameters, batch, and the answers: ``logits``, ``loss`` and one ``gradient/NAME`` per parameter."""
    with np.load(FILE, allow_pickle=False) as file:
        arrays = dict(file)
    parameters = {
        name.removeprefix("parameter/"): arrays.pop(name)
        for name in [name for name in arrays if name.startswith("parameter/")]
    }
    return parameters, Batch(*(arrays.pop(name) for name in Batch._fields)), arrays


if __name__ == "__main__":
    main()
