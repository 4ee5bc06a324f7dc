"""Translation by a trained model: sentences in, tags with probabilities and attention out."""

from __future__ import annotations

import difflib
import gc
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal, NamedTuple, Never

import numpy as np

from ..backends.interface import DecodingOps, GraphDecodingOps, pad_rows
from ..backends.out_of_memory import in_halves, is_out_of_memory
from ..backends.registry import Backend, choose_backend
from ..errors import Failure, JslError, UserError
from ..model import Capture, Transformer, count_parameters, flatten, parameter_shapes
from ..search import (
    Ensemble,
    GraphGreedy,
    Hypothesis,
    Model,
    Search,
    beam_search,
    forced_log_probs,
    greedy,
    group_by_length,
    score,
)
from ..settings import MAX_BEAM, MAX_PENALTY, PAD, SOS, ModelConfig, require_range
from ..store import SavedModel, load_model, shipped_model
from ..store.directory import DICTIONARY
from ..tokenize import CHARACTERS_AND_TAGS, Encoding, Tokenizers
from ..tokenize.tokenizer import CharTokenizer, OpenTagTokenizer
from .dictionary import Dictionary, Match
from .open_words import Evidence, OpenWords, TagDetail

BackendName = Literal["auto", "ndarray", "numba", "wgpu", "torch"]
"""What :meth:`Translator.load` can compute with; ``auto`` takes the fastest that this machine has."""

Precision = Literal["fp32", "int8"]
"""Number type of the weights while translating."""

MAX_CHARACTERS = 2_000
"""Longest sentence that is tried at all: attention's memory grows with the square of the length."""

MAX_TAGS, _LAYER_STEPS, _UNMASKED_TAGS = 512, 8_192, 128
"""Longest translation of a sentence, whatever ``max_seq_len`` is; times the layers at most ``_LAYER_STEPS``, so that a
model directory cannot make decoding last for ever. Without masks every tag computes all those before it again."""

_ROWS, _ROWS_OF_GRAPHS = 64, 256
"""Sentences translated side by side, at most: with more a CPU's caches overflow, and a GPU gains nothing more."""

Sentence = str | Encoding
"""A sentence as text, or as the units it was cut into."""


@dataclass(frozen=True)
class Attention:
    """The attention weights of one layer for one sentence.

    Attributes:
        weights: [H, query, key], rows sum to 1.
        query_labels, key_labels: the token at each position. A row of the decoder is called by the token that
            is produced there (the last ``<EOS>``), a key of its self-attention by the token that is read there
            (the first ``<SOS>``). A token is a tag, or a piece of one.
    """

    weights: np.ndarray
    query_labels: tuple[str, ...]
    key_labels: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """The weights as JSON values, to four places behind the point, and the labels."""
        return {
            "weights": [[[round(one, 4) for one in row] for row in head] for head in self.weights.tolist()],
            "query_labels": list(self.query_labels),
            "key_labels": list(self.key_labels),
        }


@dataclass(frozen=True)
class Candidate:
    """One way to translate a sentence.

    Attributes:
        tags: without brackets; ``str(candidate)`` writes them as the command line does. An open word begins with +.
        probabilities: of each tag, given those before it, 0 to 1; of a tag that is written with several tokens the
            product of theirs.
        log_prob: natural logarithm of the whole sequence's probability, its end included.
        finished: whether the model ended the sentence itself.
        details: of each tag.
        ids: what the model wrote, of open words each character, of other tags their pieces where the model writes
            pieces; without the ends of sentences.
        tokenizers: the model's; they say how tags are written.
    """

    tags: tuple[str, ...]
    probabilities: tuple[float, ...]
    log_prob: float
    finished: bool
    details: tuple[TagDetail, ...] = ()
    ids: tuple[int, ...] = field(default=(), repr=False, compare=False)
    tokenizers: Tokenizers = field(default=CHARACTERS_AND_TAGS, repr=False, compare=False)

    def __str__(self) -> str:
        return self.tokenizers.target.join(self.tags)

    def to_dict(self) -> dict[str, Any]:
        """The candidate as JSON values: ``tags`` with each one's probability, ``probability``, ``finished``."""
        return _candidate_to_dict(self)


class TranslatedSentence(NamedTuple):
    """One sentence of a translated text.

    Attributes:
        start, end: its characters, ``text[start:end]``.
        first, last: its tags, ``tags[first:last]``.
    """

    start: int
    end: int
    first: int
    last: int


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
        details: of each tag.
        sentences: each sentence's place in the text, and its tags' place among the tags.
        uncertain: whether the probability of a sentence or of a tag is below the threshold that the model was
            calibrated with, or there are warnings.
        ids: what the model wrote, as in :class:`Candidate`.
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
    details: tuple[TagDetail, ...] = ()
    sentences: tuple[TranslatedSentence, ...] = ()
    uncertain: bool = False
    ids: tuple[int, ...] = field(default=(), repr=False, compare=False)
    tokenizers: Tokenizers = field(default=CHARACTERS_AND_TAGS, repr=False, compare=False)

    def __str__(self) -> str:
        return self.tokenizers.target.join(self.tags)

    def to_dict(self) -> dict[str, Any]:
        """The translation as JSON values, without its attention; docs/library.md has the schema.

        ``alternatives`` is there if more than one translation was asked for.
        """
        values = {
            "text": self.text,
            **_candidate_to_dict(self),
            "uncertain": self.uncertain,
            "warnings": list(self.warnings),
        }
        if len(self.sentences) > 1:
            values["sentences"] = [
                {"span": [one.start, one.end], "tags": [one.first, one.last]} for one in self.sentences
            ]
        if self.alternatives:
            values["alternatives"] = [other.to_dict() for other in self.alternatives]
        return values


