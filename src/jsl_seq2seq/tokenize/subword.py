"""Pieces of words by byte-pair encoding (Sennrich et al. 2016), done by the `tokenizers` library.

The library is an extra and is imported only here, only when a model with subwords is trained or used. What it
learns is kept as plain lists, pieces and merges, so that a model directory does not depend on its file format.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import UserError
from ..extras import optional

BLANK = "▁"
"""Stands for the blank in front of a word; every word begins with it, the first one too."""

DEFAULT_VOCAB = 4000

Merges = tuple[tuple[str, str], ...]


def _library() -> Any:
    return optional("tokenizers", "subword", "部分語（subword）を使うには")


def learn_subwords(
    sentences: Iterable[str],
    characters: Iterable[str],
    size: int,
    isolated: str = "",
    setting: str = "subword_vocab",
) -> tuple[tuple[str, ...], Merges]:
    """Pieces, in the order in which they were found, and how they are put together.

    Args:
        characters: all that the pieces may consist of; each is a piece itself.
        size: how many pieces there are at most.
        isolated: a character that is a piece of its own wherever it stands; empty for none.
        setting: the name of the setting that ``size`` was given by.

    Raises:
        UserError: there are more characters than pieces.
    """
    alphabet = sorted({BLANK, *characters} - {" "})
    if len(alphabet) > size:
        raise UserError(
            f"{setting}（{size}）より、データの文字の種類（{len(alphabet)}）のほうが多くあります。",
            f"{setting} を {2 * len(alphabet)} のように、大きくしてください。",
            code="subword-vocab-too-small",
            setting=setting,
            value=size,
            characters=len(alphabet),
        )
    library = _library()
    tokenizer = library.Tokenizer(library.models.BPE())
    blanks = library.pre_tokenizers.Metaspace(BLANK)
    if isolated:
        split = library.pre_tokenizers.Split(isolated, "isolated")
        blanks = library.pre_tokenizers.Sequence([blanks, split])
    tokenizer.pre_tokenizer = blanks
    trainer = library.trainers.BpeTrainer(vocab_size=size, show_progress=False, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(sentences, trainer)
    ids: dict[str, int] = tokenizer.get_vocab()
    return tuple(sorted(ids, key=ids.__getitem__)), _merges(tokenizer)


def _merges(tokenizer: Any) -> Merges:
    """Since version 0.20 the library writes pairs, before that ``"a b"``."""
    found = json.loads(tokenizer.to_str())["model"]["merges"]
    pairs = [merge.split(" ") if isinstance(merge, str) else merge for merge in found]
    return tuple((first, second) for first, second in pairs)


class Subwords:
    """Cuts sentences into the pieces that were learnt. Raises UserError if the library is missing."""

    def __init__(self, pieces: Sequence[str], merges: Merges) -> None:
        library = _library()
        ids = {piece: index for index, piece in enumerate(pieces)}
        self._tokenizer = library.Tokenizer(library.models.BPE(vocab=ids, merges=list(merges)))
        self._tokenizer.pre_tokenizer = library.pre_tokenizers.Metaspace(BLANK)

    def __call__(self, text: str) -> list[str]:
        """Pieces of a text all of whose characters are known."""
        return self._tokenizer.encode(text).tokens
