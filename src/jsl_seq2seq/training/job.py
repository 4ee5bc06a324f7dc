"""A whole training, from what a user asked for to a model that can be saved."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ..backends.out_of_memory import is_out_of_memory
from ..backends.registry import AUTO, Backend, choose_backend
from ..data import SentencePair, overlap, read_corpus, sentence_keys
from ..data.encoding import EncodedPair, EncodedPairs, encode_corpus
from ..errors import JslError, UserError
from ..model import count_parameters
from ..model.initialization import initial_parameters
from ..settings import DATA_SETTINGS, ModelConfig, TrainingConfig, VocabSize, in_effect
from ..store import EpochMetrics, Example, Progress, SavedModel, Stage, best_epoch, load_model
from ..store.metadata import describe_run, now, published, stages_of, with_stage
from ..tokenize import Tokenizers
from ..translate.translator import Translator, tags_of
from .data import check_encoded, longest, new_tokenizers, read_data, tokenizers_of
from .finetuning import (
    extended,
    extension_notes,
    fine_tuning_settings,
    frozen_spans,
    is_extensible,
    near_misses,
)
from .loop import CheckpointSelector, Outcome, Parameters, Reporter, Run, diverged, fit
from .schedule import scheduled
from .substitution import with_variants
from .trainer import Trainer, lacking_memory
from .units import choice_note, chosen_units, is_auto, shares, without_auto
from .validation import Figures, Validation, evenly

_SHAPE_OPTIONS = ("d_model", "n_heads", "n_layers", "d_ff", "max_seq_len", "tied_embeddings")
_SEARCH_OPTIONS = ("beam", "length_penalty")
_MODEL_OPTIONS = _SHAPE_OPTIONS + _SEARCH_OPTIONS
_BATCH_OPTIONS = ("batch_size", "batch_tokens", "accumulate", "substitutions", "seed")
_DESCRIBED = ("backend", "precision", "git_commit", "package_version", "trained_at")
_OF_THE_WEIGHTS = ("evaluation", "made_by", "validation")
"""Metadata that says how the weights did in a test, and how they were made."""
_SOUND = 8
"""Sentences whose loss is computed before weights are saved."""
_EXAMPLES = 5
_CHECKED = 500
"""Sentences of the data that are translated at the end to count the exact ones."""
_WORSE_THAN_UNIFORM = 2
"""At the first step the loss is about 1 times that of the uniform distribution."""
_OVERFITTED = 1.02
"""The validation loss has risen if it ends above this many times its lowest value."""
_LAST, _RECENT = "last", "recent."
"""Keys of ``SavedModel.resume_parameters``; ``recent.0`` is the oldest."""


@dataclass(frozen=True)
class TrainingRequest:
    """The settings, data and model of a run.

    Attributes:
        options: fields of ModelConfig and TrainingConfig that were given, and of DATA_SETTINGS; all others keep
            their defaults, or the loaded model's values.
        data, valid: corpus files; ``None`` for the starter corpus (or the loaded model's data) and for none.
        load: a model directory to go on from.
        precision: what the backend computes in, ``fp32`` or ``bf16``; files do not depend on it.
        resume: ``load`` is this very run, interrupted: it goes on as if it had not been, and ``epochs`` counts
            from its beginning. Otherwise a new run of ``epochs`` begins with the parameters of ``load``.
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
        notes: what was done otherwise in training, and what could not be done after it, in Japanese.
        failure: what ended training early although nobody asked for it; the model was saved before.
    """

    model: SavedModel
    exact: int
    checked: int
    interrupted: bool
    notes: tuple[str, ...] = ()
    failure: Exception | None = None

    @property
    def uniform_loss(self) -> float:
        """ln V: the loss of the uniform distribution over the target vocabulary, in nats per token."""
        return math.log(self.model.config.vocab_size.target)

    @property
    def learnt_nothing(self) -> bool:
        """Whether the last epoch's loss is above :data:`_WORSE_THAN_UNIFORM` times :attr:`uniform_loss`."""
        history = self.model.history
        return bool(history) and history[-1].loss > _WORSE_THAN_UNIFORM * self.uniform_loss

    @property
    def overfitted_after(self) -> int | None:
        """The run's epoch of the lowest validation loss, if the loss rose after it and the last weights were saved."""
        model = self.model
        run = [point for point in model.history if point.epoch > model.progress.start]
        lowest = best_epoch(run, "loss")
        if lowest is None or lowest.valid_loss is None or model.training.keep == "best":
            return None
        return lowest.epoch if (run[-1].valid_loss or 0) > _OVERFITTED * lowest.valid_loss else None


class TrainingJob:
    """A run of a training. The constructor checks everything that can be wrong with the request.

    Attributes:
        notes: what is unusual about the data or the request, in Japanese.
        changes: what a continued run does differently from the run before, in Japanese.
        decisions: what was decided from the data, and why, in Japanese.
        validation: the validation data that are translated after each epoch; ``None`` without.

    Raises:
        UserError: the request cannot be carried out.
        Failure: the model to go on from is damaged.
    """

    def __init__(self, request: TrainingRequest) -> None:
        self.notes: list[str] = []
        self.changes: list[str] = []
        self.decisions: list[str] = []
        loaded = load_model(request.load, training_state=True) if request.load else None
        request, tokenizers = self._read(request, loaded)
        self._request = request
        self._digest = self.corpus.digest
        self.valid = read_corpus(request.valid, tokenizers) if request.valid else None
        self._valid_digest = self.valid.digest if self.valid else ""
        self._valid_name = published(request.valid).as_posix() if request.valid else ""
        self._known: VocabSize | None = None
        if loaded is None:
            tokenizers = new_tokenizers(self.corpus, tokenizers, request.options)
        else:
            loaded = self._extended(loaded, request)
            tokenizers = loaded.tokenizers
        encoded = encode_corpus(self.corpus, tokenizers)
        # what is rare in the very data that the vocabulary was made from may be unknown
        check_encoded(encoded, refuse_unknown=loaded is not None and loaded.data_digest != self._digest)
        self._pairs: EncodedPairs = encoded.pairs
        self._best: Parameters | None = None
        self._recent: list[Parameters] = []
        self.start = self._continued(loaded, request) if loaded else self._fresh(tokenizers, request)
        self._frozen = frozen_spans(
            self.start.config, self.training.freeze, self._known or self.start.config.vocab_size
        )
        self._check_validation()
        self._check_average()
        check_encoded(encoded, refuse_unknown=False, limit=self.start.config.max_seq_len)
        unknown = encoded.notes()
        self._valid_pairs: Sequence[EncodedPair] = []
        if self.valid:
            encoded = encode_corpus(self.valid, tokenizers)
            check_encoded(encoded, refuse_unknown=False, limit=self.start.config.max_seq_len)
            self._valid_pairs = encoded.pairs
            unknown += encoded.notes()
        self.validation = Validation(self.valid.pairs, self.training.metric) if self.valid else None
        self._note_data(unknown)
        # read now: at the end of a long training, the files may have changed or gone
        self._checked = evenly(self.corpus.pairs, _CHECKED)
        self._valid_checked = evenly(self.valid.pairs, _CHECKED) if self.valid else []
        self.backend: Backend = choose_backend(
            request.backend, request.device, precision=request.precision, together=True
        )

    def _read(
        self, request: TrainingRequest, loaded: SavedModel | None
    ) -> tuple[TrainingRequest, Tokenizers]:
        """Read the training data. The request with the units that ``auto`` stands for, and its tokenizers."""
        given = request.options
        choosing = is_auto(given) and loaded is None
        options = chosen_units(given) if choosing else without_auto(given)
        tokenizers = tokenizers_of(options, loaded, request.resume)
        self.corpus, self._data_name = read_data(request.data, loaded, tokenizers)
        if choosing:
            counted, read_as = shares(self.corpus.pairs), tokenizers.source.kind
            options = chosen_units(given, counted)
            tokenizers = tokenizers_of(options, loaded, request.resume)
            self.decisions.append(f"単位: {choice_note(tokenizers, counted)}")
            if tokenizers.source.kind != read_as:  # sentences are spelled and cut otherwise
                self.corpus, self._data_name = read_data(request.data, loaded, tokenizers)
        return replace(request, options=options), tokenizers

    @cached_property
    def _trained_on(self) -> np.ndarray:
        keys = SavedModel.trained_on_keys(sentence_keys(self.corpus.pairs))
        return np.union1d(self.start.trained_on, keys)

    @property
    def training(self) -> TrainingConfig:
        """The settings of this run."""
        return self.start.training

    @property
    def options(self) -> dict[str, Any]:
        """``TrainingRequest.options`` that ask for this run, whatever the defaults of a later release are.

        Those of a run that goes on from a model include the shape and the units of that model.
        """
        start, request = self.start, self._request
        settings = self.training.to_json() | {"epochs": start.progress.until - start.progress.start}
        units = start.tokenizers.settings | {
            name: request.options[name] for name in DATA_SETTINGS if request.options.get(name) is not None
        }
        return {
            **units,
            **{name: value for name, value in start.config.to_json().items() if name in _MODEL_OPTIONS},
            **in_effect(settings, request.valid is not None),
        }

    @property
    def finished(self) -> bool:
        """Whether nothing is left to train: it is a run that was resumed after its end."""
        progress = self.start.progress
        return progress.epoch >= progress.until or (not progress.batch and self._selector().finished)

    # overflow shows in the loss and in what is saved, where it is reported; the rest is as it should be, whatever
    # a caller told NumPy to raise
    @np.errstate(all="ignore")
    def run(
        self,
        reporter: Reporter | None = None,
        should_stop: Callable[[], bool] = lambda: False,
        checkpoints: Checkpoints | None = None,
        save: Callable[[SavedModel], None] = lambda model: None,
    ) -> TrainingResult:
        """Train, save, translate a few examples, and save again with them.

        Args:
            should_stop: asked after each batch; training then ends early. Asked while examples are translated,
                too, of which then only the first are.
            checkpoints: saves while training goes on.
            save: saves the trained model. Called right after the last update, so that nothing that fails later
                costs the weights.

        Raises:
            Failure: the training diverged (``training-diverged``); or what ``save`` raises.
        """
        start = self.start
        processes = self.backend.processes
        if not processes.all_equal(self._fingerprint()):
            raise UserError(
                "一緒に学習するプロセスの間で、データ、設定、モデルのどれかが違います。",
                "すべての機械に同じファイルを置き、同じコマンドで始めてください。",
                code="processes-differ",
                processes=processes.world_size,
            )
        trainer = self._trainer()
        before = self._sample_loss(trainer)
        selector = self._selector()
        every = checkpoints.every if checkpoints else 0
        # now: at the end of a long training, what is asked about the machine may be gone
        described = describe_run(trainer.ops, self.training.seed)

        def snapshot(progress: Progress, history: tuple[EpochMetrics, ...], interrupted: bool) -> SavedModel:
            return self._snapshot(
                trainer, selector, progress, history, interrupted, every, {**described, "trained_at": now()}
            )

        def after_epoch(progress: Progress, history: tuple[EpochMetrics, ...]) -> None:
            if checkpoints and progress.epoch % checkpoints.every == 0:
                self._require_sound(trainer, progress.epoch, before)
                checkpoints.save(snapshot(progress, history, interrupted=True))

        outcome = fit(
            trainer,
            self._pairs,
            self._valid_pairs,
            start.progress,
            selector,
            reporter or Reporter(),
            should_stop,
            after_epoch,
            translate=self._translating(trainer, should_stop),
            run=Run(
                start=start.progress.start,
                epoch=start.progress.epoch,
                until=start.progress.until,
                metric=self.training.metric,
                history=start.history,
                translated=len(self.validation.pairs) if self.validation else 0,
            ),
        )
        if processes.rank:  # process 0 has the same parameters; it alone saves and reports
            return TrainingResult(start, 0, 0, outcome.interrupted, failure=outcome.failure)
        self._require_sound(trainer, outcome.progress.epoch, before)
        model = snapshot(outcome.progress, outcome.history, outcome.interrupted)
        save(model)
        notes = _computed_in_parts(trainer)
        try:
            result = replace(self._result(model, outcome, should_stop), notes=notes)
            save(result.model)
        # out of memory on a device has many types, and the weights are safe; so they are at a second Ctrl-C
        except (Exception, KeyboardInterrupt) as error:
            reason = error.what if isinstance(error, JslError) else f"{type(error).__name__}: {error}"
            note = f"訳の例は作れませんでした（{reason}）。学習した重みは保存してあります。"
            return TrainingResult(model, 0, 0, outcome.interrupted, (*notes, note), outcome.failure)
        return result

    def _trainer(self) -> Trainer:
        """With the parameters and moments that the run begins with.

        Raises:
            Failure: memory does not suffice for them.
        """
        start = self.start
        try:
            return Trainer(
                self.backend,
                start.config,
                start.training,
                start.parameters,
                start.moments,
                start.progress.step,
                self._frozen,
            )
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            count = count_parameters(start.config)
            raise lacking_memory(
                f"この大きさのモデル（パラメーター {count:,} 個）を学習するためのメモリーが足りません。",
                self.backend.name,
                self.backend.processes,
                parameters=count,
            ) from error

    def _translating(self, trainer: Trainer, should_stop: Callable[[], bool]) -> Callable[[], Figures]:
        """Measures the figures of :attr:`validation` with the trainer's parameters."""
        validation = self.validation
        if validation is None:
            return Figures
        translator = trainer.translator(
            self.start, self.backend, validation.max_length(self.start.tokenizers.target)
        )
        return lambda: validation.measure(translator, self.backend.processes, should_stop)

    def _sample_loss(self, trainer: Trainer) -> float | None:
        """The loss of a few sentences with the trainer's parameters; ``None`` if it cannot be computed."""
        pairs = [self._pairs[index] for index in range(min(len(self._pairs), _SOUND))]
        try:
            return trainer.loss(trainer.batch(pairs))
        except Exception:  # out of memory on a device has many types, and says nothing about the parameters
            return None

    def _require_sound(self, trainer: Trainer, epoch: int, before: float | None) -> None:
        """Raise Failure if the parameters of the last update are of no use: they or Adam's moments are no numbers, or
        the loss with them is none, or above all of what it was ``before`` this run and :data:`_WORSE_THAN_UNIFORM`
        times that of the uniform distribution. What was saved before them is sound, and must not be replaced. A loss
        that a step returns is that of the parameters before the step."""
        loss, uniform = self._sample_loss(trainer), math.log(self.start.config.vocab_size.target)
        moments = trainer.moments()
        for values in (trainer.parameters(), moments.m, moments.v):
            for name, array in values.items():
                if not np.isfinite(array).all():
                    raise diverged(self.training, epoch, f"重み {name} に数でない値があります")
        if loss is None:
            return
        if not math.isfinite(loss):
            raise diverged(self.training, epoch, "損失が数になりません")
        if loss > max(_WORSE_THAN_UNIFORM * uniform, before or 0):
            how = f"損失が {loss:.4g} になりました。でたらめに選んでも {uniform:.1f} ほどです"
            raise diverged(self.training, epoch, how)

    def _selector(self) -> CheckpointSelector:
        """With the state that the run had when it was interrupted."""
        run = [point for point in self.start.history if point.epoch > self.start.progress.start]
        return CheckpointSelector(self.training, run, self._best, self._recent)

    def _check_validation(self) -> None:
        training = self.training
        deciding = {
            "keep": training.keep == "best",
            "patience": training.patience > 0,
            "metric": "metric" in self._request.options,
        }
        for name, used in deciding.items():
            if used and not self._request.valid:
                value = getattr(training, name)
                raise UserError(
                    f"{name}（{value}）は検証の結果で決まるので、検証データが要ります。",
                    f"検証データを指定するか、{name} を指定せずに学習してください。",
                    code="validation-data-missing",
                    setting=name,
                    value=value,
                )

    def _check_average(self) -> None:
        keep = self.training.keep
        if "average" in self._request.options and keep != "average":
            raise UserError(
                f"average は、keep が average のときだけ使います（いまは {keep}）。",
                "keep を average にするか、average を指定しないでください。",
                code="average-without-keep",
                setting="average",
                value=self._request.options["average"],
            )

    def _fingerprint(self) -> str:
        """SHA-256 of all that processes must have in common before they train together."""
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
        self._add_variants(tokenizers, training)
        progress = Progress(until=training.epochs)
        if training.schedule == "cosine" and not training.decay_steps:
            training = scheduled(training, self._pairs, progress, restart_step=0)
        parameters = initial_parameters(config, training.seed, tokenizers.alike)
        return SavedModel(config, training, tokenizers, parameters, progress=progress)

    def _add_variants(self, tokenizers: Tokenizers, training: TrainingConfig) -> None:
        """Add the pairs that ``substitutions`` asks for."""
        own = len(self._pairs)
        self._pairs = with_variants(
            self.corpus, self._pairs, tokenizers, training.substitutions, training.seed
        )
        if len(self._pairs) > own:
            unit = tokenizers.target.unit_name
            self.decisions.append(
                f"足した文: 文から写した{unit}を別の{unit}に入れ替えた {len(self._pairs) - own} 文（substitutions）"
            )

    def _extended(self, loaded: SavedModel, request: TrainingRequest) -> SavedModel:
        """The loaded model with what its vocabularies lack of other data than it was trained with."""
        if loaded.data_digest == self._digest:
            before = loaded.stages[-1].extended_from if loaded.stages else {}
            self._known = VocabSize(**before) if len(before) == len(fields(VocabSize)) else None
            return loaded
        if request.resume or not is_extensible(loaded):
            return loaded
        model = extended(loaded, self.corpus)
        if model is not loaded:
            self._known = loaded.config.vocab_size
            self.changes += extension_notes(loaded.tokenizers, model.tokenizers, self.corpus.name)
            self.notes += near_misses(loaded.tokenizers, model.tokenizers)
        return model

    def _continued(self, loaded: SavedModel, request: TrainingRequest) -> SavedModel:
        """The loaded model with the settings and the progress of the run that begins, or goes on if resumed."""
        search = {name: request.options[name] for name in _SEARCH_OPTIONS if name in request.options}
        loaded = replace(loaded, config=replace(loaded.config, **search))
        _require_shape(loaded.config, request.options)
        same_data = self._digest == loaded.data_digest
        training = loaded.training
        if not same_data and not request.resume:
            training = _overridden(training, fine_tuning_settings(training, self._pairs))
        training = _overridden(training, request.options)
        self._add_variants(loaded.tokenizers, training)
        if training.seed != loaded.training.seed:
            self.changes.append(f"seed を {loaded.training.seed} から {training.seed} に変えて続けます。")
        if not loaded.config.attention_masks:
            self.notes.append(
                "取り込んだモデルなので、元のプロジェクトと同じくマスクなしで続けます。"
                "損失は実力より小さく出ます（正解の続きが見えるため）。"
            )
        same_batches = same_data and all(
            getattr(training, name) == getattr(loaded.training, name) for name in _BATCH_OPTIONS
        )
        progress = self._progress_of(loaded, same_batches)
        if not same_data:
            self._note_other_data(loaded, training, request.resume)
        goal = loaded.progress.until or loaded.training.epochs
        if request.resume:
            until = request.options.get("epochs", goal)
            if progress.epoch >= until:
                self.notes.append(f"もう {progress.epoch} エポックまで終わっています。")
            progress = replace(progress, until=max(until, progress.epoch))
        else:
            until = progress.epoch + training.epochs
            progress = replace(progress, start=progress.epoch, until=until)
        start = replace(loaded, progress=progress, resume_parameters={}, stages=stages_of(loaded))
        if request.resume:
            start = self._resumed(start, loaded, training)
        goes_on = (
            request.resume
            and loaded.training.schedule == "cosine"
            and loaded.moments is not None
            and same_batches
            and until == goal
        )
        if training.schedule == "cosine" and "decay_steps" not in request.options and not goes_on:
            training = self._rescheduled(training, progress)
        return replace(start, training=training)

    def _progress_of(self, loaded: SavedModel, same_batches: bool) -> Progress:
        """Where the loaded model stands: at no step without Adam's moments, and between two epochs unless the epoch
        goes on with the ``same_batches``."""
        progress = loaded.progress
        if loaded.moments is None:
            self.changes.append(
                "このモデルには学習の途中経過が保存されていないので、Adam は最初から始めます。"
            )
            progress = Progress(epoch=progress.epoch, start=progress.start)
        if progress.batch and not same_batches:
            self.changes.append(
                "データかバッチの大きさが変わったので、途中だったエポックは最初からやり直します。"
            )
            progress = replace(progress, batch=0, loss_sum=0.0, tokens=0, seconds=0.0)
        return progress

    def _note_other_data(self, loaded: SavedModel, training: TrainingConfig, resume: bool) -> None:
        """Say that these are not the data that the model was trained with, and how it is trained on them."""
        told = self.notes if resume else self.changes  # --resume means the same data
        told.append(f"前回とは違うデータで続けます（前回: {loaded.data_name}）。")
        if not resume:
            self.changes.append(
                f"学習率は {training.learning_rate:g}（{training.schedule}）、{training.epochs} エポック、"
                f"1 回の更新に {training.batch_size} 文で学習します。"
            )

    def _resumed(self, start: SavedModel, loaded: SavedModel, training: TrainingConfig) -> SavedModel:
        """``start`` with the parameters of the last update, whichever ``keep`` selected to be saved."""
        others = loaded.resume_parameters
        if training.keep == "best" and _LAST in others:
            self._best = loaded.parameters
        if training.keep == "average":
            count = sum(name.startswith(_RECENT) for name in others)
            self._recent = [others[f"{_RECENT}{number}"] for number in range(count)]
        self.start = replace(start, training=training, parameters=others.get(_LAST, loaded.parameters))
        if self._selector().exhausted and start.progress.epoch < start.progress.until:
            self.notes.append(
                f"検証の結果が {training.patience} エポックよくならなかったので、もう終わっています（patience）。"
            )
        return self.start

    def _rescheduled(self, training: TrainingConfig, progress: Progress) -> TrainingConfig:
        """The settings with a ``cosine`` from the peak at ``progress`` to the run's last update."""
        epochs = progress.until - progress.epoch
        if progress.step and epochs:
            self.changes.append(
                f"学習率は {training.learning_rate:g} に戻り、続きの {epochs} エポックで下がりきります（cosine）。"
            )
        return scheduled(training, self._pairs, progress, restart_step=progress.step) if epochs else training

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
        selector: CheckpointSelector,
        progress: Progress,
        history: tuple[EpochMetrics, ...],
        interrupted: bool,
        every: int,
        described: Mapping[str, Any],
    ) -> SavedModel:
        """The model as it is now, without examples."""
        last, selected = trainer.parameters(), selector.selected()
        others: dict[str, Parameters] = {}
        if selected is not None:
            others = {f"{_RECENT}{number}": one for number, one in enumerate(selector.recent)}
            others[_LAST] = last
        return replace(
            self.start,
            parameters=last if selected is None else selected,
            moments=trainer.moments(),
            resume_parameters=others,
            examples=(),
            progress=progress,
            history=self.start.history + history,
            metadata={**self._metadata(progress), **described},
            stages=with_stage(self.start.stages, self._stage(progress, interrupted, every, described)),
            data_name=self._data_name,
            data_digest=self._digest,
            trained_on=self._trained_on,
        )

    def _metadata(self, progress: Progress) -> dict[str, Any]:
        """The loaded model's metadata, without what is true of that model's weights alone."""
        if progress.step == self.start.progress.step:
            return self.start.metadata
        return {name: value for name, value in self.start.metadata.items() if name not in _OF_THE_WEIGHTS}

    def _stage(
        self, progress: Progress, interrupted: bool, every: int, described: Mapping[str, Any]
    ) -> Stage:
        """The record of this run: all that is needed to run it again."""
        request, settings = self._request, self.training.to_json()
        return Stage(
            start=progress.start,
            end=progress.epoch,
            until=progress.until,
            interrupted=interrupted,
            settings={name: value for name, value in settings.items() if name != "epochs"},
            data_name=self._data_name,
            data_digest=self._digest,
            units={name: request.options[name] for name in sorted(DATA_SETTINGS) if name in request.options},
            extended_from=asdict(self._known) if self._known else {},
            valid_name=self._valid_name,
            valid_digest=self._valid_digest,
            device=request.device,
            processes=self.backend.processes.world_size,
            checkpoint_every=every,
            **{name: described[name] for name in _DESCRIBED},
        )

    def _result(self, model: SavedModel, outcome: Outcome, should_stop: Callable[[], bool]) -> TrainingResult:
        """The model with example translations, and how many sentences of the data it translates exactly."""
        translator = Translator(model, self.backend)
        examples = _translated(translator, self._checked, should_stop)
        valid = _translated(translator, self._valid_checked, should_stop)
        if valid and len(valid) == len(self._valid_checked):
            found = {"sentences": len(valid), "exact": _exact(valid)}
            model = replace(model, metadata={**model.metadata, "validation": found})
        model = replace(model, examples=tuple(evenly(examples, _EXAMPLES)))
        return TrainingResult(
            model, _exact(examples), len(examples), outcome.interrupted, failure=outcome.failure
        )


