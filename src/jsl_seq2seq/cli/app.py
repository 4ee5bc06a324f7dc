"""The program as a Typer application: its table of commands, its start page, flags for verbs, and Typer's help in
Japanese.

A command is a function in a file of its own, which parses, calls and prints. Adding one takes that file and a line
of :data:`COMMANDS`.

The original project's command lines have flags for verbs: ``jsl-seq2seq --train --epochs 200`` means
``jsl-seq2seq train --epochs 200``, and every option exists once. A command whose positional arguments can be written
as an option, too, takes both in the order in which they were typed.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from ..errors import UserError
from ..io.files import require_reachable
from ..settings.environment import require_terminal_size
from ..version import __version__
from .console import say
from .options import NEEDS, NEUTRAL, NOT_BESIDE

if TYPE_CHECKING:
    from .config_file import ConfigFile

COMMANDS = {
    "train": ("train_options", "学習して保存します。--load を付けると、そのモデルの続きを学習します。"),
    "predict": ("predict", "文を訳します。"),
    "evaluate": ("evaluate", "テストデータを訳して採点し、表・HTML・JSON にまとめます。"),
    "score": ("score", "与えた訳が、モデルにとってどれだけ確からしいかを示します。"),
    "diagnose": ("diagnose", "1 文の訳の理由（確率・ほかの候補・見た文字など）を示します。"),
    "serve": ("serve", "HTTP で訳せるサーバーと、ブラウザーで見るページを動かします。"),
    "export": ("export", "モデルをほかの形式（ONNX など）で、または重みを CSV と画像で書き出します。"),
    "tags": ("tags", "モデルが書けるタグを探します（読みと例文つき）。"),
    "dictionary": (
        "dictionary",
        "モデルに自分の言葉を足します（add）・並べます（list）・消します（remove）。",
    ),
    "corpus": ("corpus", "規則から例文を作り、学習・検証・テストに分けて書き出します。"),
    "backends": ("backends", "この機械で使えるバックエンドと装置を試し、速さを測ります。"),
    "verify": ("verify", "モデルが壊れていないか調べ、何が入っているかを示します。"),
    "compare": ("compare", "2 つのモデルの設定・語彙・重み・訳の違いを示します。"),
    "runs": ("runs", "いくつもの学習を、1 つの表と 1 つの学習曲線に並べます。"),
    "import-burn": ("convert", "元の Rust/Burn プロジェクトのモデルを取り込みます。"),
    "export-burn": ("convert", "取り込んだモデルを、元の Rust/Burn の形式で書き出します。"),
}
"""Each command: the module of this folder that has a function of its name (``_`` for ``-``), and its help text."""

_OPTIONS = "［オプション］"
"""What the help calls the options."""

PLACES = ("DIR", "DIR1", "DIR2", "FILE")
"""What the help calls a value that is a path. Such a place is looked at before a command begins."""

_WELCOME = f"""jsl-seq2seq {__version__}　日本語 → 手話タグ

はじめての方は、この 3 行を順に試してください。
  jsl-seq2seq --predict "私は明日学校に行きません"    付属のモデルで訳します
  jsl-seq2seq --train --save models/first             86 の例文で、自分のモデルを学習します（10 秒ほど）
  jsl-seq2seq --load models/first --predict "わたしはたべます"

できること
  train     学習する・続きを学習する      jsl-seq2seq train --help
  predict   文を訳す                      jsl-seq2seq predict --help
  evaluate  モデルを採点する              jsl-seq2seq evaluate --help
  diagnose  1 文の訳の理由を見る          jsl-seq2seq diagnose --help
  tags      タグを探す                    jsl-seq2seq tags 食べ
  serve     サーバーとして動かす          jsl-seq2seq serve --help
  export    ほかの形式や CSV で書き出す   jsl-seq2seq export --help
  corpus    規則から例文を作る            jsl-seq2seq corpus --help
  backends  使える GPU と速さを調べる     jsl-seq2seq backends

