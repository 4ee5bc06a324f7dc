"""Fine-tuning: a trained model goes on with other data, whose tags and characters it may lack.

New tokens go behind the model's own, whose ids and parameters stay what they are. Parameters may be frozen, by the
names of their groups; those of new tokens are never, since they hold nothing yet.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..data import Corpus
from ..data.encoding import EncodedPairs, extend
from ..errors import UserError
from ..model import parameter_specs
from ..model.initialization import extended_parameters
from ..settings import ModelConfig, TrainingConfig, VocabSize
from ..store import Moments, SavedModel
from ..tokenize import Tokenizers

EMBEDDINGS = "embeddings"
GROUPS = {EMBEDDINGS: ("encoder.embedding", "decoder.embedding", "decoder.output_projection")}
"""Groups of parameters beside the modules of the parameters' own names (``encoder``, ``decoder.layers.0``): what there
is for each token, on both sides."""

Span = tuple[int, int]
"""[start, end) in the flat array of all parameters."""

_SHOWN = 20
_NEAR = 0.75
"""Share of letters in common (:meth:`difflib.SequenceMatcher.ratio`) from which a new tag may be a slip of the pen."""

_RATE, _WARMUP, _BATCH, _UPDATES, _EPOCHS, _LEARNT = 0.25, 10, 8, 600, 3, 0.001


def fine_tuning_settings(loaded: TrainingConfig, pairs: EncodedPairs) -> dict[str, Any]:
    """What is set in a run that goes on with other data, unless the user sets it.

    The encoder and the known tokens' embeddings are frozen. Most tokens are in none of a few sentences, and Adam, whose
    steps are as long for a small gradient as for a large one, would make every one of these less probable everywhere;
    and how sentences are read is what was learnt from the most of them. A quarter of the learning rate that the model
    was trained with, constant, until the training loss shows that all is learnt: larger steps, and more of them, lose
    more of what was learnt before. No more epochs than make a few hundred updates, and at least three. What was chosen
    for the former data (``keep``, ``patience``, ``batch_tokens``, ``substitutions``) ends.
    """
    per_epoch = math.ceil(len(pairs) / _BATCH)
    return {
        "learning_rate": loaded.learning_rate * _RATE,
        "schedule": "constant",
        "warmup_steps": _WARMUP,
        "batch_size": _BATCH,
        "batch_tokens": 0,
        "accumulate": 1,
        "epochs": max(_EPOCHS, math.ceil(_UPDATES / per_epoch)),
        "substitutions": 0,
        "keep": "last",
        "patience": 0,
        "target_loss": _LEARNT,
        "label_smoothing": 0.0,
        "freeze": f"encoder,{EMBEDDINGS}",
    }


def extended(model: SavedModel, corpus: Corpus) -> SavedModel:
    """The model with what its vocabularies lack of a corpus; itself if that is nothing.

    Adam's moments of the new parameters are zero, as at a training's beginning.
    """
    tokenizers = extend(corpus, model.tokenizers)
    if tokenizers.hash == model.tokenizers.hash:
        return model
    config = replace(model.config, vocab_size=tokenizers.size)
    moments = model.moments and Moments(
        *(_zero_filled(one, config) for one in (model.moments.m, model.moments.v))
    )
    return replace(
        model,
        config=config,
        tokenizers=tokenizers,
        parameters=extended_parameters(model.parameters, config, model.training.seed),
        moments=moments,
    )


def extension_notes(before: Tokenizers, after: Tokenizers, name: str) -> list[str]:
    """Which tokens are new, in Japanese.

    Args:
        name: of the file that the new tokens come from.
    """
    source, target = after.source, after.target
    characters = source.vocabulary.tokens[len(before.source.vocabulary.tokens) :]
    tags = _new_tags(before, after)
    notes = []
    for unit, written in (
        (source.unit_name, characters),
        (target.unit_name, [target.join([tag]) for tag in tags]),
    ):
        if written:
            shown = "、".join(written[:_SHOWN]) + "など" * (len(written) > _SHOWN)
            notes.append(f"{name} にある新しい{unit} {len(written)} 種類を語彙に足します: {shown}")
    return notes


def near_misses(before: Tokenizers, after: Tokenizers) -> list[str]:
    """Which new tags have nearly the spelling of one that there was, in Japanese."""
    target, notes = after.target, []
    for tag in _new_tags(before, after)[:_SHOWN]:
        near = difflib.get_close_matches(tag, before.target.tags, n=1, cutoff=_NEAR)
        if near:
            notes.append(
                f"{target.join([tag])} は、語彙にある {target.join(near)} の書きまちがいではありませんか。"
            )
    return notes


def _new_tags(before: Tokenizers, after: Tokenizers) -> Sequence[str]:
    return after.target.tags[len(before.target.tags) :]


def is_extensible(model: SavedModel) -> bool:
    """Whether tokens may be added. Those of an imported model belong to the program that it came from."""
    return model.burn is None and model.config.specials_masked


def _zero_filled(named: dict[str, np.ndarray], config: ModelConfig) -> dict[str, np.ndarray]:
    found = {}
    for name, spec in parameter_specs(config).items():
        before = named[name]
        found[name] = np.pad(
            before, [(0, wanted - size) for size, wanted in zip(before.shape, spec.shape, strict=True)]
        )
    return found


def frozen_spans(config: ModelConfig, freeze: str, known: VocabSize) -> list[Span]:
    """Where in the flat array the parameters lie that training leaves as they are, in order.

    Args:
        freeze: as in :class:`.TrainingConfig`.
        known: the sizes of the vocabularies without the new tokens, whose parameters are trained whatever is frozen.

    Raises:
        UserError: there are no such parameters, or none would be left to train.
    """
    specs = parameter_specs(config)
    names = [] if freeze == TrainingConfig.freeze else [name.strip() for name in freeze.split(",")]
    prefixes = [prefix for name in names for prefix in GROUPS.get(name, (name,))]
    for name in prefixes:
        if not any(_is_below(parameter, name) for parameter in specs):
            modules = sorted({".".join(one.split(".")[:2]) for one in specs})
            raise UserError(
                f"freeze の {name} という名前の層はありません。",
                f"使えるのは encoder、decoder、embeddings と、{'、'.join(modules)} などです。",
                code="unknown-module",
                setting="freeze",
                value=name,
            )
    spans: list[Span] = []
    start = 0
    for parameter, spec in specs.items():
        if any(_is_below(parameter, prefix) for prefix in prefixes):
            spans += _known_part(start, spec.shape, _known_shape(parameter, spec.shape, known))
        start += spec.size
    if sum(end - begin for begin, end in spans) == start:
        raise UserError(
            "freeze がすべての重みを止めているので、学習するものがありません。",
            "encoder や embeddings のように、一部だけを指定してください。",
            code="nothing-to-train",
            setting="freeze",
            value=freeze,
        )
    return spans


def _is_below(parameter: str, module: str) -> bool:
    return parameter == module or parameter.startswith(f"{module}.")


def _known_shape(parameter: str, shape: tuple[int, ...], known: VocabSize) -> tuple[int, ...]:
    """The shape of a parameter before the vocabularies grew."""
    if parameter == "encoder.embedding.weight":
        return known.source, shape[1]
    if parameter == "decoder.embedding.weight":
        return known.target, shape[1]
    if parameter.startswith("decoder.output_projection."):
        return (*shape[:-1], known.target)
    return shape


def _known_part(start: int, shape: Sequence[int], known: Sequence[int]) -> list[Span]:
    """Where the first ``known`` entries along each axis of an array lie, which begins at ``start``."""
    if len(shape) == 2 and known[1] < shape[1]:
        return [(start + row * shape[1], start + row * shape[1] + known[1]) for row in range(shape[0])]
    return [(start, start + math.prod(known))]
