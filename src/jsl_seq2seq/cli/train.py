"""``jsl-seq2seq train`` behind its options: builds the request, runs the training, shows and saves its result."""

from __future__ import annotations

import contextlib
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import typer

from ..backends.registry import choose_backend
from ..data import is_large, read_corpus
from ..errors import Failure, JslError, UserError
from ..evaluation import FileReport
from ..evaluation import evaluate as evaluate_corpus
from ..io.files import POLITE_SIGNALS, locked
from ..model import count_parameters
from ..render.curve import CurveFile
from ..search import Search
from ..settings import DATA_SETTINGS, SETTINGS, TrainingConfig, in_effect, require_range
from ..settings.presets import preset_options
from ..store import EpochMetrics, SavedModel, best_epoch, holds_model, load_model, model_directory, save_model
from ..store.card import in_quotes, quoted
from ..store.directory import CONFIG
from ..store.metadata import published
from ..training import Checkpoints, Reporter, Reporters, TrainingJob, TrainingRequest, TrainingResult
from ..training.record import MetricsLines, TensorBoard
from ..translate import Translator
from . import options as opt
from .config_file import TRAIN_CONFIG, ConfigFile, key_of, plain, recorded, require_place, write_config_file
from .console import INTERRUPTED, NO_TAGS, note, report, say, say_json
from .evaluate import show_files
from .export import run_weight_export
from .predict import run_prediction
from .progress import BarReporter, LineReporter, counted, is_terminal, named_figure, translated
from .seeds import Trained, parse_seeds, train_with_seeds

_SHOWN_TAGS, _SHOWN_CHARACTERS = 12, 60
"""What is printed of an example: a model that has learnt little repeats itself to the limit."""

_OF_THE_RUN = frozenset({
    "load", "data", "valid", "backend", "device", "precision", "checkpoint_every", "no_training_state",
})  # fmt: skip
"""Options other than settings that say how a model is trained."""
_NOT_SAVED = frozenset({"config", "save_config", "preset", "resume", *SETTINGS, *DATA_SETTINGS})
"""What ``--save-config`` does not write as it was given."""


def run_train(context: typer.Context) -> None:
    """Train, save, and then evaluate, export and translate, by the options in the command's context."""
    options = context.params
    save, seeds, evaluated, predict = (options[name] for name in ("save", "seeds", "evaluated", "predict"))
    export_weights, export_attn, export_dir = (
        options[name] for name in ("export_weights", "export_attn", "export_dir")
    )
    backend, device, quiet, as_json = (options[name] for name in ("backend", "device", "quiet", "as_json"))
    file: ConfigFile | None = context.meta.get(ConfigFile.KEY)
    typed = {
        name for name in options if getattr(context.get_parameter_source(name), "name", "") == "COMMANDLINE"
    }
    with file.naming_lines(typed) if file is not None else contextlib.nullcontext():
        settings = _merged(file or {}, {name: options[name] for name in typed})
        request = TrainingRequest(
            settings,
            backend,
            device,
            options["data"],
            options["valid"],
            None if options["load"] is None else model_directory(options["load"]),
            precision=options["precision"],
        )
        directory = save or _timestamped()
        if seeds is not None:
            if options["resume"] and save is None:
                raise _resume_without_save()
            train_with_seeds(parse_seeds(seeds), request, context, directory, run_training)
            return
        if options["resume"]:
            request = resuming(request, save)
            if not request.resume and not quiet:
                note(f"参考: {save} に学習はまだないので、はじめから学習します。")
        exporting = bool(export_weights) or export_attn
        if exporting and save is not None:
            opt.exports(save, export_dir)  # refused before anything is learnt
        trained = run_training(request, context, directory)
    result = trained.result
    _show(result, directory, quiet, as_json)
    if result.interrupted and not quiet and not as_json:
        _show_how_to_go_on(result, request, directory, options["checkpoint_every"])
    if result.failure:
        raise result.failure
    if trained.stopped and (export_weights or predict or evaluated):
        note("止められたので、採点と書き出しと訳はしませんでした。")
        raise typer.Exit(INTERRUPTED)
    if evaluated:
        reports = trained.evaluate()
        if as_json:
            for report in reports:
                say_json(report.to_json(sentences=False))
        else:
            own = result.model.config
            show_files(reports, Search(own.beam, own.length_penalty), quiet)
    exports = opt.exports(directory, export_dir) if exporting else directory
    if export_weights:
        run_weight_export(result.model, export_weights, exports, quiet)
    if predict:
        translator = Translator(
            result.model, choose_backend(backend, device, count_parameters(result.model.config))
        )
        run_prediction(
            translator, predict, exports if export_attn else None, options["force_export"], quiet, as_json
        )
    if result.interrupted:
        raise typer.Exit(INTERRUPTED)


