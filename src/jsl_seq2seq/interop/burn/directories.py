"""From a directory of the original project to one of ours, and back."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import Failure, UserError
from ...model import parameter_specs
from ...settings import ModelConfig, TrainingConfig, VocabSize
from ...store.directory import BURN, CONFIG, WEIGHTS, load_model, save_model
from ...store.files import locked, replace_files
from ...store.saved_model import SavedModel
from ...version import __version__
from .convert import dimensions, parameter_ids, to_parameters, to_record
from .record import Record, read_record, write_record
from .settings import OriginalSettings, check_settings, read_settings
from .vocabulary import known_vocabulary

BURN_WEIGHTS = "model.bin"
SOURCE_LENGTH = 10
"""To which the original fills every sentence up with PAD."""
_MAX_BYTES = 500_000_000


@dataclass(frozen=True)
class Imported:
    """A model brought over.

    Attributes:
        tensors: how many the original's file holds.
        notes: what was assumed and should be known, in Japanese.
    """

    model: SavedModel
    tensors: int
    notes: tuple[str, ...]


def import_burn(
    directory: Path, destination: Path, source_length: int = SOURCE_LENGTH, embedding_scale: bool = True
) -> Imported:
    """Read the original's ``model.bin`` and ``config.json`` and save them as a model directory of ours.

    Args:
        source_length: how long the original padded its sentences.
        embedding_scale: whether it multiplied embeddings by √D.

    Raises:
        UserError: there is no such model, or the destination is no place for one.
        Failure: a file is damaged, or the two contradict each other.
    """
    _refuse_same(directory, destination)
    if (destination / BURN_WEIGHTS).exists():
        raise UserError(
            f"取り込み先に元のプロジェクトのモデルがあります: {destination}",
            "その config.json を上書きしないように、別のフォルダーを指定してください。",
        )
    weights = _find_weights(directory)
    try:
        if weights.stat().st_size > _MAX_BYTES:
            raise Failure(
                f"{weights} が大きすぎます（{weights.stat().st_size:,} バイト）。",
                f"{_MAX_BYTES:,} バイトまでのモデルを読めます。",
            )
        content = weights.read_bytes()
        found = read_settings(directory / CONFIG)
    except OSError as error:
        raise Failure(
            f"元のモデルを読めません: {error.filename or directory}（{error.strerror}）",
            "名前と、フォルダーの権限を確かめてください。",
        ) from None
    record = read_record(content, str(weights))
    model, notes = _converted(record, found, weights, source_length, embedding_scale)
    save_model(model, destination)
    return Imported(model, len([one for one in parameter_ids(record) if one is not None]), tuple(notes))


def export_burn(directory: Path, destination: Path) -> int:
    """Write an imported model back as the original's ``model.bin`` and ``config.json``.

    Only imported models (and what further training made of them) can go back: the original has no final
    LayerNorm, no masks and one vocabulary for both sides, so it would compute something else with any other.

    Returns:
        The size of ``model.bin`` in bytes.

    Raises:
        UserError: it is no imported model, or the destination is no place for it.
        Failure: the model is damaged, or writing failed.
    """
    _refuse_same(directory, destination)
    model = load_model(directory)
    if model.burn is None:
        raise UserError(
            f"{directory} は import-burn で取り込んだモデルではないので、元の形式では書き出せません。",
            "元のプロジェクトには最後の LayerNorm・マスク・別々の語彙がなく、同じ計算になりません。",
        )
    if (destination / WEIGHTS).exists():
        raise UserError(
            f"書き出し先に jsl-seq2seq のモデルがあります: {destination}",
            "その config.json を上書きしないように、別のフォルダーを指定してください。",
        )
    content, text = original_bytes(model, directory)
    files = {} if text is None else {CONFIG: text.encode("utf-8")}
    with locked(destination):
        replace_files(destination, files, BURN_WEIGHTS, content)
    return len(content)


def original_bytes(model: SavedModel, directory: Path) -> tuple[bytes, str | None]:
    """An imported model as the original's ``model.bin``, and its ``config.json``; nothing for one of ours.

    Raises:
        Failure: what was kept for that in ``burn.json`` does not fit the model.
    """
    if model.burn is None:
        return b"", None
    order, header, ids, text = _origin(model.burn, model.config.vocab_size.target, directory)
    content = write_record(to_record(model.parameters, model.config, order, header, ids))
    read_record(content, str(directory / BURN))  # a header that nobody could read would be found here
    return content, text


def _converted(
    record: Record, found: OriginalSettings, weights: Path, source_length: int, embedding_scale: bool
) -> tuple[SavedModel, list[str]]:
    actual = dimensions(record, str(weights))
    check_settings(found, actual, weights)
    vocabulary = found.vocabulary or known_vocabulary()
    if len(vocabulary.tags) != actual["vocab_size"]:
        known = "config.json の語彙" if found.vocabulary else "元のプロジェクトの語彙"
        raise Failure(
            f"{known}は {len(vocabulary.tags)} 項目ですが、{weights} の重みは {actual['vocab_size']} 項目です。",
            "語彙を変えて学習したモデルなら、config.json に vocab（項目の並び）を書き加えてください。",
        )
    longest = max(found.numbers.get("max_seq_len", source_length), source_length)
    try:
        config = ModelConfig(
            VocabSize(actual["vocab_size"], actual["vocab_size"]),
            actual["d_model"],
            actual["n_heads"],
            actual["n_layers"],
            actual["d_ff"],
            longest,
            final_norm=False,
            attention_masks=False,
            source_length=source_length,
            embedding_scale=embedding_scale,
        )
        vocabularies = vocabulary.vocabularies()
    except UserError as error:
        raise Failure(f"{weights}: {error.what}", error.hint) from None
    named = to_parameters(record, vocabulary.order)
    parameters = {}
    for name, spec in parameter_specs(config).items():
        if named[name].shape != spec.shape:
            raise Failure(
                f"{weights} の重みの形がそろっていません: {name} は {spec.shape} のはずですが、"
                f"{named[name].shape} でした。",
                "元のファイルをもう一度コピーしてください。",
            )
        parameters[name] = named[name]
    model = SavedModel(
        config,
        TrainingConfig(),
        vocabularies,
        parameters,
        metadata={"imported_from": f"Burn {record.header[3]}", "package_version": __version__},
        data_name="元のプロジェクトの学習データ",
        burn={
            "header": list(record.header),
            "order": vocabulary.order,
            "ids": parameter_ids(record),
            "config": found.text,
        },
    )
    return model, _notes(found, source_length)


def _notes(found: OriginalSettings, source_length: int) -> list[str]:
    notes = []
    if found.text is None:
        notes.append(f"{CONFIG} がないので、大きさはすべて重みの形から決めました。")
    if found.vocabulary is None:
        notes.append("語彙は、元のプロジェクトの 168 項目の並び（docs/burn.md）を使いました。")
    stated = found.numbers.get("max_seq_len", source_length)
    if stated != source_length:
        notes.append(
            f"文は長さ {source_length} まで PAD で埋めます（{found.places['max_seq_len']} は {stated}）。"
            "元の学習が違ったなら --source-length で変えてください。"
        )
    return notes


def _find_weights(directory: Path) -> Path:
    weights = directory / BURN_WEIGHTS
    if weights.is_file():
        return weights
    if not directory.is_dir():
        raise UserError(
            f"元のモデルのフォルダーがありません: {directory}",
            f"{BURN_WEIGHTS} のあるフォルダーを指定してください。",
        )
    raise UserError(
        f"元のモデルがありません: {weights}",
        f"Burn の BinFileRecorder が書いた {BURN_WEIGHTS} と {CONFIG} のあるフォルダーを指定してください。",
    )


def _refuse_same(directory: Path, destination: Path) -> None:
    if os.path.realpath(directory) == os.path.realpath(destination):
        raise UserError(
            f"読むフォルダーと書くフォルダーが同じです: {destination}", "別のフォルダーを指定してください。"
        )


def _origin(
    burn: Mapping[str, Any], size: int, directory: Path
) -> tuple[list[int], list[str], list[str | None], str | None]:
    order, header, ids, text = (burn.get(key) for key in ("order", "header", "ids", "config"))
    if (
        not isinstance(order, list)
        or not all(type(row) is int for row in order)
        or sorted(order) != list(range(size))
        or not isinstance(header, list)
        or not all(isinstance(one, str) for one in header)
        or not isinstance(ids, list)
        or not all(one is None or isinstance(one, str) for one in ids)
        or not isinstance(text, str | None)
        or not all(_is_text(one) for one in (*header, *ids, text) if one is not None)
    ):
        raise Failure(
            f"{directory / BURN} の中身が正しくありません。", "import-burn からやり直してください。"
        )
    return order, header, ids, text


def _is_text(value: str) -> bool:
    """Whether it can be written as UTF-8: JSON can spell half a surrogate pair."""
    return not any("\ud800" <= character <= "\udfff" for character in value)
