"""The models that a server offers, under their names, and what the compute thread does with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any

from ..errors import JslError, UserError
from ..evaluation.diagnosis import Diagnosis, diagnose
from ..store.directory import WEIGHTS, read_config
from ..translate import Score, Translation, Translator
from ..translate.dictionary import Dictionary
from ..translate.tag_list import Listed, listed
from ..translate.translator import open_words_of

MAX_EXPLAINED = 100
"""Characters of a text whose attention or diagnosis is computed: both grow with the square of the length."""


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """One model, as it was when it was read.

    Attributes:
        sha256: of its weights.
    """

    name: str
    translator: Translator
    sha256: str

    @classmethod
    def load(cls, name: str, directory: Path, opened: Callable[[Path], Translator]) -> LoadedModel:
        """Read a model directory. Errors as in :meth:`Translator.load`."""
        translator = opened(directory)
        files = read_config(directory, record=False)["metadata"]["files"]
        return cls(name, translator, files[WEIGHTS]["sha256"])

    @cached_property
    def tags(self) -> list[Listed]:
        """What it can write, for the search among tags."""
        return listed(self.translator.tags)

    def to_dict(self) -> dict[str, Any]:
        """Plain values: hash, vocabulary, settings."""
        translator = self.translator
        open_words = open_words_of(translator.tokenizers)
        size = translator.config.vocab_size
        return {
            "name": self.name,
            "sha256": self.sha256,
            "backend": translator.backend,
            "precision": translator.precision,
            "vocabulary": {"source": size.source, "target": size.target, "tags": len(translator.tags)},
            "open_words": open_words is not None,
            "dictionary": bool(open_words and open_words.slots),
            "target_tokenizer": translator.tokenizers.target.segmentation.kind,
            "settings": asdict(translator.config),
        }


class Models:
    """The models of a server; the first one is taken where a request names none.

    Args:
        directories: name -> model directory.
        opened: reads a model directory.

    Raises what reading them raises.
    """

    def __init__(self, directories: Mapping[str, Path], opened: Callable[[Path], Translator]) -> None:
        self._directories, self._opened = dict(directories), opened
        self._loaded = {name: LoadedModel.load(name, path, opened) for name, path in directories.items()}
        self._reading = RLock()

    @property
    def names(self) -> list[str]:
        """The default's first."""
        return list(self._loaded)

    def __getitem__(self, name: str | None) -> LoadedModel:
        """Raises UserError for a name that is not there (``no-such-model``)."""
        wanted = self.names[0] if name is None else name
        if wanted not in self._loaded:
            raise UserError(
                f"この名前のモデルはありません: {wanted}",
                f"使えるのは {'、'.join(self.names)} です。",
                code="no-such-model",
                name=wanted,
                names=self.names,
            )
        return self._loaded[wanted]

    def reload(self) -> dict[str, JslError]:
        """Read every directory again. A model that cannot be read stays as it was; its error is returned by name.

        Requests that are being computed keep the model that they began with.
        """
        errors: dict[str, JslError] = {}
        with self._reading:
            for name, path in self._directories.items():
                try:
                    self._loaded[name] = LoadedModel.load(name, path, self._opened)
                except JslError as error:
                    errors[name] = error
        return errors

    def reopen(self, opened: Callable[[Path], Translator]) -> dict[str, JslError]:
        """:meth:`reload` with another ``opened``, which later reloads use, too, unless it failed."""
        with self._reading:
            before, self._opened = self._opened, opened
            errors = self.reload()
            if errors:
                self._opened = before
        return errors


@dataclass(frozen=True)
class Translating:
    """Texts, each with the entries for it alone -> translations, or in their places the errors of those that cannot
    be translated."""

    model: LoadedModel
    beam: int | None = None
    n_best: int = 1
    length_penalty: float | None = None
    attention: bool = False

    def __call__(self, items: Sequence[tuple[str, Dictionary | None]]) -> list[Translation | JslError]:
        texts = [text for text, _ in items]
        return self.model.translator.translate_each(
            [too_long(text) or text for text in texts] if self.attention else texts,
            self.beam,
            self.n_best,
            self.length_penalty,
            self.attention,
            [dictionary for _, dictionary in items],
        )


@dataclass(frozen=True)
class Scoring:
    """(text, tags) -> scores, or in their places the errors of those that cannot be scored."""

    model: LoadedModel

    def __call__(self, pairs: Sequence[tuple[str, Sequence[str]]]) -> list[Score | JslError]:
        return self.model.translator.score_each(pairs)


@dataclass(frozen=True)
class Diagnosing:
    """Texts -> diagnoses, or in their places the errors of those that cannot be translated."""

    model: LoadedModel

    def __call__(self, texts: Sequence[str]) -> list[Diagnosis | JslError]:
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> Diagnosis | JslError:
        try:
            return too_long(text) or diagnose(self.model.translator, text)
        except JslError as error:
            return error


def too_long(text: str) -> UserError | None:
    """The error for a text that is too long to be explained; ``None`` for a shorter one."""
    if len(text) <= MAX_EXPLAINED:
        return None
    return UserError(
        f"アテンションを見るには長い文です（{len(text):,} 文字）。",
        f"{MAX_EXPLAINED} 文字までの文で試してください。",
        code="text-too-long-to-explain",
        found=len(text),
        limit=MAX_EXPLAINED,
    )
