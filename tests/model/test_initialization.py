"""First values of the parameters."""

from __future__ import annotations

import numpy as np

from jsl_seq2seq.model import parameter_specs
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.settings import ModelConfig, VocabSize

from ..small_models import same_arrays

CONFIG = ModelConfig(VocabSize(200, 100), d_model=64, n_layers=1)


def test_a_seed_decides_everything() -> None:
    first = initial_parameters(CONFIG, 3)
    np.random.seed(9)
    assert same_arrays(initial_parameters(CONFIG, 3), first)
    other = initial_parameters(CONFIG, 4)
    random_ones = [name for name in first if first[name].std() > 0]
    assert random_ones and not any((first[name] == other[name]).all() for name in random_ones)


def test_tokens_of_both_sides_begin_alike() -> None:
    alone, shared = initial_parameters(CONFIG, 3), initial_parameters(CONFIG, 3, [(5, 7), (6, 9)])
    source, target = shared["encoder.embedding.weight"], shared["decoder.embedding.weight"]
    assert (target[[7, 9]] == source[[5, 6]]).all()
    target[[7, 9]] = alone["decoder.embedding.weight"][[7, 9]]
    assert same_arrays(shared, alone), "nothing else changes"


def test_names_shapes_types_and_distributions() -> None:
    values = initial_parameters(CONFIG, 0)
    specs = parameter_specs(CONFIG)
    assert list(values) == list(specs)
    for name, spec in specs.items():
        assert values[name].shape == spec.shape and values[name].dtype == np.float32
        if spec.distribution == "constant":
            assert (values[name] == spec.spread).all()
        elif spec.distribution == "uniform":
            assert np.abs(values[name]).max() <= spec.spread
            assert abs(values[name].std() / (spec.spread / 3**0.5) - 1) < 0.1
        else:
            assert abs(values[name].std() / spec.spread - 1) < 0.1


def test_no_two_parameters_start_alike() -> None:
    drawn = [array for array in initial_parameters(CONFIG, 0).values() if array.std() > 0]
    assert len({array.tobytes() for array in drawn}) == len(drawn)
