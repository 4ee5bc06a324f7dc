"""Attention and weights as files."""

from __future__ import annotations

import csv
import io
import re
import xml.etree.ElementTree as ET
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from jsl_seq2seq.errors import Failure, UserError
from jsl_seq2seq.render import export
from jsl_seq2seq.render.export import (
    LONGEST,
    attention_tables,
    export_attention,
    export_weights,
    matching_names,
    parameter_labels,
    require_exportable,
    table_csv,
)
from jsl_seq2seq.translate.translator import Attention, Translation

from ..processes import POSIX
from ..refusals import refused
from ..small_models import trained_small, trained_words, translator_of

MODEL = trained_small()


def translated(text: str = "わたしはたべます") -> Translation:
    return translator_of(MODEL).translate(text, attention=True)


def read_table(text: str) -> tuple[np.ndarray, list[str], list[str]]:
    """Values [rows, columns], row labels and column labels of what :func:`table_csv` wrote, with its title or,
    as files of earlier versions are, without."""
    header, *rows = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    if len(header) == 1:  # the title: a table's header has two cells at least
        header, *rows = rows
    values = np.array([[float(cell) for cell in row[1:]] for row in rows], np.float32)
    return values, [row[0] for row in rows], header[1:]


def table(path: Path) -> tuple[np.ndarray, list[str], list[str]]:
    content = path.read_bytes()
    assert content.startswith(b"\xef\xbb\xbf")  # so that Excel reads UTF-8
    return read_table(content.decode("utf-8"))


def test_names_of_the_files(tmp_path: Path) -> None:
    written = export_attention([translated()], tmp_path / "exports")
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
    assert titles == {("見ている語", "見られている語"), ("書く語", "見られている語")}
    titles = {(one.row_title, one.column_title) for one in attention_tables(translated())}
    assert titles == {
        ("見ている文字", "見られている文字"),
        ("書くタグ", "見られているタグ"),
        ("書くタグ", "見られている文字"),
    }


def test_tables_are_the_captured_arrays_bit_for_bit(tmp_path: Path) -> None:
    translation = translated()
    export_attention([translation], tmp_path)
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
    export_attention([translated()], tmp_path)
    _, rows, columns = table(tmp_path / "attn_cross_layer0_head1.csv")
    assert rows == ["<私>", "<食べる>", "<EOS>"]
    assert columns == list("わたしはたべます")
    _, rows, columns = table(tmp_path / "attn_decoder_layer0_head0.csv")
    assert rows == ["<私>", "<食べる>", "<EOS>"]
    assert columns == ["<SOS>", "<私>", "<食べる>"]


def test_dangerous_labels_are_disarmed(tmp_path: Path) -> None:
    labels = ("=1+1", "a,b", "<b>\n")
    attention = Attention(np.full((1, 3, 3), 1 / 3, np.float32), labels, labels)
    export_attention([replace(translated(), attention={"encoder.0.self": attention})], tmp_path)
    values, rows, columns = table(tmp_path / "attn_layer0_head0.csv")
    assert rows == columns == ["'=1+1", "a,b", "<b>\n"]
    assert (values == np.float32(1 / 3)).all()
    ET.parse(tmp_path / "attn_layer0_head0.svg")


def test_the_page_links_to_every_picture_and_table(tmp_path: Path) -> None:
    written = export_attention([translated()], tmp_path)
    page = (tmp_path / "attention.html").read_text(encoding="utf-8")
    linked = re.findall(r'<a href="([^"]+)"', page)
    assert sorted(linked) == sorted(path.name for path in written if path.suffix != ".html")
    assert not re.search(r'src=|url\(|@import|<link|"https?:', page)
    assert "わたしはたべます → &lt;私&gt; &lt;食べる&gt;" in page
    assert "日本手話そのものではありません" in page and 'charset="utf-8"' in page


@pytest.mark.parametrize("text", ["わ<script>", "わ\ud83d", "わ\x00\x1b[2J", "わ&\"'"])
def test_the_page_is_safe_whatever_the_sentence(tmp_path: Path, text: str) -> None:
    export_attention([translated(text)], tmp_path)
    page = (tmp_path / "attention.html").read_bytes().decode("utf-8")
    assert (
        page.count("<script") == 2 and "<script>" not in page.partition("</main>")[0].split('id="values"')[0]
    )
    assert not re.search(r"[\x00-\x08\x0e-\x1f]", page)


