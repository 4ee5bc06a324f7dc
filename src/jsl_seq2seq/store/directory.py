"""The model directory: what ``--save`` writes and ``--load`` reads.

config.json                  model, training, progress, metadata with the SHA-256 of the other files
model.safetensors            parameters
vocabulary.json              both tokenizers
metrics.json                 training curve, statistics of every layer, example translations
training_state.safetensors   Adam's moments and what else a run needs to be resumed (optional)
burn.json                    what else the original project's file held, for export-burn (imported models)
README.md                    the same for people
dictionary.tsv               the user's own words (optional; not a part of the model, and never replaced by saving)
exports/                     tables and pictures of it, if any were made; no part of the model

JSON that this program reads may have been written by another one. Loading a model to translate checks what
translating uses, by hand; whatever reads the record of a training as well validates every file against the
schemas of :mod:`.schemas`. Their library takes longer to import than a sentence takes to translate.
"""

from __future__ import annotations

import atexit
import base64
import errno
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from ..errors import Failure, JslError, UserError
from ..io.files import (
    is_link,
    is_regular,
    locked,
    read_bytes,
    read_checked,
    refuse_foreign,
    replace_files,
    require_own_file,
    require_reachable,
    sha256,
    stamp,
    write_bytes,
)
from ..io.text import canonical_json, format_json, parse_json
from ..model import Shapes, parameter_shapes
from ..settings import ModelConfig, TrainingConfig, from_mapping
from ..tokenize import Tokenizers
from .card import render_readme
from .saved_model import EpochMetrics, Example, Moments, Progress, SavedModel, Stage
from .statistics import layer_statistics

if TYPE_CHECKING:
    from pydantic import BaseModel

Found = TypeVar("Found")

FORMAT = "jsl-seq2seq"
FORMAT_VERSION = 1
"""Goes up when an older program could no longer read the directory; CHANGELOG.md keeps the list."""

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
VOCABULARY = "vocabulary.json"
METRICS = "metrics.json"
TRAINING_STATE = "training_state.safetensors"
README = "README.md"
BURN = "burn.json"
DICTIONARY = "dictionary.tsv"
EXPORTS = "exports"
"""The folder for tables and pictures made from the model."""
REQUIRED = (WEIGHTS, VOCABULARY, METRICS, README)
OPTIONAL = (TRAINING_STATE, BURN)
_SECTIONS = {"model", "training", "progress", "metadata", "checksum"}
_OWN_METADATA = ("format", "format_version", "files", "data", "stages")
_MAX_CONFIG_BYTES = 1_000_000
_MAX_KEYS = 1_000_000
"""Training sentences whose keys are kept: eight bytes each in ``metrics.json``."""
_MAX_JSON_BYTES = 32_000_000
"""Of a training curve of 200,000 epochs; of a longer one the latest are saved."""
_MIXED = "別のモデルのファイルが混ざっていないか確かめて、元のコピーに戻してください。"
_BYTES_OF_UNIT = 1_000
"""What a unit of a vocabulary may take in ``vocabulary.json`` and ``burn.json``."""


def shipped_model() -> Path:
    """The directory of the trained model that ships with the package, made by ``tools/train_shipped.py``.

    Raises:
        Failure: the package lies in an archive, and there is no room to unpack the model.
    """
    return _packaged("model")


def tour_model() -> Path:
    """The directory of the small model whose figures ``docs/attention.md`` shows, made by ``tools/build_tour.py``."""
    return _packaged("tour/model")


@cache
def _packaged(name: str) -> Path:
    """A directory of ``assets/``: itself, or where the package lies in an archive, a copy of its files until the
    process ends. (``importlib.resources.as_file`` copies directories from Python 3.12 on.)"""
    parts = ("assets", *name.split("/"))
    packaged = resources.files("jsl_seq2seq").joinpath(*parts)
    if isinstance(packaged, Path):
        return packaged
    try:
        temporary = tempfile.TemporaryDirectory(prefix="jsl-seq2seq-")
        atexit.register(temporary.cleanup)
        place = Path(temporary.name) / packaged.name
        place.mkdir()
        for file in [entry.name for entry in packaged.iterdir()]:
            content = resources.files("jsl_seq2seq").joinpath(*parts, file).read_bytes()
            write_bytes(place / file, content, sync=False)
    except OSError as error:
        raise Failure(
            f"付属のモデルを取り出せません: {packaged}（{error.strerror}）",
            "一時フォルダー（TMPDIR）を書き込める場所にするか、zip から取り出して使ってください。",
            code="shipped-model-not-unpacked",
            path=Path(str(packaged)),
            reason=error.strerror,
        ) from None
    return place


