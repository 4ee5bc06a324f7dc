"""The commands: what each takes and what it calls. No command decides anything itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import UserError
from ..settings import DATA_SETTINGS, SETTINGS
from ..settings.presets import preset_options
from ..version import __version__
from . import options as opt
from .console import note, say
from .japanese import JapaneseCommand, JapaneseGroup
from .models import COMMANDS
from .quality import COMMANDS as QUALITY

app = typer.Typer(
    cls=JapaneseGroup,
    name="jsl-seq2seq",
    help="日本語の文を、日本手話のタグの列に訳します（わたしはたべます → <私> <食べる>）。",
    epilog="動詞の代わりにフラグでも書けます: jsl-seq2seq --train …、jsl-seq2seq --load DIR --predict …",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)

_WELCOME = f"""jsl-seq2seq {__version__}　日本語 → 手話タグ

はじめての方は、この 3 行を順に試してください。
  jsl-seq2seq --predict "私は明日学校に行きません"    付属のモデルで訳します
  jsl-seq2seq --train --save models/first             86 の例文で、自分のモデルを学習します（10 秒ほど）
  jsl-seq2seq --load models/first --predict "わたしはたべます"

できること
  train     学習する・続きを学習する      jsl-seq2seq train --help
  predict   文を訳す                      jsl-seq2seq predict --help
  evaluate  モデルを採点する              jsl-seq2seq evaluate --help
  diagnose  1 文の訳の理由を見る          jsl-seq2seq diagnose --help
  export    重みを CSV と画像で見る       jsl-seq2seq export --help
  corpus    規則から例文を作る            jsl-seq2seq corpus --help
  backends  使える GPU と速さを調べる     jsl-seq2seq backends

