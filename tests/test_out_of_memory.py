"""Every operation on every backend where memory suffices for few sentences at once: the same results, in parts; and a
message where it does not suffice for one."""

from __future__ import annotations

import functools
import tracemalloc
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.backends.registry import Backend, choose_backend
from jsl_seq2seq.backends.tape import Tape
from jsl_seq2seq.errors import Failure, JslError, UserError
from jsl_seq2seq.evaluation.diagnosis import diagnose
from jsl_seq2seq.evaluation.evaluation import Search, evaluate
from jsl_seq2seq.store import SavedModel
from jsl_seq2seq.training import TrainingJob, TrainingRequest, TrainingResult
from jsl_seq2seq.training.trainer import Trainer
from jsl_seq2seq.translate import Translator

from .backend_cases import NAMES, require
from .small_models import (
    EIGHT_LINES,
    SMALL,
    eight_sentences,
    same_arrays,
    same_training_state,
    small_job,
    trained_small,
)

pytestmark = pytest.mark.usefixtures("frozen")

TEXTS = ["ありがとう", "だいじょうぶです", "おはようございます", "はい、わかります"] * 2
TAGS = [("ありがとう",), ("OK",), ("朝", "挨拶"), ("はい", "分かる")] * 2


def raised_by(name: str) -> Exception:
    """The error with which the backend says that memory does not suffice."""
    if name == "wgpu":
        return Failure("メモリー", code="gpu-out-of-memory")
    if name == "torch":
        return RuntimeError(
            "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1"
        )
    return MemoryError()


@pytest.fixture(params=[*NAMES, "int8", "numba"])
def name(request: pytest.FixtureRequest) -> str:
    require(request.param)
    return request.param


def opened(name: str) -> Backend:
    if name == "int8":
        return choose_backend("ndarray", translating=1, precision="int8")
    return choose_backend(name, "cpu" if name == "torch" else None)


class Allocator:
    """Fails for more than ``rows`` sentences that are read at once; counts how often."""

    def __init__(self) -> None:
        self.rows, self.failed = 10**9, 0

    def check(self, ids: Any, error: Exception) -> None:
        """Raise ``error`` for ids [B, S] of too many sentences."""
        if len(ids.shape) == 2 and ids.shape[1] > 1 and ids.shape[0] > self.rows:
            self.failed += 1
            raise error


@pytest.fixture
def memory(name: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Allocator]:
    """The memory of a backend for the vectors of sentences."""
    allocator = Allocator()

    def limited(honest: Callable[..., Any], place: int) -> Callable[..., Any]:
        @functools.wraps(honest)
        def call(*arguments: Any, **named: Any) -> Any:
            allocator.check(arguments[place], raised_by(name))
            return honest(*arguments, **named)

        return call

    compiled = name in ("int8", "numba")
    ops = type(opened(name).open(None if compiled else Tape()))
    monkeypatch.setattr(ops, "embedding", limited(ops.embedding, 2))
    if compiled:
        from jsl_seq2seq.backends.int8.network import CompiledNetwork  # noqa: PLC0415  needs Numba

        monkeypatch.setattr(CompiledNetwork, "start", limited(CompiledNetwork.start, 1))
    yield allocator


def scored(translator: Translator) -> Any:
    return [one.log_probs for one in translator.score_batch(list(zip(TEXTS, TAGS, strict=True)))]


def diagnosed(translator: Translator) -> Any:
    found = diagnose(translator, TEXTS[2]).to_json()
    return found["tags"], [one["log_prob_changes"] for one in found["deletions"]]


def evaluated(translator: Translator, beam: int = 1) -> Any:
    report = evaluate(translator, eight_sentences(), Search(beam))
    return [(one.hypothesis, one.log_prob) for one in report.results]


def translated(translator: Translator, **options: Any) -> Any:
    found = translator.translate_batch(TEXTS, **options)
    return [(one.tags, one.log_prob, [each.tags for each in one.alternatives]) for one in found]


OPERATIONS: dict[str, Callable[[Translator], Any]] = {
    "translate": translated,
    "with attention": lambda translator: translated(translator, attention=True),
    "beam": lambda translator: translated(translator, beam=3, n_best=2),
    "score": scored,
    "diagnose": diagnosed,
    "evaluate": evaluated,
    "evaluate with a beam": lambda translator: evaluated(translator, 2),
}