BUILTIN = Path("builtin")
"""What the shipped model is called where a directory is asked for."""


def is_builtin(model: Path | None) -> bool:
    """Whether the shipped model is meant: by its name, or because none is named."""
    return model is None or model == BUILTIN


def model_directory(model: Path | None) -> Path:
    """The directory of the model that is meant: itself, or the shipped one's."""
    return shipped_model() if model is None or model == BUILTIN else model


def save_model(model: SavedModel, directory: Path) -> None:
    """Write a model directory, replacing the model that is there, if any, in one step.

    Raises:
        UserError: the directory cannot be written to, holds other things, or another program is saving to it.
        Failure: writing failed; what was there before still is.
    """
    holds_model(directory)
    files = {
        WEIGHTS: to_safetensors(model.parameters),
        VOCABULARY: _json_bytes(model.tokenizers.to_json()),
        METRICS: _metrics_bytes(model),
        README: render_readme(model, directory).encode("utf-8", "replace"),
    }
    if model.moments is not None:
        files[TRAINING_STATE] = to_safetensors(_prefixed(model.moments, model.resume_parameters))
    if model.burn is not None:
        files[BURN] = _json_bytes(model.burn)
    config: dict[str, Any] = {
        "model": model.config.to_json(),
        "training": model.training.to_json(),
        "progress": asdict(model.progress),
        "metadata": {
            **model.metadata,
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "vocab_hash": model.tokenizers.hash,
            "data": {"name": model.data_name, "sha256": model.data_digest},
            "stages": [asdict(stage) for stage in model.stages],
            "files": {name: {"bytes": len(data), "sha256": sha256(data)} for name, data in files.items()},
        },
    }
    config["checksum"] = checksum(config)
    gone = [name for name in OPTIONAL if name not in files]
    with locked(directory):
        replace_files(directory, files, CONFIG, _json_bytes(config), gone)


def holds_model(directory: Path) -> bool:
    """Whether a model of ours is there, whole or damaged.

    Raises:
        UserError: other people's files of the same names are there, which saving a model would replace; or it cannot
            be found out what is there.
    """
    require_reachable(directory)
    path = directory / CONFIG
    require_own_file(path, _is_config)
    try:
        there = _is_there(path)
        for name in (*REQUIRED, *OPTIONAL):
            file = directory / name
            # of a model of ours what was put into the place of a file is refused only if it is none
            if _is_there(file) and not (there and (is_regular(file) or is_link(file))):
                refuse_foreign(file)
    except OSError:  # a directory that cannot be read cannot be saved to either: saving reports that
        return False
    return there