def test_pictures_are_well_formed_and_have_their_title(tmp_path: Path) -> None:
    for path in export_attention([translated()], tmp_path):
        if path.suffix == ".svg":
            title = ET.parse(path).getroot().attrib["aria-label"]
            assert "アテンション" in title and f"ヘッド {path.stem[-1]}" in title
            assert "わたしはたべます → <私> <食べる>" in title


def test_long_sentences_are_left_out_unless_forced(tmp_path: Path) -> None:
    translation = translated("わ" * (LONGEST + 1))
    with refused(UserError, "21 個", "--force-export", code="attention-too-long", found=21, limit=LONGEST):
        export_attention([translation], tmp_path / "e")
    with refused(UserError, "21 個"):
        require_exportable(translation)
    assert not (tmp_path / "e").exists()
    assert export_attention([translation], tmp_path / "e", force=True)
    assert table(tmp_path / "e" / "attn_layer0_head0.csv")[0].shape == (21, 21)


def test_exactly_the_limit_is_exported(tmp_path: Path) -> None:
    translation = translated("わ" * LONGEST)
    assert len(translation.tags) + 1 <= LONGEST
    assert export_attention([translation], tmp_path)


def test_long_translations_count_too(tmp_path: Path) -> None:
    labels = ("<a>",) * 21
    attention = {"decoder.0.self": Attention(np.eye(21, dtype=np.float32)[None], labels, labels)}
    with refused(UserError, "21 個"):
        export_attention([replace(translated(), attention=attention)], tmp_path)


@pytest.mark.parametrize(
    "name", ["decoder.output_projection.weight", "encoder.final_norm.bias", "decoder.embedding.weight"]
)
def test_one_weight(tmp_path: Path, name: str) -> None:
    written = export_weights(MODEL.parameters, MODEL.tokenizers, [name], tmp_path)
    assert [path.name for path in written] == [f"weights_{name}.csv", f"weights_{name}.svg"]
    values, *_ = table(written[0])
    assert values.tobytes() == MODEL.parameters[name].tobytes()
    ET.parse(written[1])