def close(found: Any, wanted: Any) -> None:
    """The same values, but for the rounding of numbers."""
    if isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-3, abs=1e-4)
    elif isinstance(wanted, list | tuple):
        assert len(found) == len(wanted)
        for one, other in zip(found, wanted, strict=True):
            close(one, other)
    else:
        assert found == wanted


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("rows", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_groups_are_computed_in_parts(name: str, memory: Allocator, operation: str, rows: int) -> None:
    wanted = OPERATIONS[operation](Translator(trained_small(), opened(name)))
    translator = Translator(trained_small(), opened(name))
    memory.rows = rows
    found = OPERATIONS[operation](translator)
    assert memory.failed
    close(found, wanted)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_without_memory_for_one_sentence_it_is_said(name: str, memory: Allocator, operation: str) -> None:
    translator = Translator(trained_small(), opened(name))
    memory.rows = 0
    with pytest.raises(Failure) as failed:
        OPERATIONS[operation](translator)
    assert failed.value.code == "translation-out-of-memory"
    assert ("ビーム" in failed.value.hint) == ("beam" in operation)
    assert ("ndarray" in failed.value.hint) == (name in ("wgpu", "torch", "numba"))


def test_a_sentence_without_memory_does_not_cost_the_others(
    name: str, memory: Allocator, monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = Translator(trained_small(), opened(name))
    memory.rows = 0
    monkeypatch.setattr(
        memory,
        "check",
        lambda ids, error: Allocator.check(memory, ids, error) if ids.shape[-1] > 16 else None,
    )
    found = translator.translate_each([*TEXTS, "ありがとう" * 10, "?"])
    assert [one.tags for one in found[:-2] if not isinstance(one, JslError)] == TAGS
    assert isinstance(found[-2], Failure) and found[-2].code == "translation-out-of-memory"
    assert isinstance(found[-1], UserError)


training = pytest.mark.parametrize("name", NAMES, indirect=True)
"""Without int8 and Numba, which do not train."""


def trained(
    folder: Path, name: str, save: Callable[[SavedModel], None] = lambda _: None, **options: Any
) -> TrainingResult:
    data = folder / "eight.tsv"
    data.write_text(EIGHT_LINES, encoding="utf-8")
    device = "cpu" if name == "torch" else None
    request = TrainingRequest(SMALL | {"epochs": 2} | options, name, device, data=data, valid=data)
    return TrainingJob(request).run(save=save)


@training
@pytest.mark.parametrize(
    "options",
    [{"batch_size": 8}, {"batch_size": 3, "accumulate": 2, "position_shift": 4, "consistency": 1.0}],
    ids=["one batch", "accumulated"],
)
def test_batches_are_computed_in_parts(
    name: str, memory: Allocator, tmp_path: Path, options: dict[str, Any]
) -> None:
    whole = trained(tmp_path, name, dropout=0.0, **options)
    memory.rows = 2  # the halves of a batch with each sentence twice are of one sentence
    parts = trained(tmp_path, name, dropout=0.0, **options)
    assert memory.failed and any("分けて計算しました" in line for line in parts.notes)
    for before, after in zip(whole.model.history, parts.model.history, strict=True):
        assert after.loss == pytest.approx(before.loss, rel=1e-4)
        assert after.valid_loss == pytest.approx(before.valid_loss, rel=1e-4)
    for one, value in parts.model.parameters.items():
        if one.endswith("k_proj.bias"):
            continue  # its gradient is 0 but for rounding, whose direction Adam follows
        np.testing.assert_allclose(value, whole.model.parameters[one], rtol=1e-3, atol=1e-4, err_msg=one)


def test_parts_have_other_elements_dropped_out_and_are_the_same_each_time(tmp_path: Path) -> None:
    """Both halves of a batch are the same sentence: their gradients differ by dropout alone."""
    job = small_job(tmp_path, batch_size=2, dropout=0.5)
    trainer = job._trainer()
    batch = trainer.batch([job._pairs[0]] * 2)
    trainer._too_large = 1  # every batch is computed in parts
    seen: list[float] = []
    honest = trainer._captured_accumulate
    trainer._captured_accumulate = lambda *inputs: seen.append(honest(*inputs)) or seen[-1]
    trainer.update(batch)
    assert seen[0] != seen[1]


def test_the_size_that_failed_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    job = small_job(tmp_path, batch_size=4)
    trainer = job._trainer()
    batch = trainer.batch([job._pairs[index] for index in range(4)])
    sizes: list[int] = []
    honest = Trainer._forward_backward

    def limited(self: Trainer, source: np.ndarray, *rest: Any) -> Any:
        sizes.append(len(source))
        if len(source) > 1:
            raise MemoryError
        return honest(self, source, *rest)

    monkeypatch.setattr(Trainer, "_forward_backward", limited)
    trainer._capture()
    trainer.update(batch)
    assert sizes == [4, 2, 1, 1, 1, 1]
    trainer.update(batch)
    assert sizes[6:] == [1] * 4


@training
def test_a_sentence_that_cannot_be_learnt_ends_training_with_what_was_learnt(
    name: str, memory: Allocator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory that does not suffice later on: the model of the last update is saved, and training can be resumed."""
    memory.rows = 0
    with pytest.raises(Failure) as failed:
        trained(tmp_path, name)
    assert failed.value.code == "training-out-of-memory"
    assert ("ndarray" in failed.value.hint) == (name != "ndarray")
    memory.rows = 10**9
    saved: list[SavedModel] = []
    honest, updates = Trainer.update_accumulated, 0

    def short(self: Trainer, *batches: Any) -> Any:
        nonlocal updates
        updates += 1
        memory.rows = 0 if updates == 5 else 10**9
        if updates == 5:
            self._capture()
        return honest(self, *batches)

    monkeypatch.setattr(Trainer, "update_accumulated", short)
    result = trained(tmp_path, name, saved.append)
    assert isinstance(result.failure, Failure) and result.failure.code == "training-out-of-memory"
    assert result.interrupted and result.model.progress.step == 4
    assert same_training_state(saved[-1], result.model)
    assert (result.model.progress.epoch, result.model.progress.batch) == (1, 1)


def adam_fails(name: str, monkeypatch: pytest.MonkeyPatch, calls: Callable[[int], bool]) -> Callable[[], int]:
    """Let memory not suffice for Adam where ``calls`` says so of the number of the call; how often it was called."""
    ops: Any = type(opened(name).open(Tape()))
    count = 0
    honest = ops.adam_update

    def update(*arguments: Any) -> None:
        nonlocal count
        count += 1
        if calls(count):
            raise raised_by(name)
        honest(*arguments)

    monkeypatch.setattr(ops, "adam_update", update)
    return lambda: count


@training
def test_memory_that_ends_within_the_update_is_given_back_and_it_is_made_once(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = trained(tmp_path, name, dropout=0.0)
    called = adam_fails(name, monkeypatch, lambda call: call < 3)
    found = trained(tmp_path, name, dropout=0.0)
    assert called() > 2
    assert found.model.progress.step == whole.model.progress.step == 6
    for before, after in zip(whole.model.history, found.model.history, strict=True):
        assert after.loss == pytest.approx(before.loss, rel=1e-4)


@training
def test_without_memory_for_the_update_training_ends_with_what_was_learnt(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved: list[SavedModel] = []
    with monkeypatch.context() as patched, pytest.raises(Failure) as failed:
        adam_fails(name, patched, lambda _: True)
        trained(tmp_path, name, saved.append)
    assert failed.value.code == "training-out-of-memory" and failed.value.parameters > 0
    assert not saved
    honest, updates, ended, before = Trainer.update_accumulated, 0, False, {}

    def short(self: Trainer, *batches: Any) -> Any:
        nonlocal updates, ended, before
        updates += 1
        ended = updates == 5
        if ended:
            before = self.parameters()
            self._capture()
        return honest(self, *batches)

    monkeypatch.setattr(Trainer, "update_accumulated", short)
    adam_fails(name, monkeypatch, lambda _: ended)
    result = trained(tmp_path, name, saved.append)
    assert isinstance(result.failure, Failure) and result.failure.code == "training-out-of-memory"
    assert result.interrupted and result.model.progress.step == 4
    assert same_training_state(saved[-1], result.model)
    assert same_arrays(result.model.parameters, before)


def test_numpy_reserves_what_adam_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    ops, count = NumpyOps(Tape()), 1_000_000
    arrays = [np.ones(count, np.float32) for _ in range(4)]
    rates = np.array([0.1, 1e-8], np.float32)
    tracemalloc.start()
    ops.adam_update(arrays[0], arrays[1], arrays[2], arrays[3], rates, (0.9, 0.98))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3.01 * arrays[0].nbytes
    before = [array.copy() for array in arrays]

    def none(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(np, "empty_like", none)
    with pytest.raises(MemoryError):
        ops.adam_update(arrays[0], arrays[1], arrays[2], arrays[3], rates, (0.9, 0.98))
    assert all(map(np.array_equal, arrays, before))


def test_torch_allocates_before_it_changes_anything() -> None:
    require("torch")
    torch = import_module("torch")
    modes = import_module("torch.utils._python_dispatch")
    changed: list[str] = []

    class Allocations(modes.TorchDispatchMode):
        """Refuses new tensors once one that was there has been changed."""

        def __torch_dispatch__(self, function: Any, _: Any, arguments: Any = (), named: Any = None) -> Any:
            schema = function._schema
            if schema.is_mutable:
                changed.append(schema.name)
            elif all(result.alias_info is None for result in schema.returns):
                assert not changed, schema.name
            return function(*arguments, **(named or {}))

    ops = opened("torch").training_ops(Tape())
    arrays = [ops.array(np.ones(4, np.float32)) for _ in range(4)]
    rates = ops.array(np.array([0.1, 1e-8], np.float32))
    with Allocations(), torch.no_grad():
        ops.adam_update(arrays[0], arrays[1], arrays[2], arrays[3], rates, (0.9, 0.98))
    assert len(changed) > 3


def test_without_memory_for_the_parameters_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise MemoryError

    monkeypatch.setattr(Trainer, "_to_device", fails)
    with pytest.raises(Failure) as failed:
        small_job(tmp_path).run()
    assert failed.value.code == "training-out-of-memory" and failed.value.parameters > 0
