"""Figures of translations after each epoch: what evaluation says of the same weights, on a bounded sample."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jsl_seq2seq.backends.process_group import ProcessGroup
from jsl_seq2seq.data import Corpus, SentencePair, parse_corpus
from jsl_seq2seq.errors import Failure
from jsl_seq2seq.evaluation import evaluate
from jsl_seq2seq.extras import LibraryError
from jsl_seq2seq.store import EpochMetrics, SavedModel, best_epoch
from jsl_seq2seq.training import Checkpoints
from jsl_seq2seq.training.validation import DECIDING, SHOWN, Figures, Stopped, Validation

from ..backend_cases import Backend
from ..refusals import refused
from ..small_models import same_arrays, small_job, trained_small, translator_of

LINES = """わたしはたべます\t<私> <食べる> <何> <駅>
わたしはのみます\t<私> <飲む> <飲む> <飲む>
ありがとう\t<ありがとう>
おはようございます\t<朝> <挨拶> <駅> <何>
えきはどこですか\t<駅> <場所> <何> <私>
"""


@pytest.fixture
def valid(tmp_path: Path) -> Path:
    path = tmp_path / "valid.tsv"
    path.write_text(LINES, encoding="utf-8")
    return path


def valid_corpus() -> Corpus:
    return parse_corpus(LINES, "valid")


@pytest.mark.parametrize("metric", ["loss", "exact", "bleu", "chrf"])
def test_an_epochs_figures_are_those_of_evaluation(tmp_path: Path, valid: Path, metric: str) -> None:
    kept: list[SavedModel] = []
    job = small_job(tmp_path, epochs=25, learning_rate=0.03, valid=valid, metric=metric)
    result = job.run(checkpoints=Checkpoints(1, kept.append))
    # all but the last are checkpoints, and the last is the result
    for model, point in zip([*kept, result.model], result.model.history, strict=True):
        scores = evaluate(translator_of(model), valid_corpus()).scores
        assert point.valid_exact == scores.exact_rate
        wanted = {"bleu": scores.bleu, "chrf": scores.chrf}
        for name, score in wanted.items():
            assert point.valid(name) == (score.value if score and name == metric else None)
    assert len({point.valid(metric) for point in result.model.history}) > 1


@pytest.mark.parametrize("metric", ["exact", "bleu", "chrf"])
def test_best_is_the_epoch_with_the_highest_figure(tmp_path: Path, valid: Path, metric: str) -> None:
    options = {"epochs": 25, "learning_rate": 0.03, "valid": valid, "metric": metric}
    kept: list[SavedModel] = []
    last = small_job(tmp_path, **options).run(checkpoints=Checkpoints(1, kept.append)).model
    model = small_job(tmp_path, keep="best", **options).run().model
    figures = [(point.valid(metric) or 0, -(point.valid_loss or 0)) for point in model.history]
    assert max(figures) > (0, 0)
    best = [*kept, last][figures.index(max(figures))]
    assert same_arrays(model.parameters, best.parameters)
    found = best_epoch(model.history, metric)
    assert found is not None and found.epoch == best.progress.epoch


def test_what_ends_a_training_early_is_the_metric(tmp_path: Path, valid: Path) -> None:
    options = {"epochs": 40, "learning_rate": 0.03, "valid": valid, "patience": 3}
    ends = {metric: small_job(tmp_path, metric=metric, **options).run().model for metric in ("loss", "exact")}
    for metric, model in ends.items():
        best = best_epoch(model.history, metric)
        assert best is not None and model.progress.epoch in (best.epoch + 3, 40)
    assert ends["loss"].progress.epoch != ends["exact"].progress.epoch


def pairs(count: int) -> list[SentencePair]:
    return [SentencePair(f"文{number}", ("私",) * (1 + number % 3)) for number in range(count)]


@pytest.mark.parametrize(("metric", "most"), [("loss", SHOWN), ("exact", DECIDING), ("chrf", DECIDING)])
@pytest.mark.parametrize("count", [1, 2, 199, 200, 201, 1000, 5000])
def test_the_sample_is_bounded_and_spread(metric: str, most: int, count: int) -> None:
    everything = pairs(count)
    sample = Validation(everything, metric).pairs
    assert len(sample) == min(count, most)
    assert sample == sorted(set(sample), key=everything.index)
    assert (sample[0], sample[-1]) == (everything[0], everything[-1]) or count == 1


def test_a_translation_without_end_is_cut(tmp_path: Path, backend: Backend) -> None:
    """The cost of an epoch's validation does not depend on how far training is."""
    validation = Validation(valid_corpus().pairs, "loss")
    translator = translator_of(trained_small())
    cut = type(translator)(trained_small(), backend_of(backend), max_tags=2)
    assert validation.max_length(trained_small().tokenizers.target) == 16
    for text in ("わたしはたべます", "えきはどこですか"):
        assert cut.translate(text).tags == translator.translate(text).tags[:2]


