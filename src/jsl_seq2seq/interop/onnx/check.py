"""An export compared with NumPy by onnxruntime: log-probabilities of translations, and the translations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from ...backends.interface import pad_rows
from ...backends.numpy import NumpyOps
from ...data import read_starter_corpus
from ...errors import Failure, UserError
from ...extras import optional
from ...model import Transformer
from ...search import greedy
from ...settings import EOS, PAD, SOS
from ...store import SavedModel

TOLERANCE = 1e-4
"""Largest difference of the log-probabilities of a translation's tags. (Those of tags with probabilities of 1e-15 and
less differ by more between any two float32 computations: they are differences of numbers like 50.)"""
_SENTENCES = 8


def check(model: SavedModel, files: Mapping[str, bytes]) -> str:
    """Compute a few of the model's sentences with both; says in Japanese what was found.

    Raises:
        Failure: a log-probability differs by more than :data:`TOLERANCE`.
    """
    try:
        runtime = optional("onnxruntime", "onnx", "NumPy の計算と比べるには")
    except UserError as error:
        return f"{error.what}まだ比べていません。"
    runtime.disable_telemetry_events()  # newer releases send some
    texts = [one.source for one in model.examples] or [pair.source for pair in read_starter_corpus().pairs]
    sources = [ids for text in texts if (ids := model.tokenizers.source.encode(text).ids)][:_SENTENCES]
    if not sources:
        return "読める例文がないので、NumPy の計算とは比べていません。"
    with np.errstate(over="ignore", invalid="ignore"):  # what is no number differs by more than the tolerance
        worst, alike = compare(model, Graphs(files, runtime), sources)
    if not worst <= TOLERANCE:
        raise Failure(
            f"onnxruntime の対数確率が NumPy と {worst:.1e} 違います（{TOLERANCE:.0e} まで）。",
            "onnx と onnxruntime を更新して、もう一度書き出してください。",
            code="export-differs",
            difference=worst,
            limit=TOLERANCE,
        )
    return (
        f"NumPy と比べました（onnxruntime {runtime.__version__}、{len(sources)} 文、"
        f"訳が同じもの {alike}）: 対数確率の差は最大 {worst:.1e}"
    )


class Graphs:
    """The three graphs in onnxruntime on the CPU.

    Args:
        files: their bytes by name.
        runtime: the module.
    """

    def __init__(self, files: Mapping[str, bytes], runtime: Any) -> None:
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.encoder, self.step, self.greedy = (
            runtime.InferenceSession(files[name], options, providers=["CPUExecutionProvider"])
            for name in ("encoder.onnx", "decoder_step.onnx", "greedy.onnx")
        )

    def start(self, sources: Sequence[Sequence[int]]) -> Callable[[np.ndarray], np.ndarray]:
        """Read sentences, and decode them step by step: the latest tags [B] (first SOS) -> log-probabilities [B, V]."""
        names = [one.name for one in self.encoder.get_outputs()]
        memory = dict(zip(names, self.encoder.run(None, {"source": pad_rows(sources, PAD)}), strict=True))
        caches = [one for one in self.step.get_inputs() if one.name.startswith("past_")]
        state = {
            one.name: np.zeros((len(sources), one.shape[1], 0, one.shape[3]), np.float32) for one in caches
        }
        outputs = [one.name.replace("present", "past") for one in self.step.get_outputs()]

        def step(latest: np.ndarray) -> np.ndarray:
            found = self.step.run(None, {"ids": latest[:, None], **memory, **state})
            state.update(zip(outputs, found, strict=True))
            return state.pop("log_probs")

        return step

    def forced(self, sources: Sequence[Sequence[int]], targets: Sequence[Sequence[int]]) -> list[np.ndarray]:
        """Log-probabilities at every position of given translations, each [T + 1, V], from a step for each."""
        step = self.start(sources)
        every = np.stack(
            [step(ids) for ids in pad_rows([[SOS, *target] for target in targets], PAD).T], axis=1
        )
        return [every[row, : len(target) + 1] for row, target in enumerate(targets)]

    def translate(self, sources: Sequence[Sequence[int]], max_length: int) -> list[tuple[int, ...]]:
        """The greedy translations."""
        given = {"source": pad_rows(sources, PAD), "max_length": np.array(max_length, np.int32)}
        tags, _ = self.greedy.run(None, given)
        return [tuple(row[: row.index(EOS)] if EOS in row else row[:max_length]) for row in tags.tolist()]


def compare(
    model: SavedModel, graphs: Graphs, sources: Sequence[Sequence[int]], batch: int = 32
) -> tuple[float, int]:
    """The largest difference of the log-probabilities of NumPy's greedy translations, tag by tag and for an end, and
    how many translations are the same.

    Args:
        batch: sentences that the graphs get at once.
    """
    ops = NumpyOps()
    parameters = {name: ops.array(array) for name, array in model.parameters.items()}
    network = Transformer(ops, parameters, model.config)
    longest = model.config.max_seq_len
    worst, alike = 0.0, 0
    for start in range(0, len(sources), batch):
        group = sources[start : start + batch]
        wanted = greedy(ops, network, group, longest)
        theirs = graphs.forced(group, [one.ids for one in wanted])
        for one, rows in zip(wanted, theirs, strict=True):
            ids = (*one.ids, EOS) if one.finished else one.ids
            log_probs = rows[np.arange(len(ids)), ids]
            worst = max(worst, float(np.abs(log_probs - one.log_probs).max()))
        found = graphs.translate(group, longest)
        alike += sum(one.ids == other for one, other in zip(wanted, found, strict=True))
    return worst, alike