出力はタグであって、日本手話そのものではありません（表情・空間・同時性は含まれません）。"""


def application(wanted: Sequence[str] = tuple(COMMANDS)) -> typer.Typer:
    """The program with the commands that are ``wanted``; of the others only the names and help texts.

    Building a command imports its module and inspects its parameters, so a run builds the one that it calls.
    """
    app = typer.Typer(
        cls=JapaneseGroup,
        name="jsl-seq2seq",
        options_metavar=_OPTIONS,
        subcommand_metavar="コマンド …",
        help="日本語の文を、日本手話のタグの列に訳します（わたしはたべます → <私> <食べる>）。",
        epilog="コマンドの代わりにオプションでも書けます: jsl-seq2seq --train …、jsl-seq2seq --load DIR --predict …",
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"]},
    )
    app.callback(invoke_without_command=True)(_start)
    for verb, (_, text) in COMMANDS.items():
        app.command(verb, cls=JapaneseCommand, help=text, options_metavar=_OPTIONS)(
            function(verb) if verb in wanted else _listed
        )
    return app


def function(verb: str) -> Callable[..., None]:
    """The function that is the command."""
    module, _ = COMMANDS[verb]
    return getattr(import_module(f".{module}", __package__), verb.replace("-", "_"))


def _listed() -> None:
    """Stands for a command that is not called in this run."""


def _version(wanted: bool) -> None:
    if wanted:
        say(f"jsl-seq2seq {__version__}")
        raise typer.Exit


def _start(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="版を出す", metavar="")
    ] = False,
    load: Annotated[Path | None, typer.Option("--load", hidden=True)] = None,
) -> None:
    if context.invoked_subcommand is None and load is not None:
        raise UserError(
            "モデルで何をするかが指定されていません。",
            f'--predict "ありがとう"、--train、--export-weights NAME のどれかを足してください（--load {load} …）。',
            code="no-command",
            load=load,
        )
    if context.invoked_subcommand is None:
        say(_WELCOME)


def require_effects(command: str, given: Mapping[str, str]) -> None:
    """Refuse an option that would silently do nothing.

    Args:
        given: what stands on the command line: options with their values, and arguments under their names.

    Raises:
        UserError: names the option, and what it needs or cannot stand beside.
    """
    active = {option for option, value in given.items() if NEUTRAL.get(option) != value}
    for option, needed in NEEDS.get(command, {}).items():
        if option in active and not active & set(needed):
            named = " か ".join(needed)
            raise UserError(
                f"{option} は、{named} と一緒のときだけ効きます。",
                f"{named} を足すか、{option} を外してください。",
                code="option-without-effect",
                option=option,
                needs=needed,
            )
    for option, others in NOT_BESIDE.get(command, {}).items():
        beside = [other for other in others if other in active]
        if option in active and beside:
            raise UserError(
                f"{beside[0]} があると、{option} は効きません。",
                f"{beside[0]} か {option} のどちらかを外してください。",
                code="option-without-effect",
                option=option,
                beside=beside[0],
            )


class _JapaneseHelp:
    """What commands and groups have in common: ``Usage`` and the text of ``--help``."""

    def get_usage(self, ctx: Any) -> str:
        usage = super().get_usage(ctx).replace("Usage:", "使い方:")  # type: ignore[misc]
        return re.sub(r"\[([^]]+)\](?:\.\.\.)?", r"［\1］", usage).replace("}...", " …}")

    def get_help_option(self, ctx: Any) -> Any:
        option = super().get_help_option(ctx)  # type: ignore[misc]
        if option is not None:
            option.help, option.metavar = "この説明を出す", ""
        return option


class JapaneseCommand(_JapaneseHelp, typer.core.TyperCommand):
    """A command with a Japanese help page, which refuses several values where it takes one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:
            args = in_typed_order(self.name or "", self.params, args)
            values, _, order = self.make_parser(ctx).parse_args(args=list(args))
            typed = {param.name: values[param.name] for param in order if _stands(param, values)}
            _require_reachable([param for param in self.params if param.name == "config"], typed)
            file = self._config_file(typed)
            given = typed
            if file is not None:
                for name in self._overruled(file, typed):
                    del file[name]
                ctx.default_map = ctx.meta[file.KEY] = file
                given = {name: value for name, value in file.items() if value not in (False, [])} | typed
            with file.naming_lines(typed) if file is not None else contextlib.nullcontext():
                written = {_written(one): str(given[one.name]) for one in self.params if one.name in given}
                require_effects(self.name or "", written)
                _require_reachable(self.params, given)
            for param, times in Counter(order).items():
                single = not param.multiple and param.nargs == 1 and not getattr(param, "is_flag", False)
                if times > 1 and single:
                    raise UserError(
                        f"{param.opts[0]} は 1 つだけ指定できます（{times} 個あります）。",
                        code="option-repeated",
                        option=param.opts[0],
                        times=times,
                    )
        rest = super().parse_args(ctx, args)
        for param in self.params:
            if not any(place in (param.metavar or "") for place in PLACES):
                ctx.params[param.name] = as_text(ctx.params.get(param.name))
        return rest

    def _config_file(self, typed: Mapping[str, Any]) -> ConfigFile | None:
        """The file of --config, read; ``None`` without one, or where a help page is printed."""
        if "config" not in typed or "help" in typed:
            return None
        from .config_file import keys_of, read_config_file  # noqa: PLC0415  most command lines name no file

        options = {one.name: one.opts[0] for one in self.params if one.opts[0].startswith("--")}
        return read_config_file(Path(typed["config"]), keys_of(function(self.name or ""), options))

    def _overruled(self, file: Collection[str], typed: Mapping[str, Any]) -> set[str]:
        """Parameters of a file that cannot stand beside what is typed, which has precedence."""
        name = {_written(one): one.name for one in self.params}
        active = {option for option in name if name[option] in typed}
        active -= {
            option for option, value in NEUTRAL.items() if str(typed.get(name.get(option, ""))) == value
        }
        pairs = [
            (one, other) for one, others in NOT_BESIDE.get(self.name or "", {}).items() for other in others
        ]
        beside = {other for one, other in pairs if one in active} | {
            one for one, other in pairs if other in active
        }
        return {name[option] for option in beside if name[option] in file and name[option] not in typed}


