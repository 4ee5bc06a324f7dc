"""What a refused request must say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from jsl_seq2seq.errors import JslError


@contextmanager
def refused(kind: type[JslError], *fragments: str) -> Iterator[None]:
    """The body raises exactly this kind of error, in Japanese, and its text has every fragment."""
    with pytest.raises(JslError) as caught:
        yield
    assert type(caught.value) is kind, caught.value
    text = str(caught.value)
    assert is_japanese(caught.value.what), text
    for fragment in fragments:
        assert fragment in text


def is_japanese(text: str) -> bool:
    """Whether it has kana, as every Japanese sentence does."""
    return any("ぁ" <= character <= "ヶ" for character in text)
