"""A TOML file of options: ``--config`` reads one, ``--save-config`` and every training write one.

A key is the long name of an option of the command, with ``_`` or ``-`` (``batch_size``), and its value means what it
means behind the option: a relative path starts from the working directory. The command's own parameters are the only
table of keys and of their types.
"""

from __future__ import annotations

import contextlib
import difflib
import re
import tomllib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from ..errors import Failure, UserError
from ..io.files import read_bytes, require_own_file, write_utf8
from ..io.text import in_toml, one_line
from ..version import __version__

TRAIN_CONFIG = "train.toml"
"""In a model directory, though no part of the model: the settings of its training, for ``--config``."""
_OWN = "# jsl-seq2seq "
"""What the first line of a file that this program wrote begins with."""
_MOST_BYTES = 1_000_000
_WHAT = "設定のファイル"
_NOT_IN_A_FILE = frozenset({"config", "save_config"})
_NAMES: Mapping[type, str] = {
    bool: "true か false", int: "整数", float: "数", str: "文字列", Path: "文字列", list: "文字列の一覧",
}  # fmt: skip


@dataclass(frozen=True)
class Key:
    """A key that a file may have.

    Attributes:
        parameter: of the command's function.
        kind: ``bool``, ``int``, ``float``, ``str`` or ``Path``.
        several: whether the value is a list of these.
    """

    parameter: str
    kind: type
    several: bool = False


class ConfigFile(dict[str, Any]):
    """What a file of options says: values by parameter of the command's function.

    Attributes:
        lines: the line on which each key stands.
    """

    KEY = "jsl_seq2seq.config_file"
    """Where a command's context has it, in ``meta``."""

    def __init__(self, path: Path, values: Mapping[str, Any], lines: Mapping[str, int]) -> None:
        super().__init__(values)
        self.path, self.lines = path, lines

    @contextlib.contextmanager
    def naming_lines(self, typed: Container[str]) -> Iterator[None]:
        """A user's mistake in the body that is about a value of the file names its line.

        Args:
            typed: the parameters that stand on the command line, which are not from the file.
        """
        try:
            yield
        except UserError as error:
            facts = error.facts
            about = [*map(facts.get, ("setting", "option", "beside")), *facts.get("settings", ())]
            keys = (key_of(name) for name in about if name and key_of(name) not in typed)
            line = next((self.lines[key] for key in keys if key in self.lines), None)
            error.what += f"（{self.path} の {line} 行目）" if line else ""
            raise


def keys_of(function: Callable[..., Any], options: Mapping[str, str]) -> dict[str, Key]:
    """The keys of a command's file.

    Args:
        options: the long name of each option, ``--batch-size``, by parameter.
    """
    hints = get_type_hints(function)
    found = {}
    for parameter, option in options.items():
        hint = hints[parameter]
        if get_origin(hint) in (Union, UnionType):
            hint = next(one for one in get_args(hint) if one is not type(None))
        several = get_origin(hint) is list
        kind = get_args(hint)[0] if several else hint
        if parameter not in _NOT_IN_A_FILE:
            found[key_of(option)] = Key(parameter, kind, several)
    return found


def key_of(option: str) -> str:
    """``--batch-size`` -> ``batch_size``."""
    return option.lstrip("-").replace("-", "_")


def read_config_file(path: Path, keys: Mapping[str, Key]) -> ConfigFile:
    """Read a file of options.

    Raises:
        UserError: it cannot be read, is no TOML, or has a key or a value that the command does not have; names the
            line.
    """
    from ..data.formats.format import read_lines  # noqa: PLC0415  needs NumPy, which not every command line does

    lines = read_lines(path, _WHAT, _MOST_BYTES)
    try:
        written = tomllib.loads("".join(f"{line}\n" for line in lines))
    except (ValueError, RecursionError) as error:
        raise _no_toml(path, error) from None
    values: dict[str, Any] = {}
    at: dict[str, int] = {}
    for name, value in written.items():
        line = _line_of(name, lines)
        key = keys.get(name.replace("-", "_"))
        if key is None:
            raise _unknown(path, line, name, value, keys)
        if key.parameter in values:
            raise UserError(
                f"{path} の {line} 行目: {name} が 2 つあります。",
                "どちらかを消してください。",
                code="config-key-repeated",
                path=path,
                line=line,
                key=name,
            )
        values[key.parameter] = _typed(path, line, name, value, key)
        at[key_of(name)] = line
    return ConfigFile(path, values, at)


