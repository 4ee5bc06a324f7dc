"""The ids that every vocabulary begins with."""

from __future__ import annotations

SPECIALS = ("PAD", "SOS", "EOS")
"""Every vocabulary's first entries."""
PAD, SOS, EOS = range(3)
"""PAD fills short sequences up: attention never sees it, training never counts it. A target starts after SOS
and ends with EOS."""
UNK = -1
"""A unit that the vocabulary lacks, in encoded data only: no embedding has a row for it and no model produces it."""
