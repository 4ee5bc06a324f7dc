"""Every option of the command line, once. Both forms of each command use these."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from typer import Option

from ..config import ModelConfig, TrainingConfig

_RUN, _MODEL, _TRAINING, _LOOK = "実行", "モデルの形", "学習のしかた", "中を見る"


def _default(value: object) -> str:
    return f"［省略時 {value}］"


Load = Annotated[Path | None, Option("--load", help="読み込むモデルのフォルダー", rich_help_panel=_RUN)]
Backend = Annotated[
    str,
    Option(
        "--backend", help="計算のしかた: auto / ndarray（NumPy・CPU）/ wgpu / torch", rich_help_panel=_RUN
    ),
]
Predict = Annotated[
    list[str] | None,
    Option("--predict", help="訳す文（くり返し可）。- なら標準入力を 1 行ずつ", rich_help_panel=_RUN),
]
Quiet = Annotated[
    bool, Option("--quiet", help="結果だけを出し、途中経過や説明を出さない", rich_help_panel=_RUN)
]
Json = Annotated[bool, Option("--json", help="結果を JSON（1 行 1 件）で出す", rich_help_panel=_RUN)]

Save = Annotated[
    Path | None,
    Option("--save", help="保存先のフォルダー［省略時 models/jsl-seq2seq/日時］", rich_help_panel=_RUN),
]
Data = Annotated[
    Path | None,
    Option("--data", help="学習データ（日本語文<TAB><タグ> …）［省略時 付属の例文］", rich_help_panel=_RUN),
]
Valid = Annotated[Path | None, Option("--valid", help="検証データ（同じ形式）", rich_help_panel=_RUN)]
NoTrainingState = Annotated[
    bool,
    Option(
        "--no-training-state", help="続きの学習に必要な状態を保存しない（小さくなる）", rich_help_panel=_RUN
    ),
]

Epochs = Annotated[
    int | None,
    Option(
        "--epochs", help=f"データを何回くり返すか{_default(TrainingConfig.epochs)}", rich_help_panel=_TRAINING
    ),
]
BatchSize = Annotated[
    int | None,
    Option(
        "--batch-size",
        help=f"1 回の更新に使う文の数{_default(TrainingConfig.batch_size)}",
        rich_help_panel=_TRAINING,
    ),
]
LearningRate = Annotated[
    float | None,
    Option(
        "--learning-rate", help=f"学習率{_default(TrainingConfig.learning_rate)}", rich_help_panel=_TRAINING
    ),
]
WarmupSteps = Annotated[
    int | None,
    Option(
        "--warmup-steps",
        help=f"学習率を 0 から上げていく更新の数{_default(TrainingConfig.warmup_steps)}",
        rich_help_panel=_TRAINING,
    ),
]
ClipNorm = Annotated[
    float | None,
    Option(
        "--clip-norm",
        help=f"勾配の大きさの上限、0 なら切らない{_default(TrainingConfig.clip_norm)}",
        rich_help_panel=_TRAINING,
    ),
]
Dropout = Annotated[
    float | None,
    Option(
        "--dropout",
        help=f"学習中に 0 にする割合{_default(TrainingConfig.dropout)}",
        rich_help_panel=_TRAINING,
    ),
]
LabelSmoothing = Annotated[
    float | None,
    Option(
        "--label-smoothing",
        help=f"正解以外にも配る確率の割合{_default(TrainingConfig.label_smoothing)}",
        rich_help_panel=_TRAINING,
    ),
]
Seed = Annotated[
    int | None,
    Option(
        "--seed", help=f"乱数の種。同じなら同じ結果{_default(TrainingConfig.seed)}", rich_help_panel=_TRAINING
    ),
]

DModel = Annotated[
    int | None,
    Option("--d-model", help=f"ベクトルの幅{_default(ModelConfig.d_model)}", rich_help_panel=_MODEL),
]
NHeads = Annotated[
    int | None,
    Option("--n-heads", help=f"注意のヘッド数{_default(ModelConfig.n_heads)}", rich_help_panel=_MODEL),
]
NLayers = Annotated[
    int | None,
    Option(
        "--n-layers",
        help=f"層の数（エンコーダーとデコーダーのそれぞれ）{_default(ModelConfig.n_layers)}",
        rich_help_panel=_MODEL,
    ),
]
DFf = Annotated[
    int | None,
    Option("--d-ff", help=f"フィードフォワード層の幅{_default(ModelConfig.d_ff)}", rich_help_panel=_MODEL),
]
MaxSeqLen = Annotated[
    int | None,
    Option("--max-seq-len", help=f"最も長い文{_default(ModelConfig.max_seq_len)}", rich_help_panel=_MODEL),
]

ExportWeights = Annotated[
    list[str] | None,
    Option(
        "--export-weights",
        metavar="NAME",
        help="重みを CSV と画像に書き出す。層の名前か、その前半（くり返し可）",
        rich_help_panel=_LOOK,
    ),
]
ExportAttn = Annotated[
    bool, Option("--export-attn", help="注意の重みを CSV と画像に書き出す", rich_help_panel=_LOOK)
]
ForceExport = Annotated[
    bool, Option("--force-export", help="20 を超える長い文でも注意を書き出す", rich_help_panel=_LOOK)
]
ExportDir = Annotated[Path, Option("--export-dir", help="書き出し先のフォルダー", rich_help_panel=_LOOK)]