出力はタグであって、日本手話そのものではありません（表情・空間・同時性は含まれません）。"""


def _version(wanted: bool) -> None:
    if wanted:
        say(f"jsl-seq2seq {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="版を出す")
    ] = False,
    load: Annotated[Path | None, typer.Option("--load", hidden=True)] = None,
) -> None:
    if context.invoked_subcommand is None and load is not None:
        raise UserError(
            "モデルで何をするかが指定されていません。",
            f'--predict "ありがとう"、--train、--export-weights NAME のどれかを足してください（--load {load} …）。',
        )
    if context.invoked_subcommand is None:
        say(_WELCOME)


@app.command(
    cls=JapaneseCommand, help="学習して保存します。--load を付けると、そのモデルの続きを学習します。"
)
def train(
    context: typer.Context,
    load: opt.Load = None,
    save: opt.Save = None,
    data: opt.Data = None,
    valid: opt.Valid = None,
    source_units: opt.SourceUnits = None,
    target_units: opt.TargetUnits = None,
    subword_vocab: opt.SubwordVocab = None,
    backend: opt.Backend = "auto",
    device: opt.Device = None,
    precision: opt.Precision = "fp32",
    preset: opt.Preset = None,
    epochs: opt.Epochs = None,
    batch_size: opt.BatchSize = None,
    batch_tokens: opt.BatchTokens = None,
    accumulate: opt.Accumulate = None,
    learning_rate: opt.LearningRate = None,
    warmup_steps: opt.WarmupSteps = None,
    schedule: opt.Schedule = None,
    clip_norm: opt.ClipNorm = None,
    dropout: opt.Dropout = None,
    label_smoothing: opt.LabelSmoothing = None,
    position_shift: opt.PositionShift = None,
    keep: opt.Keep = None,
    average: opt.Average = None,
    patience: opt.Patience = None,
    seed: opt.Seed = None,
    d_model: opt.DModel = None,
    n_heads: opt.NHeads = None,
    n_layers: opt.NLayers = None,
    d_ff: opt.DFf = None,
    max_seq_len: opt.MaxSeqLen = None,
    tied_embeddings: opt.TiedEmbeddings = None,
    checkpoint_every: opt.CheckpointEvery = None,
    resume: opt.Resume = False,
    no_training_state: opt.NoTrainingState = False,
    predict: opt.Predict = None,
    export_weights: opt.ExportWeights = None,
    export_attn: opt.ExportAttn = False,
    force_export: opt.ForceExport = False,
    export_dir: opt.ExportDir = Path("exports"),
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    from ..backends.registry import choose_backend  # noqa: PLC0415
    from ..training import TrainingRequest  # noqa: PLC0415
    from ..translate.translator import Translator  # noqa: PLC0415
    from .predict import run_prediction  # noqa: PLC0415
    from .train import INTERRUPTED, resuming, run_training  # noqa: PLC0415

    chosen = preset_options(preset) | {
        name: value
        for name, value in context.params.items()
        if name in SETTINGS | DATA_SETTINGS and value is not None
    }
    request = TrainingRequest(chosen, backend, device, data, valid, load, precision=precision)
    if resume:
        request = resuming(request, save)
    result, _ = run_training(request, save, not no_training_state, quiet, as_json, checkpoint_every)
    if export_weights:
        _export_weights(result.model, export_weights, export_dir, quiet)
    if predict:
        translator = Translator(result.model, choose_backend(backend, device, result.model.n_parameters))
        run_prediction(translator, predict, export_dir if export_attn else None, force_export, quiet, as_json)
    if result.interrupted:
        raise typer.Exit(INTERRUPTED)


@app.command(cls=JapaneseCommand, help="文を訳します。")
def predict(
    texts: Annotated[
        list[str] | None,
        typer.Argument(help="訳す文。- なら標準入力を 1 行ずつ", metavar="文 …", show_default=False),
    ] = None,
    load: opt.Load = None,
    predict: opt.Predict = None,
    backend: opt.Backend = "auto",
    device: opt.Device = None,
    precision: opt.Translating = "fp32",
    export_attn: opt.ExportAttn = False,
    force_export: opt.ForceExport = False,
    export_weights: opt.ExportWeights = None,
    export_dir: opt.ExportDir = Path("exports"),
    beam: opt.Beam = None,
    n_best: opt.NBest = 1,
    length_penalty: opt.LengthPenalty = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    from ..store import load_model, shipped_model  # noqa: PLC0415
    from .predict import run_prediction, search_options  # noqa: PLC0415
    from .translating import opened  # noqa: PLC0415

    wanted = [*(texts or []), *(predict or [])]
    if not wanted:
        raise UserError("訳す文がありません。", 'たとえば: jsl-seq2seq predict "ありがとう"')
    model = load_model(load or shipped_model(), record=False)
    run_prediction(
        opened(model, backend, device, precision, quiet),
        wanted,
        export_dir if export_attn else None,
        force_export,
        quiet,
        as_json,
        search_options(beam, n_best, length_penalty),
    )
    if export_weights:
        _export_weights(model, export_weights, export_dir, quiet)


@app.command(cls=JapaneseCommand, help="この機械で使えるバックエンドと装置を試し、速さを測ります。")
def backends(as_json: opt.Json = False) -> None:
    from .backends import show_backends  # noqa: PLC0415

    if not show_backends(as_json):
        raise typer.Exit(1)


@app.command(
    cls=JapaneseCommand, help="規則から例文とタグの組を作り、学習・検証・テストに分けて書き出します。"
)
def corpus(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="書き出し先のフォルダー", show_default=False)
    ],
    count: opt.Count = 40_000,
    seed: opt.Seed = None,
    max_length: opt.MaxLength = 50,
    train_length: opt.TrainLength = 32,
    lexicon: opt.LexiconDir = None,
    as_json: opt.Json = False,
) -> None:
    from .corpus import run_corpus  # noqa: PLC0415

    run_corpus(directory, count, seed or 0, max_length, train_length, lexicon, as_json)


@app.command(cls=JapaneseCommand, help="重みを CSV と画像に書き出します。")
def export(
    load: opt.Load = None,
    export_weights: opt.ExportWeights = None,
    export_dir: opt.ExportDir = Path("exports"),
    quiet: opt.Quiet = False,
) -> None:
    from ..store import load_model, shipped_model  # noqa: PLC0415

    if not export_weights:
        raise UserError(
            "どの重みを書き出すかが指定されていません。",
            "--export-weights encoder のように、層の名前かその前半を指定してください（くり返せます）。",
        )
    _export_weights(load_model(load or shipped_model(), record=False), export_weights, export_dir, quiet)


for _name, (_command, _help) in {**COMMANDS, **QUALITY}.items():
    app.command(_name, cls=JapaneseCommand, help=_help)(_command)


def _export_weights(model: Any, names: list[str], directory: Path, quiet: bool) -> None:
    from ..render.export import export_weights  # noqa: PLC0415

    written = export_weights(model.parameters, model.vocabularies, names, directory)
    if not quiet:
        note(f"重み {'、'.join(names)} を書き出しました: {directory}（{len(written)} ファイル）")
