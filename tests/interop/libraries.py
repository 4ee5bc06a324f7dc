"""Libraries that tests of exports compare with.

One that is missing skips its tests, unless the environment variable ``JSL_REQUIRE_LIBRARIES`` (such as
``onnxruntime,transformers``) names it: then its absence is a failure.
"""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from typing import Any

import pytest


def require(name: str) -> Any:
    """The module, or the skipped test or file."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it says about itself is not ours
            return import_module(name)
    except ImportError as error:
        if name in os.environ.get("JSL_REQUIRE_LIBRARIES", "").split(","):
            raise RuntimeError(f"{name} is required by JSL_REQUIRE_LIBRARIES") from error
        pytest.skip(f"{name} is not installed", allow_module_level=True)
