"""Named arrays in the safetensors files of a model directory."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from jsl_seq2seq.errors import Failure
from jsl_seq2seq.store.directory import from_safetensors, to_safetensors

from ..refusals import refused
from ..small_models import same_arrays

PATH = Path("重み.safetensors")
SHAPES = {"b": (2, 3), "a": (4,)}


def arrays() -> dict[str, np.ndarray]:
    return {
        "b": np.arange(6, dtype=np.float32).reshape(2, 3),
        "a": np.array([0.1, -0.0, 1e-45, 3.4e38], np.float32),
    }


def header(**tensors: object) -> bytes:
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text


def test_every_bit_and_the_order_come_back() -> None:
    assert same_arrays(from_safetensors(to_safetensors(arrays()), SHAPES, PATH), arrays())


@given(st.sampled_from(["transposed", "fortran", "strided", "reversed", "broadcast"]), st.integers(0, 99))
def test_arrays_that_do_not_lie_in_one_piece(kind: str, seed: int) -> None:
    """safetensors 0.8 writes such memory as it lies, which scrambles the values."""
    values = np.random.default_rng(seed).normal(size=(6, 4)).astype(np.float32)
    view = {
        "transposed": values.T,
        "fortran": np.asfortranarray(values),
        "strided": values[::2, ::3],
        "reversed": values[::-1],
        "broadcast": np.broadcast_to(values[0], (3, 4)),
    }[kind]
    back = from_safetensors(to_safetensors({"x": view}), {"x": view.shape}, PATH)["x"]
    np.testing.assert_array_equal(back, view)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_could_not_be_loaded_is_not_written(value: float) -> None:
    broken = arrays()
    broken["a"][2] = value
    with refused(Failure, "a", "数でない値", "--learning-rate"):
        to_safetensors(broken)


def test_a_library_that_scrambles_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = safetensors.numpy.save
    monkeypatch.setattr(
        safetensors.numpy,
        "save",
        lambda tensors: honest({name: a[::-1].copy() for name, a in tensors.items()}),
    )
    with refused(Failure, "正しく書き出せません"):
        to_safetensors(arrays())


GOOD = to_safetensors(arrays())
FILES = {
    "nothing": b"",
    "zeros": bytes(64),
    "one byte": b"{",
    "cut in the header": GOOD[:20],
    "cut in the data": GOOD[:-1],
    "a byte more": GOOD + b"\0",
    "huge header": struct.pack("<Q", 2**62) + b"{}",
    "header beyond the end": struct.pack("<Q", 10**6) + b"{}",
    "header of 200 MB": struct.pack("<Q", 200_000_000) + b"{" * 1000,
    "not JSON": struct.pack("<Q", 3) + b"{]}",
    "not UTF-8": struct.pack("<Q", 3) + b"\xff\xfe\xfd",
    "not an object": struct.pack("<Q", 4) + b"[1] ",
    "no offsets": header(a={"dtype": "F32", "shape": [4]}),
    "offsets beyond": header(a={"dtype": "F32", "shape": [4], "data_offsets": [0, 2**60]}),
    "offsets backwards": header(a={"dtype": "F32", "shape": [4], "data_offsets": [16, 0]}) + bytes(16),
    "huge shape": header(a={"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 16]}) + bytes(16),
    "negative shape": header(a={"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}) + bytes(16),
    "unknown type": header(a={"dtype": "F33", "shape": [4], "data_offsets": [0, 16]}) + bytes(16),
    "type without NumPy": header(a={"dtype": "F8_E4M3", "shape": [16], "data_offsets": [0, 16]}) + bytes(16),
    "bfloat16": header(a={"dtype": "BF16", "shape": [8], "data_offsets": [0, 16]}) + bytes(16),
    "a renamed pickle": pickle.dumps({"a": 1}),
    "a renamed archive": b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("content", FILES.values(), ids=FILES.keys())
def test_what_is_no_safetensors_file(content: bytes) -> None:
    with refused(Failure, str(PATH)):
        from_safetensors(content, SHAPES, PATH)


class _Bomb:
    def __reduce__(self) -> tuple:
        return (pytest.fail, ("a pickle was run",))


def test_a_pickle_is_never_run() -> None:
    with refused(Failure, str(PATH)):
        from_safetensors(pickle.dumps(_Bomb()), SHAPES, PATH)


@pytest.mark.parametrize(
    ("change", "fragments"),
    [
        ({"a": None}, ["足りない", "a"]),
        ({"c": np.zeros(1, np.float32)}, ["余分", "c"]),
        ({"a": None, "A": np.zeros(4, np.float32)}, ["足りない", "余分"]),
        ({"a": np.zeros(4)}, ["a", "float64"]),
        ({"a": np.zeros(4, np.int32)}, ["a", "int32"]),
        ({"a": np.zeros(4, np.float16)}, ["a", "float16"]),
        ({"a": np.zeros(5, np.float32)}, ["a", "(4,)", "(5,)"]),
        ({"a": np.zeros((2, 2), np.float32)}, ["a", "(2, 2)"]),
        ({"b": np.zeros((3, 2), np.float32)}, ["b", "(3, 2)"]),
        ({"a": np.array([1, 2, np.nan, 4], np.float32)}, ["a", "NaN"]),
        ({"a": np.array([1, 2, np.inf, 4], np.float32)}, ["a", "無限大"]),
    ],
)
def test_a_file_that_does_not_fit_the_model(change: dict, fragments: list[str]) -> None:
    tensors = {name: array for name, array in (arrays() | change).items() if array is not None}
    with refused(Failure, str(PATH), *fragments):
        from_safetensors(safetensors.numpy.save(tensors), SHAPES, PATH)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(content: bytes) -> None:
    with refused(Failure, str(PATH)):
        from_safetensors(content, SHAPES, PATH)


@given(st.data())
def test_no_changed_byte_breaks_the_reader(data: st.DataObject) -> None:
    """Without checksums a flipped number may pass; anything else must be said, and nothing may crash."""
    content = bytearray(GOOD)
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    try:
        found = from_safetensors(bytes(content), SHAPES, PATH)
    except Failure:
        return
    assert {name: array.shape for name, array in found.items()} == SHAPES
