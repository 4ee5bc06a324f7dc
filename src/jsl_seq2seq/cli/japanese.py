"""Typer's help pages in Japanese."""

from __future__ import annotations

from collections import Counter
from typing import Any

import typer.core

from ..errors import UserError


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
            option.help, option.metavar = "この説明を出す", ""
        return option


_USAGE = {
    "Usage:": "使い方:",
    "[OPTIONS]": "［オプション］",
    "COMMAND [ARGS]...": "コマンド …",
}


class JapaneseCommand(_JapaneseHelp, typer.core.TyperCommand):
    """A command with a Japanese help page, which does not silently take the last of several values."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            _, _, order = self.make_parser(ctx).parse_args(args=list(args))
            for param, times in Counter(order).items():
                if (
                    times > 1
                    and not param.multiple
                    and param.nargs == 1
                    and not getattr(param, "is_flag", False)
                ):
                    raise UserError(f"{param.opts[0]} は 1 つだけ指定できます（{times} 個あります）。")
        return super().parse_args(ctx, args)


class JapaneseGroup(_JapaneseHelp, typer.core.TyperGroup):
    """The program itself with a Japanese help page."""


def title_panels() -> None:
    """Give the help pages' panels Japanese titles. Imports rich, so call it only when help is wanted."""
    from typer import rich_utils  # noqa: PLC0415

    rich_utils.ARGUMENTS_PANEL_TITLE = "引数"
    rich_utils.OPTIONS_PANEL_TITLE = "その他"
    rich_utils.COMMANDS_PANEL_TITLE = "コマンド"
    rich_utils.REQUIRED_LONG_STRING = "［必ず要る］"
    # <path> and <str> behind 引数 that are called DIR and 文
    typer.core.TyperArgument.display_type_rich = lambda *_, **__: None  # type: ignore[method-assign]
