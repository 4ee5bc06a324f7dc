"""Typer's help pages in Japanese."""

from __future__ import annotations

from typing import Any

import typer.core


class _JapaneseHelp:
    """What commands and groups have in common: ``Usage``, ``[OPTIONS]`` and the text of ``--help``."""

    def get_usage(self, ctx: Any) -> str:
        usage = super().get_usage(ctx)  # type: ignore[misc]
        for english, japanese in _USAGE.items():
            usage = usage.replace(english, japanese)
        return usage

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.help = "この説明を出す"
        return option


_USAGE = {
    "Usage:": "使い方:",
    "[OPTIONS]": "［オプション］",
    "COMMAND [ARGS]...": "コマンド …",
}


class JapaneseCommand(_JapaneseHelp, typer.core.TyperCommand):
    """A command with a Japanese help page."""


class JapaneseGroup(_JapaneseHelp, typer.core.TyperGroup):
    """The program itself with a Japanese help page."""


def title_panels() -> None:
    """Give the help pages' panels Japanese titles. Imports rich, so call it only when help is wanted."""
    from typer import rich_utils  # noqa: PLC0415

    rich_utils.ARGUMENTS_PANEL_TITLE = "引数"
    rich_utils.OPTIONS_PANEL_TITLE = "その他"
    rich_utils.COMMANDS_PANEL_TITLE = "コマンド"
