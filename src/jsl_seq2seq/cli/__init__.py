"""The command line: parses, calls, prints."""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # typing's, whose import takes longer than all the rest before Ctrl-C is caught
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit, as :func:`.console.main` does, at Ctrl-C in silence, whenever it is pressed."""
    try:
        from . import console  # noqa: PLC0415  takes a while

        console.main(arguments)
    except KeyboardInterrupt:
        sys.exit(130)