def test_everything_below_a_name(tmp_path: Path) -> None:
    name = "decoder.output_projection"
    written = export_weights(MODEL.parameters, MODEL.tokenizers, [name], tmp_path)
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
    with refused(UserError, repr(wrong), nearest, "近い名前", code="weights-not-found", name=wrong):
        export_weights(MODEL.parameters, MODEL.tokenizers, [wrong], tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with refused(
        Failure, "書き出せませんでした", "--export-dir", code="export-not-written", path=tmp_path / "file"
    ):
        export_attention([translated()], tmp_path / "file")
    with refused(Failure, "書き出せませんでした", "--export-dir", code="export-not-written"):
        export_weights(MODEL.parameters, MODEL.tokenizers, ["decoder.embedding"], tmp_path / "file" / "x")


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_every_file_says_which_sentence_it_shows(tmp_path: Path) -> None:
    for path in export_attention([translated("わたしは\nたべます")], tmp_path):
        first = path.read_text(encoding="utf-8-sig").splitlines()[0]
        if path.suffix == ".csv":
            assert (
                first.startswith("# わたしは⏎たべます → <私> <食べる>　")
                and f"ヘッド {path.stem[-1]}" in first
            )
    for path in export_weights(MODEL.parameters, MODEL.tokenizers, ["encoder.embedding"], tmp_path / "w"):
        assert "encoder.embedding.weight" in path.read_text(encoding="utf-8-sig")[:1000]


def test_several_sentences_have_folders_of_their_own(tmp_path: Path) -> None:
    written = export_attention([translated(), None, translated("ありがとう")], tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"01", "03", "attention.html"}
    assert set(written) == {path for path in tmp_path.rglob("*") if path.is_file()}
    page = (tmp_path / "attention.html").read_text(encoding="utf-8")
    assert re.findall(r'<a href="([^"]+)">([^<]+) → ', page) == [
        ("01/attention.html", "わたしはたべます"),
        ("03/attention.html", "ありがとう"),
    ]


def test_an_export_replaces_the_earlier_one_whole(tmp_path: Path) -> None:
    """Nothing of an earlier export of its kind stays, everything else does."""
    kept = {"notes.txt": b"mine", "weights_notes.csv": b"mine", "attn_layer0_head0.csv.bak": b"mine"}
    kept |= {"02/notes.txt": b"mine", "02/attn_notes.csv": b"mine", "sub/attention.html": b"mine"}
    for name, content in kept.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    export_weights(MODEL.parameters, MODEL.tokenizers, ["encoder", "decoder.embedding"], tmp_path)
    export_attention([translated(), translated("ありがとう"), translated("わ")], tmp_path)
    (tmp_path / "attn_layer7_head7.svg").write_text("of a larger model", encoding="utf-8")
    weights = {path.name: path.read_bytes() for path in tmp_path.glob("weights_*coder.*")}
    attention = export_attention([translated("えきはどこですか")], tmp_path)
    names = {path.name for path in attention}
    assert len(weights) > 10 and set(contents(tmp_path)) == names | set(weights) | set(kept)
    assert not (tmp_path / "01").exists() and not (tmp_path / "03").exists()
    export_weights(MODEL.parameters, MODEL.tokenizers, ["decoder.final_norm.bias"], tmp_path)
    found = contents(tmp_path)
    assert set(found) == names | set(kept) | {
        f"weights_decoder.final_norm.bias.{end}" for end in ("csv", "svg")
    }
    assert {name: found[name] for name in kept} == kept


@pytest.mark.parametrize("failing", range(0, 40, 3))
@pytest.mark.parametrize("step", ["write_utf8", "replace"])
def test_a_failed_export_keeps_the_earlier_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, failing: int
) -> None:
    """A disk that is full at the n-th file, a file that another program holds at the n-th move."""
    export_attention([translated(), translated("ありがとう")], tmp_path)
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    owner = Path if step == "replace" else export
    before, calls, real = contents(tmp_path), 0, getattr(owner, step)

    def sometimes(self: Path, *arguments: Any, **options: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == failing + 1:
            raise OSError(28, "No space left on device", str(self))
        return real(self, *arguments, **options)

    new = [translated("わ"), translated("えきはどこですか"), translated("だいじょうぶです")]
    monkeypatch.setattr(owner, step, sometimes)
    with refused(Failure, "No space left", code="export-not-written"):
        export_attention(new, tmp_path)
    monkeypatch.undo()
    assert contents(tmp_path) == before and len(list(tmp_path.iterdir())) == 4
    export_attention(new, tmp_path)
    assert len([name for name in contents(tmp_path) if name.startswith("03/")]) == 13


def test_a_failed_first_export_leaves_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(export, "write_utf8", full)
    with refused(Failure, "No space left"):
        export_attention([translated()], tmp_path / "e")
    assert not (tmp_path / "e").exists()


@POSIX
@pytest.mark.parametrize("name", [".attention-new", ".attention-old", "01"])
def test_links_in_the_folder_are_not_followed(tmp_path: Path, name: str) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "e"
    for made in (outside, folder):
        made.mkdir()
    (outside / "attention.html").write_text("of somebody else", encoding="utf-8")
    (folder / name).symlink_to(outside)
    with suppress(Failure):
        export_attention([translated(), translated("ありがとう")], folder)
    assert contents(outside) == {"attention.html": b"of somebody else"}


def test_what_a_killed_export_left_is_cleared(tmp_path: Path) -> None:
    for name in (".attention-new/attn_layer0_head0.csv", ".attention-old/01/attention.html"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("half", encoding="utf-8")
    written = export_attention([translated()], tmp_path)
    assert set(tmp_path.rglob("*")) == set(written)


def test_nothing_to_export_changes_nothing(tmp_path: Path) -> None:
    export_attention([translated()], tmp_path)
    before = contents(tmp_path)
    assert export_attention([None], tmp_path) == export_attention([], tmp_path) == []
    assert export_weights(MODEL.parameters, MODEL.tokenizers, [], tmp_path) == []
    assert contents(tmp_path) == before


def test_tables_of_earlier_versions_have_no_title() -> None:
    values, rows, columns = read_table("行\\列,c,d\r\na,0.5,-1\r\n")
    assert values.tolist() == [[0.5, -1.0]] and (rows, columns) == (["a"], ["c", "d"])


SOURCE = ["<PAD>", "<SOS>", "<EOS>", *MODEL.tokenizers.source.vocabulary.tokens]
TARGET = ["<PAD>", "<SOS>", "<EOS>", *(f"<{tag}>" for tag in MODEL.tokenizers.target.vocabulary.tokens)]


def numbers(count: int) -> list[str]:
    return [str(i) for i in range(count)]


def test_vocabularies_in_id_order() -> None:
    assert MODEL.tokenizers.source.labels() == SOURCE
    assert MODEL.tokenizers.target.labels() == TARGET


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("encoder.embedding.weight", SOURCE, numbers(8)),
        ("decoder.embedding.weight", TARGET, numbers(8)),
        ("decoder.output_projection.weight", numbers(8), TARGET),
        ("decoder.output_projection.bias", ["0"], TARGET),
        ("encoder.layers.0.feed_forward.linear1.weight", numbers(8), numbers(16)),
        ("encoder.final_norm.bias", ["0"], numbers(8)),
    ],
)
def test_parameters(name: str, rows: list[str], columns: list[str]) -> None:
    shape = MODEL.parameters[name].shape
    assert parameter_labels(name, shape, MODEL.tokenizers) == (rows, columns)


