"""Translate test files and compute their figures, each file apart."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import PurePath
from typing import Any

import numpy as np

from ..data import Corpus, SentencePair, sentence_keys
from ..errors import Failure, JslError
from ..search import Search
from ..store import SavedModel
from ..tokenize import CHARACTERS_AND_TAGS, Tokenizer, Tokenizers
from ..translate.translator import Translation, Translator
from .breakdown import Confusion, Group, by_length, by_phenomenon, confusions
from .metrics import Result, Scores, scores

BATCH = 512
_SHOWN_LINES = 5

_SYNTHETIC = ("train", "valid", "test-random", "test-length", "test-composition", "test-spelling")
"""What ``jsl-seq2seq corpus`` calls its files."""
_WRITTEN = ("handwritten", "starter")
"""Files of the package that people wrote."""

SYNTHETIC, WRITTEN, UNKNOWN = "規則から作った文", "人が書いた文", "由来の記録がない文"


@dataclass(frozen=True)
class FileReport:
    """The figures of one file.

    Attributes:
        origin: where its sentences come from, by its name (:func:`origin_of`).
        unknown_tags: reference tags outside the model's vocabulary.
        notes: about the file and its figures, in Japanese.
        tokenizers: the model's.
        trained_on: how many of the sentences the model was trained on.
        trained_on_lines: the lines of the file where these stand.
        sha256: of the file's pairs (:attr:`jsl_seq2seq.data.Corpus.digest`).
    """

    name: str
    origin: str
    scores: Scores
    phenomena: tuple[Group, ...]
    lengths: tuple[Group, ...]
    confusions: tuple[Confusion, ...]
    unknown_tags: tuple[str, ...]
    results: tuple[Result, ...]
    notes: tuple[str, ...] = ()
    tokenizers: Tokenizers = CHARACTERS_AND_TAGS
    trained_on: int = 0
    trained_on_lines: tuple[int, ...] = ()
    sha256: str = ""

    def written(self, tag: str) -> str:
        """A tag with its brackets, or a word."""
        return self.tokenizers.target.join([tag])

    def to_json(self, sentences: bool = True) -> dict[str, Any]:
        """Plain values; every sentence with ``sentences``."""
        plain: dict[str, Any] = {
            "data": self.name,
            "data_sha256": self.sha256,
            "origin": self.origin,
            **self.scores.to_json(),
            "by_phenomenon": [group.to_json() for group in self.phenomena],
            "by_length": [group.to_json() for group in self.lengths],
            "confusions": [one.to_json() for one in self.confusions[:100]],
            "unknown_tags": list(self.unknown_tags),
            "notes": list(self.notes),
            "trained_on": {"sentences": self.trained_on, "lines": list(self.trained_on_lines)},
        }
        if sentences:
            plain["results"] = [
                {
                    "source": result.source,
                    "reference": list(result.reference),
                    "hypothesis": list(result.hypothesis),
                    "exact": result.exact,
                    "log_prob": result.log_prob,
                    "phenomenon": result.phenomenon,
                }
                for result in self.results
            ]
        return plain


@dataclass(frozen=True)
class Evaluation:
    """The figures of one run over several files.

    Attributes:
        model: the model directory, as people write it; of an ensemble all of them, `` + `` between them.
        version: of this package.
        backend: name and, unless float32, precision of the backend.
        model_sha256: of the model's weights, likewise; empty if it is not known.
        device: what the backend computed on.
        seed: that the model was trained with; ``None`` for an ensemble.
        date: of the evaluation, UTC, ISO 8601.
    """

    model: str
    version: str
    backend: str
    search: Search
    files: tuple[FileReport, ...]
    model_sha256: str = ""
    device: str = ""
    seed: int | None = None
    date: str = ""

    def to_json(self, sentences: bool = True) -> dict[str, Any]:
        """Plain values: the content of ``report.json``."""
        return {
            "model": self.model,
            "model_sha256": self.model_sha256,
            "device": self.device,
            "seed": self.seed,
            "date": self.date,
            "version": self.version,
            "backend": self.backend,
            "beam": self.search.beam,
            "length_penalty": self.search.length_penalty if self.search.beam > 1 else None,
            "note": "tags, not Japanese Sign Language; not reviewed by Deaf signers",
            "files": [file.to_json(sentences) for file in self.files],
        }


def evaluate(
    translator: Translator,
    corpus: Corpus,
    search: Search | None = None,
    progress: Callable[[int], object] = lambda _: None,
    models: Sequence[SavedModel] = (),
) -> FileReport:
    """Translate every sentence of a file and compare with its references.

    Args:
        search: of the hypotheses; without it the model's own.
        progress: called with the number of sentences in each translated batch.
        models: the translator's, loaded with their record, which says what they were trained on.

    Raises:
        Failure: memory does not suffice for a sentence, or the model computes NaN.
    """
    seen: list[int] = []
    recorded = [model for model in models if len(model.trained_on)]
    if recorded:
        keys = sentence_keys(corpus.pairs)
        seen = np.flatnonzero(np.any([model.trained_among(keys) for model in recorded], axis=0)).tolist()
    search = search or translator.resolve_search()
    tokenizers = translator.tokenizers
    results: list[Result] = []
    for start in range(0, len(corpus.pairs), BATCH):
        pairs = [corpus.pairs[index] for index in range(start, min(start + BATCH, len(corpus.pairs)))]
        translations = translator.translate_each(
            [pair.source for pair in pairs], search.beam, 1, search.length_penalty
        )
        results += map(_result, pairs, translations, repeat(tokenizers.source))
        progress(len(pairs))
    known = tokenizers.target
    found = scores(results)
    undefined = (f"{corpus.name}: {found.undefined}",) if found.undefined else ()
    return FileReport(
        name=corpus.name,
        origin=origin_of(corpus.name),
        scores=found,
        phenomena=by_phenomenon(results),
        lengths=by_length(results),
        confusions=confusions(results),
        unknown_tags=tuple(
            dict.fromkeys(tag for one in results for tag in one.reference if not known.has(tag))
        ),
        results=tuple(results),
        notes=(*corpus.notes, *undefined, *_trained_on(corpus, seen)),
        tokenizers=tokenizers,
        trained_on=len(seen),
        trained_on_lines=tuple(corpus.lines[index] for index in seen),
        sha256=corpus.digest,
    )


def _trained_on(corpus: Corpus, seen: Sequence[int]) -> list[str]:
    """That some of the sentences were trained on, in Japanese; nothing if none was."""
    if not seen:
        return []
    lines = "、".join(str(corpus.lines[index]) for index in seen[:_SHOWN_LINES])
    where = f"（{lines} 行目{'など' * (len(seen) > _SHOWN_LINES)}）"
    return [
        f"{corpus.name}: {len(corpus.pairs):,} 文のうち {len(seen):,} 文は、このモデルの学習に使った文です{where}。"
        "その分、成績は、初めて見る文での実力より良く見えます。"
    ]


def origin_of(name: str) -> str:
    """Whether a file's sentences were generated or written by people, by its name alone."""
    stem = PurePath(name.replace("\\", "/")).name.split(".")[0].lower()
    if stem in _SYNTHETIC:
        return SYNTHETIC
    return WRITTEN if stem in _WRITTEN else UNKNOWN


def _result(pair: SentencePair, translation: Translation | JslError, tokenizer: Tokenizer) -> Result:
    if isinstance(translation, Failure):  # the figures must not depend on the machine
        raise translation
    if isinstance(translation, JslError):
        nothing = f"読める{tokenizer.unit_name}がありません。"
        return Result(pair.source, pair.tags, (), 0.0, pair.phenomenon, (nothing,))
    return Result(
        pair.source, pair.tags, translation.tags, translation.log_prob, pair.phenomenon, translation.warnings
    )
