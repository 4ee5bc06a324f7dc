"""Attention and weights as files."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from jsl_seq2seq.errors import Failure, UserError
from jsl_seq2seq.render.export import (
    LONGEST,
    attention_tables,
    export_attention,
    export_weights,
    matching_names,
)
from jsl_seq2seq.render.tables import read_table
from jsl_seq2seq.translate.translator import Attention, Translation

from ..refusals import refused
from ..small_models import trained_small, trained_words, translator_of

MODEL = trained_small()


def translated(text: str = "わたしはたべます") -> Translation:
    return translator_of(MODEL).translate(text, attention=True)


def table(path: Path) -> tuple[np.ndarray, list[str], list[str]]:
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")  # so that Excel reads UTF-8
    return read_table(content.decode("utf-8"))


def test_names_of_the_files(tmp_path: Path) -> None:
    written = export_attention(translated(), tmp_path / "exports")
    names = {
        f"{start}{0}_head{head}"
        for start in ("attn_layer", "attn_decoder_layer", "attn_cross_layer")
        for head in (0, 1)
    }
    expected = {f"{name}.{end}" for name in names for end in ("csv", "svg")} | {"attention.html"}
    assert (
        {path.name for path in written}
        == {path.name for path in (tmp_path / "exports").iterdir()}
        == expected
    )


def test_rows_and_columns_are_called_what_they_are() -> None:
    found = translator_of(trained_words()).translate("Heute scheint", attention=True)
    titles = {(one.row_title, one.column_title) for one in attention_tables(found)}
    assert titles == {("見ている語", "見られている語")}
    titles = {(one.row_title, one.column_title) for one in attention_tables(translated())}
    assert titles == {
        ("見ている文字", "見られている文字"),
        ("見ているタグ", "見られているタグ"),
        ("見ているタグ", "見られている文字"),
    }


def test_tables_are_the_captured_arrays_bit_for_bit(tmp_path: Path) -> None:
    translation = translated()
    export_attention(translation, tmp_path)
    files = {
        "encoder.0.self": "attn_layer0",
        "decoder.0.self": "attn_decoder_layer0",
        "decoder.0.cross": "attn_cross_layer0",
    }
    assert translation.attention is not None and set(translation.attention) == set(files)
    for name, attention in translation.attention.items():
        for head, weights in enumerate(attention.weights):
            values, rows, columns = table(tmp_path / f"{files[name]}_head{head}.csv")
            assert values.tobytes() == weights.tobytes()
            assert (rows, columns) == (list(attention.query_labels), list(attention.key_labels))
            np.testing.assert_allclose(values.sum(axis=1), 1, atol=1e-6)


def test_labels(tmp_path: Path) -> None:
    export_attention(translated(), tmp_path)
    _, rows, columns = table(tmp_path / "attn_cross_layer0_head1.csv")
    assert rows == ["<SOS>", "<私>", "<食べる>"]
    assert columns == list("わたしはたべます")


def test_dangerous_labels_are_disarmed(tmp_path: Path) -> None:
    labels = ("=1+1", "a,b", "<b>\n")
    attention = Attention(np.full((1, 3, 3), 1 / 3, np.float32), labels, labels)
    export_attention(replace(translated(), attention={"encoder.0.self": attention}), tmp_path)
    values, rows, columns = table(tmp_path / "attn_layer0_head0.csv")
    assert rows == columns == ["'=1+1", "a,b", "<b>\n"]
    assert (values == np.float32(1 / 3)).all()
    ET.parse(tmp_path / "attn_layer0_head0.svg")


def test_the_page_shows_every_picture(tmp_path: Path) -> None:
    written = export_attention(translated(), tmp_path)
    page = (tmp_path / "attention.html").read_text(encoding="utf-8")
    shown = re.findall(r'<img src="([^"]+)"', page)
    assert sorted(shown) == sorted(path.name for path in written if path.suffix == ".svg")
    assert "わたしはたべます → &lt;私&gt; &lt;食べる&gt;" in page
    assert "日本手話そのものではありません" in page and 'charset="utf-8"' in page


@pytest.mark.parametrize("text", ["わ<script>", "わ\ud83d", "わ\x00\x1b[2J", "わ&\"'"])
def test_the_page_is_safe_whatever_the_sentence(tmp_path: Path, text: str) -> None:
    export_attention(translated(text), tmp_path)
    page = (tmp_path / "attention.html").read_bytes().decode("utf-8")
    assert "<script" not in page
    assert not re.search(r"[\x00-\x08\x0e-\x1f]", page)


def test_pictures_are_well_formed_and_have_their_title(tmp_path: Path) -> None:
    for path in export_attention(translated(), tmp_path):
        if path.suffix == ".svg":
            title = ET.parse(path).getroot().attrib["aria-label"]
            assert "注意" in title and f"ヘッド {path.stem[-1]}" in title


def test_long_sentences_are_left_out_unless_forced(tmp_path: Path) -> None:
    translation = translated("わ" * (LONGEST + 1))
    with refused(UserError, "21 個", "--force-export"):
        export_attention(translation, tmp_path / "e")
    assert not (tmp_path / "e").exists()
    assert export_attention(translation, tmp_path / "e", force=True)
    assert table(tmp_path / "e" / "attn_layer0_head0.csv")[0].shape == (21, 21)


def test_exactly_the_limit_is_exported(tmp_path: Path) -> None:
    translation = translated("わ" * LONGEST)
    assert len(translation.tags) + 1 <= LONGEST
    assert export_attention(translation, tmp_path)


def test_long_translations_count_too(tmp_path: Path) -> None:
    labels = ("<a>",) * 21
    attention = {"decoder.0.self": Attention(np.eye(21, dtype=np.float32)[None], labels, labels)}
    with refused(UserError, "21 個"):
        export_attention(replace(translated(), attention=attention), tmp_path)


@pytest.mark.parametrize(
    "name", ["decoder.output_projection.weight", "encoder.final_norm.bias", "decoder.embedding.weight"]
)
def test_one_weight(tmp_path: Path, name: str) -> None:
    written = export_weights(MODEL.parameters, MODEL.vocabularies, name, tmp_path)
    assert [path.name for path in written] == [f"weights_{name}.csv", f"weights_{name}.svg"]
    values, *_ = table(written[0])
    assert values.tobytes() == MODEL.parameters[name].tobytes()
    ET.parse(written[1])


def test_everything_below_a_name(tmp_path: Path) -> None:
    name = "decoder.output_projection"
    written = export_weights(MODEL.parameters, MODEL.vocabularies, name, tmp_path)
    assert [path.name for path in written if path.suffix == ".csv"] == [
        f"weights_{name}.weight.csv",
        f"weights_{name}.bias.csv",
    ]
    _, rows, columns = table(written[0])
    assert rows == [str(i) for i in range(8)]
    assert columns[:4] == ["<PAD>", "<SOS>", "<EOS>", "<1>"]


def test_a_prefix_ends_at_a_dot() -> None:
    parameters = {"decoder.a": np.zeros(1), "decoder.ab": np.zeros(1), "decoder.a.b": np.zeros(1)}
    assert matching_names(parameters, "decoder.a") == ["decoder.a", "decoder.a.b"]
    assert matching_names(parameters, "decoder.") == list(parameters)


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("decoder.output_projektion", "decoder.output_projection"),
        ("output_projection", "decoder.output_projection"),
        ("encoder.layers.1", "encoder.layers.0"),
        ("Encoder", "encoder"),
        ("", "encoder"),
        ("龍", "decoder"),
    ],
)
def test_a_wrong_name_lists_the_nearest(tmp_path: Path, wrong: str, nearest: str) -> None:
    with refused(UserError, repr(wrong), nearest, "近い名前"):
        export_weights(MODEL.parameters, MODEL.vocabularies, wrong, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with refused(Failure, "書き出せませんでした", "--export-dir"):
        export_attention(translated(), tmp_path / "file")
    with refused(Failure, "書き出せませんでした", "--export-dir"):
        export_weights(MODEL.parameters, MODEL.vocabularies, "decoder.embedding", tmp_path / "file" / "x")