def _computed_in_parts(trainer: Trainer) -> tuple[str, ...]:
    """That memory did not suffice for whole batches, in Japanese; nothing if it did."""
    if trainer.too_large is None:
        return ()
    rows, source, target = trainer.too_large
    return (
        f"メモリーが足りないので、大きなバッチ（{rows} 文、{source} と {target} トークンから）は"
        "いくつかに分けて計算しました。更新は同じ平均ですが、足りる機械とは最後の桁や dropout が違います。"
        "batch_size を小さくすると、分けずに計算できます。",
    )


def _require_shape(config: ModelConfig, options: Mapping[str, Any]) -> None:
    """Raise UserError if the options ask for another shape than that of the model to go on from."""
    for name in _SHAPE_OPTIONS:
        wanted, fixed = options.get(name), getattr(config, name)
        if wanted is not None and wanted != fixed:
            raise UserError(
                f"続きの学習では {name} を変えられません（このモデルは {fixed} です）。",
                f"{name} を指定しないか、新しいモデルを学習してください。",
                code="setting-fixed-by-model",
                setting=name,
                value=wanted,
                fixed=fixed,
            )


def _overridden(training: TrainingConfig, options: Mapping[str, Any]) -> TrainingConfig:
    names = {field.name for field in fields(TrainingConfig)}
    return replace(training, **{name: value for name, value in options.items() if name in names})


def _translated(
    translator: Translator, pairs: Sequence[SentencePair], should_stop: Callable[[], bool]
) -> list[Example]:
    """Translations of the pairs; of the first ones alone once ``should_stop()``."""
    translations = []
    for start in range(0, len(pairs), 64):
        translations += translator.translate_each([pair.source for pair in pairs[start : start + 64]])
        if should_stop():
            break
    pairs = pairs[: len(translations)]
    # training has no limit on the length of a text, translation has: beyond it a sentence counts as not translated
    return [
        Example(pair.source, pair.tags, tags_of(translation) or ())
        for pair, translation in zip(pairs, translations, strict=True)
    ]


def _exact(examples: Sequence[Example]) -> int:
    return sum(example.hypothesis == example.reference for example in examples)
