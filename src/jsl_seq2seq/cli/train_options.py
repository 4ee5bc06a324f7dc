"""``jsl-seq2seq train``: its options.

Apart from :mod:`.train`, which does what they ask for: its imports take longer than a help page, and a typo needs none
of them.
"""

from __future__ import annotations

import typer

from . import options as opt


def train(
    context: typer.Context,
    config: opt.Config = None,
    save_config: opt.SaveConfig = None,
    load: opt.Load = None,
    save: opt.Save = None,
    data: opt.Data = None,
    valid: opt.Valid = None,
    source_units: opt.SourceUnits = None,
    target_units: opt.TargetUnits = None,
    subword_vocab: opt.SubwordVocab = None,
    target_tokenizer: opt.TargetTokenizer = None,
    target_vocab: opt.TargetVocab = None,
    min_count: opt.MinCount = None,
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
    freeze: opt.Freeze = None,
    dropout: opt.Dropout = None,
    label_smoothing: opt.LabelSmoothing = None,
    consistency: opt.Consistency = None,
    position_shift: opt.PositionShift = None,
    substitutions: opt.Substitutions = None,
    keep: opt.Keep = None,
    average: opt.Average = None,
    patience: opt.Patience = None,
    metric: opt.Metric = None,
    target_loss: opt.TargetLoss = None,
    seed: opt.Seed = None,
    seeds: opt.Seeds = None,
    d_model: opt.DModel = None,
    n_heads: opt.NHeads = None,
    n_layers: opt.NLayers = None,
    d_ff: opt.DFf = None,
    max_seq_len: opt.MaxSeqLen = None,
    tied_embeddings: opt.TiedEmbeddings = None,
    checkpoint_every: opt.CheckpointEvery = None,
    tensorboard: opt.TensorBoardDir = None,
    resume: opt.Resume = False,
    no_training_state: opt.NoTrainingState = False,
    evaluated: opt.Evaluated = None,
    beam: opt.ModelBeam = None,
    length_penalty: opt.ModelPenalty = None,
    predict: opt.Predict = None,
    export_weights: opt.ExportWeights = None,
    export_attn: opt.ExportAttn = False,
    force_export: opt.ForceExport = False,
    export_dir: opt.ExportDir = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    from .train import run_train  # noqa: PLC0415

    run_train(context)