@dataclass(frozen=True)
class Score:
    """How probable a given translation is.

    Attributes:
        tags: without brackets.
        log_probs: natural logarithm of each tag's probability given those before it, and of the end's; of a tag that
            is written with several tokens the sum of theirs.
    """

    text: str
    tags: tuple[str, ...]
    log_probs: tuple[float, ...]

    @property
    def log_prob(self) -> float:
        """Natural logarithm of the whole sequence's probability, its end included."""
        return sum(self.log_probs)

    @property
    def per_token(self) -> float:
        """The mean of :attr:`log_probs`, one for each tag and the end."""
        return self.log_prob / len(self.log_probs)

    @property
    def perplexity(self) -> float:
        """exp(-:attr:`per_token`), from 1; infinite beyond the numbers that a float holds."""
        return perplexity(self.per_token)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; ``perplexity`` is ``None`` if it is infinite."""
        return {
            "text": self.text,
            "tags": list(self.tags),
            "log_prob": self.log_prob,
            "log_probs": list(self.log_probs),
            "per_token": self.per_token,
            "perplexity": self.perplexity if math.isfinite(self.perplexity) else None,
        }


def perplexity(per_token: float) -> float:
    """exp(-mean log-probability): of how many equally probable tokens one is chosen each time."""
    try:
        return math.exp(-per_token)
    except OverflowError:
        return math.inf


class Translator:
    """A trained model on one backend, or several as an ensemble (:class:`jsl_seq2seq.search.Ensemble`).

    Attributes:
        directories: the model directories; empty for a model that was not read from one.
        directory: the first of them; ``None`` if there is none.
        backend: name of the backend: ``ndarray``, ``numba``, ``wgpu`` or ``torch``.
        precision: ``fp32`` or ``int8``.
        tags: every tag that the model can produce, in the order of its vocabulary; of a model that puts tags together
            from pieces those that it was trained with.
        config: the shape of the model; of an ensemble what :func:`.ensemble.settings_of` says.
        members: how many models translate.

    Args:
        model: from :func:`jsl_seq2seq.store.load_model`, or fresh from training; several for an ensemble.
        backend: what computes.
        directory: where the model was read from, or each of several.
        dictionary: words of the user's own.
        network: translate with this network, on these operations, instead of the model's parameters on ``backend``:
            one in training, whose parameters change between two calls.
        max_tags: the longest translation of a sentence, in tokens; ``None`` for the most that the model may write.
    """

    def __init__(
        self,
        model: SavedModel | Sequence[SavedModel],
        backend: Backend,
        directory: Path | Sequence[Path] | None = None,
        dictionary: Dictionary | None = None,
        network: tuple[DecodingOps, Transformer[DecodingOps]] | None = None,
        max_tags: int | None = None,
    ) -> None:
        models = [model] if isinstance(model, SavedModel) else list(model)
        self.directories = _paths(directory)
        self.directory = self.directories[0] if self.directories else None
        self.config = models[0].config if len(models) == 1 else _settings_of(models)
        self.members = len(models)
        self.tokenizers: Tokenizers = models[0].tokenizers
        self._network: Model
        self.ops, self._network = network or _network(models, backend)
        self._max_tags = min(*(most_tags(one.config) for one in models), max_tags or MAX_TAGS)
        self._graphs = self._captured()
        self._dropped = frozenset() if self.config.specials_masked else _no_tags(self.tokenizers)
        self._open_words = open_words_of(self.tokenizers)
        self.dictionary = dictionary
        if dictionary:
            require_slots(self.tokenizers)
        self.backend: str = self.ops.name
        self.precision: str = self.ops.precision
        target = self.tokenizers.target
        dropped = set(target.vocabulary.tokens_of(self._dropped))
        self.tags = tuple(tag for tag in target.tags if tag not in dropped)

    def __repr__(self) -> str:
        paths = [str(path) for path in self.directories]
        source = f"{paths if self.members > 1 else paths[0]!r}, " if paths else ""
        return f"Translator({source}backend={self.backend!r}, precision={self.precision!r}, tags={len(self.tags)})"

    @classmethod
    def load(
        cls,
        directory: str | Path | Sequence[str | Path] | None = None,
        backend: BackendName = "auto",
        precision: Precision = "fp32",
        dictionary: Dictionary | str | Path | Sequence[str | Path] | None = None,
    ) -> Translator:
        """Read a model directory, or several to translate with together.

        Args:
            directory: ``None`` for the model that ships with the package; several for an ensemble, whose vocabularies
                are the same.
            backend: ``auto``, ``ndarray``, ``numba``, ``wgpu`` or ``torch``.
            precision: ``fp32``, or ``int8`` for the CPU: much faster, and nearly as good. It needs Numba.
            dictionary: words of the user's own, or the files they are in (see :mod:`.dictionary`); a model directory's
                own ``dictionary.tsv`` is used, too. Of a word in both, the entry given here counts.

        Raises:
            UserError: there is no model there, or no such backend, or a dictionary cannot be read, or the models of
                an ensemble do not fit together.
            Failure: the model is damaged.
        """
        paths = [shipped_model()] if directory is None else _paths(directory)
        models = [load_model(path, record=False) for path in paths]
        size = sum(count_parameters(model.config) for model in models)
        chosen = choose_backend(backend, None, size, precision)
        return cls(models, chosen, paths, dictionary_of(paths, dictionary))

    def resolve_search(
        self, beam: int | None = None, n_best: int = 1, length_penalty: float | None = None
    ) -> Search:
        """The search of :meth:`translate` with these arguments, and the model's own instead of those that are None.

        Raises:
            UserError: it is impossible.
            TypeError: one of them is no number.
        """
        if beam is None:
            beam = max(self.config.beam, n_best) if isinstance(n_best, int) else self.config.beam
        search = Search(
            beam, self.config.length_penalty if length_penalty is None else length_penalty, n_best
        )
        _require_possible(search)
        return search

    def translate(
        self,
        text: Sentence,
        attention: bool = False,
        beam: int | None = None,
        n_best: int = 1,
        length_penalty: float | None = None,
    ) -> Translation:
        """Translate one sentence.

        Args:
            attention: whether to compute the attention weights of every layer, in a pass of its own; not of an
                ensemble, whose members' heads have nothing to do with each other.
            beam: how many beginnings beam search keeps; 1 is greedy decoding. Without it the model's own number,
                or ``n_best`` if that is larger.
            n_best: how many translations to find, at most ``beam``; the others are the first one's alternatives.
            length_penalty: how much beam search favours longer translations, 0 for not at all; without it the
                model's own number.

        Raises:
            UserError: nothing in it can be translated, or it is far too long, or the search is impossible, or the
                attention of an ensemble is wanted.
            Failure: memory does not suffice for it, or the computation gives no numbers.
            TypeError: it is not a string.
        """
        return self.translate_batch([text], attention, beam, n_best, length_penalty)[0]

    def translate_batch(
        self,
        texts: Sequence[Sentence],
        attention: bool = False,
        beam: int | None = None,
        n_best: int = 1,
        length_penalty: float | None = None,
    ) -> list[Translation]:
        """Translate sentences side by side; each comes out as it would alone. Arguments and errors as above.

        Args:
            texts: a list or whatever else gives sentences in an order; a dict or a set is a TypeError.
        """
        search = self.resolve_search(beam, n_best, length_penalty)
        texts = _listed(texts, "translate_batch() takes a sequence of sentences", _ONE_SENTENCE)
        prepared = [self._prepared(text, self.dictionary) for text in texts]
        translations: list[Translation] = []
        for one in self._translated(prepared, attention, search):
            if isinstance(one, Failure):
                raise one
            translations.append(one)
        return translations

    def translate_each(
        self,
        texts: Sequence[Sentence | UserError],
        beam: int | None = None,
        n_best: int = 1,
        length_penalty: float | None = None,
        attention: bool = False,
        dictionaries: Sequence[Dictionary | None] | None = None,
    ) -> list[Translation | JslError]:
        """As :meth:`translate_batch`, but a sentence that cannot be translated gives its error in its place: a
        UserError, or a Failure where memory does not suffice for it.

        Args:
            texts: an error among them stays where it is.
            dictionaries: of each text the entries for it alone, which count before the translator's own.

        Raises:
            UserError: the search is impossible.
        """
        search = self.resolve_search(beam, n_best, length_penalty)
        texts = _listed(texts, "translate_each() takes a sequence of sentences", _ONE_SENTENCE)
        if dictionaries is None:
            dictionaries = [None] * len(texts)
        dictionaries = _listed(dictionaries, "translate_each() takes a sequence of dictionaries")
        found = [
            text if isinstance(text, UserError) else self._readable(text, dictionary)
            for text, dictionary in zip(texts, dictionaries, strict=True)
        ]
        readable = [one for one in found if not isinstance(one, UserError)]
        translations = iter(self._translated(readable, attention, search))
        return [one if isinstance(one, UserError) else next(translations) for one in found]

    def _readable(self, text: Sentence, entries: Dictionary | None) -> _Prepared | UserError:
        try:
            return self._prepared(text, self.dictionary if entries is None else self._with_own(entries))
        except UserError as error:
            return error

    def _with_own(self, dictionary: Dictionary) -> Dictionary:
        """The translator's dictionary and these entries, which count where a word is in both.

        Raises UserError if the model cannot be given a dictionary, TypeError if it is none.
        """
        if not isinstance(dictionary, Dictionary):
            raise TypeError(f"a sentence's dictionary is a Dictionary, not {type(dictionary).__name__}")
        require_slots(self.tokenizers)
        return Dictionary([*self.dictionary.entries, *dictionary.entries]) if self.dictionary else dictionary

    def _prepared(self, text: Sentence, dictionary: Dictionary | None) -> _Prepared:
        """A text, cut into its sentences if the model writes open words, each encoded."""
        written = self._written(text)
        if self._open_words is None or isinstance(text, Encoding):
            source = self.encode(text)
            evidence = self._open_words.evidence(source) if self._open_words else ()
            return _Prepared(written, (_Piece(0, len(written), source, evidence),))
        _require_length(written)
        pieces, unread = [], []
        for start, end in split_sentences(written):
            matches = dictionary.matches(written[start:end]) if dictionary else []
            most = self._open_words.slots
            source = self._open_words.encode(written[start:end], matches[:most])
            _require_units(source, written)
            if self._open_words.is_readable(source):
                evidence = self._open_words.evidence(source)
                pieces.append(_Piece(start, end, source, evidence, tuple(matches[most:])))
            else:
                unread += source.unknown_texts
        if not pieces:
            raise self._nothing_to_translate(written, unread)
        return _Prepared(written, tuple(pieces), tuple(unread))

    def _translated(
        self,
        texts: Sequence[_Prepared],
        attention: bool,
        search: Search,
    ) -> list[Translation | Failure]:
        """Prepared texts -> their translations, or the Failures of those for which memory does not suffice; the
        sentences of all of them share batches."""
        if attention and isinstance(self._network, Ensemble):
            raise UserError(
                f"{self.members} つのモデルのアンサンブルからは、アテンションを取り出せません。",
                "ヘッドはモデルごとに別のものを見るので、平均しても意味がありません。モデルを 1 つだけ使ってください。",
                code="attention-of-ensemble",
                members=self.members,
            )
        pieces = [piece for text in texts for piece in text.pieces]
        sources = [self._read(piece.source) for piece in pieces]
        found: dict[int, list[Hypothesis] | Failure] = {}
        # what overflows is refused where tags are chosen
        with self.ops.exclusive(), np.errstate(all="ignore"):
            for indices in self._groups(sources, search.beam):
                decoded: Sequence[list[Hypothesis] | Failure] | None = None
                try:
                    decoded = self._decoded(pieces, sources, indices, search)
                except Exception as error:
                    if not is_out_of_memory(error):
                        raise
                if decoded is None:  # outside of the handler, whose traceback keeps the arrays
                    # once more whole, without what the device keeps for later, and then in halves
                    self._release()
                    decoded = in_halves(
                        lambda some: self._decoded(pieces, sources, some, search),
                        indices,
                        lambda error: self._no_room(error, search.beam),
                        self._release,
                    )
                found.update(zip(indices, decoded, strict=True))
            hypotheses = map(found.__getitem__, range(len(pieces)))
            return [
                self._finished(text, list(islice(hypotheses, len(text.pieces))), attention, search.n_best)
                for text in texts
            ]

    def _finished(
        self, text: _Prepared, found: Sequence[list[Hypothesis] | Failure], attention: bool, n_best: int
    ) -> Translation | Failure:
        """A text's translation; the first Failure of its sentences, if there is one."""
        sound: list[list[Hypothesis]] = []
        for one in found:
            if isinstance(one, Failure):
                return one
            sound.append(one)
        try:
            return self._translation(text, sound, attention, n_best)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            return self._no_room(error)

    def _decoded(
        self,
        pieces: Sequence[_Piece],
        sources: Sequence[tuple[int, ...]],
        indices: Sequence[int],
        search: Search,
    ) -> list[list[Hypothesis]]:
        """The hypotheses of the pieces with these indices, side by side."""
        group = [sources[index] for index in indices]
        longest, words, constraints = self._max_tags, self._open_words, []
        if words is not None:
            own = [pieces[index] for index in indices]
            constraints = [words.constraint(piece.source, piece.evidence) for piece in own]
        if search.beam == 1:
            best = greedy(self.ops, self._network, group, longest, self._graphs, constraints)
            return [[hypothesis] for hypothesis in best]
        # where tags are written in pieces, several sequences of them can be the same tags: see _distinct
        return beam_search(
            self.ops,
            self._network,
            group,
            longest,
            search.beam,
            search.n_best if self.tokenizers.target.segmentation.whole else search.beam,
            search.length_penalty,
            constraints=constraints,
        )

    def _release(self) -> None:
        """Drop the captured steps so far, which keep memory for their shapes, and what the backend keeps."""
        self._graphs = self._captured()
        gc.collect()  # captured steps and what they capture refer to each other
        self.ops.release()

    def _refuse(self, error: Exception) -> Never:
        raise self._no_room(error)

    def _no_room(self, error: Exception, beam: int = 1) -> Failure:
        """What is said where memory does not suffice for one sentence."""
        ways = ["文を短く分ける"]
        if beam > 1:
            ways.append(f"ビーム（いまは {beam}）を減らす")
        if self.backend != "ndarray":
            ways.append("ndarray バックエンドを使う")
        failure = Failure(
            "この文を計算するためのメモリーが足りません。",
            f"{'か、'.join(ways)}と、計算できるかもしれません。",
            code="translation-out-of-memory",
            beam=beam,
            backend=self.backend,
        )
        failure.__cause__ = error.with_traceback(None)  # it would keep the arrays
        return failure

    def score(self, text: Sentence, tags: Sequence[str]) -> Score:
        """The probability that the model gives to a translation.

        Raises:
            UserError: the sentence cannot be translated, or the model does not know a tag; names the nearest.
        """
        return self.score_batch([(text, tags)])[0]

    def score_batch(self, pairs: Sequence[tuple[Sentence, Sequence[str]]]) -> list[Score]:
        """Several at once. Errors as above; TypeError if the tags are one string, a dict or a set."""
        found = self.score_each(pairs)
        for one in found:
            if isinstance(one, JslError):
                raise one
        return [one for one in found if not isinstance(one, JslError)]

    def score_each(self, pairs: Sequence[tuple[Sentence, Sequence[str]]]) -> list[Score | JslError]:
        """As :meth:`score_batch`, but a pair that cannot be scored gives its error in its place."""
        checked: list[tuple[Sentence, tuple[str, ...]]] = []
        for pair in _listed(pairs, "score_batch() takes a sequence of pairs of a sentence and its tags"):
            if isinstance(pair, str | bytes) or not isinstance(pair, Sequence) or len(pair) != 2:
                raise TypeError(
                    f"score_batch() takes pairs of a sentence and its tags; one of them is {pair!r}"
                )
            checked.append((pair[0], _tags(pair[1])))
        pairs = checked
        encoded = [self._encode_pair(text, tags) for text, tags in pairs]
        known = [one for one in encoded if not isinstance(one, UserError)]
        found = iter(self._scored([source for source, _ in known], [target for _, target in known]))
        results: list[Score | JslError] = []
        for encoding, (text, tags) in zip(encoded, pairs, strict=True):
            one = encoding if isinstance(encoding, UserError) else next(found)
            if not isinstance(one, JslError):
                one = Score(self._written(text), tags, self._by_tag(one, tags))
            results.append(one)
        return results

    def score_ids(self, texts: Sequence[Sentence], ids: Sequence[int]) -> list[tuple[float, ...]]:
        """For each text the log-probabilities of the tokens of one translation, given as the model writes it
        (:attr:`Translation.ids`), and of the end."""
        scored: list[tuple[float, ...]] = []
        for one in self._scored([self._read(self.encode(text)) for text in texts], [tuple(ids)] * len(texts)):
            if isinstance(one, Failure):
                raise one
            scored.append(one)
        return scored

    def _scored(
        self, sources: Sequence[tuple[int, ...]], targets: Sequence[tuple[int, ...]]
    ) -> list[tuple[float, ...] | Failure]:
        """Log-probabilities of each target's tokens and of its end, or the Failure of a pair for which memory does not
        suffice."""
        found: dict[int, tuple[float, ...] | Failure] = {}
        with self.ops.exclusive(), np.errstate(all="ignore"):
            for indices in self._groups(sources):

                def scored(some: Sequence[int]) -> list[tuple[float, ...] | Failure]:
                    group = [sources[index] for index in some], [targets[index] for index in some]
                    return [one.log_probs for one in score(self.ops, self._network, *group)]

                together = in_halves(scored, indices, self._no_room, self._release)
                found.update(zip(indices, together, strict=True))
        return [found[index] for index in range(len(sources))]

    def _by_tag(self, log_probs: tuple[float, ...], tags: Sequence[str]) -> tuple[float, ...]:
        """Log-probabilities of tokens and of the end, added up for each of the tags that the tokens are written for."""
        if self.tokenizers.target.unitwise:
            return log_probs
        each = iter(log_probs)
        sums = [sum(islice(each, len(self.tokenizers.target.pieces(tag)))) for tag in tags]
        return (*sums, *each)

    def _encode_pair(
        self, text: Sentence, tags: Sequence[str]
    ) -> tuple[tuple[int, ...], tuple[int, ...]] | UserError:
        try:
            return self._read(self.encode(text)), self._encode_tags(tags)
        except UserError as error:
            return error

    def log_probs(self, text: Sentence, tags: Sequence[str]) -> np.ndarray:
        """Of every token at every place of a given translation, [T + 1, V]; the last row is for what follows it."""
        return self.log_probs_of_ids(text, self._encode_tags(_tags(tags)))

    def log_probs_of_ids(self, text: Sentence, ids: Sequence[int]) -> np.ndarray:
        """As :meth:`log_probs`, of a translation as the model writes it (:attr:`Translation.ids`)."""
        source = self._read(self.encode(text))
        with self.ops.exclusive(), np.errstate(all="ignore"):
            return in_halves(
                lambda one: forced_log_probs(self.ops, self._network, one, [tuple(ids)]),
                [source],
                self._refuse,
            )[0]

    def encode(self, text: Sentence) -> Encoding:
        """The ids of a sentence's units, without the unknown ones. Raises UserError if none is left, or for a text
        of more than :data:`MAX_CHARACTERS`."""
        if isinstance(text, Encoding):
            _require_units(text, "")
            return text
        text = self._written(text)
        _require_length(text)
        tokenizer = self.tokenizers.source
        if self._open_words is None:
            source = tokenizer.encode(text)
        else:
            matches = self.dictionary.matches(text) if self.dictionary else []
            source = self._open_words.encode(text, matches[: self._open_words.slots])
        if not source.ids:
            raise self._nothing_to_translate(text, source.unknown_texts)
        _require_units(source, text)
        return source

    def _nothing_to_translate(self, text: str, unknown: Sequence[str]) -> UserError:
        tokenizer = self.tokenizers.source
        shown = text if len(text) <= 20 else text[:20] + "…"
        return UserError(
            f"訳せる{tokenizer.unit_name}がありません: 「{shown}」",
            f"空の文か、モデルが学習していない{tokenizer.unit_name}だけの文です。{tokenizer.unknown_hint}",
            code="nothing-to-translate",
            text=text,
            unknown=tuple(unknown),
        )

    def _read(self, source: Encoding) -> tuple[int, ...]:
        """The ids that the model reads: all of a sentence's, or those that it is cut to."""
        return source.ids[: self.config.source_length] if self.config.source_cut else source.ids

    def _written(self, sentence: Sentence) -> str:
        """The sentence as text. Raises TypeError for anything else."""
        if isinstance(sentence, Encoding):
            return self.tokenizers.source.join(sentence.shown)
        if not isinstance(sentence, str):
            raise TypeError(f"a sentence is a str, not {type(sentence).__name__}")
        return sentence

    def _encode_tags(self, tags: Sequence[str]) -> tuple[int, ...]:
        target = self.tokenizers.target
        unknown = [tag for tag in tags if not target.has(tag)]
        if unknown:
            near = difflib.get_close_matches(unknown[0], self.tags, n=3, cutoff=0.4)
            raise UserError(
                f"このモデルにない{target.unit_name}です: {target.join(unknown[:1])}",
                f"近い{target.unit_name}: {target.join(near)}" if near else target.unknown_hint,
                code="unknown-tag",
                tag=unknown[0],
                nearest=near,
            )
        return target.ids_of(tags)

    def _groups(self, sources: Sequence[tuple[int, ...]], beam: int = 1) -> Iterator[list[int]]:
        most = _ROWS if self._graphs is None else _ROWS_OF_GRAPHS
        padded = self.config.source_length
        return group_by_length([max(len(source), padded) for source in sources], most, beam)

    def _translation(
        self, text: _Prepared, found: Sequence[Sequence[Hypothesis]], attention: bool, n_best: int
    ) -> Translation:
        """The translations of a text's sentences, one behind the other."""
        candidates, warnings, places, at = [], [self._skipped(text.unread)] if text.unread else [], [], 0
        for piece, hypotheses in zip(text.pieces, found, strict=True):
            own = _distinct([self._candidate(hypothesis, piece) for hypothesis in hypotheses])[:n_best]
            candidates.append(own)
            warnings += self._warnings(piece, hypotheses[0])
            end = at + len(own[0].tags)
            places.append(TranslatedSentence(piece.start, piece.end, at, end))
            at = end
        best = _joined([own[0] for own in candidates])
        threshold = self.config.uncertain_below
        return Translation(
            text=text.written,
            tags=best.tags,
            probabilities=best.probabilities,
            log_prob=best.log_prob,
            finished=best.finished,
            warnings=tuple(dict.fromkeys(warnings)),
            attention=self._attention(text, found) if attention else None,
            alternatives=_alternatives(candidates),
            details=best.details,
            sentences=tuple(places),
            uncertain=bool(warnings)
            or (
                threshold > 0
                and (
                    any(math.exp(one[0].log_prob) < threshold for one in candidates)
                    or any(detail.uncertain for detail in best.details)
                )
            ),
            ids=best.ids,
            tokenizers=best.tokenizers,
        )

    def _candidate(self, hypothesis: Hypothesis, piece: _Piece) -> Candidate:
        """A sentence's hypothesis as tags."""
        ids = hypothesis.ids
        log_probs = hypothesis.log_probs[: len(ids)]
        if not self._dropped.isdisjoint(ids):
            kept = [place for place, tag in enumerate(ids) if tag not in self._dropped]
            ids, log_probs = tuple(ids[place] for place in kept), tuple(log_probs[place] for place in kept)
        written = [
            (tag, math.exp(sum(log_probs[start:end])))
            for tag, start, end in self.tokenizers.target.decode_spans(ids)
        ]
        settled = (
            [(tag, probability, _PLAIN) for tag, probability in written]
            if self._open_words is None
            else self._open_words.settle(written, piece.source, piece.evidence, piece.start)
        )
        return Candidate(
            tuple(tag for tag, _, _ in settled),
            tuple(probability for _, probability, _ in settled),
            hypothesis.log_prob,
            hypothesis.finished,
            tuple(self._marked(*one) for one in settled),
            ids,
            self.tokenizers,
        )

    def _marked(self, tag: str, probability: float, detail: TagDetail) -> TagDetail:
        """A tag's detail, with the marks of one that is put together for the first time, and of an improbable one.

        A tag that the user's dictionary gave has neither.
        """
        target = self.tokenizers.target
        if detail.entry is not None:
            return detail
        if not target.segmentation.whole and not target.is_known(tag):
            detail = replace(detail, known=False)
        return replace(detail, uncertain=True) if probability < self.config.uncertain_below else detail

    def _skipped(self, texts: Sequence[str]) -> str:
        listed = "".join(f"「{text}」" for text in texts[:10])
        more = "など" if len(texts) > 10 else ""
        return f"学習していない{self.tokenizers.source.unit_name}を読み飛ばしました: {listed}{more}"

    def _warnings(self, piece: _Piece, hypothesis: Hypothesis) -> list[str]:
        warnings, tokenizers, source = [], self.tokenizers, piece.source
        if piece.unused:
            listed = "".join(f"「{one.entry.word}」" for one in piece.unused)
            warnings.append(
                f"辞書の言葉は 1 文に {len(source.slots)} 個まで使えます。使わなかった言葉: {listed}"
            )
        if source.unknown:
            warnings.append(self._skipped(source.unknown_texts))
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
                f"文の終わりが出ないまま上限（{self._max_tags} {tokenizers.target.name}）に達しました。"
            )
        return warnings

    def _captured(self) -> GraphGreedy | None:
        """Captured steps, none yet; ``None`` for an ensemble, and where the backend captures none."""
        if isinstance(self.ops, GraphDecodingOps) and isinstance(self._network, Transformer):
            return GraphGreedy(self.ops, self._network)
        return None

    def _attention(self, text: _Prepared, found: Sequence[Sequence[Hypothesis]]) -> dict[str, Attention]:
        """Every layer's attention. Of several sentences each one's weights are a block; all others are 0."""
        parts = [
            self._attention_of(piece.source, hypotheses[0])
            for piece, hypotheses in zip(text.pieces, found, strict=True)
        ]
        return {name: _blocks([part[name] for part in parts]) for name in parts[0]}

    def _attention_of(self, source: Encoding, hypothesis: Hypothesis) -> dict[str, Attention]:
        """One teacher-forced pass over the hypothesis, every layer's attention captured.

        The decoder reads SOS and all tags but the last of what it produced, the EOS included: row t is the
        query that produced tag t.
        """
        assert isinstance(self._network, Transformer), "an ensemble's attention is refused"
        capture = Capture()
        sentence = self._read(source)
        source_ids = pad_rows([sentence], PAD, at_least=self.config.source_length)
        ids = hypothesis.ids if hypothesis.finished else hypothesis.ids[:-1]
        self._network(self.ops.array(source_ids), self.ops.array([[SOS, *ids]]), observe=capture)
        characters = source.shown[: len(sentence)] + ("<PAD>",) * (source_ids.shape[1] - len(sentence))
        target = self.tokenizers.target
        tags = tuple(target.label(target.vocabulary.token_of(index)) for index in hypothesis.ids)
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