def _is_there(path: Path) -> bool:
    """Whether something has that name, a link to nothing included."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True


def is_ours(path: Path) -> bool:
    """Whether a ``config.json`` is one that :func:`save_model` wrote, though its values may have changed since."""
    try:
        return _is_config(path)
    except (ValueError, RecursionError, OSError):
        return False


def _is_config(path: Path) -> bool:
    config = parse_json(read_bytes(path, _MAX_CONFIG_BYTES))
    metadata = config.get("metadata") if isinstance(config, dict) else None
    return isinstance(metadata, dict) and metadata.get("format") == FORMAT


def load_model(directory: Path, training_state: bool = False, record: bool = True) -> SavedModel:
    """Read a model directory; everything is checked before any of it is used.

    Args:
        training_state: read ``moments`` and ``resume_parameters`` too, if they were saved.
        record: read how the model came to be too: ``history``, ``examples``, ``stages`` and ``burn``, which are
            empty otherwise. Translating does without; a model that is saved again must have them.

    Raises:
        UserError: there is no model there.
        Failure: it is damaged, cannot be read, or was made by a newer program; says which file and how.
    """
    require_reachable(directory)
    try:
        return _while_unchanged(
            directory, CONFIG, lambda: _load(directory, training_state, record or training_state)
        )
    except OSError as error:
        raise unreadable(directory, error) from None


def unreadable(directory: Path, error: OSError) -> Failure:
    """What is said of a model of which a file cannot be read."""
    path = error.filename or directory
    return Failure(
        f"モデルを読めません: {path}（{error.strerror}）",
        "名前と、フォルダーの権限を確かめてください。",
        code="model-unreadable",
        path=Path(path),
        reason=error.strerror,
    )


def _while_unchanged(directory: Path, deciding: str, read: Callable[[], Found]) -> Found:
    """What ``read`` returns; it is called again if it fails while another program saves to the directory."""
    for _ in range(20):
        before = stamp(directory / deciding)
        try:
            return read()
        except (JslError, OSError):
            if stamp(directory / deciding) == before:
                raise
    return read()


def _load(directory: Path, training_state: bool, record: bool) -> SavedModel:
    config = read_config(directory, record)
    model_config, training, progress = settings(config, directory)
    metadata = config["metadata"]
    listed = metadata["files"]
    limits = size_limits(config, directory)

    def read(name: str) -> bytes:
        return read_checked(directory, name, listed[name]["bytes"], listed[name]["sha256"], limits[name])

    tokenizers = _read_vocabulary(read(VOCABULARY), directory, record)
    if tokenizers.hash != metadata["vocab_hash"] or tokenizers.size != model_config.vocab_size:
        raise Failure(
            f"語彙が設定と合いません: {directory / VOCABULARY}",
            "別のモデルのファイルが混ざっています。",
            code="vocabulary-mismatch",
            path=directory / VOCABULARY,
        )
    shapes = parameter_shapes(model_config)
    parameters = from_safetensors(read(WEIGHTS), shapes, directory / WEIGHTS)
    moments, others = None, {}
    if training_state and TRAINING_STATE in listed:
        moments, others = _read_training_state(read(TRAINING_STATE), shapes, training, directory)
    model = SavedModel(
        config=model_config,
        training=training,
        tokenizers=tokenizers,
        parameters=parameters,
        moments=moments,
        resume_parameters=others,
        progress=progress,
        metadata={key: value for key, value in metadata.items() if key not in _OWN_METADATA},
        data_name=metadata["data"]["name"],
        data_digest=metadata["data"]["sha256"],
    )
    metrics, burn = read(METRICS), read(BURN) if BURN in listed else None
    if not record:
        return model
    history, examples, trained_on = _read_metrics(metrics, directory)
    return replace(
        model,
        history=history,
        examples=examples,
        trained_on=trained_on,
        stages=tuple(Stage.from_json(stage) for stage in metadata.get("stages", ())),
        burn=None if burn is None else _read_burn(burn, directory),
    )


def read_config(directory: Path, record: bool = True) -> dict[str, Any]:
    """The content of ``config.json``: complete, unchanged since it was saved, and of a format known here.

    Args:
        record: validate what only the record of the training needs, too.

    Raises:
        UserError: there is no model there.
        Failure: it is damaged or was made by a newer program.
    """
    path = directory / CONFIG
    if not path.exists():
        raise _no_model(directory)
    try:
        config = parse_json(read_bytes(path, _MAX_CONFIG_BYTES).decode("utf-8"))
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise
        raise Failure(
            f"{path} が大きすぎます。",
            "jsl-seq2seq の config.json ではありません。",
            code="config-too-large",
            path=path,
            bytes=path.stat().st_size,
            limit=_MAX_CONFIG_BYTES,
        ) from None
    except (ValueError, RecursionError) as error:
        raise Failure(
            f"{path} を JSON として読めません（{error}）。",
            "元のコピーに戻してください。",
            code="config-not-json",
            path=path,
            reason=str(error),
        ) from None
    metadata = config.get("metadata") if isinstance(config, dict) else None
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise Failure(
            f"{path} は jsl-seq2seq のモデルの設定ではありません。",
            "元の Rust/Burn プロジェクトのモデルなら、取り込んでから使います。",
            code="config-foreign",
            path=path,
        )
    version = metadata.get("format_version")
    if type(version) is not int or version > FORMAT_VERSION:
        raise Failure(
            f"{path} は新しい形式（{version}）で書かれています。この版が読めるのは {FORMAT_VERSION} までです。",
            "jsl-seq2seq を更新してください（pip install --upgrade jsl-seq2seq）。",
            code="format-too-new",
            path=path,
            found=version,
            limit=FORMAT_VERSION,
        )
    if set(config) != _SECTIONS or config["checksum"] != checksum(config):
        raise Failure(
            f"{path} の内容が保存したときと違います。",
            "手で書き換えた場合は元に戻してください。設定を変えるには学習し直します。",
            code="config-changed",
            path=path,
        )
    if record:
        _validated("ConfigFile", config, path, "config-malformed", "元のコピーに戻してください。")
    elif not _well_formed(config):
        raise Failure(
            f"{path} に必要な項目がないか、形が違います。",
            "元のコピーに戻してください。",
            code="config-malformed",
            path=path,
        )
    listed = metadata["files"]
    if not set(REQUIRED) <= set(listed) <= {*REQUIRED, *OPTIONAL}:
        raise Failure(
            f"{path} が挙げているファイルの一覧が正しくありません: {', '.join(sorted(listed))}",
            code="config-file-list",
            path=path,
            files=sorted(listed),
        )
    return config


def _well_formed(config: Mapping[str, Any]) -> bool:
    """Whether everything that translating looks up is there: ``schemas.ConfigFile`` in short, by hand."""
    metadata = config["metadata"]
    files, data = metadata.get("files"), metadata.get("data")
    return (
        all(isinstance(config[section], dict) for section in ("model", "training", "progress"))
        and isinstance(metadata.get("vocab_hash"), str)
        and isinstance(data, dict)
        and all(isinstance(data.get(key), str) for key in ("name", "sha256"))
        and isinstance(files, dict)
        and all(isinstance(file, dict) and {"bytes", "sha256"} <= set(file) for file in files.values())
    )


def settings(config: Mapping[str, Any], directory: Path) -> tuple[ModelConfig, TrainingConfig, Progress]:
    """What :func:`read_config` read, as the values that it describes; Failure if it describes none."""
    path = directory / CONFIG
    try:
        progress = from_mapping(Progress, config["progress"], "progress")
        if min(asdict(progress).values()) < 0:
            raise UserError("設定 progress に負の数があります。", code="progress-negative", name="progress")
        return ModelConfig.from_json(config["model"]), TrainingConfig.from_json(config["training"]), progress
    except OverflowError as error:
        raise Failure(f"{path}: {error}", code="config-invalid", path=path) from None
    except UserError as error:
        raise Failure(
            f"{path}: {error.what}", error.hint, code="config-invalid", path=path, cause=error.code
        ) from None


def size_limits(config: Mapping[str, Any], directory: Path) -> dict[str, int]:
    """How many bytes each file of a model with this ``config.json`` can have at most."""
    model_config, training, _ = settings(config, directory)
    shapes = parameter_shapes(model_config)
    units = _BYTES_OF_UNIT * (model_config.vocab_size.source + model_config.vocab_size.target)
    limits = dict.fromkeys((*REQUIRED, *OPTIONAL), _MAX_JSON_BYTES)
    return limits | {
        VOCABULARY: _MAX_JSON_BYTES + units,  # the tags that are put together from pieces may be many
        BURN: 2_000_000 + units,
        WEIGHTS: _most_bytes(shapes),
        TRAINING_STATE: (2 + len(_resume_sets(training))) * _most_bytes(shapes),
    }


def checksum(config: Mapping[str, Any]) -> str:
    """SHA-256 of everything else in config.json, so that a changed digit is noticed there too."""
    rest = {key: value for key, value in config.items() if key != "checksum"}
    return sha256(canonical_json(rest))


def _no_model(directory: Path) -> JslError:
    if not directory.exists():
        return UserError(
            f"モデルのフォルダーがありません: {directory}",
            "名前と、いまいるフォルダーを確かめてください。",
            code="model-not-found",
            path=directory,
        )
    if not directory.is_dir():
        beside = (directory.parent / CONFIG).exists()
        return UserError(
            f"モデルはフォルダーで指定します: {directory}",
            f"{directory.parent} ではありませんか。" if beside else "名前を確かめてください。",
            code="model-not-a-directory",
            path=directory,
        )
    hint = "保存が終わる前に止まったか、別のフォルダーです。名前を確かめてください。"
    inside = sorted(path.parent for path in directory.glob(f"*/{WEIGHTS}"))
    if inside:  # those of train --seeds, or of models/
        hint = f"中にあるモデルを指定してください: {inside[0]}{' など' if len(inside) > 1 else ''}"
    return UserError(
        f"モデルがありません: {directory}（{CONFIG} がありません）",
        hint,
        code="model-not-found",
        path=directory,
    )


def _read_vocabulary(content: bytes, directory: Path, record: bool) -> Tokenizers:
    path = directory / VOCABULARY
    values = _parsed(content, path, "vocabulary-invalid")
    if record:
        _validated("VocabularyFile", values, path, "vocabulary-invalid")
    try:
        return Tokenizers.from_json(values)
    except UserError as error:
        raise Failure(
            f"語彙のファイルを読めません: {path}（{error.what}）",
            code="vocabulary-invalid",
            path=path,
            reason=error.what,
        ) from None


def _read_burn(content: bytes, directory: Path) -> dict[str, Any]:
    path = directory / BURN
    values = _parsed(content, path, "burn-invalid")
    _validated("BurnFile", values, path, "burn-invalid", "元のファイルから取り込み直してください。")
    return values


def _metrics_bytes(model: SavedModel) -> bytes:
    """``metrics.json``; of a history that is too long for it the latest epochs."""
    kept = len(model.history)
    while len(content := _json_bytes(_metrics(model, kept))) > _MAX_JSON_BYTES and kept:
        kept //= 2
    return content


def _metrics(model: SavedModel, kept: int) -> dict[str, Any]:
    return {
        "history": [point.to_json() for point in model.history[len(model.history) - kept :]],
        "seconds": sum(point.seconds for point in model.history),
        "examples": [example.to_json() for example in model.examples],
        "layers": layer_statistics(model.parameters),
        "trained_on": _packed(model.trained_on),
    }


def _packed(keys: np.ndarray) -> str:
    """Keys [n] as base64 of 48 bits each, eight characters; empty if there are more than :data:`_MAX_KEYS`."""
    if len(keys) > _MAX_KEYS:
        return ""
    return base64.b64encode(keys.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 2:].tobytes()).decode("ascii")


def _unpacked(text: str) -> np.ndarray:
    """What :func:`_packed` packed; ends where the text is no base64."""
    try:
        content = np.frombuffer(base64.b64decode(text[: len(text) // 8 * 8], validate=True), np.uint8)
    except ValueError:
        return np.zeros(0, np.uint64)
    whole = np.zeros((len(content) // 6, 8), np.uint8)
    whole[:, 2:] = content[: 6 * len(whole)].reshape(-1, 6)
    return whole.reshape(-1).view(">u8").astype(np.uint64)


def _read_metrics(
    content: bytes, directory: Path
) -> tuple[tuple[EpochMetrics, ...], tuple[Example, ...], np.ndarray]:
    path = directory / METRICS
    values = _parsed(content, path, "metrics-invalid")
    _validated("MetricsFile", values, path, "metrics-invalid")
    return (
        tuple(EpochMetrics(**point) for point in values["history"]),
        tuple(Example.from_json(example) for example in values["examples"]),
        _unpacked(values.get("trained_on", "")),
    )


def _parsed(content: bytes, path: Path, code: str) -> Any:
    try:
        return parse_json(content)
    except (ValueError, RecursionError) as error:
        raise Failure(
            f"{path} を JSON として読めません（{error}）。",
            "元のコピーに戻してください。",
            code=code,
            path=path,
            reason=str(error),
        ) from None


def _validated(
    schema: str, values: Any, path: Path, code: str, hint: str = "元のコピーに戻してください。"
) -> BaseModel:
    from . import schemas  # noqa: PLC0415  its library takes 0.1 s to import

    return schemas.validated(getattr(schemas, schema), values, path, code, hint)


def _prefixed(moments: Moments, others: Mapping[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Every array under the name of its set and its own: ``m.encoder.final_norm.weight``."""
    sets = {"m": moments.m, "v": moments.v, **others}
    return {f"{prefix}.{name}": array for prefix, arrays in sets.items() for name, array in arrays.items()}


