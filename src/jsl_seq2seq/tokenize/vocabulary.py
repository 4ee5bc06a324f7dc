"""Tokens and their ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..errors import UserError
from ..settings import SPECIALS


class Vocabulary:
    """Tokens in a fixed order. Ids: first the special tokens, then the tokens.

    Args:
        tokens: distinct.
        reserved: names that none of them may have. (A word of a foreign text may well be ``PAD``: it gets an
            id of its own and is never taken for the special token.)
        more_specials: special tokens after PAD, SOS and EOS.

    Raises:
        UserError: for a repeated or reserved token.
    """

    def __init__(
        self,
        tokens: Iterable[str] = (),
        reserved: Iterable[str] = SPECIALS,
        more_specials: Sequence[str] = (),
    ) -> None:
        self.tokens = tuple(tokens)
        self.specials = (*SPECIALS, *more_specials)
        self._ids = {token: index for index, token in enumerate(self.tokens, start=len(self.specials))}
        if len(self._ids) != len(self.tokens) or len(set(self.specials)) != len(self.specials):
            raise UserError("語彙に同じ項目が 2 回あります。", code="vocabulary-repeated")
        used = sorted({*reserved, *(more_specials if reserved else ())} & set(self.tokens))
        if used:
            raise UserError(
                f"語彙に予約語があります: {', '.join(used)}", code="vocabulary-reserved", found=used
            )

    def __len__(self) -> int:
        return len(self.specials) + len(self.tokens)

    def __contains__(self, token: str) -> bool:
        return token in self._ids

    def id_of(self, token: str) -> int:
        """The token's id; KeyError if it is unknown. Special tokens have names, not spellings: see ``specials``."""
        return self._ids[token]

    def ids_of(self, tokens: Iterable[str]) -> tuple[int, ...]:
        """The tokens' ids; KeyError if one is unknown."""
        return tuple(map(self._ids.__getitem__, tokens))

    def has_all(self, tokens: Iterable[str]) -> bool:
        """Whether all of them are in it."""
        return self._ids.keys() >= set(tokens)

    def token_of(self, index: int) -> str:
        """The token behind an id; a special token's name for a special token."""
        count = len(self.specials)
        return self.specials[index] if index < count else self.tokens[index - count]