def _line_of(name: str, lines: Sequence[str]) -> int:
    """The line on which a key stands, from 1; it may stand in quotes, and be the head of a table."""
    key = re.compile(rf"\s*\[*\s*(['\"]?){re.escape(name)}\1\s*[=.\]]")
    return next((number for number, line in enumerate(lines, start=1) if key.match(line)), 1)


def _no_toml(path: Path, error: Exception) -> UserError:
    found = re.search(r"at line (\d+)", str(error))
    line = int(found[1]) if found else None
    where = f"{path} の {line} 行目" if line else f"{path} "
    return UserError(
        f"{where}を TOML として読めません。",
        '1 行に 1 つ、epochs = 40 や data = "train.tsv" のように書きます（文字列は " で囲みます）。',
        code="config-not-toml",
        path=path,
        line=line,
        reason=str(error),
    )


def _unknown(path: Path, line: int, name: str, value: Any, keys: Mapping[str, Key]) -> UserError:
    near = difflib.get_close_matches(name.replace("-", "_"), keys, n=3)
    if isinstance(value, dict):
        hint = "項目は区切らずに、1 行に 1 つ並べます（[ ] の見出しは使えません）。"
    else:
        hint = f"もしかして: {'、'.join(near)}" if near else "書けるのは、--help にあるオプションの名前です。"
    return UserError(
        f"{path} の {line} 行目: そのような項目はありません: {name}",
        hint,
        code="config-key-unknown",
        path=path,
        line=line,
        key=name,
        nearest=near,
    )


def _typed(path: Path, line: int, name: str, value: Any, key: Key) -> Any:
    if key.several and isinstance(value, list):
        return [_typed(path, line, name, one, Key(key.parameter, key.kind)) for one in value]
    if not key.several:
        # bool is an int in Python; a device or a list of seeds is a text that may be one number
        if key.kind is bool and isinstance(value, bool):
            return value
        if not isinstance(value, bool):
            if key.kind is int and isinstance(value, int):
                return value
            if key.kind is float and isinstance(value, int | float):
                with contextlib.suppress(OverflowError):
                    return float(value)
            if key.kind in (str, Path) and isinstance(value, str | int):
                return key.kind(str(value))
    wanted = _NAMES[list if key.several else key.kind]
    raise UserError(
        f"{path} の {line} 行目: {name} は{wanted}で書きます（いまの値: {_shown(value)}）。",
        f"たとえば: {name} = {_EXAMPLES[list if key.several else key.kind]}",
        code="config-value-mistyped",
        path=path,
        line=line,
        key=name,
        expected=wanted,
        found=value,
    )


_EXAMPLES: Mapping[type, str] = {
    bool: "true", int: "8", float: "0.001", str: '"cosine"', Path: '"train.tsv"', list: '["ありがとう"]',
}  # fmt: skip


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    return shown if len(shown) <= 40 else shown[:40] + "…"


def require_place(path: Path) -> None:
    """Raise UserError if something stands there that this program did not write."""
    require_own_file(path, _is_own)


def _is_own(path: Path) -> bool:
    return read_bytes(path, _MOST_BYTES, links=False).startswith(_OWN.encode())


def write_config_file(path: Path, values: Mapping[str, Any], notes: Sequence[str] = ()) -> None:
    """Write a file of options, in the place of one that this program wrote.

    Args:
        values: by key. Paths are written with ``/``.
        notes: comments above them.

    Raises:
        UserError: another file is there.
        Failure: it cannot be written.
    """
    import tomli_w  # noqa: PLC0415  only those that write one need it

    require_place(path)
    head = [
        f"{_OWN}{__version__} の学習の設定（--config で読めます）",
        *(f"# {one_line(note)}" for note in notes),
    ]
    content = in_toml(tomli_w.dumps({name: plain(value) for name, value in values.items()}))
    try:
        write_utf8(path, "\n".join(head) + "\n\n" + content)
    except OSError as error:
        raise Failure(
            f"設定を書けません: {path}（{error.strerror}）",
            "フォルダーがあるか、書き込める場所かを確かめてください。",
            code="config-not-written",
            path=path,
            reason=error.strerror,
        ) from None


def plain(value: Any) -> Any:
    """A value as the file has it."""
    if isinstance(value, PurePath):
        return value.as_posix()
    return [plain(one) for one in value] if isinstance(value, list | tuple) else value


def recorded(path: Path) -> dict[str, Any]:
    """What a file says that this program wrote, by key; empty if there is none."""
    try:
        return tomllib.loads(read_bytes(path, _MOST_BYTES).decode("utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
