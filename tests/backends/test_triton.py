"""Our GPU kernels against the operations they stand for, in Triton's interpreter, which needs no GPU."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.backends.interface import GraphDecodingOps, Mask
from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.backends.registry import Backend, choose_backend
from jsl_seq2seq.backends.tape import Tape
from jsl_seq2seq.data.batching import EncodedPair, make_batch
from jsl_seq2seq.model import Transformer
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.search import GraphGreedy, greedy
from jsl_seq2seq.settings import ModelConfig, TrainingConfig, VocabSize
from jsl_seq2seq.training.trainer import Trainer

from ..backend_cases import required
from .test_cache import written_in_place

os.environ.setdefault("TRITON_INTERPRET", "1")  # read when the kernels are imported
torch: Any = pytest.importorskip("torch")
if find_spec("triton") is None:
    if sys.platform == "linux" and "torch" in required():
        pytest.fail(
            "Triton is missing (pip install '.[kernels]'), and torch is required by JSL_REQUIRE_BACKENDS"
        )
    pytest.skip("Triton is not installed", allow_module_level=True)

from jsl_seq2seq.backends.torch.decoding import TritonDecodingOps  # noqa: E402
from jsl_seq2seq.backends.torch.deferred import computed  # noqa: E402
from jsl_seq2seq.backends.torch.dropout import Drop  # noqa: E402
from jsl_seq2seq.backends.torch.kernels.adam import adam_update  # noqa: E402
from jsl_seq2seq.backends.torch.kernels.argmax_log_softmax import argmax_log_softmax  # noqa: E402
from jsl_seq2seq.backends.torch.kernels.attend import attend  # noqa: E402
from jsl_seq2seq.backends.torch.kernels.dropout import dropout  # noqa: E402
from jsl_seq2seq.backends.torch.kernels.embed import embed  # noqa: E402
from jsl_seq2seq.backends.torch.kernels.norm import add_norm, add_norm_backward  # noqa: E402
from jsl_seq2seq.backends.torch.kernels.norm_linear import norm_linear  # noqa: E402
from jsl_seq2seq.backends.torch.kernels.relu import relu_backward  # noqa: E402
from jsl_seq2seq.backends.torch.kernels.sums import column_sums  # noqa: E402
from jsl_seq2seq.backends.torch.ops import CudaOps, TorchOps  # noqa: E402
from jsl_seq2seq.backends.torch.training import TritonTrainingOps  # noqa: E402

CONFIG = ModelConfig(VocabSize(20, 12), d_model=8, n_heads=2, n_layers=2, d_ff=16)


@pytest.fixture(autouse=True)
def without_graphs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A captured step is the same operations one by one."""
    monkeypatch.setattr(CudaOps, "capture", TorchOps.capture)


def fused(tape: Tape | None) -> Any:
    """What a CUDA device gets, on the CPU."""
    return (TritonTrainingOps if tape else TritonDecodingOps)(tape, "cpu")


def numbers(*shape: int, seed: int = 0) -> Any:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def close(found: Any, wanted: Any, tolerance: float = 2e-5) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("shape", [(1, 5, 7), (3, 300, 70), (2, 9000, 5)])
def test_column_sums(shape: tuple[int, ...]) -> None:
    x = numbers(*shape)
    close(column_sums(x), x.sum(dim=1), 1e-3)


def test_column_sums_of_a_strided_view() -> None:
    x = numbers(150, 3, 10)
    close(column_sums(x.transpose(0, 1)), x.sum(dim=0), 1e-4)


def test_relu_backward() -> None:
    y, dy = numbers(300, 70).relu(), numbers(300, 70, seed=1)
    g, sums = relu_backward(dy, y)
    close(g, dy * (y > 0))
    close(sums, (dy * (y > 0)).sum(dim=0), 1e-4)