def backend_of(backend: Backend):
    from jsl_seq2seq.backends.registry import choose_backend  # noqa: PLC0415

    return choose_backend(backend.name)


def test_it_stops_between_two_batches() -> None:
    validation = Validation(pairs(200), "loss")
    asked: list[bool] = []

    def stop() -> bool:
        asked.append(True)
        return len(asked) == 3

    with pytest.raises(Stopped):
        validation.measure(translator_of(trained_small()), ProcessGroup(), stop)
    assert len(asked) == 3


class Group(ProcessGroup):
    """One of two processes; the other one's values are given."""

    world_size = 2

    def __init__(self, rank: int, others: Callable[[], list[float]]) -> None:
        self.rank, self._others = rank, others
        self.sent: list[float] = []

    def all_reduce(self, *values: float) -> list[float]:
        self.sent = list(values)
        return [one + other for one, other in zip(values, self._others(), strict=True)]


def test_all_processes_have_the_first_ones_figures() -> None:
    validation = Validation(valid_corpus().pairs, "chrf")
    first = Group(0, lambda: [0.0] * 5)
    translator = translator_of(trained_small())
    found = validation.measure(translator, first, lambda: False)
    assert found == validation.measure(translator, ProcessGroup(), lambda: False)
    assert found.exact == 0.2 and found.bleu is None and found.chrf
    assert validation.measure(translator, Group(1, lambda: first.sent), lambda: True) == found


def test_a_problem_of_the_first_process_ends_all() -> None:
    validation = Validation(valid_corpus().pairs, "loss")
    first = Group(0, lambda: [0.0] * 5)
    translator = translator_of(trained_small())
    with pytest.raises(Stopped):
        validation.measure(translator, first, lambda: True)
    with pytest.raises(Stopped):
        validation.measure(translator, Group(1, lambda: first.sent), lambda: False)

    def broken() -> bool:
        raise MemoryError

    with pytest.raises(MemoryError):
        validation.measure(translator, first, broken)
    with refused(Failure, "最初のプロセス", code="validation-failed"):
        validation.measure(translator, Group(1, lambda: first.sent), lambda: False)


def test_a_network_that_computes_no_numbers_has_no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise Failure("NaN", code="scores-not-finite")

    translator = translator_of(trained_small())
    monkeypatch.setattr(translator, "translate_each", fail)
    validation = Validation(valid_corpus().pairs, "bleu")
    assert validation.measure(translator, ProcessGroup(), lambda: False) == Figures()


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_without_sacrebleu_it_is_refused_before_training(
    tmp_path: Path, valid: Path, monkeypatch: pytest.MonkeyPatch, metric: str
) -> None:
    monkeypatch.setattr("jsl_seq2seq.extras.importlib.import_module", lambda name: missing(name))
    with refused(LibraryError, "sacrebleu", "evaluate", code="library-broken", library="sacrebleu"):
        small_job(tmp_path, valid=valid, metric=metric)


def missing(name: str) -> object:
    raise ImportError(name)


def test_the_best_of_equals_has_the_lowest_validation_loss_and_is_the_first() -> None:
    figures = [(0.1, 0.2), (0.5, 2.0), (0.5, 1.0), (0.5, 1.0), (0.5, 3.0)]
    points = [
        EpochMetrics(number, 1.0, 1.0, 1.0, loss, share) for number, (share, loss) in enumerate(figures)
    ]
    assert best_epoch(points, "exact") is points[2]
    assert best_epoch(points, "loss") is points[0]
    assert best_epoch(points, "bleu") is None
