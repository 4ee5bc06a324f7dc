"""A whole training, from what a user asked for to a model that can be saved."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.registry import AUTO, Backend, choose_backend
from ..data import SentencePair, overlap, read_corpus
from ..data.encoding import EncodedPair
from ..errors import UserError
from ..model.initialization import initial_parameters
from ..settings import DATA_SETTINGS, ModelConfig, TrainingConfig
from ..store import EpochMetrics, Example, Progress, SavedModel, Stage, load_model
from ..store.metadata import describe_run, published, stages_of, with_stage
from ..tokenize import Tokenizers
from ..translate.translator import Translator
from .data import check_lengths, digest, encode_corpus, longest, read_data, tokenizers_of
from .loop import Outcome, Quiet, Reporter, fit
from .trainer import Trainer

_MODEL_OPTIONS = ("d_model", "n_heads", "n_layers", "d_ff", "max_seq_len", "tied_embeddings")
_BATCH_OPTIONS = ("batch_size", "batch_tokens", "accumulate", "seed")
_DESCRIBED = ("backend", "precision", "git_commit", "package_version", "trained_at")
_EXAMPLES = 5
_CHECKED = 500
"""Sentences of the data that are translated at the end to say how many come out exactly."""


@dataclass(frozen=True)
class TrainingRequest:
    """What a user asks for.

    Attributes:
        options: fields of ModelConfig and TrainingConfig that were given, and of DATA_SETTINGS; all others keep
            their defaults, or the loaded model's values.
        data, valid: corpus files; ``None`` for the starter corpus (or the loaded model's data) and for none.
        load: a model directory to go on from.
        precision: what the backend computes in, ``fp32`` or ``bf16``; files do not depend on it.
        resume: ``load`` is this very training, interrupted: ``epochs`` counts from its beginning.
    """

    options: Mapping[str, Any]
    backend: str = AUTO
    device: str | None = None
    data: Path | None = None
    valid: Path | None = None
    load: Path | None = None
    resume: bool = False
    precision: str = "fp32"


@dataclass(frozen=True)
class Checkpoints:
    """Saving while training goes on: ``save`` is called after every ``every`` epochs, except the last."""

    every: int
    save: Callable[[SavedModel], None]


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
        self._request = request
        loaded = load_model(request.load, training_state=True) if request.load else None
        tokenizers = tokenizers_of(request.options, loaded, request.resume)
        self.corpus, self._data_name = read_data(request.data, loaded, tokenizers)
        self._digest = digest(self.corpus.pairs)
        self.valid = read_corpus(request.valid, tokenizers) if request.valid else None
        self._valid_digest = digest(self.valid.pairs) if self.valid else ""
        if loaded is None:
            tokenizers = tokenizers.learn(self.corpus.pairs)
        self._pairs, unknown = encode_corpus(self.corpus, tokenizers)
        self.start = self._continued(loaded, request) if loaded else self._fresh(tokenizers, request)
        check_lengths(self.corpus, self._pairs, self.start.config.max_seq_len)
        self._valid_pairs: Sequence[EncodedPair] = []
        if self.valid:
            self._valid_pairs, more = encode_corpus(self.valid, tokenizers)
            check_lengths(self.valid, self._valid_pairs, self.start.config.max_seq_len)
            unknown += more
        self._note_data(unknown)
        # read now: at the end of a long training, the files may have changed or gone
        self._checked = _spread(self.corpus.pairs, _CHECKED)
        self._valid_checked = _spread(self.valid.pairs, _CHECKED) if self.valid else []
        self.backend: Backend = choose_backend(
            request.backend, request.device, precision=request.precision, together=True
        )

    @property
    def training(self) -> TrainingConfig:
        """How it will be trained."""
        return self.start.training

    # numbers that overflow are found in the loss and in what is saved, and said there in words
    @np.errstate(over="ignore", invalid="ignore", divide="ignore")
    def run(
        self,
        reporter: Reporter | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        checkpoints: Checkpoints | None = None,
    ) -> TrainingResult:
        """Train. Stops early, keeping what was learnt, when ``should_stop`` says so."""
        start = self.start
        processes = self.backend.processes
        if not processes.all_equal(self._fingerprint()):
            raise UserError(
                "一緒に学習するプロセスの間で、データ、設定、モデルのどれかが違います。",
                "すべての機械に同じファイルを置き、同じコマンドで始めてください。",
            )
        trainer = Trainer(
            self.backend, start.config, start.training, start.parameters, start.moments, start.progress.step
        )

        every = checkpoints.every if checkpoints else 0

        def after_epoch(progress: Progress, history: tuple[EpochMetrics, ...]) -> None:
            if checkpoints and progress.epoch % checkpoints.every == 0:
                checkpoints.save(self._snapshot(trainer, progress, history, interrupted=True, every=every))

        outcome = fit(
            trainer,
            self._pairs,
            self._valid_pairs,
            start.progress.until - start.progress.epoch,
            start.progress,
            reporter or Quiet(),
            should_stop,
            after_epoch,
        )
        if processes.rank:  # the first process has the same parameters, and says and saves everything
            return TrainingResult(start, 0, 0, outcome.interrupted)
        return self._result(trainer, outcome, every)

    def _fingerprint(self) -> str:
        """Everything that processes must have in common before they train together."""
        start = self.start
        seen = hashlib.sha256(self._digest.encode())
        seen.update(repr((start.config, start.training, start.progress)).encode())
        for array in start.parameters.values():
            seen.update(array.tobytes())
        return seen.hexdigest()

    def _fresh(self, tokenizers: Tokenizers, request: TrainingRequest) -> SavedModel:
        shape = {name: request.options[name] for name in _MODEL_OPTIONS if name in request.options}
        shape.setdefault("max_seq_len", max(ModelConfig.max_seq_len, longest(self._pairs)))
        config = ModelConfig(tokenizers.size, **shape)
        training = _overridden(TrainingConfig(), request.options)
        if training.schedule == "cosine" and not training.decay_steps:
            batches = math.ceil(len(self.corpus.pairs) / training.batch_size / training.accumulate)
            training = replace(training, decay_steps=batches * training.epochs)
        parameters = initial_parameters(config, training.seed)
        return SavedModel(config, training, tokenizers, parameters, progress=Progress(until=training.epochs))

    def _continued(self, loaded: SavedModel, request: TrainingRequest) -> SavedModel:
        for name in _MODEL_OPTIONS:
            wanted, fixed = request.options.get(name), getattr(loaded.config, name)
            if wanted is not None and wanted != fixed:
                raise UserError(
                    f"続きの学習では {name} を変えられません（このモデルは {fixed} です）。",
                    f"{name} を指定しないか、新しいモデルを学習してください。",
                    code="setting-fixed-by-model",
                    setting=name,
                    value=wanted,
                    fixed=fixed,
                )
        training = _overridden(loaded.training, request.options)
        progress = loaded.progress
        if training.seed != loaded.training.seed:
            self.notes.append(f"seed を {loaded.training.seed} から {training.seed} に変えて続けます。")
        if not loaded.config.attention_masks:
            self.notes.append(
                "取り込んだモデルなので、元のプロジェクトと同じくマスクなしで続けます。"
                "損失は実力より小さく出ます（正解の続きが見えるため）。"
            )
        if loaded.moments is None:
            self.notes.append("このモデルには学習の途中経過が保存されていないので、Adam は最初から始めます。")
            progress = Progress(step=0, epoch=progress.epoch)
        if progress.batch and (
            any(getattr(training, name) != getattr(loaded.training, name) for name in _BATCH_OPTIONS)
            or self._digest != loaded.data_digest
        ):
            self.notes.append(
                "データかバッチの大きさが変わったので、途中だったエポックは最初からやり直します。"
            )
            progress = replace(progress, batch=0)
        if self._digest != loaded.data_digest:
            self.notes.append(f"前回とは違うデータで続けます（前回: {loaded.data_name}）。")
        until = progress.epoch + training.epochs
        if request.resume:
            until = request.options.get("epochs", loaded.progress.until or loaded.training.epochs)
            if progress.epoch >= until:
                self.notes.append(f"もう {progress.epoch} エポックまで終わっています。")
        return replace(
            loaded,
            training=training,
            progress=replace(progress, until=max(until, progress.epoch)),
            stages=stages_of(loaded),
        )

    def _note_data(self, unknown: Sequence[str]) -> None:
        self.notes += self.corpus.notes
        if self.valid:
            self.notes += self.valid.notes
        self.notes += unknown
        if self.valid:
            shared = overlap(self.corpus.pairs, self.valid.pairs)
            if shared:
                self.notes.append(
                    f"検証データの {len(shared)} 文が学習データにもあります（{shared[0]} など）。"
                    "検証の数字は実力より良く見えます。"
                )

    def _snapshot(
        self,
        trainer: Trainer,
        progress: Progress,
        history: tuple[EpochMetrics, ...],
        interrupted: bool,
        every: int,
    ) -> SavedModel:
        """The model as it is now; its examples are still those of the start."""
        described = describe_run(trainer.ops, self.training.seed)
        return replace(
            self.start,
            parameters=trainer.parameters(),
            moments=trainer.moments(),
            progress=progress,
            history=self.start.history + history,
            metadata=self.start.metadata | described,
            stages=with_stage(self.start.stages, self._stage(progress, interrupted, every, described)),
            data_name=self._data_name,
            data_digest=self._digest,
        )

    def _stage(
        self, progress: Progress, interrupted: bool, every: int, described: Mapping[str, Any]
    ) -> Stage:
        """This run, as it is recorded: whatever is needed to run it again."""
        request, settings = self._request, self.training.to_json()
        return Stage(
            start=self.start.progress.epoch,
            end=progress.epoch,
            until=progress.until,
            interrupted=interrupted,
            settings={name: value for name, value in settings.items() if name != "epochs"},
            data_name=self._data_name,
            data_digest=self._digest,
            units={name: request.options[name] for name in sorted(DATA_SETTINGS) if name in request.options},
            valid_name=published(request.valid).as_posix() if request.valid else "",
            valid_digest=self._valid_digest,
            device=request.device,
            processes=self.backend.processes.world_size,
            checkpoint_every=every,
            **{name: described[name] for name in _DESCRIBED},
        )

    def _result(self, trainer: Trainer, outcome: Outcome, every: int) -> TrainingResult:
        model = self._snapshot(trainer, outcome.progress, outcome.history, outcome.interrupted, every)
        if outcome.kept is not None:
            model = replace(model, parameters=outcome.kept)
        translator = Translator(model, self.backend)
        examples = _translated(translator, self._checked)
        if self._valid_checked and model.history:
            valid = _translated(translator, self._valid_checked)
            last = replace(model.history[-1], valid_exact=_exact(valid) / len(valid))
            model = replace(model, history=(*model.history[:-1], last))
        model = replace(model, examples=tuple(_spread(examples, _EXAMPLES)))
        return TrainingResult(model, _exact(examples), len(examples), outcome.interrupted)


def _overridden(training: TrainingConfig, options: Mapping[str, Any]) -> TrainingConfig:
    names = {field.name for field in fields(TrainingConfig)}
    return replace(training, **{name: value for name, value in options.items() if name in names})


def _translated(translator: Translator, pairs: Sequence[SentencePair]) -> list[Example]:
    translations = []
    for start in range(0, len(pairs), 64):
        translations += translator.translate_batch([pair.source for pair in pairs[start : start + 64]])
    return [
        Example(pair.source, pair.tags, translation.tags)
        for pair, translation in zip(pairs, translations, strict=True)
    ]


def _exact(examples: Sequence[Example]) -> int:
    return sum(example.hypothesis == example.reference for example in examples)


def _spread(items: Sequence[Any], count: int) -> list[Any]:
    """At most ``count`` items, evenly spaced over the whole sequence."""
    if len(items) <= count:
        return list(items)
    return [items[round(i * (len(items) - 1) / (count - 1))] for i in range(count)]
