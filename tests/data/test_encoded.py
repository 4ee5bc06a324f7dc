"""Pairs as ids, in memory and on disk."""

from __future__ import annotations

import errno
import gc
from tempfile import SpooledTemporaryFile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.data import encoding as encoded
from jsl_seq2seq.data.batching import epoch_order
from jsl_seq2seq.data.encoding import EncodedPair, EncodedPairs
from jsl_seq2seq.errors import Failure

from ..refusals import refused

IDS = st.lists(st.integers(3, 2**31 - 1), max_size=9).map(tuple)
PAIRS = st.lists(st.tuples(IDS, IDS), max_size=20)


@pytest.fixture(params=[0, 1 << 20], ids=["on disk", "in memory"], autouse=True)
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoded, "IN_MEMORY", request.param or 1)


@given(PAIRS)
def test_a_sequence_like_any_other(pairs: list[tuple[tuple[int, ...], tuple[int, ...]]]) -> None:
    found, expected = EncodedPairs(pairs), [EncodedPair(*pair) for pair in pairs]
    assert list(found) == found[:] == expected
    assert found[1:-1] == expected[1:-1] and found[::-2] == expected[::-2]
    assert [found[index] for index in reversed(range(len(pairs)))] == expected[::-1]
    assert bool(found) == bool(pairs)
    for index in (len(pairs), -len(pairs) - 1):
        with pytest.raises(IndexError):
            found[index]


@given(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=300), st.integers(1, 9), st.sampled_from([0, 20]))
def test_the_order_is_that_of_plain_pairs(pairs: list, size: int, tokens: int) -> None:
    plain = epoch_order([EncodedPair(*pair) for pair in pairs], size, 3, 4, tokens)
    assert epoch_order(EncodedPairs(pairs), size, 3, 4, tokens) == plain


def test_the_file_is_closed() -> None:
    found = EncodedPairs([((3,) * 9, (4,))])
    file = found._file
    del found
    gc.collect()
    assert file.closed


def test_a_full_disk_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(SpooledTemporaryFile, "write", full)
    with refused(Failure, "一時ファイル", "No space", "TMPDIR"):
        EncodedPairs([((3,), (4,))])