def test_dropout_takes_the_same_elements_as_numpy() -> None:
    x = numbers(30, 50)
    wanted = NumpyOps().dropout(x.numpy(), 0.3, np.array([7], np.uint32), 3)
    close(dropout(x, Drop(0.3, torch.tensor([7]), 3, 0)), wanted)
    half = dropout(x[15:], Drop(0.3, torch.tensor([7]), 3, 15 * 50))
    close(half, wanted[15:])


@pytest.mark.parametrize("rate", [0.0, 0.4])
@pytest.mark.parametrize("rows", [1, 300])
def test_residual_and_norm(rate: float, rows: int) -> None:
    size = 70
    r, y, gain, offset = (
        numbers(rows, size),
        numbers(rows, size, seed=1),
        numbers(size),
        numbers(size, seed=9),
    )
    residual, addend, weight, bias = (one.clone().requires_grad_() for one in (r, y, gain, offset))
    drop = Drop(rate, torch.tensor([5]), 2, 0) if rate else None
    kept = dropout(torch.ones(rows, size), drop) if drop else torch.ones(rows, size)
    wanted_total = residual + addend * kept
    wanted = torch.nn.functional.layer_norm(wanted_total, (size,), weight, bias)
    total, normed = add_norm(r, y, gain, offset, 1e-5, drop)
    close(total, wanted_total.detach())
    close(normed, wanted.detach())
    dtotal, dnormed = numbers(rows, size, seed=3), numbers(rows, size, seed=4)
    torch.autograd.backward([wanted_total, wanted], [dtotal, dnormed])
    dresidual, daddend, sums = add_norm_backward(dtotal, dnormed, total, gain, 1e-5, drop)
    for found, one in ((dresidual, residual), (daddend, addend), (sums[0], weight), (sums[1], bias)):
        close(found, one.grad, 1e-4)
    close(sums[2], addend.grad.sum(dim=0), 1e-4)


def test_no_gradient_along_the_residual_stream() -> None:
    total, dnormed, weight = numbers(5, 8), numbers(5, 8, seed=1), numbers(8)
    zeros = torch.zeros_like(total)
    wanted = add_norm_backward(zeros, dnormed, total, weight, 1e-5, None)[0]
    close(add_norm_backward(None, dnormed, total, weight, 1e-5, None)[0], wanted)


@pytest.mark.parametrize("normed", [False, True])
@pytest.mark.parametrize(("n", "relu", "added"), [(3, False, False), (1, True, False), (1, False, True)])
@pytest.mark.parametrize(("rows", "inner", "outer"), [(1, 70, 40), (37, 40, 70)])
def test_norm_linear(
    normed: bool, n: int, relu: bool, added: bool, rows: int, inner: int, outer: int
) -> None:
    x, weights, biases = numbers(rows, inner) + 3, numbers(n, inner, outer), numbers(n, outer)
    gain, offset, residual = numbers(inner, seed=5), numbers(inner, seed=6), numbers(rows, outer, seed=7)
    found = norm_linear(
        x, weights, biases, (gain, offset, 1e-5) if normed else None, relu, residual if added else None
    )
    start = torch.nn.functional.layer_norm(x, (inner,), gain, offset) if normed else x
    wanted = torch.baddbmm(biases[:, None], start.expand(n, -1, -1), weights)
    wanted = wanted.relu() if relu else wanted
    close(found, wanted + residual if added else wanted, 1e-4)


def test_a_row_does_not_depend_on_the_others() -> None:
    x, weights, biases = numbers(37, 40), numbers(1, 40, 70), numbers(1, 70)
    together = norm_linear(x, weights, biases)
    assert torch.equal(together[:, 20:21], norm_linear(x[20:21], weights, biases))


@pytest.mark.parametrize("length", [1, 65, 200])
@pytest.mark.parametrize("masked", [False, True])
def test_attention_of_one_query(length: int, masked: bool) -> None:
    query, key, value = (numbers(3, 2, n, 5, seed=n) for n in (1, length, length + 1))
    value = value[:, :, :length]
    mask = torch.from_numpy(np.random.default_rng(0).random((3, 1, 1, length)) < 0.7) if masked else None
    if mask is not None:
        mask[2] = False  # who sees nothing gets zeros
    ops = TorchOps(None, "cpu")
    weights = ops.softmax(query @ key.mT / 5**0.5, None if mask is None else Mask("padding", mask))
    close(attend(query, key, value, mask), weights @ value)


