"""Every option of the command line, once, what those mean that several commands share, and which have an effect
only together with others, or none beside others.

What depends on values that are not on the command line (a preset's, a loaded model's) is checked where those are
known: ``keep``, ``patience``, ``metric`` and ``average`` by :class:`jsl_seq2seq.training.TrainingJob`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from typer import Argument, Option

from ..errors import UserError
from ..io.files import is_link
from ..settings import ModelConfig, TrainingConfig
from ..tokenize.segmentation import DEFAULT_TARGET_VOCAB
from .hints import flag

_RUN, _MODEL, _TRAINING, _LOOK = "実行", "モデルの形", "学習のしかた", "中を見る"


def _option(name: str, text: str, panel: str, value: str = "") -> Any:
    """An option whose value is called ``value`` in the help; none for a switch."""
    # whether a file can be read is found out by what reads it, which says why
    return Option(name, help=text, rich_help_panel=panel, metavar=value, show_default=False, readable=False)


def _training(name: str, text: str, value: str = "N") -> Any:
    """An option that sets a field of TrainingConfig."""
    return _option(flag(name), f"{text}［{getattr(TrainingConfig, name)}］", _TRAINING, value)


def _model(name: str, text: str) -> Any:
    """An option that sets a field of ModelConfig."""
    return _option(flag(name), f"{text}［{getattr(ModelConfig, name)}］", _MODEL, "N")


Load = Annotated[
    Path | None, _option("--load", "モデル。builtin は付属のもの［train 以外は builtin］", _RUN, "DIR")
]
Config = Annotated[
    Path | None, _option("--config", "オプションを書いた TOML ファイル。コマンドの値が優先", _RUN, "FILE")
]
SaveConfig = Annotated[
    Path | None, _option("--save-config", "この学習の設定を書く TOML ファイル", _RUN, "FILE")
]
Models = Annotated[
    list[Path] | None,
    _option("--load", "モデル。何度でも（確率を平均する）。builtin は付属のもの［builtin］", _RUN, "DIR"),
]
Save = Annotated[Path | None, _option("--save", "保存先［models/jsl-seq2seq/日時］", _RUN, "DIR")]
Data = Annotated[Path | None, _option("--data", "学習データ（TSV、CSV、JSONL）［付属の例文］", _RUN, "FILE")]
Valid = Annotated[Path | None, _option("--valid", "検証データ（TSV、CSV、JSONL）", _RUN, "FILE")]
SourceUnits = Annotated[
    str | None, _option("--source-units", "文を分ける単位: char、word、subword、auto［char］", _RUN, "NAME")
]
TargetUnits = Annotated[
    str | None, _option("--target-units", "訳の単位: tags、words、open-tags［tags］", _RUN, "NAME")
]
MinCount = Annotated[
    int | None,
    _option("--min-count", "N 回未満の文字とタグは語彙外にする［1］", _RUN, "N"),
]
TargetTokenizer = Annotated[
    str | None, _option("--target-tokenizer", "タグの書き方: word、subword、char、auto［word］", _RUN, "NAME")
]
TargetVocab = Annotated[
    int | None,
    _option("--target-vocab", f"訳の subword の種類の上限［{DEFAULT_TARGET_VOCAB}］", _RUN, "N"),
]
SubwordVocab = Annotated[int | None, _option("--subword-vocab", "subword の種類の上限［4000］", _RUN, "N")]
Backend = Annotated[
    str,
    _option("--backend", "auto、ndarray、numba、wgpu、torch［auto］", _RUN, "NAME"),
]
Device = Annotated[str | None, _option("--device", "装置の番号か名前（一覧: backends）", _RUN, "NAME")]
Precision = Annotated[str, _option("--precision", "計算の精度。torch では bf16 も［fp32］", _RUN, "NAME")]
Translating = Annotated[
    str, _option("--precision", "計算の精度。int8 なら CPU で速く（Numba が要る）［fp32］", _RUN, "NAME")
]
Predict = Annotated[list[str] | None, _option("--predict", "訳す文。- なら標準入力（何度でも）", _RUN, "文")]
InputFile = Annotated[Path | None, _option("--input", "1 行ずつ訳すファイル（UTF-8）", _RUN, "FILE")]
OutputFile = Annotated[
    Path | None, _option("--output", "訳を書くファイル（UTF-8）［標準出力］", _RUN, "FILE")
]
Compared = Annotated[
    Path | None, _option("--data", "訳を比べる文（文<TAB><タグ> …）［付属の例文］", _RUN, "FILE")
]
CheckpointEvery = Annotated[
    int | None, _option("--checkpoint-every", "N エポックごとに途中でも保存する", _RUN, "N")
]
TensorBoardDir = Annotated[
    Path | None, _option("--tensorboard", "TensorBoard の記録を書くフォルダー", _RUN, "DIR")
]
Resume = Annotated[bool, _option("--resume", "--save にある中断した学習の続きを、合計 epochs まで", _RUN)]
NoTrainingState = Annotated[bool, _option("--no-training-state", "続きの学習に使う状態を保存しない", _RUN)]
Beam = Annotated[int | None, _option("--beam", "残す候補の数（1 なら貪欲法）［モデルの設定］", _RUN, "N")]
NBest = Annotated[int, _option("--n-best", "訳を N 通り出す［1］", _RUN, "N")]
LengthPenalty = Annotated[
    float | None, _option("--length-penalty", "長い訳の選びやすさ［モデルの設定］", _RUN, "A")
]
Tests = Annotated[
    list[Path] | None, _option("--data", "採点するデータ（何度でも。合計はしません）", _RUN, "FILE")
]
Scored = Annotated[Path | None, _option("--data", "文とその訳のファイル（文<TAB><タグ> …）", _RUN, "FILE")]
Evaluated = Annotated[
    list[Path] | None, _option("--eval", "学習のあとに採点するデータ（何度でも）", _RUN, "FILE")
]
Compare = Annotated[
    bool, _option("--compare", "1 つ目との差と、それが偶然かを調べる（sacrebleu の検定）", _RUN)
]
Report = Annotated[
    Path | None, _option("--report", "report.html と report.json を書き出すフォルダー", _RUN, "DIR")
]
Html = Annotated[Path | None, _option("--html", "図入りのページを書き出すファイル", _RUN, "FILE")]
DictionaryFiles = Annotated[
    list[Path] | None, _option("--dictionary", "自分の言葉: 言葉<TAB><タグ> …（何度でも）", _RUN, "FILE")
]
NamedModels = Annotated[
    list[str] | None,
    _option("--model", "名前を付けて使うモデル（何度でも。SIGHUP で読み直す）", _RUN, "NAME=DIR"),
]
Host = Annotated[str, _option("--host", "待ち受けるアドレス［127.0.0.1: この機械からだけ］", _RUN, "ADDRESS")]
Port = Annotated[int, _option("--port", "待ち受けるポート。0 なら空いているもの［8000］", _RUN, "N")]
TokenFile = Annotated[
    Path | None,
    _option("--token-file", "トークンのファイル（JSL_SEQ2SEQ_TOKEN でも）", _RUN, "FILE"),
]
AllowHost = Annotated[
    list[str] | None,
    _option("--allow-host", "応答する名前（何度でも）［localhost とアドレス］", _RUN, "NAME"),
]
AllowOrigin = Annotated[
    list[str] | None,
    _option("--allow-origin", "使ってよいページ（https://… 。何度でも）", _RUN, "ORIGIN"),
]
TrustedProxy = Annotated[
    list[str] | None,
    _option("--trusted-proxy", "信じる代理サーバー（記録のアドレスに）", _RUN, "ADDRESS"),
]
AccessLog = Annotated[bool, _option("--access-log", "要求を記録する（文は書かない）", _RUN)]
Strict = Annotated[bool, _option("--strict", "確かでない訳が 1 つでもあれば、終了コードを 3 にする", _RUN)]
Quiet = Annotated[bool, _option("--quiet", "結果だけを出す", _RUN)]
Json = Annotated[bool, _option("--json", "結果を JSON で出す（1 行 1 件）", _RUN)]

Epochs = Annotated[int | None, _training("epochs", "データを何回くり返すか")]
BatchTokens = Annotated[
    int | None, _training("batch_tokens", "batch-size の代わりに、埋めた後の長さの合計の上限。0 なら使わない")
]
Accumulate = Annotated[int | None, _training("accumulate", "1 回の更新にまとめるバッチの数")]
BatchSize = Annotated[int | None, _training("batch_size", "1 回の更新に使う文の数")]
LearningRate = Annotated[float | None, _training("learning_rate", "学習率")]
WarmupSteps = Annotated[int | None, _training("warmup_steps", "学習率を 0 から上げる更新の数")]
Schedule = Annotated[
    str | None, _training("schedule", "その後の学習率: cosine、constant、inverse-sqrt", "NAME")
]
PositionShift = Annotated[int | None, _training("position_shift", "文の始まりをずらす幅（長い文への備え）")]
Substitutions = Annotated[
    int | None, _training("substitutions", "写したタグを入れ替えた文を、1 文に N 文足す")
]
Seeds = Annotated[
    str | None,
    _option("--seeds", "種を変えてくり返す: 回数（5 なら 0 から 4）か、1,2,3 のような並び", _TRAINING, "N"),
]
Keep = Annotated[str | None, _training("keep", "保存する重み: last、best、average", "NAME")]
Average = Annotated[int | None, _training("average", "keep average で平均するエポックの数")]
Patience = Annotated[int | None, _training("patience", "検証の結果がよくなるのを待つエポック")]
Metric = Annotated[
    str | None,
    _training("metric", "検証で比べるもの: loss、exact（完全一致）、bleu、chrf", "NAME"),
]
Freeze = Annotated[
    str | None,
    _option("--freeze", "学習しない部分: encoder、embeddings など［none］", _TRAINING, "NAME"),
]
TargetLoss = Annotated[
    float | None, _training("target_loss", "学習の損失がこれより小さくなったら終える。0 なら使わない", "X")
]
ClipNorm = Annotated[float | None, _training("clip_norm", "勾配の大きさの上限。0 なら切らない")]
Dropout = Annotated[float | None, _training("dropout", "学習中に 0 にする割合")]
LabelSmoothing = Annotated[float | None, _training("label_smoothing", "正解以外に配る確率の割合")]
Consistency = Annotated[
    float | None, _training("consistency", "2 回の予測を近づける重み（R-Drop）。0 なら使わない")
]
Seed = Annotated[int | None, _training("seed", "乱数の種。同じなら同じ結果")]

DModel = Annotated[int | None, _model("d_model", "ベクトルの幅")]
NHeads = Annotated[int | None, _model("n_heads", "アテンションのヘッド数")]
NLayers = Annotated[int | None, _model("n_layers", "エンコーダーとデコーダーの層の数")]
DFf = Annotated[int | None, _model("d_ff", "フィードフォワード層の幅")]
TiedEmbeddings = Annotated[
    bool | None, _option("--tied-embeddings", "タグの入力と出力で同じベクトルを使う", _MODEL)
]
Preset = Annotated[
    str | None,
    _option("--preset", "tiny, small, base, large, low-resource［tiny］", _MODEL, "NAME"),
]
MaxSeqLen = Annotated[int | None, _model("max_seq_len", "最も長い文")]
ModelBeam = Annotated[int | None, _model("beam", "ふだん訳すときに残す候補の数")]
ModelPenalty = Annotated[float | None, _model("length_penalty", "ふだん訳すときの長い訳の選びやすさ")]

Curve = Annotated[Path | None, _option("--curve", "学習曲線を重ねて描く SVG ファイル", _RUN, "FILE")]
Format = Annotated[str | None, _option("--format", "形式: onnx、huggingface、ctranslate2、web", _RUN, "NAME")]
ExportWeights = Annotated[
    list[str] | None, _option("--export-weights", "重みを CSV と画像に（層の名前か前半）", _LOOK, "NAME")
]
ExportAttn = Annotated[bool, _option("--export-attn", "アテンションを CSV と画像に", _LOOK)]
ForceExport = Annotated[bool, _option("--force-export", "20 を超える長い文でも書き出す", _LOOK)]
ExportDir = Annotated[
    Path | None, _option("--export-dir", "書き出し先［モデルの中の exports］", _LOOK, "DIR")
]

Count = Annotated[int, _option("--count", "作る文の数［40000］", _RUN, "N")]
MaxLength = Annotated[int, _option("--max-length", "最も長い文の文字数［50］", _RUN, "N")]
TrainLength = Annotated[int, _option("--train-length", "学習用で最も長い文の文字数［32］", _RUN, "N")]
OpenWords = Annotated[
    float,
    _option("--open-words", "語彙にない語に換える割合（0 から 1 未満。[corpus] が要る）［0］", _RUN, "A"),
]
Katakana = Annotated[float, _option("--katakana", "ひらがなをカタカナで書いた文の割合［0］", _RUN, "A")]
Label = Annotated[
    Path | None,
    _option("--label", "1 行 1 文のファイルに、タグの下書きを付ける（[corpus] が要る）", _RUN, "FILE"),
]
Output = Annotated[Path | None, _option("--output", "--label の結果を書くファイル［標準出力］", _RUN, "FILE")]
LexiconDir = Annotated[Path | None, _option("--lexicon", "自分の語彙のフォルダー［付属の語彙］", _RUN, "DIR")]


def argument(text: str, name: str = "DIR") -> Any:
    """A positional argument that is called ``name`` in the help."""
    return Argument(metavar=name, help=text, show_default=False, readable=False)


def exports(model: Path | None, chosen: Path | None) -> Path:
    """The folder of exports: --export-dir, else ``exports`` in the model directory.

    Args:
        model: as in :func:`jsl_seq2seq.store.is_builtin`; the shipped model may not be written to, and its exports
            go to ``./exports``.

    Raises:
        UserError: ``exports`` is a link. The model may be somebody else's, and so may be what the link leads to.
        Failure: it cannot be written to.
    """
    # most options are of commands that export nothing
    from ..render.export import require_place  # noqa: PLC0415
    from ..store import is_builtin  # noqa: PLC0415

    found = chosen or (Path() if is_builtin(model) else model or Path()) / "exports"
    if chosen is None and is_link(found):
        raise UserError(
            f"書き出し先がフォルダーではなくリンクです: {found}",
            "リンクの先には書きません。リンクを消すか、--export-dir で書き出し先を指定してください。",
            code="exports-is-a-link",
            path=found,
        )
    require_place(found)
    return found


_Table = Mapping[str, Mapping[str, tuple[str, ...]]]

NEEDS: _Table = {
    "train": {
        "--export-attn": ("--predict",),
        "--force-export": ("--export-attn",),
        "--export-dir": ("--export-attn", "--export-weights"),
        "--freeze": ("--load", "--resume"),
    },
    "predict": {
        "--force-export": ("--export-attn",),
        "--export-dir": ("--export-attn", "--export-weights"),
    },
    "evaluate": {"DIR": ("--compare",)},
    "export": {"--export-dir": ("--export-weights",)},
    "corpus": {"--output": ("--label",)},
}
"""By command and option: those of which at least one must be there for the option to have an effect."""

NOT_BESIDE: _Table = {
    "train": {
        "--batch-size": ("--batch-tokens",),
        "--seed": ("--seeds",),
        "--predict": ("--seeds",),
        "--export-weights": ("--seeds",),
    },
    "evaluate": {"--load": ("--compare",), "--report": ("--compare",)},
    "score": {"文": ("--data",), "訳": ("--data",)},
    "corpus": {
        "DIR": ("--label",),
        "--count": ("--label",),
        "--seed": ("--label",),
        "--max-length": ("--label",),
        "--train-length": ("--label",),
        "--open-words": ("--label",),
        "--katakana": ("--label",),
        "--json": ("--label",),
    },
}
"""By command and option: those beside which the option has no effect."""

NEUTRAL = {"--beam": "1", "--n-best": "1", "--batch-tokens": "0", "--freeze": "none"}
"""Values with which an option is as good as absent; so is a switch that a file of options sets to ``false``."""
