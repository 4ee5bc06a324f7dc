"""Mistakes in the command line itself, as errors in Japanese.

Typer's own classes for them have moved between its releases (from click into typer itself), so they are
recognised by name.
"""

from __future__ import annotations

import difflib
import re
from typing import Any

from ..errors import UserError
from .app import COMMANDS

_FIRST = ("--train", "--predict", "--load", "--export-weights", "--help", "--version")
"""Flags that a command line without a verb may have."""


def _help(error: Any = None) -> str:
    """Where the use of the command is told, in which the mistake was made."""
    context = getattr(error, "ctx", None)
    command = "" if context is None or context.parent is None else f" {context.info_name}"
    return f"使い方は jsl-seq2seq{command} --help で見られます。"


def usage_error(error: Exception) -> UserError:
    """The user's mistake behind a Typer exception for which :func:`.console.is_usage_error` holds."""
    names = {cls.__name__ for cls in type(error).__mro__}
    if "NoSuchOption" in names:
        return _no_such_option(error)
    if "BadOptionUsage" in names:
        option = getattr(error, "option_name", "オプション")
        return UserError(
            f"{option} には値が 1 つ必要です。", _help(error), code="option-without-value", option=option
        )
    if "BadParameter" in names:
        return _bad_value(error)
    return _other(error)


def _no_such_option(error: Any) -> UserError:
    named = error.possibilities or []
    possible = difflib.get_close_matches(error.option_name, named, n=3)  # the nearest first
    if error.ctx is not None and error.ctx.parent is None:  # no command: Typer has no flags for verbs
        possible = difflib.get_close_matches(error.option_name, _FIRST, n=1)
        if not possible:
            return UserError(
                f"コマンドなしでは使えないオプションです: {error.option_name}",
                "train や predict を先に書いてください。" + _help(),
                code="option-needs-command",
                option=error.option_name,
            )
    hint = f"もしかして: {'、'.join(possible)}" if possible else _help(error)
    return UserError(
        f"そのようなオプションはありません: {error.option_name}",
        hint,
        code="unknown-option",
        option=error.option_name,
        nearest=possible,
    )


def _bad_value(error: Any) -> UserError:
    name = error.param.opts[0] if error.param is not None else "引数"
    if type(error).__name__ == "MissingParameter":
        name = getattr(error.param, "metavar", None) or name
        return UserError(
            f"必要な引数がありません: {name}", _help(error), code="missing-argument", argument=name
        )
    message = str(error.message)
    if re.search(r"\bint", message):
        hint = "整数で指定してください。"
    elif re.search(r"number|float", message):
        hint = "数で指定してください（例: 0.001）。"
    else:
        hint = _help(error)
    return UserError(f"{name} の値を読めません。", hint, code="value-not-readable", option=name)


def _other(error: Any) -> UserError:
    message = str(getattr(error, "message", error))
    command = re.search(r"No such command '(.*?)'", message)
    if command:
        near = difflib.get_close_matches(command.group(1), COMMANDS, n=1)
        hint = f"もしかして: jsl-seq2seq {near[0]}" if near else f"使えるのは {'、'.join(COMMANDS)} です。"
        if not command.group(1).isascii():  # no command's name, but a sentence
            from ..store.card import in_quotes  # noqa: PLC0415  imports arrays, which other mistakes need not

            hint = f"文を訳すなら: jsl-seq2seq predict {in_quotes(command.group(1))}"
        return UserError(
            f"そのようなコマンドはありません: {command.group(1)}",
            hint,
            code="unknown-command",
            command=command.group(1),
            nearest=near,
        )
    extra = re.search(r"unexpected extra argument(?:s|\(s\))? \((.*)\)", message)
    if extra:
        return UserError(
            f"余分な引数があります: {extra.group(1)}",
            '空白を含む文や名前は " で囲んでください。' + _help(error),
            code="extra-argument",
            argument=extra.group(1),
        )
    return UserError(
        f"コマンドの書き方が正しくありません（{message}）",
        _help(error),
        code="command-line-malformed",
        message=message,
    )