@pytest.mark.parametrize("columns", [5, 1024, 2500])
def test_argmax_log_softmax(columns: int) -> None:
    x, added = 3 * numbers(4, columns).round(decimals=1), torch.zeros(columns)
    added[x[0].argmax()] = -1e38  # never this one
    x[1], x[2, 3:] = 0, -torch.inf
    values, places = argmax_log_softmax(x, added)
    wanted = x.log_softmax(dim=-1) + added
    close(values[:, 0], wanted.max(dim=-1).values)
    np.testing.assert_array_equal(places[:, 0], np.argmax(wanted.numpy(), axis=-1))


@pytest.mark.parametrize("length", [1, 3])
def test_embed(length: int) -> None:
    table, other = numbers(9, 20), numbers(7, 20, seed=1)
    ids, places = torch.tensor([[4, 0, 8], [3, 3, 1]])[:, :length], torch.tensor([6, 2, 0])[:length]
    close(embed(table, ids, 1.5, other, places), 1.5 * table[ids] + other[places])


def test_what_looks_like_a_beginning_and_is_none() -> None:
    """Sums of rows that no kernel is made for are sums all the same."""
    ops, table = fused(None), numbers(9, 20)
    ids = torch.tensor([[4, 0, 8], [3, 3, 1]])
    one = ops.embedding(table, ids)
    for other, wanted in [
        (ops.embedding(table, ids), 2 * table[ids]),
        (ops.scale(ops.embedding(table, ids[0]), 2.0), table[ids] + 2 * table[ids[0]]),
        (table[ids], 2 * table[ids]),
    ]:
        close(torch.add(ops.add(one, other), 0), wanted)
    log_probs, added = ops.log_softmax(table), numbers(20, seed=1)
    values, places = ops.top_k(ops.add(log_probs, added), 3)
    wanted = (table.log_softmax(-1) + added).sort(dim=-1, descending=True)
    close(values, wanted.values[:, :3])
    assert torch.equal(places, wanted.indices[:, :3].int())


def test_the_newest_goes_into_the_cache_before_anybody_looks() -> None:
    query, place = numbers(3, 2, 1, 5), torch.tensor([4])
    keys, values = (numbers(3, 2, 7, 5, seed=seed) for seed in (1, 2))
    new_key, new_value = (numbers(3, 1, 2, 5, seed=seed).transpose(1, 2) for seed in (3, 4))
    all_keys, all_values = keys.clone(), values.clone()
    all_keys[:, :, 4], all_values[:, :, 4] = new_key[:, :, 0], new_value[:, :, 0]
    mask = (torch.arange(7) <= 4)[None, None, None]
    found = attend(query, keys, values, mask, (new_key, new_value, place))
    close(found, attend(query, all_keys, all_values, mask))
    assert torch.equal(keys, all_keys)
    assert torch.equal(values, all_values)


@pytest.mark.parametrize("static", [False, True])
def test_cache_write_is_in_place(static: bool) -> None:
    """The write is deferred for attention's kernel; whoever reads the buffer otherwise reads it written."""
    written_in_place(fused(None), static)


def test_every_reader_of_a_cache_finds_the_write_done() -> None:
    ops, values, position = fused(None), numbers(3, 2, 1, 5, seed=1), torch.tensor([4])
    wanted = torch.zeros(3, 2, 7, 5)
    wanted[:, :, 4] = values[:, :, 0]
    for read in (
        lambda buffer: torch.add(buffer, 0),
        lambda buffer: ops.reshape(buffer, (3, 2, 7, 5)),
        lambda buffer: computed(ops.gather_rows(buffer, torch.arange(3))),
        lambda buffer: ops.transpose(ops.transpose(buffer, (1, 0, 2, 3)), (1, 0, 2, 3)),
    ):
        buffer = ops.zeros((3, 2, 7, 5))
        ops.cache_write(buffer, values, position)
        assert torch.equal(read(buffer), wanted)
    buffer = ops.zeros((3, 2, 7, 5))
    ops.cache_write(buffer, values, position)
    ops.cache_reorder(buffer, torch.tensor([2, 1, 0]), 0, 7)
    assert torch.equal(buffer.tensor(), wanted.flip(0))


