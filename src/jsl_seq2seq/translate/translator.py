"""The library's front door: load a model, translate sentences, look at what it attended to."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..backends.registry import AUTO, Backend, choose_backend
from ..data.padding import pad_rows
from ..errors import UserError
from ..model import Capture, Transformer, parameter_specs
from ..search import GraphGreedy, Hypothesis, beam_search, forced_log_probs, greedy, score
from ..search.groups import groups
from ..settings import SOS, require_range
from ..store import SavedModel, load_model, shipped_model
from ..store.tensors import flatten
from ..tokenize import EncodedSource, Vocabularies
from ..tokenize.units import CHAR, TAGS
from .translation import Attention, Candidate, Score, Translation

__all__ = ["Attention", "Candidate", "Score", "Translation", "Translator"]

MAX_CHARACTERS = 2_000
"""Longest sentence that is tried at all: attention's memory grows with the square of the length."""

_SIDE_BY_SIDE, _REPLAYED_SIDE_BY_SIDE = 64, 256
"""Sentences translated side by side, at most: with more a CPU's caches overflow, and a GPU gains nothing more."""

Sentence = str | EncodedSource
"""A sentence as text, or as the units it was cut into."""

DEFAULT_PENALTY = 0.6
"""Length penalty α of beam search, unless somebody says otherwise (Wu et al. 2016, §7: 0.6 to 0.7)."""