def _require_reachable(params: Iterable[Any], given: Mapping[str, Any]) -> None:
    for param in params:
        if param.metavar in PLACES and param.name in given:
            value = given[param.name]
            for place in value if isinstance(value, list | tuple) else [value]:
                require_reachable(Path(place))


def as_text(value: Any) -> Any:
    """An argument, or each of several, decoded as UTF-8 where Python decoded it by the locale's encoding and kept
    bytes as lone surrogates. Paths are left as they are: the system gets them back as these bytes.

    Raises:
        UserError: it is in another encoding.
    """
    if isinstance(value, list | tuple):
        return type(value)(map(as_text, value))
    if isinstance(value, str) and any(one in "\x1b+~" or "\udc80" <= one <= "\udcff" for one in value):
        try:
            raw = os.fsencode(value)
        except UnicodeError:  # other halves of surrogate pairs, which no bytes stand for
            return value
        from ..data.formats.format import decoded, not_utf8  # noqa: PLC0415

        try:
            return decoded(raw)
        except UnicodeDecodeError:
            raise not_utf8(f"引数（{value}）", raw, first=True) from None
    return value


def _written(param: Any) -> str:
    """An option as one types it, or what an argument is called in the help."""
    return param.opts[0] if param.opts[0].startswith("-") else param.metavar


def _stands(param: Any, values: Mapping[str, Any]) -> bool:
    """Whether a parameter was typed. The parser lists all positional arguments, typed or not."""
    value = values.get(param.name)
    return value is not None and value != () and "UNSET" not in repr(value)


class JapaneseGroup(_JapaneseHelp, typer.core.TyperGroup):
    """The program itself with a Japanese help page."""


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


def title_panels() -> None:
    """Give the help pages' panels Japanese titles, and have their columns break Japanese text, which has no spaces,
    where rich would cut it off. Imports rich, so call it only when help is wanted."""
    require_terminal_size()
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415
    from typer import rich_utils  # noqa: PLC0415

    class FoldingTable(Table):
        def __rich_console__(self, *arguments: Any) -> Any:
            for column in self.columns:
                column.overflow = "fold"
            return super().__rich_console__(*arguments)

    rich_utils.Table = FoldingTable  # type: ignore[misc]
    rich_utils.Columns = Text(" ", overflow="fold").join  # type: ignore[assignment]
    rich_utils.ARGUMENTS_PANEL_TITLE = "引数"
    rich_utils.OPTIONS_PANEL_TITLE = "その他"
    rich_utils.COMMANDS_PANEL_TITLE = "コマンド"
    rich_utils.REQUIRED_LONG_STRING = "［必ず要る］"
    # <path> and <str> behind arguments that are called DIR and 文
    typer.core.TyperArgument.display_type_rich = lambda *_, **__: None  # type: ignore[method-assign]
