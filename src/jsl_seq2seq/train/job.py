"""A whole training, from what a user asked for to a model that can be saved."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..config import ModelConfig, TrainingConfig, flag
from ..errors import UserError
from ..ops.choose import AUTO, Backend, choose_backend
from ..store import STARTER, Example, Progress, SavedModel, load_model
from ..store.metadata import describe_run
from ..text import Corpus, SentencePair, Vocabularies, overlap, read_corpus, read_starter_corpus
from ..translator import Translator
from .batches import encode_pairs
from .initialize import initial_parameters
from .loop import Outcome, Quiet, Reporter, fit
from .trainer import Trainer

_MODEL_OPTIONS = ("d_model", "n_heads", "n_layers", "d_ff", "max_seq_len")
_EXAMPLES = 5
_CHECKED = 500
"""Sentences of the data that are translated at the end to say how many come out exactly."""


@dataclass(frozen=True)
class TrainingRequest:
    """What a user asks for.

    Attributes:
        options: fields of ModelConfig and TrainingConfig that were given; all others keep their defaults, or
            the loaded model's values.
        data, valid: corpus files; ``None`` for the starter corpus (or the loaded model's data) and for none.
        load: a model directory to go on from.
    """

    options: Mapping[str, Any]
    backend: str = AUTO
    data: Path | None = None
    valid: Path | None = None
    load: Path | None = None


@dataclass(frozen=True)
class TrainingResult:
    """A trained model and how it did.

    Attributes:
        exact, checked: of ``checked`` sentences of the training data, ``exact`` were translated exactly.
        interrupted: whether it was stopped early.
    """

    model: SavedModel
    exact: int
    checked: int
    interrupted: bool


class TrainingJob:
    """A training that is ready to run: everything that can be wrong with the request is checked here.

    Attributes:
        notes: what the user should know before it starts, in Japanese.

    Raises:
        UserError: the request cannot be carried out.
        Failure: the model to go on from is damaged.
    """

    def __init__(self, request: TrainingRequest) -> None:
        self.notes: list[str] = []
        self.backend: Backend = choose_backend(request.backend)
        loaded = load_model(request.load, training_state=True) if request.load else None
        self.corpus, self._data_name = _read_data(request.data, loaded)
        self.valid = read_corpus(request.valid) if request.valid else None
        self.start = self._continued(loaded, request) if loaded else self._fresh(request)
        self._note_data(self.corpus)
        for corpus in filter(None, (self.corpus, self.valid)):
            _check_lengths(corpus, self.start)
            _check_tags(corpus, self.start.vocabularies)

    @property
    def training(self) -> TrainingConfig:
        """How it will be trained."""
        return self.start.training

    def run(
        self, reporter: Reporter | None = None, should_stop: Callable[[], bool] = lambda: False
    ) -> TrainingResult:
        """Train. Stops early, keeping what was learnt, when ``should_stop`` says so."""
        start = self.start
        trainer = Trainer(
            self.backend, start.config, start.training, start.parameters, start.moments, start.progress.step
        )
        outcome = fit(
            trainer,
            encode_pairs(self.corpus.pairs, start.vocabularies),
            encode_pairs(self.valid.pairs, start.vocabularies) if self.valid else [],
            start.training.epochs,
            start.progress,
            reporter or Quiet(),
            should_stop,
        )
        return self._result(trainer, outcome)

    def _fresh(self, request: TrainingRequest) -> SavedModel:
        vocabularies = Vocabularies.from_pairs(self.corpus.pairs)
        shape = {name: request.options[name] for name in _MODEL_OPTIONS if name in request.options}
        longest = max(_length(pair) for pair in self.corpus.pairs)
        shape.setdefault("max_seq_len", max(ModelConfig.max_seq_len, longest))
        config = ModelConfig(vocabularies.size, **shape)
        training = _overridden(TrainingConfig(), request.options)
        return SavedModel(config, training, vocabularies, initial_parameters(config, training.seed))

    def _continued(self, loaded: SavedModel, request: TrainingRequest) -> SavedModel:
        for name in _MODEL_OPTIONS:
            wanted, fixed = request.options.get(name), getattr(loaded.config, name)
            if wanted is not None and wanted != fixed:
                raise UserError(
                    f"続きの学習では {flag(name)} を変えられません（このモデルは {fixed} です）。",
                    f"{flag(name)} を外すか、--load を外して新しいモデルを学習してください。",
                )
        training = _overridden(loaded.training, request.options)
        progress = loaded.progress
        if training.seed != loaded.training.seed:
            self.notes.append(f"seed を {loaded.training.seed} から {training.seed} に変えて続けます。")
        if loaded.moments is None:
            self.notes.append("このモデルには学習の途中経過が保存されていないので、Adam は最初から始めます。")
            progress = Progress(step=0, epoch=progress.epoch)
        if progress.batch and (
            training.batch_size != loaded.training.batch_size
            or _digest(self.corpus.pairs) != loaded.data_digest
        ):
            self.notes.append(
                "データかバッチの大きさが変わったので、途中だったエポックは最初からやり直します。"
            )
            progress = replace(progress, batch=0)
        if _digest(self.corpus.pairs) != loaded.data_digest:
            self.notes.append(f"前回とは違うデータで続けます（前回: {loaded.data_name}）。")
        return replace(loaded, training=training, progress=progress)

    def _note_data(self, corpus: Corpus) -> None:
        self.notes += corpus.notes
        if self.valid:
            self.notes += self.valid.notes
            shared = overlap(corpus.pairs, self.valid.pairs)
            if shared:
                self.notes.append(
                    f"検証データの {len(shared)} 文が学習データにもあります（{shared[0]} など）。"
                    "検証の数字は実力より良く見えます。"
                )

    def _result(self, trainer: Trainer, outcome: Outcome) -> TrainingResult:
        model = replace(
            self.start,
            parameters=trainer.parameters(),
            moments=trainer.moments(),
            progress=outcome.progress,
            history=self.start.history + outcome.history,
            metadata=describe_run(trainer.ops, self.training.seed),
            data_name=self._data_name,
            data_digest=_digest(self.corpus.pairs),
        )
        checked = _spread(self.corpus.pairs, _CHECKED)
        translator = Translator(model, self.backend)
        examples = _translated(translator, checked)
        if self.valid and model.history:
            valid = _translated(translator, _spread(self.valid.pairs, _CHECKED))
            last = replace(model.history[-1], valid_exact=_exact(valid) / len(valid))
            model = replace(model, history=(*model.history[:-1], last))
        model = replace(model, examples=tuple(_spread(examples, _EXAMPLES)))
        return TrainingResult(model, _exact(examples), len(checked), outcome.interrupted)


def _read_data(path: Path | None, loaded: SavedModel | None) -> tuple[Corpus, str]:
    """The training data and the name under which it is recorded."""
    if path is not None:
        return read_corpus(path), str(path)
    if loaded is None or loaded.data_name == STARTER:
        return read_starter_corpus(), STARTER
    recorded = Path(loaded.data_name)
    if not recorded.is_file():
        raise UserError(
            f"このモデルの学習データが見つかりません: {recorded}",
            "--data で学習データのファイルを指定してください。",
        )
    return read_corpus(recorded), loaded.data_name


def _overridden(training: TrainingConfig, options: Mapping[str, Any]) -> TrainingConfig:
    names = {field.name for field in fields(TrainingConfig)}
    return replace(training, **{name: value for name, value in options.items() if name in names})


def _length(pair: SentencePair) -> int:
    """Positions a pair needs: its characters, or its tags and EOS."""
    return max(len(pair.source), len(pair.tags) + 1)


def _check_lengths(corpus: Corpus, model: SavedModel) -> None:
    limit = model.config.max_seq_len
    too_long = next((pair for pair in corpus.pairs if _length(pair) > limit), None)
    if too_long:
        raise UserError(
            f"{corpus.name} に長すぎる文があります（{_length(too_long)}、上限は {limit}）: {too_long.source}",
            f"--max-seq-len {max(map(_length, corpus.pairs))} で新しく学習するか、その文を分けてください。",
        )


def _check_tags(corpus: Corpus, vocabularies: Vocabularies) -> None:
    unknown = sorted({tag for pair in corpus.pairs for tag in pair.tags if tag not in vocabularies.target})
    if unknown:
        listed = "、".join(f"<{tag}>" for tag in unknown[:5]) + ("など" if len(unknown) > 5 else "")
        raise UserError(
            f"{corpus.name} に、モデルの語彙にないタグがあります: {listed}",
            "そのタグも学習させるには、そのタグを含むデータで新しいモデルを学習してください（--load を外す）。",
        )
    blank = next((pair for pair in corpus.pairs if not vocabularies.encode_source(pair.source).ids), None)
    if blank:
        raise UserError(f"{corpus.name} に、モデルの知っている文字が 1 つもない文があります: {blank.source}")


def _translated(translator: Translator, pairs: Sequence[SentencePair]) -> list[Example]:
    translations = []
    for start in range(0, len(pairs), 64):
        translations += translator.translate_batch([pair.source for pair in pairs[start : start + 64]])
    return [
        Example(pair.source, pair.tags, translation.tags)
        for pair, translation in zip(pairs, translations, strict=True)
    ]


def _exact(examples: Sequence[Example]) -> int:
    return sum(example.produced == example.expected for example in examples)


def _spread(items: Sequence[Any], count: int) -> list[Any]:
    """At most ``count`` items, evenly spaced over the whole sequence."""
    if len(items) <= count:
        return list(items)
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]


def _digest(pairs: Sequence[SentencePair]) -> str:
    """SHA-256 of the pairs in order: whether two trainings saw the same data."""
    canonical = json.dumps([[pair.source, *pair.tags] for pair in pairs], ensure_ascii=True)
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