def _network(models: Sequence[SavedModel], backend: Backend) -> tuple[DecodingOps, Model]:
    """The operations of a backend, and the networks with the models' parameters on them."""
    ops = backend.open(None)
    networks = []
    for model in models:
        shapes = parameter_shapes(model.config)
        flat = flatten(model.parameters, shapes)
        with ops.exclusive():
            parameters = ops.named_views(ops.array(flat), shapes)
        networks.append(Transformer(ops, parameters, model.config))
    return ops, networks[0] if len(networks) == 1 else Ensemble(tuple(networks))


def _settings_of(models: Sequence[SavedModel]) -> ModelConfig:
    from .ensemble import settings_of  # noqa: PLC0415  most translators have one model

    return settings_of(models)


def _paths(given: str | Path | Sequence[str | Path] | None) -> tuple[Path, ...]:
    if given is None:
        return ()
    if isinstance(given, str | Path):
        return (Path(given),)
    return tuple(map(Path, _listed(given, "load() takes a path or a sequence of paths")))


def tags_of(found: Translation | JslError) -> tuple[str, ...] | None:
    """The tags of what :meth:`Translator.translate_each` found; ``None`` for a sentence that cannot be translated.

    Raises:
        Failure: it could be translated, with more memory.
    """
    if isinstance(found, Translation):
        return found.tags
    if isinstance(found, UserError):
        return None
    raise found


