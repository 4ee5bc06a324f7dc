"""HTML pages and SVG pictures from templates, which escape every value that is put into them.

A page holds its style and its pictures, or refers to files beside it, and loads nothing else. None has a script but
the page of attention, whose policy lets that one run and no other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Failure
from ..io.files import require_replaceable, require_writable, write_utf8
from ..io.text import substitute

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """The text of a file in ``templates/`` with its values.

    Control characters and lone surrogates become □; marks of the direction of text are left out.
    """
    text = environment().get_template(template).render(values)
    return substitute(text)


def write(path: Path, text: str) -> None:
    """Write a file, with its folder.

    Raises:
        Failure: it cannot be written (``page-not-written``).
    """
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_utf8(path, text)


def require_place(path: Path) -> None:
    """Raise Failure (``page-not-written``) if :func:`write` could not write a file: before the work."""
    with _writing(path):
        require_replaceable(path)
        require_writable(path.parent)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Failure(
            f"書き出せませんでした: {path}（{error.strerror}）",
            "書き込める場所を指定してください。",
            code="page-not-written",
            path=path,
            reason=error.strerror,
        ) from None


def percent(share: float) -> str:
    """``97.3 %``."""
    return f"{100 * share:.1f} %"


def basename(path: str) -> str:
    """The last part of a path of any system."""
    return path.replace("\\", "/").rsplit("/", 1)[-1]


@cache
def environment() -> Environment:
    """The templates of this package, with autoescape."""
    import jinja2  # noqa: PLC0415  slow to import, and only pages need it

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jsl_seq2seq.render"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "basename": basename}
    return environment
