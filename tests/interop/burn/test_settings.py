"""The original's config.json: many spellings are understood, contradictions are not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jsl_seq2seq.errors import Failure
from jsl_seq2seq.interop.burn import import_burn
from jsl_seq2seq.interop.burn.vocabulary import CHARACTERS, TAGS
from jsl_seq2seq.store import SavedModel, load_model

from ...refusals import refused
from .synthetic import Original

ENTRIES = [*CHARACTERS, *(f"<{tag}>" for tag in TAGS), "<SOS>", "<EOS>", "<PAD>"]


def imported(folder: Path, settings: Any, **shape: Any) -> SavedModel:
    import_burn(Original(**{"n_layers": 1, **shape}).write(folder / "o", settings), folder / "m")
    return load_model(folder / "m")


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"d_model": 16, "num_heads": 2, "num_layers": 1, "d_ff": 64, "vocab_size": 168, "max_seq_len": 10},
        {"transformer": {"d_model": 16, "n_heads": 2, "seq_len": 10}, "optimizer": {"lr": 0.001}},
        {"n_encoder_layers": 1, "n_decoder_layers": 1},
        {"vocab_size": {"source": 168, "target": 168}},
        {"name": "d_model", "notes": [{"d_model": 99}], "n_heads": 2},
    ],
    ids=str,
)
def test_understood(tmp_path: Path, settings: Any) -> None:
    config = imported(tmp_path, settings).config
    assert (config.d_model, config.n_heads, config.n_layers, config.d_ff) == (16, 2, 1, 64)
    assert (config.vocab_size.source, config.source_length, config.max_seq_len) == (168, 10, 10)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"d_model": 32}, ("d_model は 32", "重みでは 16")),
        ({"model": {"num_heads": 4}}, ("model.num_heads は 4", "重みでは 2")),
        ({"n_layers": 4}, ("n_layers は 4", "重みでは 1")),
        ({"d_ff": 32}, ("d_ff は 32", "重みでは 64")),
        ({"vocab_size": 200}, ("vocab_size は 200", "重みでは 168")),
        ({"vocab_size": {"source": 168, "target": 82}}, ("82", "168")),
        ({"d_model": 16, "model": {"d_model": 8}}, ("d_model は 8", "d_model は 16")),
        ({"d_model": "16"}, ("整数",)),
        ({"d_model": True}, ("整数",)),
        ({"d_model": None}, ("d_model は整数",)),
        ({"model": {"n_heads": 2.0}}, ("model.n_heads は整数", "2.0")),
        ({"max_seq_len": 0}, ("max_seq_len は 1 以上",)),
        ({"vocab_size": {"source": "x"}}, ("vocab_size.source は整数",)),
        ([1, 2], ("設定",)),
        ({"vocab": ENTRIES[:-1]}, ("PAD",)),
        ({"vocab": ENTRIES[1:]}, ("167 項目", "168 項目")),
        ({"vocab": [*ENTRIES[:-4], *ENTRIES[-5:-4], *ENTRIES[-3:]]}, ("2 回",)),
        ({"vocab": {"あ": 0, "い": 2}}, ("通し番号",)),
        ({"vocab": [1, 2]}, ("文字列の並び",)),
    ],
    ids=str,
)
def test_contradictions(tmp_path: Path, settings: Any, said: tuple[str, ...]) -> None:
    with refused(Failure, *said):
        imported(tmp_path, settings)
    assert not (tmp_path / "m").exists()


def test_a_file_that_is_no_json(tmp_path: Path) -> None:
    directory = Original(n_layers=1).write(tmp_path / "o")
    for content in (b"{", b"\xff\xfe", b"[" * 100_000, b" " * 2_000_000):
        (directory / "config.json").write_bytes(content)
        with refused(Failure, "config.json"):
            import_burn(directory, tmp_path / "m")


def test_no_config_at_all(tmp_path: Path) -> None:
    directory = Original(n_layers=1).write(tmp_path / "o")
    (directory / "config.json").unlink()
    notes = import_burn(directory, tmp_path / "m").notes
    assert any("config.json がない" in note for note in notes)


def test_another_sequence_length_is_said(tmp_path: Path) -> None:
    directory = Original(n_layers=1).write(tmp_path / "o", {"max_seq_len": 64})
    found = import_burn(directory, tmp_path / "m")
    assert (found.model.config.source_length, found.model.config.max_seq_len) == (10, 10)
    assert any("64" in note and "長さ 10" in note for note in found.notes)


@pytest.mark.parametrize("form", ["list", "mapping", "reverse", "bare tags"])
def test_a_vocabulary_of_its_own(tmp_path: Path, form: str) -> None:
    """Specials first, characters and tags mixed: every row finds its unit."""
    entries = ["[PAD]", "<sos>", "<eos>", *reversed(ENTRIES[:-3])]
    if form == "bare tags":
        entries = [entry if entry in ("<sos>", "<eos>") else entry.strip("<>") for entry in entries]
    entries[entries.index(" ")] = "<space>"
    forms: dict[str, Any] = {
        "mapping": {entry: row for row, entry in enumerate(entries)},
        "reverse": {str(row): entry for row, entry in enumerate(entries)},
    }
    model = imported(tmp_path, {"tokenizer": {"vocab": forms.get(form, entries)}})
    tree = Original(n_layers=1).tree
    ours = model.parameters["encoder.embedding.weight"]
    target = model.tokenizers.target.vocabulary
    for row, (entry, unit) in enumerate(
        zip(entries[3:], reversed([*CHARACTERS, *TAGS]), strict=True), start=3
    ):
        assert ours[target.id_of(unit)].tobytes() == tree["encoder"]["embedding"][row].tobytes(), entry
    assert ours[0].tobytes() == tree["encoder"]["embedding"][0].tobytes()
    assert "<私>" in model.tokenizers.source.vocabulary and "私" not in model.tokenizers.source.vocabulary
