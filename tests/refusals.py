"""What a refused request must say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jsl_seq2seq.cli.hints import in_options
from jsl_seq2seq.errors import JslError


@contextmanager
def refused(kind: type[JslError], *fragments: str, code: str = "", **facts: object) -> Iterator[None]:
    """The body raises exactly this kind of error, in Japanese, and its text has every fragment.

    Args:
        fragments: one with ``--`` in it names an option, and stands in what the command line shows.
        code, facts: of the error, where they are given.
    """
    with pytest.raises(JslError) as caught:
        yield
    error = caught.value
    assert type(error) is kind, error
    text, shown = str(error), "\n".join(in_options(error))
    assert is_japanese(error.what), text
    for fragment in fragments:
        assert fragment in (shown if "--" in fragment else text)
    assert not code or error.code == code
    assert {name: error.facts.get(name) for name in facts} == facts


def is_japanese(text: str) -> bool:
    """Whether it has kana, as every Japanese sentence does."""
    return any("ぁ" <= character <= "ヶ" for character in text)