def test_a_captured_step_ends_with_its_writes_done() -> None:
    ops, values = fused(None), numbers(3, 2, 1, 5, seed=1)
    buffer = ops.zeros((3, 2, 7, 5))
    memory = buffer.tensor()
    ops.capture(lambda: ops.cache_write(buffer, values, torch.tensor([4])) and None)()
    assert torch.equal(memory[:, :, 4:5], values)


def test_adam() -> None:
    arrays = [numbers(3000, seed=seed) for seed in range(4)]
    arrays[3] = arrays[3].abs()
    fast, slow = ([array.clone() for array in arrays] for _ in range(2))
    (p, g, m, v), (p2, g2, m2, v2) = fast, slow
    rates, bf16_copy = torch.tensor([1e-3, 1e-8]), torch.zeros(3000, dtype=torch.bfloat16)
    adam_update(p, g, m, v, rates, (0.9, 0.98), bf16_copy)
    TorchOps(None, "cpu").adam_update(p2, g2, m2, v2, rates, (0.9, 0.98))
    for found, wanted in zip(fast, slow, strict=True):
        close(found, wanted)
    close(bf16_copy.float(), fast[0], 2**-7)  # the interpreter cuts off where a GPU rounds


@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("final_norm", [True, False])
def test_training_is_training(dropout: float, final_norm: bool) -> None:
    config = ModelConfig(VocabSize(20, 12), 8, 2, 2, 16, final_norm=final_norm)
    training = TrainingConfig(dropout=dropout, label_smoothing=0.1, warmup_steps=1)
    generator = np.random.default_rng(0)
    found: dict[str, list[float]] = {}
    batches = [
        make_batch(
            [
                EncodedPair(
                    tuple(generator.integers(3, 20, 3 + row).tolist()),
                    tuple(generator.integers(3, 12, 2 + row).tolist()),
                )
                for row in range(3)
            ]
        )
        for _ in range(4)
    ]
    after = {}
    for name, backend in {"fused": Backend("torch", fused, ""), "numpy": choose_backend("ndarray")}.items():
        trainer = Trainer(backend, config, training, initial_parameters(config, seed=0))
        found[name] = [float(trainer.ops.to_host(trainer.update(batch))) for batch in batches]
        # what is added to all scores alike changes nothing: a key's bias has no gradient but rounding
        after[name] = np.concatenate(
            [value.ravel() for key, value in trainer.parameters().items() if not key.endswith("k_proj.bias")]
        )
    np.testing.assert_allclose(found["fused"], found["numpy"], rtol=1e-5)
    np.testing.assert_allclose(after["fused"], after["numpy"], atol=3e-5)


def test_decoding_is_decoding() -> None:
    values = initial_parameters(CONFIG, seed=0)
    values["decoder.output_projection.weight"] *= 5
    sources = [[5, 6, 7, 8], [9, 10], [11]]

    def model(ops: Any) -> Transformer:
        return Transformer(ops, {name: ops.array(value) for name, value in values.items()}, CONFIG)

    wanted = greedy(NumpyOps(), model(NumpyOps()), sources, 6)
    ops = fused(None)
    stepped = greedy(ops, model(ops), sources, 6)
    assert isinstance(ops, GraphDecodingOps)
    again = greedy(ops, model(ops), sources, 6, GraphGreedy(ops, model(ops)))
    for found in (stepped, again):
        assert [one.ids for one in found] == [one.ids for one in wanted]
        for one, other in zip(found, wanted, strict=True):
            np.testing.assert_allclose(one.log_probs, other.log_probs, rtol=1e-4)
