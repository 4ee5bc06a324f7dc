"""Pairs as padded batches, in an order that depends on nothing but seed and epoch."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.data.batching import EncodedPair, epoch_order, make_batch
from jsl_seq2seq.data.encoding import encode_pairs
from jsl_seq2seq.settings import EOS, PAD, SOS, UNK
from jsl_seq2seq.tokenize import Tokenizers

from ..small_models import eight_sentences

IDS = st.lists(st.integers(3, 50), min_size=1, max_size=30).map(tuple)
PAIRS = st.lists(st.builds(EncodedPair, IDS, IDS), min_size=1, max_size=60)


@given(PAIRS, st.integers(1, 20), st.integers(0, 2**70), st.integers(0, 1000))
def test_every_pair_once_an_epoch(pairs: list[EncodedPair], size: int, seed: int, epoch: int) -> None:
    order = epoch_order(pairs, size, seed, epoch)
    assert sorted(index for batch in order for index in batch) == list(range(len(pairs)))
    assert all(1 <= len(batch) <= size for batch in order)
    assert len(order) == -(-len(pairs) // size)


def test_more_pairs_than_fit_a_window() -> None:
    pairs = [EncodedPair((3,) * (1 + index % 40), (3,)) for index in range(950)]
    order = epoch_order(pairs, 4, 0, 0)
    assert sorted(index for batch in order for index in batch) == list(range(950))
    assert max(map(len, order)) == 4


def test_order_depends_on_seed_and_epoch_only() -> None:
    pairs = [EncodedPair((3,), (3,))] * 30
    first = epoch_order(pairs, 4, 1, 2)
    random.seed(5)
    np.random.seed(5)
    assert epoch_order(pairs, 4, 1, 2) == first
    assert epoch_order(pairs, 4, 1, 3) != first
    assert epoch_order(pairs, 4, 2, 2) != first


def test_similar_lengths_come_together() -> None:
    pairs = [EncodedPair((3,) * (40 if index % 2 else 2), (3,)) for index in range(64)]
    for batch in epoch_order(pairs, 8, 0, 0):
        assert len({len(pairs[index].source) for index in batch}) == 1


def test_teacher_forcing_shifts_the_target_by_one() -> None:
    batch = make_batch([EncodedPair((5, 6, 7), (8,)), EncodedPair((9,), (10, 11))])
    assert batch.source.tolist() == [[5, 6, 7], [9, PAD, PAD]]
    assert batch.target_in.tolist() == [[SOS, 8, PAD], [SOS, 10, 11]]
    assert batch.target_out.tolist() == [[8, EOS, PAD], [10, 11, EOS]]
    assert batch.tokens == 5


@given(PAIRS)
def test_tokens_are_what_is_not_padding(pairs: list[EncodedPair]) -> None:
    batch = make_batch(pairs)
    assert batch.tokens == np.count_nonzero(batch.target_out != PAD)
    assert batch.target_in.shape == batch.target_out.shape
    np.testing.assert_array_equal(
        batch.target_in[:, 1:] == PAD, (batch.target_out == EOS)[:, :-1] | (batch.target_out == PAD)[:, :-1]
    )


def test_pairs_as_ids() -> None:
    pairs = eight_sentences().pairs
    tokenizers = Tokenizers().learn(pairs)
    for pair, encoded in zip(pairs, encode_pairs(pairs, tokenizers), strict=True):
        assert (
            "".join(tokenizers.source.vocabulary.token_of(index) for index in encoded.source) == pair.source
        )
        assert tokenizers.target.decode(encoded.target) == pair.tags


@pytest.mark.parametrize(
    ("target", "given", "wanted"),
    [
        ((5, UNK, 6), (SOS, 5, 6), (5, PAD, EOS)),
        ((UNK, 6), (SOS, 6), (PAD, EOS)),
        ((5, UNK), (SOS, 5), (5, PAD)),
        ((5, UNK, UNK, 6, UNK), (SOS, 5, 6), (5, PAD, PAD)),
        ((UNK,), (SOS,), (PAD,)),
    ],
)
def test_what_follows_an_unknown_tag_is_not_counted(
    target: tuple[int, ...], given: tuple[int, ...], wanted: tuple[int, ...]
) -> None:
    batch = make_batch([EncodedPair((3,), target), EncodedPair((3,), (7,) * 5)])
    length = len(given)
    assert tuple(batch.target_in[0, :length]) == given and not batch.target_in[0, length:].any()
    assert tuple(batch.target_out[0, :length]) == wanted and not batch.target_out[0, length:].any()
    assert batch.tokens == 6 + sum(token != PAD for token in wanted)