def most_tags(config: ModelConfig) -> int:
    """The longest translation of one sentence, in tags: ``max_seq_len``, or what decoding may cost at most."""
    affordable = min(MAX_TAGS if config.attention_masks else _UNMASKED_TAGS, _LAYER_STEPS // config.n_layers)
    return max(1, min(config.max_seq_len, affordable))


def open_words_of(tokenizers: Tokenizers) -> OpenWords | None:
    """The open words of a model; ``None`` for a model without."""
    source, target = tokenizers.source, tokenizers.target
    if isinstance(source, CharTokenizer) and isinstance(target, OpenTagTokenizer):
        return OpenWords(source, target)
    return None


def require_slots(tokenizers: Tokenizers) -> None:
    """Raise UserError for a model that cannot be given words of the user's own."""
    words = open_words_of(tokenizers)
    if words is None or not words.slots:
        raise UserError(
            "このモデルでは辞書を使えません。",
            "辞書は、語彙にない語を書けるように学習したモデルで使えます。",
            code="dictionary-without-open-words",
        )


def dictionary_of(
    directory: Path | Sequence[Path], given: Dictionary | str | Path | Sequence[str | Path] | None
) -> Dictionary | None:
    """The entries of model directories' own dictionaries, and those that are given, which count where a word is in
    both. ``None`` without either."""
    beside = [path / DICTIONARY for path in _paths(directory) if (path / DICTIONARY).is_file()]
    if isinstance(given, Dictionary):
        return Dictionary([*Dictionary.read(*beside).entries, *given.entries])
    paths = _paths(given)
    return Dictionary.read(*beside, *paths) if beside or paths else None


_PLAIN = TagDetail()
"""Of every tag of a model without open words."""


class _Piece(NamedTuple):
    """One sentence of a text: ``text[start:end]``, as the model reads it, what in it is evidence for tags, and the
    entries of the dictionary in it for which there were no slots."""

    start: int
    end: int
    source: Encoding
    evidence: Sequence[Evidence] = ()
    unused: tuple[Match, ...] = ()


class _Prepared(NamedTuple):
    """A text as it was written, its sentences, and what sentences were made of that could not be read at all."""

    written: str
    pieces: tuple[_Piece, ...]
    unread: tuple[str, ...] = ()


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Without those whose tags an earlier one has."""
    found: dict[tuple[str, ...], Candidate] = {}
    for one in candidates:
        found.setdefault(one.tags, one)
    return list(found.values())


def _joined(parts: Sequence[Candidate]) -> Candidate:
    """The translations of consecutive sentences as one."""
    if len(parts) == 1:
        return parts[0]
    return replace(
        parts[0],
        tags=tuple(tag for part in parts for tag in part.tags),
        probabilities=tuple(probability for part in parts for probability in part.probabilities),
        log_prob=sum(part.log_prob for part in parts),
        finished=all(part.finished for part in parts),
        details=tuple(detail for part in parts for detail in part.details),
        ids=tuple(index for part in parts for index in part.ids),
    )


def _alternatives(candidates: Sequence[Sequence[Candidate]]) -> tuple[Candidate, ...]:
    """The next best translations of a text: one sentence's best gives way to one of its alternatives."""
    if len(candidates) == 1:
        return tuple(candidates[0][1:])
    first = [own[0] for own in candidates]
    others = [
        _joined([*first[:place], other, *first[place + 1 :]])
        for place, own in enumerate(candidates)
        for other in own[1:]
    ]
    others.sort(key=lambda one: -one.log_prob)
    return tuple(others[: max(len(own) for own in candidates) - 1])


def _blocks(parts: Sequence[Attention]) -> Attention:
    """Attention [H, T, S] of several sentences, block by block."""
    if len(parts) == 1:
        return parts[0]
    rows, columns = ([part.weights.shape[axis] for part in parts] for axis in (1, 2))
    weights = np.zeros((parts[0].weights.shape[0], sum(rows), sum(columns)), parts[0].weights.dtype)
    row = column = 0
    for part in parts:
        _, height, width = part.weights.shape
        weights[:, row : row + height, column : column + width] = part.weights
        row, column = row + height, column + width
    return Attention(
        weights,
        tuple(label for part in parts for label in part.query_labels),
        tuple(label for part in parts for label in part.key_labels),
    )


def _no_tags(tokenizers: Tokenizers) -> frozenset[int]:
    """Target ids that stand for no tag, where both sides share one vocabulary.

    A tag is an entry that the source side has in brackets: ``私`` is one if the source has ``<私>``.
    """
    source, target = tokenizers.source.vocabulary, tokenizers.target.vocabulary
    return frozenset(i for i in range(len(target)) if f"<{target.token_of(i)}>" not in source)


_ONE_SENTENCE = "; for one sentence call translate()"


def _listed(values: object, takes: str, otherwise: str = "") -> list[Any]:
    """The values in their order.

    Raises:
        TypeError: there is no order (a set), or it is not plain what the values are: a string's are its characters, a
            dict's are its keys. The message begins with ``takes`` and ends with ``otherwise``.
    """
    unclear = isinstance(values, str | bytes | Mapping | set | frozenset)
    if unclear or not isinstance(values, Iterable):
        raise TypeError(f"{takes}, not {type(values).__name__}{otherwise}")
    return list(values)


def _tags(tags: object) -> tuple[str, ...]:
    listed = _listed(tags, "score() takes the tags as a sequence such as ('私', '食べる')")
    for tag in listed:
        if not isinstance(tag, str):
            raise TypeError(f"a tag is a str, not {type(tag).__name__}")
    return tuple(listed)


def _require_length(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        raise UserError(
            f"文が長すぎます（{len(text):,} 文字）: {text[:20]}…",
            f"一度に訳せるのは {MAX_CHARACTERS:,} 文字までです。分けて渡してください。",
            code="text-too-long",
            found=len(text),
            limit=MAX_CHARACTERS,
        )


def _require_units(source: Encoding, text: str) -> None:
    """The length once more, in what the model reads: NFKC makes up to 18 characters of one."""
    if len(source.ids) > MAX_CHARACTERS:
        raise UserError(
            f"文が長すぎます（表記を揃えると {len(source.ids):,} 文字になります）: {text[:20]}…",
            f"一度に訳せるのは {MAX_CHARACTERS:,} 文字までです。分けて渡してください。",
            code="text-too-long",
            found=len(source.ids),
            limit=MAX_CHARACTERS,
        )


def _require_possible(search: Search) -> None:
    beam, length_penalty, n_best = search.beam, search.length_penalty, search.n_best
    for name, value in (("beam", beam), ("n_best", n_best)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"{name} is an int, not {type(value).__name__}")
    if isinstance(length_penalty, bool) or not isinstance(length_penalty, int | float | np.number):
        raise TypeError(f"length_penalty is a float, not {type(length_penalty).__name__}")
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
    details = one.details or (TagDetail(),) * len(one.tags)
    return {
        "tags": [
            _tag_to_dict(tag, probability, detail)
            for tag, probability, detail in zip(one.tags, one.probabilities, details, strict=True)
        ],
        "probability": math.exp(one.log_prob),
        "finished": one.finished,
    }


def _tag_to_dict(tag: str, probability: float, detail: TagDetail) -> dict[str, Any]:
    values = {
        "tag": tag,
        "probability": probability,
        "known": detail.known,
        "span": None if detail.span is None else list(detail.span),
        "uncertain": detail.uncertain,
    }
    return values if detail.entry is None else {**values, "entry": detail.entry}


_OPENING, _CLOSING = "「『（(【〈《［[", "」』）)】〉》］]"
_END = re.compile(r"[。．！？!?…]+|\.(?=\s|$)")
"""Marks that end a sentence. An ASCII full stop ends one only before a blank: 3.5 and example.jp hold none."""


class Extent(NamedTuple):
    """A sentence of a text: ``text[start:end]``, blanks at the ends left out."""

    start: int
    end: int


def split_sentences(text: str) -> list[Extent]:
    """The sentences of a text, in order; none of them blank.

    A sentence ends behind 。 ！ ？ ! ? … (and behind what follows of these at once), and at a line end. Inside of
    quotation marks and brackets nothing ends, unless they are never closed on the line.
    """
    found: list[Extent] = []
    for line in re.finditer(r"[^\r\n\u2028\u2029]+", text):
        start = line.start()
        for end in _ends(text, line.start(), line.end()):
            _add(found, text, start, end)
            start = end
        _add(found, text, start, line.end())
    return found


def _ends(text: str, start: int, end: int) -> list[int]:
    quoted = _quoted(text, start, end)
    return [mark.end() for mark in _END.finditer(text, start, end) if not quoted[mark.start() - start]]


def _quoted(text: str, start: int, end: int) -> list[bool]:
    """For each character whether it stands between a bracket and its partner."""
    depth, opened = [False] * (end - start), []
    for position in range(start, end):
        character = text[position]
        if character in _OPENING:
            opened.append((character, position))
        elif character in _CLOSING and opened:
            partner = _OPENING[_CLOSING.index(character)]
            while opened and opened[-1][0] != partner:
                opened.pop()
            if opened:
                _, begin = opened.pop()
                depth[begin - start : position - start + 1] = [True] * (position - begin + 1)
    return depth


def _add(found: list[Extent], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    start += len(piece) - len(piece.lstrip())
    end -= len(piece) - len(piece.rstrip())
    if start >= end:
        return
    if not any(character.isalnum() for character in text[start:end]) and found:
        # marks alone belong to the sentence before them
        found[-1] = Extent(found[-1].start, end)
        return
    found.append(Extent(start, end))
