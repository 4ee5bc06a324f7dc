"""Print the oldest releases that pyproject.toml allows, one ``name==version`` a line, as constraints for pip.

Those of the program and of its extras, and not of the tools that test it. ``.ci/run`` installs them and runs tests.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

TOOLS = ("test", "kernels", "browser")
"""Extras for the tests: whoever runs those installs today's releases."""

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)\s*>=\s*(?P<floor>[\w.]+)")


def lower_bounds(pyproject: str) -> Iterator[str]:
    """``name==version`` for each requirement of the form ``name>=version``, sorted."""
    project = tomllib.loads(pyproject)["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"]]
    for name, requirements in extras.items():
        if name not in TOOLS:
            wanted += requirements
    found = [_REQUIREMENT.match(requirement) for requirement in wanted]
    yield from sorted({f"{match['name']}=={match['floor']}" for match in found if match})


if __name__ == "__main__":
    print("\n".join(lower_bounds((ROOT / "pyproject.toml").read_text(encoding="utf-8"))))