def _read_training_state(
    content: bytes, shapes: Shapes, training: TrainingConfig, directory: Path
) -> tuple[Moments, dict[str, dict[str, np.ndarray]]]:
    def prefixed(prefix: str) -> dict[str, tuple[int, ...]]:
        return {f"{prefix}.{name}": shape for name, shape in shapes.items()}

    optional = [prefixed(prefix) for prefix in _resume_sets(training)]
    state = from_safetensors(content, prefixed("m") | prefixed("v"), directory / TRAINING_STATE, optional)

    def taken(prefix: str) -> dict[str, np.ndarray]:
        return {name: state[f"{prefix}.{name}"] for name in shapes}

    others = [
        prefix
        for prefix, names in zip(_resume_sets(training), optional, strict=True)
        if names.keys() <= state.keys()
    ]
    return Moments(taken("m"), taken("v")), {prefix: taken(prefix) for prefix in others}


def _resume_sets(training: TrainingConfig) -> list[str]:
    """The keys that ``SavedModel.resume_parameters`` can have."""
    if training.keep == "last":
        return []
    recent = range(training.average if training.keep == "average" else 0)
    return ["last", *(f"recent.{number}" for number in recent)]


def _json_bytes(values: Any) -> bytes:
    return (format_json(values, indent=2) + "\n").encode("utf-8")


