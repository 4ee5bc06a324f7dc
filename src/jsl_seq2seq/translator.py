"""The library's front door: load a model, translate sentences, look at what it attended to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .config import SOS
from .decode import Hypothesis, greedy
from .errors import UserError
from .model import Capture, Transformer, parameter_specs
from .ops.choose import AUTO, Backend, choose_backend
from .store import SavedModel, load_model
from .text import EncodedSource, Vocabularies, format_tags

MAX_CHARACTERS = 2_000
"""Longest sentence that is tried at all: attention's memory grows with the square of the length."""


@dataclass(frozen=True)
class Attention:
    """What one attention layer looked at while a sentence was translated.

    Attributes:
        weights: [H, query, key], rows sum to 1.
        query_labels, key_labels: the token at each position. A decoder row stands at a token already
            written (first ``<SOS>``) and decides the one after it.
    """

    weights: np.ndarray
    query_labels: tuple[str, ...]
    key_labels: tuple[str, ...]


@dataclass(frozen=True)
class Translation:
    """A translated sentence.

    Attributes:
        text: the sentence as it was given.
        tags: without brackets; ``str(translation)`` writes them with.
        probabilities: of each tag, given those before it, 0 to 1.
        log_prob: natural logarithm of the whole sequence's probability, its end included.
        finished: whether the model ended the sentence itself.
        warnings: what a reader should know about this translation, in Japanese.
        attention: by name (``encoder.0.self``, ``decoder.0.cross``, ...), if it was asked for.
    """

    text: str
    tags: tuple[str, ...]
    probabilities: tuple[float, ...]
    log_prob: float
    finished: bool
    warnings: tuple[str, ...] = ()
    attention: dict[str, Attention] | None = None

    def __str__(self) -> str:
        return format_tags(self.tags)


class Translator:
    """A trained model on one backend, ready to translate.

    Args:
        model: from :func:`jsl_seq2seq.store.load_model`, or fresh from training.
    """

    def __init__(self, model: SavedModel, backend: Backend) -> None:
        self.config = model.config
        self.vocabularies: Vocabularies = model.vocabularies
        self.ops = backend.open(None)
        shapes = {name: spec.shape for name, spec in parameter_specs(model.config).items()}
        flat = np.concatenate([model.parameters[name].reshape(-1) for name in shapes])
        self._model = Transformer(self.ops, self.ops.split(self.ops.array(flat), shapes), model.config)

    @classmethod
    def load(cls, directory: str | Path, backend: str = AUTO) -> Translator:
        """Read a model directory.

        Args:
            backend: ``auto``, ``ndarray``, ``wgpu`` or ``torch``.

        Raises:
            UserError: there is no model there, or no such backend.
            Failure: the model is damaged.
        """
        return cls(load_model(Path(directory)), choose_backend(backend))

    def translate(self, text: str, attention: bool = False) -> Translation:
        """Translate one sentence.

        Raises:
            UserError: nothing in it can be translated, or it is far too long.
        """
        return self.translate_batch([text], attention)[0]

    def translate_batch(self, texts: Sequence[str], attention: bool = False) -> list[Translation]:
        """Translate sentences side by side; each comes out as it would alone. Raises as above."""
        if not texts:
            return []
        sources = [self._encode(text) for text in texts]
        hypotheses = greedy(
            self.ops, self._model, [source.ids for source in sources], self.config.max_seq_len
        )
        return [
            self._translation(text, source, hypothesis, attention)
            for text, source, hypothesis in zip(texts, sources, hypotheses, strict=True)
        ]

    def _encode(self, text: str) -> EncodedSource:
        shown = text if len(text) <= 20 else text[:20] + "…"
        if len(text) > MAX_CHARACTERS:
            raise UserError(
                f"文が長すぎます（{len(text):,} 文字）: {shown}",
                f"1 文は {MAX_CHARACTERS:,} 文字までです。句点（。）で区切って 1 文ずつ渡してください。",
            )
        source = self.vocabularies.encode_source(text)
        if not source.ids:
            raise UserError(
                f"訳せる文字がありません: 「{shown}」",
                "空の文か、モデルが学習していない文字だけの文です。ひらがなで書いてみてください。",
            )
        return source

    def _translation(
        self, text: str, source: EncodedSource, hypothesis: Hypothesis, attention: bool
    ) -> Translation:
        return Translation(
            text=text,
            tags=self.vocabularies.decode_target(hypothesis.ids),
            probabilities=tuple(math.exp(score) for score in hypothesis.log_probs[: len(hypothesis.ids)]),
            log_prob=sum(hypothesis.log_probs),
            finished=hypothesis.finished,
            warnings=tuple(self._warnings(source, hypothesis)),
            attention=self._attention(source, hypothesis.ids) if attention else None,
        )

    def _warnings(self, source: EncodedSource, hypothesis: Hypothesis) -> list[str]:
        warnings = []
        if source.unknown:
            listed = "".join(f"「{character}」" for character in source.unknown[:10])
            more = "など" if len(source.unknown) > 10 else ""
            warnings.append(f"学習していない文字を読み飛ばしました: {listed}{more}")
        if len(source.ids) > self.config.max_seq_len:
            warnings.append(
                f"学習したどの文より長い文です（{len(source.ids)} 文字、学習時の上限は {self.config.max_seq_len}）。"
                "訳は当てにできません。"
            )
        if not hypothesis.finished:
            warnings.append(f"文の終わりが出ないまま上限（{self.config.max_seq_len} タグ）に達しました。")
        return warnings

    def _attention(self, source: EncodedSource, ids: tuple[int, ...]) -> dict[str, Attention]:
        """One teacher-forced pass over what was decoded, watched."""
        capture = Capture()
        self._model(self.ops.array([list(source.ids)]), self.ops.array([[SOS, *ids]]), observe=capture)
        characters = source.units
        tags = ("<SOS>", *(f"<{tag}>" for tag in self.vocabularies.decode_target(ids)))
        labels = {
            "encoder.self": (characters, characters),
            "decoder.self": (tags, tags),
            "decoder.cross": (tags, characters),
        }
        return {
            name: Attention(self.ops.to_host(weights)[0], *labels[f"{stack}.{kind}"])
            for name, weights in capture.weights.items()
            for stack, _, kind in [name.split(".")]
        }
