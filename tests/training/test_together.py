"""Gradients that are gathered from several batches, and several processes that train together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import jsl_seq2seq
from jsl_seq2seq.backends.process_group import ProcessGroup
from jsl_seq2seq.backends.registry import Backend as Opened
from jsl_seq2seq.data.batching import EncodedPair, epoch_order, make_batch
from jsl_seq2seq.data.encoding import encode_pairs
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.settings import ModelConfig, TrainingConfig
from jsl_seq2seq.store import SavedModel, load_model, save_model
from jsl_seq2seq.tokenize import Tokenizers
from jsl_seq2seq.training import Trainer

from ..backend_cases import Backend, require
from ..processes import POSIX
from ..refusals import refused
from ..small_models import EIGHT_LINES, eight_sentences, small_job, train

TOKENIZERS = Tokenizers().learn(eight_sentences().pairs)
PAIRS = encode_pairs(eight_sentences().pairs, TOKENIZERS)
CONFIG = ModelConfig(TOKENIZERS.size, d_model=8, n_heads=2, n_layers=1, d_ff=16)


def trainer(backend: Backend, **options: float) -> Trainer:
    training = TrainingConfig(learning_rate=0.01, warmup_steps=1, **options)  # type: ignore[arg-type]
    return Trainer(Opened(backend.name, backend.ops, ""), CONFIG, training, initial_parameters(CONFIG, 0))


def flat(learner: Trainer) -> np.ndarray:
    return np.concatenate([value.ravel() for value in learner.parameters().values()])


def test_several_batches_are_one_that_did_not_fit(backend: Backend) -> None:
    """Weighted by their tokens: the batches' sizes differ."""
    apart, whole = trainer(backend), trainer(backend)
    for _ in range(5):
        found = apart.update_accumulated([make_batch(PAIRS[:5]), make_batch(PAIRS[5:])])
        loss = float(whole.ops.to_host(whole.update(make_batch(PAIRS))))
        tokens = sum(count for _, count in found)
        assert sum(float(apart.ops.to_host(one)) * n for one, n in found) / tokens == pytest.approx(
            loss, rel=1e-4
        )
    assert apart.step == whole.step == 5


def test_accumulating_counts_updates(tmp_path: Path) -> None:
    model = train(tmp_path, epochs=2, accumulate=2).model  # three batches an epoch: two, then one
    assert (model.progress.step, model.progress.epoch) == (4, 2)
    assert load_of(tmp_path, model).training.accumulate == 2


def load_of(folder: Path, model: SavedModel) -> SavedModel:
    save_model(model, folder / "saved")
    return load_model(folder / "saved")


def test_an_epoch_in_tokens_has_every_sentence_once() -> None:
    generator = np.random.default_rng(0)
    pairs = [
        EncodedPair((3,) * int(source), (3,) * int(target))
        for source, target in generator.integers(1, 30, (500, 2))
    ]
    order = epoch_order(pairs, 8, seed=1, epoch=0, batch_tokens=120)
    assert sorted(index for batch in order for index in batch) == list(range(500))
    sizes = [
        len(batch) * max(max(len(pairs[i].source), len(pairs[i].target) + 1) for i in batch)
        for batch in order
    ]
    assert max(sizes) <= 120
    assert np.mean(sizes) > 80
    assert order != epoch_order(pairs, 8, seed=1, epoch=1, batch_tokens=120)


def test_a_sentence_that_is_longer_than_a_batch_comes_alone() -> None:
    pairs = [EncodedPair((3,) * 50, (3,)), EncodedPair((3,), (3,)), EncodedPair((3,), (3,))]
    assert [0] in epoch_order(pairs, 8, seed=0, epoch=0, batch_tokens=20)


def test_training_in_tokens(tmp_path: Path) -> None:
    result = train(tmp_path, epochs=60, batch_tokens=40)
    assert result.exact >= 6


def test_filled_rows_teach_nothing(backend: Backend) -> None:
    filled, plain = trainer(backend), trainer(backend)
    for _ in range(3):
        one = filled.update(make_batch(PAIRS[:3], multiple=4, rows=8))
        other = plain.update(make_batch(PAIRS[:3]))
        assert float(filled.ops.to_host(one)) == pytest.approx(float(plain.ops.to_host(other)), rel=1e-4)


def test_shares_are_the_batch() -> None:
    batch = make_batch(PAIRS[:5], rows=6)
    shares = []
    for rank in range(3):
        processes = ProcessGroup()
        processes.rank, processes.world_size = rank, 3
        shares.append(batch.share(processes))
    for name in ("source", "target_in", "target_out"):
        joined = np.concatenate([getattr(share, name) for share in shares])
        np.testing.assert_array_equal(joined, getattr(batch, name))
    assert sum(share.tokens for share in shares) == batch.tokens


