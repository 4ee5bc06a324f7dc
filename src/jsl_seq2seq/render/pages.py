"""HTML pages and SVG pictures from templates, which escape every value that is put into them.

A page holds its style and its pictures, or refers to pictures beside it; it loads nothing else and has no script.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import Failure
from .glyphs import printable

if TYPE_CHECKING:
    from jinja2 import Environment


def render(template: str, **values: Any) -> str:
    """The text of a file in ``templates/`` with its values."""
    return _environment().get_template(template).render(values)


def write(path: Path, text: str) -> None:
    """Write a file, with its folder.

    Raises:
        Failure: it cannot be written (``page-not-written``).
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
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


@cache
def _environment() -> Environment:
    import jinja2  # noqa: PLC0415  only whoever writes a page waits for it

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("jsl_seq2seq.render"),
        autoescape=True,
        finalize=_without_controls,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = percent
    return environment


def _without_controls(value: object) -> object:
    """Text without the characters that neither HTML nor XML may hold; markup and numbers as they are."""
    return printable(value) if type(value) is str else value
