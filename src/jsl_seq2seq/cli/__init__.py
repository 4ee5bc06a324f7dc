"""The command line: parses, calls, prints."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the program and exit, as :func:`.console.main` does; Ctrl-C may be pressed while that is being imported."""
    try:
        from . import console  # noqa: PLC0415
    except KeyboardInterrupt:
        sys.exit(130)
    console.main(arguments)
