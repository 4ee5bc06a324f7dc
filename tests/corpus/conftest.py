"""Generated pairs that several tests look at."""

from __future__ import annotations

import pytest

from jsl_seq2seq.corpus import Pair, generate_pairs


@pytest.fixture(scope="session")
def generated() -> list[Pair]:
    """60,000 pairs, which take seconds to make: do not change the list."""
    return generate_pairs(60_000, seed=7)
