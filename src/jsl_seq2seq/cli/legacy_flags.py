"""The original project's command lines, with flags for verbs, said in today's verbs.

``jsl-seq2seq --train --epochs 200`` means ``jsl-seq2seq train --epochs 200``; every option exists once.
"""

from __future__ import annotations

from collections.abc import Sequence

VERBS = (
    "train",
    "predict",
    "export",
    "backends",
    "corpus",
    "verify",
    "compare",
    "import-burn",
    "export-burn",
    "evaluate",
    "diagnose",
)


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


def _has(arguments: Sequence[str], option: str) -> bool:
    return any(argument == option or argument.startswith(option + "=") for argument in arguments)
