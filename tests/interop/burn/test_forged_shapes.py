"""Every tensor of an original with every other shape: refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.errors import Failure
from jsl_seq2seq.interop.burn import import_burn

from .synthetic import Original


def small() -> Original:
    return Original(d_model=4, n_layers=1, d_ff=3)


def tensors(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every array."""
    if isinstance(tree, np.ndarray):
        yield path
    elif isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from tensors(value, (*path, key))


PATHS = list(tensors(small().tree))


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("longer", [True, False])
def test_no_tensor_may_have_another_shape(tmp_path: Path, axis: int, longer: bool) -> None:
    assert len(PATHS) > 30
    for number, path in enumerate(PATHS):
        original = small()
        owner = original.tree
        for key in path[:-1]:
            owner = owner[key]
        values = owner[path[-1]]
        if axis >= values.ndim:
            continue
        one = np.take(values, [0], axis=axis)
        owner[path[-1]] = (
            np.concatenate([values, one], axis=axis) if longer else np.delete(values, 0, axis=axis)
        )
        with pytest.raises(Failure):
            import_burn(original.write(tmp_path / f"o{number}"), tmp_path / f"m{number}")
        assert not (tmp_path / f"m{number}" / "config.json").exists()


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5_000, "1e999", "NaN", "Infinity"])
def test_numbers_of_the_settings(tmp_path: Path, number: str) -> None:
    original = small().write(tmp_path / "o")
    (original / "config.json").write_text(f'{{"d_model": {number}}}', encoding="utf-8")
    with pytest.raises(Failure):
        import_burn(original, tmp_path / "m")


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5_000, "-1", "٣", "x"])
def test_numbers_of_the_vocabulary(tmp_path: Path, number: str) -> None:
    original = small().write(tmp_path / "o")
    (original / "config.json").write_text(f'{{"vocab": {{"{number}": "a"}}}}', encoding="utf-8")
    with pytest.raises(Failure):
        import_burn(original, tmp_path / "m")
