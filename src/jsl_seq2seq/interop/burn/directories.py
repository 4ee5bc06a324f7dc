"""From a directory of the original project to one of ours, and back."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import Failure, UserError
from ...io.files import is_regular, read_bytes, replace_own_files, require_own, require_reachable
from ...model import parameter_specs
from ...settings import ModelConfig, TrainingConfig, VocabSize
from ...store.directory import BURN, CONFIG, WEIGHTS, load_model, save_model
from ...store.saved_model import SavedModel
from ...store.schemas import BurnFile, validated
from ...version import __version__
from .convert import dimensions, parameter_ids, to_parameters, to_record
from .record import Record, read_record, write_record
from .settings import OriginalSettings, check_settings, read_settings
from .vocabulary import known_vocabulary

BURN_WEIGHTS = "model.bin"
SOURCE_LENGTH = 10
"""To which the original pads or cuts every sentence, whatever its ``max_seq_len`` says; and the most tags it
decodes."""
_MAX_BYTES = 500_000_000


@dataclass(frozen=True)
class Imported:
    """A model brought over.

    Attributes:
        tensors: how many the original's file holds.
        notes: where its ``config.json`` says less or something else than what was done, in Japanese.
    """

    model: SavedModel
    tensors: int
    notes: tuple[str, ...]


def import_burn(directory: Path, destination: Path) -> Imported:
    """Read the original's ``model.bin`` and ``config.json`` and save them as a model directory of ours.

    Raises:
        UserError: there is no such model, or the destination is no place for one.
        Failure: a file is damaged, or the two contradict each other.
    """
    _refuse_same(directory, destination)
    require_own(destination, ())  # before the work
    if is_regular(destination / BURN_WEIGHTS):
        raise UserError(
            f"取り込み先に元のプロジェクトのモデルがあります: {destination}",
            "その config.json を上書きしないように、別のフォルダーを指定してください。",
            code="would-overwrite-original",
            path=destination,
        )
    weights = _find_weights(directory)
    try:
        content = read_bytes(weights, _MAX_BYTES)
        found = read_settings(directory / CONFIG)
    except OSError as error:
        path = error.filename or directory
        if error.errno == errno.EFBIG:
            raise Failure(
                f"{path} が大きすぎます。",
                f"{_MAX_BYTES:,} バイトまでのモデルを読めます。",
                code="burn-too-large",
                path=Path(path),
                limit=_MAX_BYTES,
            ) from None
        raise Failure(
            f"元のモデルを読めません: {path}（{error.strerror}）",
            "名前と、フォルダーの権限を確かめてください。",
            code="burn-unreadable",
            path=Path(path),
            reason=error.strerror,
        ) from None
    record = read_record(content, str(weights))
    model, notes = _converted(record, found, weights)
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
    require_own(destination, (BURN_WEIGHTS,))  # before the work, and once more behind it
    model = load_model(directory)
    if model.burn is None:
        raise UserError(
            f"{directory} は元のプロジェクトから取り込んだモデルではないので、元の形式では書き出せません。",
            "元のプロジェクトには最後の LayerNorm・マスク・別々の語彙がなく、同じ計算になりません。",
            code="not-imported",
            path=directory,
        )
    if is_regular(destination / WEIGHTS):
        raise UserError(
            f"書き出し先に jsl-seq2seq のモデルがあります: {destination}",
            "その config.json を上書きしないように、別のフォルダーを指定してください。",
            code="would-overwrite-model",
            path=destination,
        )
    content, text = original_bytes(model, directory)
    files = {BURN_WEIGHTS: content} | ({} if text is None else {CONFIG: text.encode("utf-8")})
    replace_own_files(destination, files, [CONFIG] if text is None else [])
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
    read_record(content, str(directory / BURN))  # refuses a header that import could not read again
    return content, text


def _converted(record: Record, found: OriginalSettings, weights: Path) -> tuple[SavedModel, list[str]]:
    actual = dimensions(record, str(weights))
    check_settings(found, actual, weights)
    vocabulary = found.vocabulary or known_vocabulary()
    if len(vocabulary.tags) != actual["vocab_size"]:
        known = "config.json の語彙" if found.vocabulary else "元のプロジェクトの語彙"
        raise Failure(
            f"{known}は {len(vocabulary.tags)} 項目ですが、{weights} の重みは {actual['vocab_size']} 項目です。",
            "語彙を変えて学習したモデルなら、config.json に vocab（項目の並び）を書き加えてください。",
            code="burn-vocabulary-size",
            path=weights,
            found=len(vocabulary.tags),
            expected=actual["vocab_size"],
        )
    try:
        config = ModelConfig(
            VocabSize(actual["vocab_size"], actual["vocab_size"]),
            actual["d_model"],
            actual["n_heads"],
            actual["n_layers"],
            actual["d_ff"],
            SOURCE_LENGTH,
            final_norm=False,
            attention_masks=False,
            source_length=SOURCE_LENGTH,
            source_cut=True,
            embedding_scale=False,
            specials_masked=False,
        )
        tokenizers = vocabulary.tokenizers()
    except UserError as error:
        raise Failure(
            f"{weights}: {error.what}", error.hint, code="burn-shape-invalid", path=weights, cause=error.code
        ) from None
    named = to_parameters(record, vocabulary.order)
    parameters = {}
    for name, spec in parameter_specs(config).items():
        if named[name].shape != spec.shape:
            raise Failure(
                f"{weights} の重みの形がそろっていません: {name} は {spec.shape} のはずですが、"
                f"{named[name].shape} でした。",
                "元のファイルをもう一度コピーしてください。",
                code="burn-shapes-differ",
                path=weights,
                name=name,
                found=named[name].shape,
                expected=spec.shape,
            )
        parameters[name] = named[name]
    model = SavedModel(
        config,
        TrainingConfig(),
        tokenizers,
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
    return model, _notes(found)


def _notes(found: OriginalSettings) -> list[str]:
    notes = []
    if found.text is None:
        notes.append(f"{CONFIG} がないので、大きさはすべて重みの形から決めました。")
    if found.vocabulary is None:
        notes.append("語彙は、元のプロジェクトの 168 項目の並び（docs/burn.md）を使いました。")
    stated = found.numbers.get("max_seq_len", SOURCE_LENGTH)
    if stated != SOURCE_LENGTH:
        notes.append(
            f"{found.places['max_seq_len']} は {stated} ですが、元のプログラムと同じく、"
            f"文はいつも長さ {SOURCE_LENGTH} に揃えます（短ければ PAD で埋め、長ければ切ります）。"
        )
    return notes


def _find_weights(directory: Path) -> Path:
    weights = directory / BURN_WEIGHTS
    if is_regular(weights):
        return weights
    if not directory.is_dir():
        raise UserError(
            f"元のモデルのフォルダーがありません: {directory}",
            f"{BURN_WEIGHTS} のあるフォルダーを指定してください。",
            code="burn-not-found",
            path=directory,
        )
    raise UserError(
        f"元のモデルがありません: {weights}",
        f"Burn の BinFileRecorder が書いた {BURN_WEIGHTS} と {CONFIG} のあるフォルダーを指定してください。",
        code="burn-not-found",
        path=weights,
    )


def _refuse_same(directory: Path, destination: Path) -> None:
    for place in (directory, destination):
        require_reachable(place)
    if os.path.realpath(directory) == os.path.realpath(destination):
        raise UserError(
            f"読むフォルダーと書くフォルダーが同じです: {destination}",
            "別のフォルダーを指定してください。",
            code="same-directory",
            path=destination,
        )


def _origin(
    burn: Mapping[str, Any], size: int, directory: Path
) -> tuple[list[int], list[str], list[str | None], str | None]:
    path, hint = directory / BURN, "元のファイルから取り込み直してください。"
    found = validated(BurnFile, burn, path, "burn-invalid", hint)
    if sorted(found.order) != list(range(size)):
        raise Failure(
            f"{path} の order が、0 から {size - 1} までの並べ替えになっていません。",
            hint,
            code="burn-invalid",
            path=path,
            field="order",
        )
    return found.order, found.header, found.ids, found.config
