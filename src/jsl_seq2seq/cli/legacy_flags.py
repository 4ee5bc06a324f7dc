"""The original project's command lines, with flags for verbs, rewritten with today's verbs.

``jsl-seq2seq --train --epochs 200`` means ``jsl-seq2seq train --epochs 200``; every option exists once. A command
whose positional arguments can be written as an option, too, takes both in the order in which they were typed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

_AS_OPTION = {"predict": "--predict"}
"""Commands whose positional arguments mean the same as the values of an option."""


def with_verb(arguments: Sequence[str]) -> list[str]:
    """The same request with a verb in front; unchanged if it has one, or asks only for help or the version."""
    arguments = list(arguments)
    if not arguments or not arguments[0].startswith("-"):
        return arguments
    if "--train" in arguments:
        arguments.remove("--train")
        return ["train", *arguments]
    if _has(arguments, "--predict"):
        return ["predict", *arguments]
    if _has(arguments, "--export-weights"):
        return ["export", *arguments]
    return arguments


def in_typed_order(verb: str, params: Iterable[Any], arguments: Sequence[str]) -> list[str]:
    """``A --predict B`` -> ``--predict=A --predict B``: positional arguments as values of the option.

    Args:
        params: the command's parameters, which say whether an option takes a value.
        arguments: what follows the verb.
    """
    option = _AS_OPTION.get(verb)
    if option is None:
        return list(arguments)
    valued = {
        name
        for param in params
        if not getattr(param, "is_flag", False)
        for name in param.opts
        if name[0] == "-"
    }
    return list(_positional_as(option, valued, arguments))


def _positional_as(option: str, valued: set[str], arguments: Sequence[str]) -> Iterator[str]:
    rest = iter(arguments)
    for argument in rest:
        if argument == "--":
            yield from (f"{option}={text}" for text in rest)
        elif argument in valued:
            yield argument
            yield from (value for value in [next(rest, None)] if value is not None)
        elif argument.startswith("-") and argument != "-":
            yield argument
        else:
            yield f"{option}={argument}"


def _has(arguments: Sequence[str], option: str) -> bool:
    return any(argument == option or argument.startswith(option + "=") for argument in arguments)