def _merged(file: Mapping[str, Any], typed: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a file below those of the command line, without those of the file that these make idle."""
    own, over = _settings(file), _settings(typed)
    before = in_effect(own, "valid" in file)
    after = in_effect(own | over, "valid" in file or "valid" in typed)
    return {
        name: value
        for name, value in (own | over).items()
        if name in over or name in after or name not in before
    }


def _settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that are given by name, and those of a preset which are not."""
    named = {name: value for name, value in given.items() if name in SETTINGS | DATA_SETTINGS}
    return preset_options(given.get("preset")) | named


class _Configs:
    """``train.toml`` in the model directory, and the file of --save-config.

    The first holds every option that the result depends on, values of a preset and defaults included, but neither
    the place of the model nor what is done after the training. Like the model's own record, it has no absolute path.
    The second, which is written here, holds the options that were given, and a preset's settings instead of its name.

    Args:
        context: has the options.
        directory: the absolute place of the model.

    Raises:
        UserError: a file is there that this program did not write.
        Failure: the second cannot be written.
    """

    def __init__(self, job: TrainingJob, context: typer.Context, directory: Path) -> None:
        self._path, self._written = directory / TRAIN_CONFIG, False
        self._of_all = directory.parent / TRAIN_CONFIG
        require_place(self._path)
        options = context.params
        given = {name: value for name, value in options.items() if value not in (None, False, [], ())}
        settings, processes = job.options, job.backend.processes.world_size
        if options["save_config"] is not None:
            rest = {name: value for name, value in given.items() if name not in _NOT_SAVED}
            write_config_file(options["save_config"], _by_key(_with_seeds(rest | settings, given), context))
        program = f"torchrun --nproc-per-node {processes} -m jsl_seq2seq" if processes > 1 else "jsl-seq2seq"
        again = quoted(published(directory) / TRAIN_CONFIG)
        self._notes = [f"くり返す: {program} train --config {again} --save 新しいフォルダー"]
        values = {name: value for name, value in given.items() if name in _OF_THE_RUN}
        values |= {name: published(value) for name, value in values.items() if isinstance(value, Path)}
        begun_from = recorded(self._path).get("load") if given.get("resume") else None
        if begun_from:
            values["load"] = begun_from
        elif "load" in values and _absolute(given["load"]) == directory:
            self._notes.append(
                "続きを同じ場所に保存した学習です。くり返すには、始める前のモデルの写しを load に書きます。"
            )
        if "load" in values:  # the shape and the units are that model's
            settings = {
                name: value
                for name, value in settings.items()
                if hasattr(TrainingConfig, name) or name in given
            }
        values |= settings | {"backend": job.backend.name}
        self._values = _by_key(values, context)
        self._all: dict[str, Any] | None = None
        if "seeds" in given:
            require_place(self._of_all)
            if "evaluated" in given:
                values["evaluated"] = [published(path) for path in given["evaluated"]]
            self._all = _by_key(_with_seeds(values, given), context)

    def require_same(self) -> None:
        """Raise UserError if the model that is there was trained with other settings."""
        before = recorded(self._path) or self._values
        # a setting that it does not name is one of a later release
        names = {*before, *self._values} - {name for name in SETTINGS if name not in before}
        other = sorted(
            name
            for name in names - {"checkpoint_every", "no_training_state"}
            if before.get(name) != self._values.get(name)
        )
        if other:
            raise UserError(
                f"{published(self._path.parent)} は、違う設定で学習されています: {'、'.join(other)}",
                "前と同じ設定で続けるか、別の（新しい）フォルダーに保存してください。",
                code="seeds-differ",
                path=self._path.parent,
                keys=other,
            )

    def saved(self) -> None:
        """The model that is there now is this run's: write ``train.toml`` beside it, once."""
        if self._written:
            return
        self._written = True
        try:
            write_config_file(self._path, self._values, self._notes)
            if self._all is not None:
                again = (
                    f"jsl-seq2seq train --config {quoted(published(self._of_all))} --save 新しいフォルダー"
                )
                write_config_file(self._of_all, self._all, [f"くり返す: {again}"])
        except JslError as error:  # the model is safe
            note(f"警告: {error.what}")


def _with_seeds(values: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The seeds that were given instead of one, if they were."""
    if "seeds" not in given:
        return dict(values)
    return {name: value for name, value in values.items() if name != "seed"} | {"seeds": given["seeds"]}


def _by_key(values: Mapping[str, Any], context: typer.Context) -> dict[str, Any]:
    """Of a file of options, in the order of the command's options; what is no option is left out."""
    options = {param.name: param.opts[0] for param in context.command.params}
    return {key_of(option): plain(values[name]) for name, option in options.items() if name in values}


def resuming(request: TrainingRequest, save: Path | None) -> TrainingRequest:
    """The same training, going on from what ``save`` holds of it; from the beginning if that is nothing yet."""
    if save is None:
        raise _resume_without_save()
    if request.load is not None:
        raise UserError(
            "--resume と --load は一緒に使えません。",
            "中断した学習の続きなら --load を、別の学習を足すなら --resume を外してください。",
            code="resume-with-load",
            load=request.load,
        )
    return replace(request, load=save, resume=True) if (save / CONFIG).exists() else request


def _resume_without_save() -> UserError:
    return UserError(
        "--resume には --save が要ります。",
        "続きを学習するフォルダーを --save DIR で指定してください。",
        code="resume-without-save",
    )


def run_training(request: TrainingRequest, context: typer.Context, directory: Path) -> Trained:
    """Train and save, and print what happens meanwhile.

    Args:
        context: has the options, of which ``request`` has some.
        directory: where the model is saved.
    """
    options = context.params
    quiet, as_json, repeated = options["quiet"], options["as_json"], options["seeds"] is not None
    checkpoint_every, tensorboard = options["checkpoint_every"], options["tensorboard"]
    if checkpoint_every is not None:
        require_range("checkpoint_every", checkpoint_every, 1, 10**9)
    inform = (lambda _: None) if quiet else note
    if request.data and is_large(request.data):
        inform(f"大きなデータなので、先に全体を調べます: {request.data}")
    replaces = holds_model(directory) and request.load != directory
    job = TrainingJob(request)
    if job.backend.processes.rank:
        _compute_share(job)
    corpora = [
        read_corpus(path, job.start.tokenizers, repetitions=True) for path in options["evaluated"] or []
    ]

    def evaluate(model: SavedModel) -> tuple[FileReport, ...]:
        translator = Translator(model, job.backend)
        sentences = sum(len(corpus.pairs) for corpus in corpora)
        with counted("採点しています", "文", sentences, quiet or not corpora) as progress:
            return tuple(evaluate_corpus(translator, corpus, None, progress, [model]) for corpus in corpora)

    together = job.backend.processes.world_size > 1
    place = _absolute(directory)  # the working directory may be gone by the end
    warn = lambda text: inform(f"警告: {text}")  # noqa: E731
    lines, curve = MetricsLines(place, warn), CurveFile(place, warn)
    if tensorboard is not None and repeated:
        tensorboard = tensorboard / directory.name
    board = None if tensorboard is None else TensorBoard(_absolute(tensorboard))
    own = _Configs(job, context, place)
    if repeated and request.resume:
        own.require_same()
    if repeated and request.resume and job.finished:
        inform("もう終わっています。学習はしません。")
        model = load_model(directory)
        return Trained(TrainingResult(model, 0, 0, interrupted=False), False, lambda: evaluate(model))
    if options["save_config"] is not None:
        inform(f"設定を書きました: {options['save_config']}")
    with locked(place):  # from the start: hours of training must not end in "someone else saves there"
        inform(f"バックエンド: {job.backend.name}（{job.backend.reason}）")
        inform(f"データ: {job.corpus.name}、{len(job.corpus.pairs):,} 文")
        for line in job.decisions:
            inform(line)
        if job.valid and job.validation:
            sample = len(job.validation.pairs)
            inform(
                f"検証: {job.valid.name}、{len(job.valid.pairs):,} 文（エポックごとに {sample:,} 文を訳します）"
            )
        for line in job.changes:
            inform(f"参考: {line}")
        for line in job.notes:
            inform(f"警告: {line}")
        if replaces:  # said with --quiet, too: it is the last moment to stop it
            note(
                f"警告: {directory} にあるモデルを、新しいモデルで上書きします（{_instead_of_replacing(directory)}）。"
                "残しておくなら、いま Ctrl-C を 2 回押してください。"
            )
        if options["save"] is None:
            inform(f"保存先: {directory}（--save で変えられます）")
        with _stoppable(inform, together or quiet) as stop, _reporter(quiet or as_json) as reporter:
            every = Checkpoints(checkpoint_every, _saver(place, stop, own)) if checkpoint_every else None
            reporters = Reporters(reporter, lines, curve, *([board] if board else []))
            result = job.run(
                reporters, stop.asked, every, _final_saver(place, not options["no_training_state"], stop, own)
            )
            lines.finish(result.model.history)
            curve.finish()
            if board:
                board.close()
    for line in result.notes:
        inform(f"警告: {line}")
    return Trained(result, stop.received is not None, lambda: evaluate(result.model))


def _instead_of_replacing(directory: Path) -> str:
    """How to go on with the model that is there: a finished run is not resumed but continued."""
    try:
        interrupted = load_model(directory).interrupted
    except JslError:
        return "そこにあるモデルは壊れています"
    if interrupted:
        return "中断した学習の続きなら --resume"
    return f"続きを学習するなら --load {quoted(directory)}"


def _absolute(directory: Path) -> Path:
    try:
        return directory.absolute()
    except OSError:  # the working directory is gone already
        return directory


def _compute_share(job: TrainingJob) -> NoReturn:
    """Train in a process that is not the first: it computes its share, and neither writes nor prints."""
    with _stoppable(lambda _: None, once=True) as stop:
        job.run(should_stop=stop.asked)
    raise typer.Exit


def _show(result: TrainingResult, directory: Path, quiet: bool, as_json: bool) -> None:
    model = result.model
    loss = model.history[-1].loss if model.history else None
    if as_json:
        say_json(_summary(result, directory, loss))
        return
    if quiet:
        say(str(directory))
        return
    say()
    if result.interrupted:
        say(f"途中で止めました（{model.progress.epoch} エポックまで終了）。ここまでを保存してあります。")
    found = [] if loss is None else [f"損失 {loss:.4f}"]
    if result.checked:
        found.append(f"例文 {result.checked} のうち {result.exact} が完全に一致")
    say(f"学習しました: {'、'.join(found)}")
    if loss is not None and loss < model.training.target_loss:
        say(
            f"（損失が {model.training.target_loss:g} より小さくなったので、"
            f"{model.progress.epoch} エポックで終わりました）"
        )
    _show_validation(result)
    if result.learnt_nothing:
        note(
            f"警告: 何も学習していません。でたらめに選んでも、損失は {result.uniform_loss:.1f} ほどです。\n"
            f"  → --learning-rate（いまは {model.training.learning_rate:g}）を小さくしてください。"
        )

    elif result.checked and not result.exact and not result.interrupted:
        note(
            "参考: まだ 1 文も覚えていません。"
            f"--epochs を増やすか、--load {quoted(directory)} を付けて続きを学習してください。"
        )

    def written(tags: Sequence[str]) -> str:
        return model.tokenizers.target.join(tags[:_SHOWN_TAGS]) + " …" * (len(tags) > _SHOWN_TAGS)

    for example in model.examples:
        source = example.source[:_SHOWN_CHARACTERS] + "…" * (len(example.source) > _SHOWN_CHARACTERS)
        right = example.hypothesis == example.reference
        verdict = "" if right else f"（正しくは {written(example.reference)}）"
        say(f"  {source} → {written(example.hypothesis) or NO_TAGS}{verdict}")
    say(f"保存しました: {directory}")
    say(f"試す: jsl-seq2seq --load {quoted(directory)} --predict {in_quotes(model.sample)}")


def _show_validation(result: TrainingResult) -> None:
    """The run's best epoch on validation data, and that training went on past it; nothing without such data."""
    model, metric = result.model, result.model.training.metric
    run = [point for point in model.history if point.epoch > model.progress.start]
    best = best_epoch(run, metric)
    if best is None:
        return
    last, kept = run[-1], model.training.keep == "best"
    say(f"検証: 最良は {_figures(best, metric)}{'、この重みを保存' if kept else ''}")
    if last.epoch != best.epoch:
        say(f"      最後は {_figures(last, metric)}")
    found = model.metadata.get("validation")
    if found:
        say(
            f"      保存した重みで、{found['sentences']} 文のうち {found['exact']} 文が完全に一致"
            f"（{found['exact'] / found['sentences']:.1%}）".replace("%", " %")
        )
    if result.overfitted_after is not None:
        say(
            f"  {result.overfitted_after} エポックのあとは、検証の損失が上がりました（過学習）。"
            "--keep best なら最良の重みを保存します。"
        )


def _figures(point: EpochMetrics, metric: str) -> str:
    """``12 エポック（損失 0.1234、完全一致 87.5 %）``."""
    figures = [named_figure(name, point.valid(name)) for name in ("loss", translated(metric))]
    return f"{point.epoch} エポック（{'、'.join(figures)}）"


def _show_how_to_go_on(
    result: TrainingResult, request: TrainingRequest, directory: Path, checkpoint_every: int | None
) -> None:
    """The command that ends bit for bit where the whole training would have: all that is not in the model."""
    given = {
        "--data": request.data and quoted(request.data),
        "--valid": request.valid and quoted(request.valid),
        "--backend": request.backend if request.backend != TrainingRequest.backend else None,
        "--device": request.device,
        "--precision": request.precision if request.precision != TrainingRequest.precision else None,
        "--checkpoint-every": checkpoint_every,
    }
    options = "".join(f" {option} {value}" for option, value in given.items() if value is not None)
    say(f"続ける: jsl-seq2seq train --save {quoted(directory)} --resume{options}")


def _summary(result: TrainingResult, directory: Path, loss: float | None) -> dict[str, Any]:
    model = result.model
    return {
        "directory": str(directory),
        "epoch": model.progress.epoch,
        "step": model.progress.step,
        "loss": loss,
        "exact": result.exact,
        "checked": result.checked,
        "interrupted": result.interrupted,
        "validation": _validation(model),
        "seconds": sum(point.seconds for point in model.history),
        "backend": model.metadata["backend"],
        "examples": [
            {"source": one.source, "tags": list(one.hypothesis), "expected": list(one.reference)}
            for one in model.examples
        ],
    }


def _validation(model: SavedModel) -> dict[str, Any] | None:
    """The run's best epoch and its last, and how the saved parameters translate; ``None`` without validation data."""
    run = [point for point in model.history if point.epoch > model.progress.start]
    best = best_epoch(run, model.training.metric)
    if best is None:
        return None
    return {
        "metric": model.training.metric,
        "best": best.to_json(),
        "last": run[-1].to_json(),
        "saved": model.metadata.get("validation"),
    }


def _saver(directory: Path, stop: _StopRequest, own: _Configs) -> Callable[[SavedModel], None]:
    """A function that saves a checkpoint. An error is printed, and training continues."""

    def save(model: SavedModel) -> None:
        try:
            with stop.saving():
                save_model(model, directory)
                own.saved()
        except Exception as error:  # also out of memory: there may be enough of it at the end
            note(f"警告: 途中の保存ができませんでした（{model.progress.epoch} エポック）。学習は続けます。")
            if isinstance(error, JslError):
                report(error)
            else:
                note(f"  → {type(error).__name__}: {error}")

    return save


def _final_saver(
    directory: Path, keep_training_state: bool, stop: _StopRequest, own: _Configs
) -> Callable[[SavedModel], None]:
    """Saves what training ends with."""

    def save(model: SavedModel) -> None:
        with stop.saving():
            _save(model if keep_training_state else replace(model, moments=None), directory)
            own.saved()

    return save


def _save(model: SavedModel, directory: Path) -> None:
    """Save; if the place has become impossible, save elsewhere rather than lose what was learnt."""
    try:
        save_model(model, directory)
    except JslError as error:
        try:
            refuge = Path(tempfile.mkdtemp(prefix="jsl-seq2seq-"))
        except OSError:  # no folder can be written to
            raise error from None
        try:
            save_model(model, refuge)
        except JslError:  # it is the model that cannot be saved, or there is no room anywhere
            shutil.rmtree(refuge, ignore_errors=True)
            raise error from None
        raise Failure(
            error.what,
            f"学習した結果は代わりにここに保存しました: {refuge}",
            code="saved-elsewhere",
            cause=error.code,
            path=refuge,
        ) from error


def _timestamped() -> Path:
    """``models/jsl-seq2seq/20251022_120000``; numbered if that second is taken."""
    base = Path("models") / "jsl-seq2seq" / datetime.now().strftime("%Y%m%d_%H%M%S")
    candidate, number = base, 2
    while candidate.exists():
        candidate, number = base.with_name(f"{base.name}-{number}"), number + 1
    return candidate


def _reporter(quiet: bool) -> Any:
    if quiet:
        return contextlib.nullcontext(Reporter())
    return BarReporter() if is_terminal() else LineReporter()


class _StopRequest:
    """A request to stop a training, made by signals.

    The first one asks it to save and end. After that has been said, Ctrl-C pressed once more ends it without
    saving; any other signal, and Ctrl-C while files are being written, changes nothing. A system that shuts down
    sends several.

    Attributes:
        received: the first signal; ``None`` before there is one.
    """

    def __init__(self, inform: Callable[[str], None], once: bool) -> None:
        self.received: int | None = None
        self._inform, self._once = inform, once
        self._said, self._saving = False, False

    def receive(self, number: int, _: FrameType | None) -> None:
        """A signal handler. Prints nothing: the interrupted line may itself be in the middle of printing."""
        if self.received is None:
            self.received = number
        elif number == signal.SIGINT and self._said and not self._saving and not self._once:
            raise KeyboardInterrupt

    def asked(self) -> bool:
        """Whether to stop; reports it by ``inform`` the first time."""
        if self.received is not None and not self._said:
            again = "" if self._once else "（もう一度 Ctrl-C を押すと、保存せずに終わります）"
            self._inform(f"止めています。ここまでの結果を保存します{again}。")
            self._said = True
        return self.received is not None

    @contextlib.contextmanager
    def saving(self) -> Iterator[None]:
        """Files are being written in the body."""
        self._saving = True
        try:
            yield
        finally:
            self._saving = False


@contextlib.contextmanager
def _stoppable(inform: Callable[[str], None], once: bool = False) -> Iterator[_StopRequest]:
    """Ctrl-C, SIGTERM and a terminal that is closed (SIGHUP) go to the :class:`_StopRequest` in the body.

    Args:
        once: a second Ctrl-C means nothing. So it is with ``--quiet``, where nothing says that it would, and with
            ``torchrun``, which passes a Ctrl-C on to processes that have had it already.
    """
    stop = _StopRequest(inform, once)
    # nohup has a closed terminal ignored, and that is how it stays
    before = {
        number: signal.getsignal(number)
        for number in POLITE_SIGNALS
        if number in (signal.SIGINT, signal.SIGTERM) or signal.getsignal(number) is not signal.SIG_IGN
    }
    for number in before:
        signal.signal(number, stop.receive)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
