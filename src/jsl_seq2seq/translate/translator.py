"""Translation by a trained model: sentences in, tags with probabilities and attention out."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ..backends.interface import GraphDecodingOps
from ..backends.registry import Backend, choose_backend
from ..data.padding import pad_rows
from ..errors import UserError
from ..model import Capture, Transformer, parameter_specs
from ..search import (
    GraphGreedy,
    Hypothesis,
    beam_search,
    forced_log_probs,
    greedy,
    group_by_length,
    score,
)
from ..settings import SOS, require_range
from ..store import SavedModel, load_model, shipped_model
from ..store.tensors import flatten
from ..tokenize import CHARACTERS_AND_TAGS, Encoding, Tokenizers

BackendName = Literal["auto", "ndarray", "wgpu", "torch"]
"""What :meth:`Translator.load` can compute with; ``auto`` takes the fastest that this machine has."""

Precision = Literal["fp32", "int8"]
"""Number type of the weights while translating."""

MAX_CHARACTERS = 2_000
"""Longest sentence that is tried at all: attention's memory grows with the square of the length."""

_ROWS, _ROWS_OF_GRAPHS = 64, 256
"""Sentences translated side by side, at most: with more a CPU's caches overflow, and a GPU gains nothing more."""

Sentence = str | Encoding
"""A sentence as text, or as the units it was cut into."""

DEFAULT_PENALTY = 0.6
"""Length penalty α of beam search, unless another is given (Wu et al. 2016, §7: 0.6 to 0.7)."""

MAX_BEAM, MAX_PENALTY = 1_000, 10
"""Far beyond what is of use: more beams find nothing better, and α is the exponent of a length."""


@dataclass(frozen=True)
class Attention:
    """The attention weights of one layer for one sentence.

    Attributes:
        weights: [H, query, key], rows sum to 1.
        query_labels, key_labels: the token at each position. A row of the decoder is called by the tag that
            is produced there (the last ``<EOS>``), a key of its self-attention by the tag that is read there
            (the first ``<SOS>``).
    """

    weights: np.ndarray
    query_labels: tuple[str, ...]
    key_labels: tuple[str, ...]


@dataclass(frozen=True)
class Candidate:
    """One way to translate a sentence.

    Attributes:
        tags: without brackets; ``str(candidate)`` writes them as the command line does.
        probabilities: of each tag, given those before it, 0 to 1.
        log_prob: natural logarithm of the whole sequence's probability, its end included.
        finished: whether the model ended the sentence itself.
        tokenizers: the model's; they say how tags are written.
    """

    tags: tuple[str, ...]
    probabilities: tuple[float, ...]
    log_prob: float
    finished: bool
    tokenizers: Tokenizers = field(default=CHARACTERS_AND_TAGS, repr=False, compare=False)

    def __str__(self) -> str:
        return self.tokenizers.target.join(self.tags)

    def to_dict(self) -> dict[str, Any]:
        """The candidate as JSON values: ``tags`` with each one's probability, ``probability``, ``finished``."""
        return _candidate_to_dict(self)


@dataclass(frozen=True)
class Translation:
    """A translated sentence.

    Attributes:
        text: the sentence as it was given.
        tags: without brackets; ``str(translation)`` writes them as the command line does.
        probabilities: of each tag, given those before it, 0 to 1.
        log_prob: natural logarithm of the whole sequence's probability, its end included.
        finished: whether the model ended the sentence itself.
        warnings: what a reader should know about this translation, in Japanese.
        attention: by name (``encoder.0.self``, ``decoder.0.cross``, ...), if it was asked for.
        alternatives: the next best translations, best first, if more than one was asked for.
        tokenizers: the model's; they say how tags are written.
    """

    text: str
    tags: tuple[str, ...]
    probabilities: tuple[float, ...]
    log_prob: float
    finished: bool
    warnings: tuple[str, ...] = ()
    attention: dict[str, Attention] | None = field(default=None, compare=False)
    alternatives: tuple[Candidate, ...] = ()
    tokenizers: Tokenizers = field(default=CHARACTERS_AND_TAGS, repr=False, compare=False)

    def __str__(self) -> str:
        return self.tokenizers.target.join(self.tags)

    def to_dict(self) -> dict[str, Any]:
        """The translation as JSON values, without its attention; docs/library.md has the schema.

        ``alternatives`` is there if more than one translation was asked for.
        """
        values = {"text": self.text, **_candidate_to_dict(self), "warnings": list(self.warnings)}
        if self.alternatives:
            values["alternatives"] = [other.to_dict() for other in self.alternatives]
        return values