def test_every_parameter_has_as_many_labels_as_values() -> None:
    for name, values in MODEL.parameters.items():
        rows, columns = parameter_labels(name, values.shape, MODEL.tokenizers)
        assert len(rows) * len(columns) == values.size


FLOATS = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=6),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)
LABEL = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
NASTY = [
    "a,b",
    'say "a"',
    "line\nbreak",
    "return\rhere",
    "both\r\n",
    "",
    " ",
    "ね",
    "\U00020bb7",
    "\x00",
    "'",
    ";",
]
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"]


@given(FLOATS, st.data())
def test_every_bit_comes_back(values: np.ndarray, data: st.DataObject) -> None:
    rows = data.draw(st.lists(LABEL, min_size=values.shape[0], max_size=values.shape[0]))
    columns = data.draw(st.lists(LABEL, min_size=values.shape[1], max_size=values.shape[1]))
    back, row_labels, column_labels = read_table(table_csv(values, rows, columns, "行\\列", "題"))
    assert back.dtype == np.float32
    assert back.tobytes() == values.tobytes()
    assert [label.removeprefix("'") for label in row_labels] == [label.removeprefix("'") for label in rows]
    assert [label.removeprefix("'") for label in column_labels] == [
        label.removeprefix("'") for label in columns
    ]


@pytest.mark.parametrize("label", NASTY)
def test_labels_come_back(label: str) -> None:
    _, rows, columns = read_table(table_csv(np.zeros((1, 1)), [label], [label], label, "題"))
    assert (rows, columns) == ([label], [label])


@pytest.mark.parametrize("label", FORMULAS)
def test_labels_are_never_formulas(label: str) -> None:
    text = table_csv(np.zeros((2, 1)), [label, "<=>"], [label], "x", "題")
    _, rows, columns = read_table(text)
    assert (rows, columns) == ([f"'{label}", "<=>"], [f"'{label}"])
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r"))


def test_shape_of_the_file() -> None:
    text = table_csv(np.array([[0.5, -1.0], [0.1, 2.0]], np.float32), ["a", "b"], ["c", "d"], "行\\列", "題")
    assert text == "# 題\r\n行\\列,c,d\r\na,0.5,-1\r\nb,0.100000001,2\r\n"


def test_a_byte_order_mark_is_not_part_of_the_table() -> None:
    assert read_table("\ufeff" + table_csv(np.ones((1, 1)), ["r"], ["c"], "x", "題"))[1:] == (["r"], ["c"])


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_numbers_come_back(value: float) -> None:
    back, *_ = read_table(table_csv(np.array([[value]], np.float32), ["r"], ["c"], "x", "題"))
    np.testing.assert_array_equal(back, [[np.float32(value)]])


def test_too_few_labels_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="zip"):
        table_csv(np.zeros((2, 1)), ["only one"], ["c"], "x", "題")


def test_attention_that_was_not_asked_for(tmp_path: Path) -> None:
    translation = translator_of(MODEL).translate("ありがとう")
    with pytest.raises(UserError) as error:
        export_attention([translation], tmp_path)
    assert error.value.code == "attention-not-taken"
    assert not any(tmp_path.iterdir())