def to_safetensors(tensors: Mapping[str, np.ndarray]) -> bytes:
    """The bytes of a safetensors file, in which every array reads back as it was.

    Raises:
        Failure: an array holds NaN or infinity, so that it could not be loaded, or does not come back the same.
    """
    for name, array in tensors.items():
        if not np.isfinite(array).all():
            raise Failure(
                f"重み {name} に数でない値（NaN や無限大）があるので保存できません。",
                "学習が発散しています。learning_rate を小さくして、学習し直してください。",
                code="weights-diverged",
                name=name,
                setting="learning_rate",
            )
    # safetensors 0.8 writes the memory of an array as it lies, so a transposed view would be scrambled
    contiguous = {name: np.ascontiguousarray(array, np.float32) for name, array in tensors.items()}
    content = safetensors.numpy.save(contiguous)
    for name, array in safetensors.numpy.load(content).items():
        if not np.array_equal(array, contiguous[name], equal_nan=True):
            raise Failure(
                f"重み {name} を正しく書き出せませんでした。",
                "safetensors を更新して、もう一度保存してください。",
                code="weights-not-written",
                name=name,
            )
    return content


def _most_bytes(shapes: Shapes) -> int:
    """More bytes than a file of these arrays can have."""
    return sum(4 * math.prod(shape) + 1_000 for shape in shapes.values()) + 10_000