def start(
    data: Path,
    save: Path,
    count: int,
    *more: str,
    folders: list[Path] | None = None,
    program: Sequence[str] = ("-m", "jsl_seq2seq"),
) -> list[subprocess.Popen[str]]:
    """``count`` processes with the environment that torchrun would give them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, *program, "--train", "--backend", "torch", "--device", "cpu"]
    shape = ["--d-model", "8", "--n-layers", "1", "--d-ff", "16", "--batch-size", "3"]
    return [
        subprocess.Popen(
            [*command, "--data", str(data), "--save", str(save), *shape, *more],
            env={
                **os.environ,
                "PYTHONPATH": str(Path(jsl_seq2seq.__file__).parents[1]),
                **{"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count)},
                **{"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"},
            },
            cwd=folders[rank] if folders else None,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        for rank in range(count)
    ]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    require("torch")
    path = tmp_path / "eight.tsv"
    path.write_text(EIGHT_LINES, encoding="utf-8")
    return path


def test_two_processes_learn_what_one_learns(data: Path, tmp_path: Path) -> None:
    """Batches of three among two processes: one has a row that was filled in. Dropout falls on the same elements."""
    models = {}
    for count in (1, 2):
        more = ["--epochs", "4", "--dropout", "0.1", "--accumulate", "2"]
        started = start(data, tmp_path / str(count), count, *more)
        outputs = [process.communicate(timeout=120) for process in started]
        assert [process.returncode for process in started] == [0] * count, outputs
        assert outputs[0][0].count("学習しました") == 1
        assert all(out == "" and err == "" for out, err in outputs[1:])
        models[count] = load_model(tmp_path / str(count), training_state=True)
    one, two = models[1], models[2]
    assert one.progress == two.progress
    losses = [[point.loss for point in model.history] for model in (one, two)]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)
    for name, value in one.parameters.items():
        if not name.endswith(
            "k_proj.bias"
        ):  # its gradient is zero, and Adam makes much of what rounding leaves
            np.testing.assert_allclose(two.parameters[name], value, rtol=1e-2, atol=1e-4, err_msg=name)


@POSIX
def test_when_one_dies_the_other_says_so_and_the_checkpoint_is_whole(data: Path, tmp_path: Path) -> None:
    save = tmp_path / "model"
    started = start(data, save, 2, "--epochs", "100000", "--checkpoint-every", "1")
    until = time.monotonic() + 120
    while not (save / "config.json").exists() and time.monotonic() < until:
        time.sleep(0.05)
    started[1].send_signal(signal.SIGKILL)
    _, said = started[0].communicate(timeout=120)
    started[1].communicate(timeout=10)
    assert started[0].returncode == 1
    assert "別のプロセスが止まった" in said and "Traceback" not in said
    model = load_model(save, training_state=True)
    assert model.progress.epoch >= 1
    again = start(data, save, 2, "--resume", "--epochs", str(model.progress.epoch + 2))
    outputs = [process.communicate(timeout=120) for process in again]
    assert [process.returncode for process in again] == [0, 0], outputs
    assert load_model(save).progress.epoch == model.progress.epoch + 2


LACKING_MEMORY = """
import os
from jsl_seq2seq.backends.torch.ops import TorchOps
from jsl_seq2seq.cli import main
rank, operation, honest, calls = os.environ["RANK"], "{operation}", TorchOps.{operation}, 0
def lacking(*args, **kwargs):
    global calls
    calls += rank == "{rank}"
    if calls > 30:
        raise MemoryError
    return honest(*args, **kwargs)
setattr(TorchOps, operation, lacking)
main()
"""


@pytest.mark.parametrize(
    ("rank", "operation"),
    [
        (1, "adam_update"),
        *(
            pytest.param(rank, operation, marks=pytest.mark.slow)
            for rank in (0, 1)
            for operation in ("adam_update", "linear", "dropout")
        ),
    ],
)
def test_when_one_lacks_memory_it_says_so_and_the_checkpoint_is_whole(
    data: Path, tmp_path: Path, rank: int, operation: str
) -> None:
    """Nor does it take part in what the others compute next."""
    program = ("-c", LACKING_MEMORY.format(rank=rank, operation=operation))
    more = ["--epochs", "100000", "--checkpoint-every", "1", "--dropout", "0.1"]
    started = start(data, tmp_path / "m", 2, *more, program=program)
    outputs = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [1, 1], outputs
    assert "メモリーが足りません" in outputs[rank][1] and "ndarray" not in outputs[rank][1]
    assert "別のプロセスが止まった" in outputs[1 - rank][1]
    assert not any("Traceback" in err or "terminate" in err for _, err in outputs)
    if operation == "adam_update":
        assert load_model(tmp_path / "m", training_state=True).progress.epoch >= 1


def test_processes_with_other_data_do_not_start(data: Path, tmp_path: Path) -> None:
    """The second one reads its own file of that name."""
    for rank in range(2):
        (tmp_path / str(rank)).mkdir()
        lines = EIGHT_LINES if rank == 0 else EIGHT_LINES.replace("飲む", "食べる")
        (tmp_path / str(rank) / "mine.tsv").write_text(lines, encoding="utf-8")
    started = start(Path("mine.tsv"), Path("m"), 2, "--epochs", "1", folders=[tmp_path / "0", tmp_path / "1"])
    outputs = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [2, 2]
    assert all("プロセスの間で" in err for _, err in outputs)


def test_only_torch_trains_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with refused(UserError, "複数のプロセス", "torch"):
        small_job(tmp_path, epochs=1)