@dataclass(frozen=True)
class Score:
    """How probable a given translation is.

    Attributes:
        tags: without brackets.
        log_probs: natural logarithm of each tag's probability given those before it, and of the end's.
    """

    text: str
    tags: tuple[str, ...]
    log_probs: tuple[float, ...]

    @property
    def log_prob(self) -> float:
        """Natural logarithm of the whole sequence's probability, its end included."""
        return sum(self.log_probs)


class Translator:
    """A trained model on one backend.

    Attributes:
        directory: the model directory; ``None`` for a model that was not read from one.
        backend: name of the backend: ``ndarray``, ``wgpu`` or ``torch``.
        precision: ``fp32`` or ``int8``.
        tags: every tag that the model can produce, in the order of its vocabulary.
        config: the shape of the model.

    Args:
        model: from :func:`jsl_seq2seq.store.load_model`, or fresh from training.
    """

    def __init__(self, model: SavedModel, backend: Backend, directory: Path | None = None) -> None:
        self.directory = directory
        self.config = model.config
        self.tokenizers: Tokenizers = model.tokenizers
        self.ops = backend.open(None)
        shapes = {name: spec.shape for name, spec in parameter_specs(model.config).items()}
        flat = flatten(model.parameters, shapes)
        self._network = Transformer(
            self.ops, self.ops.named_views(self.ops.array(flat), shapes), model.config
        )
        self._graphs = (
            GraphGreedy(self.ops, self._network) if isinstance(self.ops, GraphDecodingOps) else None
        )
        self._dropped = frozenset() if model.config.specials_masked else _no_tags(model.tokenizers)
        self.backend: str = self.ops.name
        self.precision: str = self.ops.precision
        target = self.tokenizers.target.vocabulary
        self.tags = tuple(tag for tag in target.tokens if target.id_of(tag) not in self._dropped)

    def __repr__(self) -> str:
        source = "" if self.directory is None else f"{str(self.directory)!r}, "
        return f"Translator({source}backend={self.backend!r}, precision={self.precision!r}, tags={len(self.tags)})"

    @classmethod
    def load(
        cls,
        directory: str | Path | None = None,
        backend: BackendName = "auto",
        precision: Precision = "fp32",
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
        path = shipped_model() if directory is None else Path(directory)
        model = load_model(path, record=False)
        return cls(model, choose_backend(backend, None, model.n_parameters, precision), path)

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
            attention: whether to compute the attention weights of every layer, in a pass of its own.
            beam: how many beginnings beam search keeps; 1 is greedy decoding.
            n_best: how many translations to find, at most ``beam``; the others are the first one's alternatives.
            length_penalty: how much beam search favours longer translations, 0 for not at all.

        Raises:
            UserError: nothing in it can be translated, or it is far too long, or the search is impossible.
            TypeError: it is not a string.
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
        _require_several(texts, "translate_batch")
        encoded = [(self._written(text), self.encode(text)) for text in texts]
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
        _require_several(texts, "translate_each")
        found = [text if isinstance(text, UserError) else self._readable(text) for text in texts]
        readable = [one for one in found if not isinstance(one, UserError)]
        translations = iter(self._translated(readable, False, beam, n_best, length_penalty))
        return [one if isinstance(one, UserError) else next(translations) for one in found]

    def _readable(self, text: Sentence) -> tuple[str, Encoding] | UserError:
        try:
            return self._written(text), self.encode(text)
        except UserError as error:
            return error

    def _translated(
        self,
        encoded: Sequence[tuple[str, Encoding]],
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
                best = greedy(self.ops, self._network, group, longest, self._graphs)
                hypotheses = [[hypothesis] for hypothesis in best]
            else:
                hypotheses = beam_search(
                    self.ops, self._network, group, longest, beam, n_best, length_penalty
                )
            found.update(zip(indices, hypotheses, strict=True))
        return [
            self._translation(text, source, found[index], attention)
            for index, (text, source) in enumerate(encoded)
        ]

    def score(self, text: Sentence, tags: Sequence[str]) -> Score:
        """The probability that the model gives to a translation.

        Raises:
            UserError: the sentence cannot be translated, or the model does not know a tag; names the nearest.
        """
        return self.score_batch([(text, tags)])[0]

    def score_batch(self, pairs: Sequence[tuple[Sentence, Sequence[str]]]) -> list[Score]:
        """Several at once. Errors as above; TypeError if the tags are one string instead of a sequence."""
        for _, tags in pairs:
            if isinstance(tags, str):
                raise TypeError(
                    f"score() takes the tags as a sequence such as ('私', '食べる'), not {tags!r}"
                )
        sources = [self._read(self.encode(text)) for text, _ in pairs]
        targets = [self._encode_tags(tags) for _, tags in pairs]
        found: dict[int, Hypothesis] = {}
        for indices in self._groups(sources):
            group = [sources[index] for index in indices], [targets[index] for index in indices]
            found.update(zip(indices, score(self.ops, self._network, *group), strict=True))
        return [
            Score(self._written(text), tuple(tags), found[index].log_probs)
            for index, (text, tags) in enumerate(pairs)
        ]

    def log_probs(self, text: Sentence, tags: Sequence[str]) -> np.ndarray:
        """Of every tag at every place of a given translation, [T + 1, V]; the last row is for what follows it."""
        return forced_log_probs(
            self.ops, self._network, [self._read(self.encode(text))], [self._encode_tags(tags)]
        )[0]

    def encode(self, text: Sentence) -> Encoding:
        """The ids of a sentence's units, without the unknown ones. Raises UserError if none is left, or for a text
        of more than :data:`MAX_CHARACTERS`."""
        if isinstance(text, Encoding):
            return text
        text = self._written(text)
        shown = text if len(text) <= 20 else text[:20] + "…"
        if len(text) > MAX_CHARACTERS:
            raise UserError(
                f"文が長すぎます（{len(text):,} 文字）: {shown}",
                f"1 文は {MAX_CHARACTERS:,} 文字までです。句点（。）で区切って 1 文ずつ渡してください。",
                code="text-too-long",
                found=len(text),
                limit=MAX_CHARACTERS,
            )
        tokenizer = self.tokenizers.source
        source = tokenizer.encode(text)
        if not source.ids:
            raise UserError(
                f"訳せる{tokenizer.unit_name}がありません: 「{shown}」",
                f"空の文か、モデルが学習していない{tokenizer.unit_name}だけの文です。{tokenizer.unknown_hint}",
                code="nothing-to-translate",
                text=text,
                unknown=source.unknown_texts,
            )
        return source

    def _read(self, source: Encoding) -> tuple[int, ...]:
        """The ids that the model reads: all of a sentence's, or those that it is cut to."""
        return source.ids[: self.config.source_length] if self.config.source_cut else source.ids

    def _written(self, sentence: Sentence) -> str:
        """The sentence as text. Raises TypeError for anything else."""
        if isinstance(sentence, Encoding):
            return self.tokenizers.source.join(sentence.tokens)
        if not isinstance(sentence, str):
            raise TypeError(f"a sentence is a str, not {type(sentence).__name__}")
        return sentence

    def _encode_tags(self, tags: Sequence[str]) -> tuple[int, ...]:
        target = self.tokenizers.target
        known = target.vocabulary
        unknown = [tag for tag in tags if tag not in known]
        if unknown:
            near = difflib.get_close_matches(unknown[0], known.tokens, n=3, cutoff=0.4)
            raise UserError(
                f"このモデルにない{target.name}です: {target.join(unknown[:1])}",
                f"近い{target.name}: {target.join(near)}" if near else target.unknown_hint,
                code="unknown-tag",
                tag=unknown[0],
                nearest=near,
            )
        return known.ids_of(tags)

    def _groups(self, sources: Sequence[tuple[int, ...]], beam: int = 1) -> Iterator[list[int]]:
        most = _ROWS if self._graphs is None else _ROWS_OF_GRAPHS
        return group_by_length([len(source) for source in sources], most, beam)

    def _translation(
        self, text: str, source: Encoding, hypotheses: Sequence[Hypothesis], attention: bool
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
            tokenizers=best.tokenizers,
        )

    def _candidate(self, hypothesis: Hypothesis) -> Candidate:
        kept = [place for place, tag in enumerate(hypothesis.ids) if tag not in self._dropped]
        return Candidate(
            tags=self.tokenizers.target.decode(hypothesis.ids[place] for place in kept),
            probabilities=tuple(math.exp(hypothesis.log_probs[place]) for place in kept),
            log_prob=hypothesis.log_prob,
            finished=hypothesis.finished,
            tokenizers=self.tokenizers,
        )

    def _warnings(self, source: Encoding, hypothesis: Hypothesis) -> list[str]:
        warnings, tokenizers = [], self.tokenizers
        if source.unknown:
            listed = "".join(f"「{text}」" for text in source.unknown_texts[:10])
            more = "など" if len(source.unknown_texts) > 10 else ""
            warnings.append(f"学習していない{tokenizers.source.unit_name}を読み飛ばしました: {listed}{more}")
        if len(self._read(source)) < len(source.ids):
            warnings.append(
                f"このモデルは文の初めの {self.config.source_length} {tokenizers.source.name}だけを読みます。"
                f"残りの {len(source.ids) - self.config.source_length} {tokenizers.source.name}は訳に入っていません。"
            )
        elif len(source.ids) > self.config.max_seq_len:
            warnings.append(
                f"モデルの上限より長い文です（{len(source.ids)} {tokenizers.source.name}、"
                f"上限は {self.config.max_seq_len}）。訳は当てにできません。"
            )
        if not hypothesis.finished:
            warnings.append(
                f"文の終わりが出ないまま上限（{self.config.max_seq_len} {tokenizers.target.name}）に達しました。"
            )
        return warnings

    def _attention(self, source: Encoding, hypothesis: Hypothesis) -> dict[str, Attention]:
        """One teacher-forced pass over the hypothesis, every layer's attention captured.

        The decoder reads SOS and all tags but the last of what it produced, the EOS included: row t is the
        query that produced tag t.
        """
        capture = Capture()
        sentence = self._read(source)
        source_ids = pad_rows([sentence], at_least=self.config.source_length)
        ids = hypothesis.ids if hypothesis.finished else hypothesis.ids[:-1]
        self._network(self.ops.array(source_ids), self.ops.array([[SOS, *ids]]), observe=capture)
        characters = source.tokens[: len(sentence)] + ("<PAD>",) * (source_ids.shape[1] - len(sentence))
        decoded = self.tokenizers.target.decode(hypothesis.ids)
        tags = tuple(self.tokenizers.target.label(tag) for tag in decoded)
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


def _no_tags(tokenizers: Tokenizers) -> frozenset[int]:
    """Target ids that stand for no tag, where both sides share one vocabulary.

    A tag is an entry that the source side has in brackets: ``私`` is one if the source has ``<私>``.
    """
    source, target = tokenizers.source.vocabulary, tokenizers.target.vocabulary
    return frozenset(i for i in range(len(target)) if f"<{target.token_of(i)}>" not in source)


def _require_several(texts: object, method: str) -> None:
    """A string is a sequence of strings, too: its characters would be translated one by one."""
    if isinstance(texts, str | bytes):
        raise TypeError(f"{method}() takes a sequence of sentences; for one sentence call translate()")


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


def _candidate_to_dict(one: Candidate | Translation) -> dict[str, Any]:
    return {
        "tags": [
            {"tag": tag, "probability": probability}
            for tag, probability in zip(one.tags, one.probabilities, strict=True)
        ],
        "probability": math.exp(one.log_prob),
        "finished": one.finished,
    }
