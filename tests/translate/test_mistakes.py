"""A programmer's mistake is a TypeError that says what belongs there, or a UserError with a code."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

import pytest

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.translate import Translator

from ..small_models import trained_small, translator_of

NO_SENTENCE: tuple[Any, ...] = (None, 5, 1.5, b"x", ["わ"], {"a": 1}, object())
NO_TAGS: tuple[Any, ...] = (None, 5, "私", b"x", [1], [None], [b"x"])
NO_COUNT: tuple[Any, ...] = ("1", 1.5, True, [1], float("nan"))
NO_NUMBER: tuple[Any, ...] = ("1", True, [1])


@cache
def translator() -> Translator:
    return translator_of(trained_small())


CALLS: dict[str, tuple[Callable[[Any], Any], tuple[Any, ...]]] = {
    "translate": (lambda x: translator().translate(x), NO_SENTENCE),
    "batch of": (lambda x: translator().translate_batch([x]), NO_SENTENCE),
    "batch": (lambda x: translator().translate_batch(x), (None, 5, "猫好", b"x", object())),
    "each": (lambda x: translator().translate_each(x), (None, 5, "猫好", b"x")),
    "score": (lambda x: translator().score("わたし", x), NO_TAGS),
    "scored": (lambda x: translator().score(x, ["私"]), NO_SENTENCE),
    "pairs": (lambda x: translator().score_batch(x), (None, 5, "ab", ["ab"], [("わ",)], [5])),
    "log_probs": (lambda x: translator().log_probs("わたし", x), NO_TAGS),
    "beam": (lambda x: translator().translate("わたし", beam=x), NO_COUNT),
    "n_best": (lambda x: translator().translate("わたし", n_best=x), (None, *NO_COUNT)),
    "penalty": (lambda x: translator().translate("わたし", length_penalty=x), NO_NUMBER),
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, (_, values) in CALLS.items() for value in values], ids=str
)
def test_a_value_of_the_wrong_type(name: str, value: Any) -> None:
    with pytest.raises((TypeError, UserError)) as caught:
        CALLS[name][0](value)
    if isinstance(caught.value, UserError):
        assert caught.value.code
    else:
        assert re.search(r"\b(is an?|takes)\b", str(caught.value))


def test_a_translation_as_a_dictionary() -> None:
    found = asdict(translator().translate("わたしはたべます", attention=True))
    assert found["tags"] and found["attention"]