def from_safetensors(
    content: bytes, shapes: Shapes, path: Path, optional: Sequence[Shapes] = ()
) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file, exactly those named in ``shapes``, in that order.

    Args:
        path: stands in messages.
        optional: sets of further arrays, of each of which all may be there or none.

    Raises:
        Failure: not safetensors, a name too many or too few, another shape or type, NaN or infinity.
    """
    try:
        tensors = safetensors.numpy.load(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise Failure(
            f"重みのファイルを読めません: {path}（safetensors ではありません: {error}）",
            "元のコピーに戻してください。",
            code="weights-unreadable",
            path=path,
            reason=str(error),
        ) from None
    for more in optional:
        if not tensors.keys().isdisjoint(more):
            shapes = {**shapes, **more}
    missing, extra = [n for n in shapes if n not in tensors], [n for n in tensors if n not in shapes]
    if missing or extra:
        listed = [f"足りない: {', '.join(missing[:3])}"] * bool(missing) + [
            f"余分: {', '.join(extra[:3])}"
        ] * bool(extra)
        raise Failure(
            f"重みの名前が設定と合いません: {path}（{'、'.join(listed)}）",
            _MIXED,
            code="weights-names",
            path=path,
            missing=missing,
            extra=extra,
        )
    for name, shape in shapes.items():
        array = tensors[name]
        if array.dtype != np.float32:
            raise Failure(
                f"重み {name} の型が float32 ではなく {array.dtype} です: {path}",
                _MIXED,
                code="weights-dtype",
                path=path,
                name=name,
                found=str(array.dtype),
            )
        if array.shape != shape:
            raise Failure(
                f"重み {name} の形が {shape} ではなく {array.shape} です: {path}",
                _MIXED,
                code="weights-shape",
                path=path,
                name=name,
                found=array.shape,
                expected=shape,
            )
        if not np.isfinite(array).all():
            raise Failure(
                f"重み {name} に数でない値（NaN や無限大）があります: {path}",
                "元のコピーに戻すか、学習し直してください。",
                code="weights-not-finite",
                path=path,
                name=name,
            )
    return {name: tensors[name] for name in shapes}