MAX_BEAM, MAX_PENALTY = 1_000, 10
"""Far beyond what is of use: more beams find nothing better, and α is the exponent of a length."""


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
        flat = flatten(model.parameters, shapes)
        self._model = Transformer(self.ops, self.ops.named_views(self.ops.array(flat), shapes), model.config)
        self._replayed = GraphGreedy(self.ops, self._model)
        self._dropped = frozenset() if model.config.specials_masked else _no_tags(model.vocabularies)

    @classmethod
    def load(
        cls, directory: str | Path | None = None, backend: str = AUTO, precision: str = "fp32"
    ) -> Translator:
        """Read a model directory.

        Args:
            directory: ``None`` for the model that ships with the package.
            backend: ``auto``, ``ndarray``, ``wgpu`` or ``torch``.
            precision: ``fp32``, or ``int8`` for the CPU: much faster, and nearly as good. It needs Numba.

        Raises:
            UserError: there is no model there, or no such backend.
            Failure: the model is damaged.
        """
        model = load_model(shipped_model() if directory is None else Path(directory), record=False)
        return cls(model, choose_backend(backend, None, model.n_parameters, precision))

    def translate(
        self,
        text: Sentence,
        attention: bool = False,
        beam: int = 1,
        n_best: int = 1,
        length_penalty: float = DEFAULT_PENALTY,
    ) -> Translation:
        """Translate one sentence.

        Args:
            attention: whether to tell what was looked at.
            beam: how many beginnings beam search keeps; 1 is greedy decoding.
            n_best: how many translations to find, at most ``beam``; the others are the first one's alternatives.
            length_penalty: how much beam search favours longer translations, 0 for not at all.

        Raises:
            UserError: nothing in it can be translated, or it is far too long, or the search is impossible.
        """
        return self.translate_batch([text], attention, beam, n_best, length_penalty)[0]

    def translate_batch(
        self,
        texts: Sequence[Sentence],
        attention: bool = False,
        beam: int = 1,
        n_best: int = 1,
        length_penalty: float = DEFAULT_PENALTY,
    ) -> list[Translation]:
        """Translate sentences side by side; each comes out as it would alone. Arguments and errors as above."""
        _check_search(beam, n_best, length_penalty)
        encoded = [(_written(text), self.encode(text)) for text in texts]
        return self._translated(encoded, attention, beam, n_best, length_penalty)

    def translate_each(
        self,
        texts: Sequence[Sentence | UserError],
        beam: int = 1,
        n_best: int = 1,
        length_penalty: float = DEFAULT_PENALTY,
    ) -> list[Translation | UserError]:
        """As :meth:`translate_batch`, but a sentence that cannot be translated gives its error in its place.

        Args:
            texts: an error among them stays where it is.

        Raises:
            UserError: the search is impossible.
        """
        _check_search(beam, n_best, length_penalty)
        found = [text if isinstance(text, UserError) else self._readable(text) for text in texts]
        readable = [one for one in found if not isinstance(one, UserError)]
        translations = iter(self._translated(readable, False, beam, n_best, length_penalty))
        return [one if isinstance(one, UserError) else next(translations) for one in found]

    def _readable(self, text: Sentence) -> tuple[str, EncodedSource] | UserError:
        try:
            return _written(text), self.encode(text)
        except UserError as error:
            return error

    def _translated(
        self,
        encoded: Sequence[tuple[str, EncodedSource]],
        attention: bool,
        beam: int,
        n_best: int,
        length_penalty: float,
    ) -> list[Translation]:
        """Sentences as they are written and as the model reads them -> their translations."""
        sources = [self._read(source) for _, source in encoded]
        found: dict[int, list[Hypothesis]] = {}
        for indices in self._groups(sources, beam):
            group = [sources[index] for index in indices]
            longest = self.config.max_seq_len
            if beam == 1:
                best = greedy(self.ops, self._model, group, longest, self._replayed)
                hypotheses = [[hypothesis] for hypothesis in best]
            else:
                hypotheses = beam_search(self.ops, self._model, group, longest, beam, n_best, length_penalty)
            found.update(zip(indices, hypotheses, strict=True))
        return [
            self._translation(text, source, found[index], attention)
            for index, (text, source) in enumerate(encoded)
        ]

    def score(self, text: Sentence, tags: Sequence[str]) -> Score:
        """How probable the model finds a translation that somebody else wrote.

        Raises:
            UserError: the sentence cannot be translated, or the model does not know a tag; names the nearest.
        """
        return self.score_batch([(text, tags)])[0]

    def score_batch(self, pairs: Sequence[tuple[Sentence, Sequence[str]]]) -> list[Score]:
        """Several at once. Errors as above."""
        sources = [self._read(self.encode(text)) for text, _ in pairs]
        targets = [self._encode_tags(tags) for _, tags in pairs]
        found: dict[int, Hypothesis] = {}
        for indices in self._groups(sources):
            group = [sources[index] for index in indices], [targets[index] for index in indices]
            found.update(zip(indices, score(self.ops, self._model, *group), strict=True))
        return [
            Score(_written(text), tuple(tags), found[index].log_probs)
            for index, (text, tags) in enumerate(pairs)
        ]

    def log_probs(self, text: Sentence, tags: Sequence[str]) -> np.ndarray:
        """Of every tag at every place of a given translation, [T + 1, V]; the last row is for what follows it."""
        return forced_log_probs(
            self.ops, self._model, [self._read(self.encode(text))], [self._encode_tags(tags)]
        )[0]

    def encode(self, text: Sentence) -> EncodedSource:
        """The units of a sentence that the model knows. Raises UserError if there is none, or far too many."""
        if isinstance(text, EncodedSource):
            return text
        shown = text if len(text) <= 20 else text[:20] + "…"
        if len(text) > MAX_CHARACTERS:
            raise UserError(
                f"文が長すぎます（{len(text):,} 文字）: {shown}",
                f"1 文は {MAX_CHARACTERS:,} 文字までです。句点（。）で区切って 1 文ずつ渡してください。",
                code="text-too-long",
                found=len(text),
                limit=MAX_CHARACTERS,
            )
        source = self.vocabularies.encode_source(text)
        if not source.ids:
            kinds = self.vocabularies.kinds
            hiragana = "ひらがなで書いてみてください。" if kinds.source == CHAR else ""
            raise UserError(
                f"訳せる{kinds.left_out}がありません: 「{shown}」",
                f"空の文か、モデルが学習していない{kinds.left_out}だけの文です。{hiragana}",
                code="nothing-to-translate",
                text=text,
                unknown=source.unknown,
            )
        return source

    def _read(self, source: EncodedSource) -> tuple[int, ...]:
        """The ids that the model reads: all of a sentence's, or those that it is cut to."""
        return source.ids[: self.config.source_length] if self.config.source_cut else source.ids

    def _encode_tags(self, tags: Sequence[str]) -> tuple[int, ...]:
        known = self.vocabularies.target
        unknown = [tag for tag in tags if tag not in known]
        if unknown:
            near = difflib.get_close_matches(unknown[0], known.units, n=3, cutoff=0.4)
            name, written = self.vocabularies.kinds.target_name, self.vocabularies.format_target
            brackets = "タグはカッコ < > なしで渡します。" if self.vocabularies.kinds.target == TAGS else ""
            raise UserError(
                f"このモデルにない{name}です: {written(unknown[:1])}",
                f"近い{name}: {written(near)}" if near else brackets,
                code="unknown-tag",
                tag=unknown[0],
                near=near,
            )
        return self.vocabularies.encode_target(tags)

    def _groups(self, sources: Sequence[tuple[int, ...]], beam: int = 1) -> Iterator[list[int]]:
        most = _REPLAYED_SIDE_BY_SIDE if self.ops.captures_graphs else _SIDE_BY_SIDE
        return groups([len(source) for source in sources], most, beam)

    def _translation(
        self, text: str, source: EncodedSource, hypotheses: Sequence[Hypothesis], attention: bool
    ) -> Translation:
        best, *others = (self._candidate(hypothesis) for hypothesis in hypotheses)
        return Translation(
            text=text,
            tags=best.tags,
            probabilities=best.probabilities,
            log_prob=best.log_prob,
            finished=best.finished,
            warnings=tuple(self._warnings(source, hypotheses[0])),
            attention=self._attention(source, hypotheses[0]) if attention else None,
            alternatives=tuple(others),
            kinds=best.kinds,
        )

    def _candidate(self, hypothesis: Hypothesis) -> Candidate:
        kept = [place for place, tag in enumerate(hypothesis.ids) if tag not in self._dropped]
        return Candidate(
            tags=self.vocabularies.decode_target(hypothesis.ids[place] for place in kept),
            probabilities=tuple(math.exp(hypothesis.log_probs[place]) for place in kept),
            log_prob=hypothesis.log_prob,
            finished=hypothesis.finished,
            kinds=self.vocabularies.kinds,
        )

    def _warnings(self, source: EncodedSource, hypothesis: Hypothesis) -> list[str]:
        warnings, kinds = [], self.vocabularies.kinds
        if source.unknown:
            listed = "".join(f"「{character}」" for character in source.unknown[:10])
            more = "など" if len(source.unknown) > 10 else ""
            warnings.append(f"学習していない{kinds.left_out}を読み飛ばしました: {listed}{more}")
        if len(self._read(source)) < len(source.ids):
            warnings.append(
                f"このモデルは文の初めの {self.config.source_length} {kinds.source_name}だけを読みます。"
                f"残りの {len(source.ids) - self.config.source_length} {kinds.source_name}は訳に入っていません。"
            )
        elif len(source.ids) > self.config.max_seq_len:
            warnings.append(
                f"モデルの上限より長い文です（{len(source.ids)} {kinds.source_name}、"
                f"上限は {self.config.max_seq_len}）。訳は当てにできません。"
            )
        if not hypothesis.finished:
            warnings.append(
                f"文の終わりが出ないまま上限（{self.config.max_seq_len} {kinds.target_name}）に達しました。"
            )
        return warnings

    def _attention(self, source: EncodedSource, hypothesis: Hypothesis) -> dict[str, Attention]:
        """One teacher-forced pass over the hypothesis, every layer's attention captured.

        The decoder reads SOS and all tags but the last of what it produced, the EOS included: row t is the
        query that produced tag t.
        """
        capture = Capture()
        sentence = self._read(source)
        source_ids = pad_rows([sentence], at_least=self.config.source_length)
        ids = hypothesis.ids if hypothesis.finished else hypothesis.ids[:-1]
        self._model(self.ops.array(source_ids), self.ops.array([[SOS, *ids]]), observe=capture)
        characters = source.units[: len(sentence)] + ("<PAD>",) * (source_ids.shape[1] - len(sentence))
        decoded = self.vocabularies.decode_target(hypothesis.ids)
        tags = tuple(self.vocabularies.format_target([tag]) for tag in decoded)
        produced = (*tags, "<EOS>") if hypothesis.finished else tags
        read = ("<SOS>", *tags)[: len(produced)]
        labels = {
            "encoder.self": (characters, characters),
            "decoder.self": (produced, read),
            "decoder.cross": (produced, characters),
        }
        return {
            name: Attention(self.ops.to_host(weights)[0], *labels[f"{stack}.{kind}"])
            for name, weights in capture.weights.items()
            for stack, _, kind in [name.split(".")]
        }


def _no_tags(vocabularies: Vocabularies) -> frozenset[int]:
    """Target ids that stand for no tag, where both sides share one vocabulary.

    A tag is an entry that the source side has in brackets: ``私`` is one if the source has ``<私>``.
    """
    target = vocabularies.target
    return frozenset(i for i in range(len(target)) if f"<{target.unit_of(i)}>" not in vocabularies.source)


def _written(sentence: Sentence) -> str:
    return sentence if isinstance(sentence, str) else "".join(sentence.units)


def _check_search(beam: int, n_best: int, length_penalty: float) -> None:
    require_range("n_best", n_best, 1, MAX_BEAM)  # first: where no beam is given it is n_best
    require_range("beam", beam, 1, MAX_BEAM)
    require_range("length_penalty", length_penalty, 0, MAX_PENALTY)
    if n_best > beam:
        raise UserError(
            f"n_best（{n_best}）が beam（{beam}）より多くなっています。",
            f"beam を {n_best} 以上にしてください。",
            code="n-best-over-beam",
            settings={"n_best": n_best, "beam": beam},
        )
