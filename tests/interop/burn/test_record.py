"""Files that are not what they should be: refused in words, at once, without taking memory on their word."""

from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from jsl_seq2seq.errors import Failure, UserError
from jsl_seq2seq.interop.burn import import_burn
from jsl_seq2seq.interop.burn.bincode import Reader, Writer
from jsl_seq2seq.interop.burn.record import read_record, write_record

from ...refusals import refused
from .synthetic import Original, integer

SMALL = Original(d_model=4, n_layers=1, d_ff=3, vocab_size=5)
CONTENT = SMALL.content()
HEADER = 130
"""Bytes of the five strings."""
TENSOR = 14
"""Bytes of a parameter's id, its length included."""


def refuse(content: bytes, *fragments: str) -> None:
    """Refused with little memory, whatever a length field says; the message names file, byte and reason."""
    tracemalloc.start()
    try:
        with refused(Failure, "models/x.bin の ", " バイト目で", *fragments):
            read_record(content, "models/x.bin")
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()


def at(position: int, replacement: bytes) -> bytes:
    return CONTENT[:position] + replacement + CONTENT[position + len(replacement) :]


def test_what_is_read_is_written() -> None:
    assert write_record(read_record(CONTENT, "x")) == CONTENT


@pytest.mark.parametrize("value", [0, 1, 250, 251, 255, 2**16 - 1, 2**16, 2**32 - 1, 2**32, 2**64 - 1])
def test_integers(value: int) -> None:
    writer = Writer()
    writer.unsigned(value)
    content = writer.content()
    if value < 2**32:
        assert content == integer(value)
    assert len(content) == (1 if value < 251 else 3 if value < 2**16 else 5 if value < 2**32 else 9)
    reader = Reader(content, "x")
    assert reader.unsigned("n") == value
    reader.finish()


@pytest.mark.parametrize(
    "content", [b"\xfb\x05\x00", b"\xfc\xff\xff\x00\x00", b"\xfd" + b"\xff" * 4 + bytes(4), b"\xfe", b"\xff"]
)
def test_integers_in_no_form_that_a_writer_chooses(content: bytes) -> None:
    with refused(Failure, "0 バイト目"):
        Reader(content, "x").unsigned("数")


@pytest.mark.parametrize("length", [*range(0, len(CONTENT), 97), len(CONTENT) - 1])
def test_cut_short(length: int) -> None:
    refuse(CONTENT[:length], "バイト必要ですが")


def test_a_byte_more() -> None:
    refuse(CONTENT + b"\0", "1 バイト余っています")


@pytest.mark.parametrize("claimed", [b"\xfd" + b"\xff" * 8, b"\xfc" + b"\xff" * 4, b"\xfb\xff\xff"])
@pytest.mark.parametrize("position", [0, HEADER, HEADER + TENSOR], ids=["string", "id", "values"])
def test_a_length_beyond_everything(position: int, claimed: bytes) -> None:
    refuse(CONTENT[:position] + claimed + CONTENT[position + 1 :])


@pytest.mark.parametrize("claimed", [b"\xfd" + b"\xff" * 8, b"\xfc" + b"\xff" * 4])
def test_a_vec_of_more_items_than_bytes(claimed: bytes) -> None:
    blocks = HEADER + TENSOR + 1 + 4 * 5 * 4 + 3 + 1
    assert CONTENT[blocks] == 1
    refuse(CONTENT[:blocks] + claimed + CONTENT[blocks + 1 :], "encoder.encoder_blocks[")


def test_a_million_tiny_tensors() -> None:
    tiny = b"\0" + integer(4) + bytes(4) + b"\x02\x01\x01" + b"\x01"
    start = CONTENT[:HEADER] + tiny + integer(1)
    refuse(start + integer(2_000_000) + (tiny + b"\0") * 2_000_000, "超えています")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b"f32", b"f16", "「f32」のはずが「f16」"),
        (b"0.18.0", b"0.17.1", "0.17.1"),
        (b"0.18.0", b"0.19.0", "0.19.0"),
        (b"record::settings::FullPrecision", b"record::settings::HalfPrecisio", "HalfPrec"),
    ],
)
def test_another_kind_of_file(old: bytes, new: bytes, said: str) -> None:
    refuse(CONTENT.replace(old, new, 1), said)


def test_shapes_types_and_numbers() -> None:
    values = HEADER + TENSOR + 1
    end = values + 4 * 5 * 4
    refuse(at(end, b"\x03"), "encoder.embedding.weight", "2 次元のはずが 3 次元")
    refuse(at(end + 1, b"\x06"), "形 [6, 4] と長さ 80 バイトが合いません")
    refuse(at(end + 1, b"\x00\x00"), "形 [0, 0]")
    refuse(at(end + 3, b"\x00"), "型が float32（1）ではなく 0")
    refuse(at(values, struct.pack("<f", float("nan"))), "NaN")
    refuse(at(HEADER + 1, b"\xff"), "UTF-8")


def test_an_epsilon_that_should_not_be_there() -> None:
    refuse(CONTENT[:HEADER] + CONTENT[HEADER:].replace(b"\x04\x01\x00", b"\x04\x01\x01", 1))


@pytest.mark.parametrize("content", [b"", b"\x80\x04K\x01.", b"PK\x03\x04" + bytes(100), bytes(1000)])
def test_something_else_entirely(content: bytes) -> None:
    refuse(content)


def test_a_huge_file_is_not_read(tmp_path: Path, unread: Callable[[str], None]) -> None:
    directory = Original(n_layers=1).write(tmp_path / "o")
    with (directory / "model.bin").open("r+b") as file:
        file.truncate(2**40)  # sparse: takes no room on the disk
    unread("model.bin")
    with refused(Failure, "大きすぎます"):
        import_burn(directory, tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_layers_and_heads_that_do_not_fit(tmp_path: Path) -> None:
    broken = Original(n_layers=1)
    broken.tree["decoder"]["decoder_blocks"] *= 2
    with refused(Failure, "層の数"):
        import_burn(broken.write(tmp_path / "a"), tmp_path / "m")
    broken = Original(n_layers=2)
    broken.tree["encoder"]["encoder_blocks"][1]["attention"]["w_k"].pop()
    with refused(Failure, "ヘッドの数"):
        import_burn(broken.write(tmp_path / "b"), tmp_path / "m")
    broken = Original(n_layers=1)
    broken.tree["encoder"]["encoder_blocks"][0]["layer_norm1"]["beta"] = np.zeros(15, np.float32)
    with refused(Failure, "encoder.layers.0.norm1.bias", "(16,)", "(15,)"):
        import_burn(broken.write(tmp_path / "c"), tmp_path / "m")
    broken = Original(n_layers=1)
    broken.tree["decoder"]["embedding"] = np.zeros((167, 16), np.float32)
    with refused(Failure, "埋め込みの形"):
        import_burn(broken.write(tmp_path / "d"), tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_no_model_there(tmp_path: Path) -> None:
    with refused(UserError, "フォルダーがありません"):
        import_burn(tmp_path / "nothing", tmp_path / "m")
    with refused(UserError, "model.bin"):
        import_burn(tmp_path, tmp_path / "m")
