"""Errors as the command line shows them."""

from __future__ import annotations

from jsl_seq2seq.cli.hints import HINTS, in_options
from jsl_seq2seq.errors import UserError


def test_settings_are_shown_as_options() -> None:
    error = UserError("beam は 1 からです。beam_size ではなく。", "beam を増やしてください。", setting="beam")
    assert in_options(error) == ("--beam は 1 からです。beam_size ではなく。", "--beam を増やしてください。")
    both = UserError("n_best（3）が beam（2）より多い", settings={"n_best": 3, "beam": 2})
    assert in_options(both) == ("--n-best（3）が --beam（2）より多い", "")
    assert in_options(UserError("beam は", "beam を")) == ("beam は", "beam を")


def test_a_hint_of_the_command_line_replaces_the_errors_own() -> None:
    error = UserError("続き", "…", code="setting-fixed-by-model", setting="d_model")
    assert in_options(error)[1].startswith("--d-model を外すか、--load を")


def test_the_table_is_sorted() -> None:
    assert list(HINTS) == sorted(HINTS)
