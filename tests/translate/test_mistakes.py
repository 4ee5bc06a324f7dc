"""A programmer's mistake is a TypeError that says what belongs there, or a UserError with a code."""

from __future__ import annotations

import re
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from typing import Any

import pytest

from jsl_seq2seq.errors import UserError
from jsl_seq2seq.translate import Translator
from jsl_seq2seq.translate.translator import dictionary_of

from ..small_models import trained_small, translator_of

NO_SENTENCE: tuple[Any, ...] = (None, 5, 1.5, b"x", ["わ"], {"a": 1}, object())
NO_SEQUENCE: tuple[Any, ...] = (
    None,
    5,
    "ab",
    b"x",
    object(),
    {"ab": "c"},
    {"ab"},
    frozenset({"ab"}),
    OrderedDict(),
)
"""Of none it is plain which values it has, in which order."""
NO_TAGS: tuple[Any, ...] = (*NO_SEQUENCE, [1], [None], [b"x"])
NO_COUNT: tuple[Any, ...] = ("1", 1.5, True, [1], float("nan"))
NO_NUMBER: tuple[Any, ...] = ("1", True, [1])


@cache
def translator() -> Translator:
    return translator_of(trained_small())


CALLS: dict[str, tuple[Callable[[Any], Any], tuple[Any, ...]]] = {
    "translate": (lambda x: translator().translate(x), NO_SENTENCE),
    "batch of": (lambda x: translator().translate_batch([x]), NO_SENTENCE),
    "batch": (lambda x: translator().translate_batch(x), NO_SEQUENCE),
    "each": (lambda x: translator().translate_each(x), NO_SEQUENCE),
    "dictionaries": (lambda x: translator().translate_each(["わ"], dictionaries=x), (5, *NO_SEQUENCE[2:])),
    "a dictionary": (lambda x: translator().translate_each(["わ"], dictionaries=[x]), ("a", {"a": 1})),
    "directories": (lambda x: Translator.load(x), (5, b"x", {"ab": 1}, {"ab"})),
    "dictionary files": (lambda x: dictionary_of([], x), (5, b"x", {"ab": "<c>"}, {"ab"})),
    "score": (lambda x: translator().score("わたし", x), NO_TAGS),
    "scored": (lambda x: translator().score(x, ["私"]), NO_SENTENCE),
    "pairs": (lambda x: translator().score_batch(x), (*NO_SEQUENCE, ["ab"], [("わ",)], [5])),
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


@pytest.mark.parametrize("given", [list, tuple, iter, deque, lambda some: dict.fromkeys(some).keys()])
def test_whatever_has_an_order_is_a_sequence(given: Callable[[Any], Any]) -> None:
    """Iterators, too, which give their values once."""
    texts, tags = ("わたしはたべます", "ありがとう"), ("私", "食べる")
    one = translator()
    wanted = [str(one.translate(text)) for text in texts]
    assert [str(found) for found in one.translate_batch(given(texts))] == wanted
    assert [str(found) for found in one.translate_each(given(texts))] == wanted
    score = one.score(texts[0], tags)
    assert one.score(texts[0], given(tags)) == score
    assert one.score_batch(given([(texts[0], tags)])) == [score]
    assert one.log_probs(texts[0], given(tags)).shape[0] == len(tags) + 1


def test_a_translation_as_a_dictionary() -> None:
    found = asdict(translator().translate("わたしはたべます", attention=True))
    assert found["tags"] and found["attention"]
