"""The curve of a training as it goes on: a line of JSON for each epoch, and TensorBoard's event files.

``metrics.jsonl`` has the epochs of ``SavedModel.history`` and those since the last save. A run that is resumed begins
by writing it anew from what was saved, so that no epoch stands there twice and none is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..extras import optional
from ..io.files import append_bytes, open_regular, require_own_file, require_writable, write_bytes
from ..io.text import format_json, parse_json
from ..store import EpochMetrics
from .loop import Reporter, Run

METRICS_LINES = "metrics.jsonl"
_LONGEST_LINE = 10_000


class MetricsLines(Reporter):
    """Writes ``metrics.jsonl`` in a directory that exists: all epochs so far, then each one when it is finished.

    Args:
        inform: called once, with a message in Japanese, if it cannot be written; training goes on.

    Raises:
        UserError: a file of that name is there that this program did not write.
    """

    def __init__(self, directory: Path, inform: Callable[[str], None] = lambda _: None) -> None:
        self._path, self._inform = directory / METRICS_LINES, inform
        self._complete = True
        require_own_file(self._path, _is_own)

    def start(self, run: Run) -> None:
        self.write(run.history)

    def epoch(self, metrics: EpochMetrics) -> None:
        if self._complete:  # after a line that is missing there comes none; the end writes all of them
            self._try(lambda: append_bytes(self._path, _line(metrics)))

    def finish(self, history: Iterable[EpochMetrics]) -> None:
        """Write all epochs once more if one could not be written."""
        if not self._complete:
            self.write(history)

    def write(self, history: Iterable[EpochMetrics]) -> None:
        """Replace the file by these epochs."""
        self._complete = True
        self._try(lambda: write_bytes(self._path, b"".join(map(_line, history))))

    def _try(self, write: Callable[[], None]) -> None:
        try:
            write()
        except OSError as error:
            self._complete = False
            self._inform(f"{self._path} に書けません（{error.strerror}）。学習は続けます。")


class TensorBoard(Reporter):
    """Writes the curve as TensorBoard's scalars.

    Of a run that is resumed, TensorBoard drops what an earlier process wrote of later epochs.

    Raises:
        UserError: tensorboardX is missing or broken, or the directory cannot be written to.
    """

    def __init__(self, directory: Path) -> None:
        self._library = optional("tensorboardX", "tensorboard", "TensorBoard の記録には")
        self._directory = directory
        try:
            require_writable(directory)
            directory.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"TensorBoard の記録を書けません: {directory}（{error.strerror}）",
                "書き込めるフォルダーを指定してください。",
                code="tensorboard-not-writable",
                path=directory,
                reason=error.strerror,
            ) from None
        self._writer: Any = None

    def start(self, run: Run) -> None:
        self._writer = self._library.SummaryWriter(str(self._directory), purge_step=run.epoch + 1)

    def epoch(self, metrics: EpochMetrics) -> None:
        figures = {
            "loss/train": metrics.loss,
            "loss/valid": metrics.valid_loss,
            "valid/exact": metrics.valid_exact,
            "valid/bleu": metrics.valid_bleu,
            "valid/chrf": metrics.valid_chrf,
            "speed/tokens_per_second": metrics.tokens_per_second,
        }
        for name, value in figures.items():
            if value is not None:
                self._writer.add_scalar(name, value, metrics.epoch)
        self._writer.flush()

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()


def read_lines(directory: Path) -> tuple[EpochMetrics, ...]:
    """The epochs in ``metrics.jsonl``; of a line that is being written, or is none of ours, and of those behind it,
    nothing.

    Raises:
        OSError: the file cannot be read.
    """
    return tuple(_epochs(directory / METRICS_LINES))


def _epochs(path: Path) -> Iterator[EpochMetrics]:
    with open_regular(path) as file:
        while line := file.readline(_LONGEST_LINE):
            try:
                values = parse_json(line)
                point = EpochMetrics(**values) if line.endswith(b"\n") else None
            except (ValueError, TypeError, RecursionError):
                return
            if point is None or not _is_sound(point):
                return
            yield point


def _is_sound(point: EpochMetrics) -> bool:
    numbers = [value for value in vars(point).values() if value is not None]
    return type(point.epoch) is int and all(type(value) in (int, float) for value in numbers)


def _line(metrics: EpochMetrics) -> bytes:
    return (format_json(metrics.to_json()) + "\n").encode("ascii")


def _is_own(path: Path) -> bool:
    """Whether a file is empty or begins with an epoch."""
    return path.lstat().st_size == 0 or any(True for _ in _epochs(path))
