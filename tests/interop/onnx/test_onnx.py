"""The ONNX export computes what NumPy computes, in onnxruntime."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.backends.interface import MASKED, Mask
from jsl_seq2seq.backends.numpy import NumpyOps
from jsl_seq2seq.errors import UserError
from jsl_seq2seq.interop.formats import export_model
from jsl_seq2seq.model import Transformer
from jsl_seq2seq.model.initialization import initial_parameters
from jsl_seq2seq.search import greedy
from jsl_seq2seq.search.constraints import ConstrainedRows
from jsl_seq2seq.settings import EOS, SOS, ModelConfig
from jsl_seq2seq.store import SavedModel, load_model, shipped_model
from jsl_seq2seq.translate.translator import open_words_of

from ...small_models import trained_open, trained_pieces, trained_small, trained_words
from ..libraries import require
from ..sentences import handwritten, random_sentences

onnx: Any = require("onnx")
onnxruntime: Any = require("onnxruntime")

from jsl_seq2seq.interop.onnx.check import TOLERANCE, Graphs, compare  # noqa: E402
from jsl_seq2seq.interop.onnx.export import export  # noqa: E402
from jsl_seq2seq.interop.onnx.trace import IR_VERSION, OPSET, Dim, OnnxOps, Value, declared  # noqa: E402
from jsl_seq2seq.interop.weights import max_positions  # noqa: E402


def network(model: SavedModel) -> tuple[NumpyOps, Transformer[Any]]:
    ops = NumpyOps()
    return ops, Transformer(ops, model.parameters, model.config)


MODELS: dict[str, Callable[[], SavedModel]] = {
    "tags": trained_small,
    "words": trained_words,
    "pieces": trained_pieces,
    "open-tags": trained_open,
}


@pytest.mark.parametrize("batch", [1, 32])
@pytest.mark.parametrize("name", MODELS)
def test_log_probabilities_and_translations(name: str, batch: int) -> None:
    model = MODELS[name]()
    graphs = Graphs(export(model).files, onnxruntime)
    sources = random_sentences(model, 32)
    worst, alike = compare(model, graphs, sources, batch)
    assert worst <= TOLERANCE and alike == len(sources)


@pytest.mark.parametrize("change", [{"tied_embeddings": True}, {"final_norm": False}, {"embedding_scale": False},
                                    {"temperature": 1.7}, {"n_layers": 2}, {"specials_masked": False}])  # fmt: skip
def test_every_form_of_a_model(change: dict[str, Any]) -> None:
    model = trained_small()
    config = replace(model.config, **change)
    model = replace(model, config=config, parameters=initial_parameters(config, seed=3))
    sources = random_sentences(model, 5)
    worst, alike = compare(model, Graphs(export(model).files, onnxruntime), sources)
    assert worst <= TOLERANCE and alike == len(sources)


def test_the_files_describe_themselves(tmp_path: Path) -> None:
    model = trained_small()
    export_model(model, "onnx", tmp_path / "o")
    for name in ("encoder", "decoder_step", "greedy"):
        made = onnx.load(tmp_path / "o" / f"{name}.onnx")
        onnx.checker.check_model(made, full_check=True)
        assert made.ir_version == IR_VERSION
        assert [(one.domain, one.version) for one in made.opset_import] == [("", OPSET)]
        told = {one.key: one.value for one in made.metadata_props}
        assert told["vocab_hash"] == model.tokenizers.hash
        assert json.loads(told["vocabulary"]) == model.tokenizers.to_json()
        assert ModelConfig.from_json(json.loads(told["config"])) == model.config
        assert int(told["max_positions"]) == max_positions(model.config)
        ids = {one.name: one.type.tensor_type for one in made.graph.input if one.name in ("source", "ids")}
        for kind in ids.values():
            assert kind.elem_type == onnx.TensorProto.INT32
            assert kind.shape.dim[0].dim_param == "batch"


def test_the_same_model_gives_the_same_bytes() -> None:
    assert export(trained_small()).files == export(trained_small()).files


def test_greedy_stops_at_the_limit_and_fills_up_with_the_end() -> None:
    model = trained_small()
    graphs = Graphs(export(model).files, onnxruntime)
    ops, ours = network(model)
    sources = [model.tokenizers.source.encode(text).ids for text in ("はい、わかります", "だいじょうぶです")]
    full = greedy(ops, ours, sources, 24)
    assert sorted(len(one.ids) for one in full) == [1, 2]
    given = {"source": _padded(sources), "max_length": np.array(24, np.int32)}
    tags, scores = graphs.greedy.run(None, given)
    assert tags.shape == scores.shape == (2, 3)
    for row, score, one in zip(tags.tolist(), scores, full, strict=True):
        length = len(one.ids) + 1
        assert row == [*one.ids, EOS] + [EOS] * (3 - length)
        np.testing.assert_allclose(score[:length], one.log_probs, atol=1e-5)
        assert not score[length:].any()
    tags, _ = graphs.greedy.run(None, given | {"max_length": np.array(0, np.int32)})
    assert tags.tolist() == [[one.ids[0]] for one in full]
    assert graphs.translate(sources, 1) == [one.ids[:1] for one in full]


def test_open_words_are_constrained_outside_of_the_graph() -> None:
    """As docs/export.md says: the log-probabilities of each step are masked by :class:`ConstrainedRows`."""
    model = trained_open()
    words = open_words_of(model.tokenizers)
    assert words is not None
    texts = ["コーヒーを飲みます", "えきはコーヒーですか", "本を受け取ります", "ーを受けります"]
    encoded = [words.encode(text, ()) for text in texts]
    constraints = [words.constraint(one, words.evidence(one)) for one in encoded]
    sources, longest = [one.ids for one in encoded], model.config.max_seq_len
    wanted = greedy(*network(model), sources, longest, None, constraints)
    free = greedy(*network(model), sources, longest)
    assert [one.ids for one in wanted] != [one.ids for one in free]

    graphs = Graphs(export(model).files, onnxruntime)
    rows = ConstrainedRows(constraints)
    decoding = graphs.start(sources)
    latest = np.full(len(texts), SOS, np.int32)
    found: list[list[int]] = [[] for _ in texts]
    for _ in range(longest):
        log_probs = decoding(latest)[:, rows.ids]
        rows.mask(log_probs)
        latest = rows.ids[log_probs.argmax(axis=-1)]
        rows.advance(latest.tolist())
        for one, tag in zip(found, latest.tolist(), strict=True):
            one.append(tag)
    cut = [tuple(one[: one.index(EOS)] if EOS in one else one) for one in found]
    assert cut == [one.ids for one in wanted]


def test_a_model_without_masks_is_refused() -> None:
    model = trained_small()
    model = replace(model, config=replace(model.config, attention_masks=False))
    with pytest.raises(UserError) as refused:
        export(model)
    assert refused.value.code == "export-without-masks"


def test_without_onnxruntime_nothing_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    made = export(trained_small())
    assert (
        "onnxruntime が要ります" in made.notes[0]
        and "比べていません" in made.notes[0]
        and len(made.files) == 3
    )


# -- single operations ----------------------------------------------------------------------------


def run(compute: Callable[..., Any], *arrays: np.ndarray) -> np.ndarray:
    """What a graph of ``compute`` gives for these inputs; all their sizes are open in the graph."""
    ops = OnnxOps()
    inputs = [
        ops.input(
            f"x{i}", [Dim(f"size{i}_{axis}") for axis in range(array.ndim - 1)] + list(array.shape[-1:])
        )
        for i, array in enumerate(arrays)
    ]
    ops.named("result", compute(ops, *inputs))
    graph = onnx.helper.make_graph(
        ops.nodes,
        "one",
        [declared(one, str(array.dtype)) for one, array in zip(inputs, arrays, strict=True)],
        [onnx.helper.make_empty_tensor_value_info("result")],
    )
    ops.add_constants(graph)
    made = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", OPSET)], ir_version=IR_VERSION
    )
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {f"x{i}": array for i, array in enumerate(arrays)})[0]


X = np.random.default_rng(0).normal(size=(2, 3, 4)).astype(np.float32)


def test_a_fully_masked_row_is_zeros() -> None:
    seen = np.array([[True, False, True, True], [False] * 4])
    ops = NumpyOps()
    mask = lambda array: Mask("padding", array)  # noqa: E731
    found = run(lambda ops, x, m: ops.softmax(x, mask(m)), X[:, 0], seen)
    np.testing.assert_allclose(found, ops.softmax(X[:, 0], mask(seen)), atol=1e-7)
    assert not found[1].any() and abs(MASKED) < np.inf


@pytest.mark.parametrize("shape", [(2, 3, 2, 2), (-1, 4), (24,), (2, 12), (2, -1), (1, 2, 3, 4)], ids=str)
def test_reshape_to_known_sizes(shape: Sequence[int]) -> None:
    np.testing.assert_array_equal(run(lambda ops, x: ops.reshape(x, shape), X), X.reshape(shape))


def test_reshape_keeps_open_sizes() -> None:
    """(B, T, D) -> (B · T, D) -> (B, T, D), as the tied output layer does."""

    def there_and_back(ops: OnnxOps, x: Value) -> Value:
        rows = ops.reshape(x, (-1, 4))
        assert isinstance(rows.shape[0], Dim)
        return ops.reshape(rows, (*x.shape[:-1], -1))

    np.testing.assert_array_equal(run(there_and_back, X), X)


def test_top_k_and_rows() -> None:
    np.testing.assert_array_equal(run(lambda ops, x: ops.top_k(x, 2)[1], X), np.argsort(-X, axis=-1)[..., :2])
    rows = np.array([1, 1, 0], np.int32)
    np.testing.assert_array_equal(run(lambda ops, x, r: ops.gather_rows(x, r), X, rows), X[rows])


def test_values_of_constants_alone_come_to_the_host() -> None:
    ops = OnnxOps()
    views = ops.named_views(ops.array(np.arange(6.0)), {"a": (2,), "b": (2, 2)})
    np.testing.assert_array_equal(ops.to_host(views["b"]), [[2, 3], [4, 5]])
    with pytest.raises(TypeError, match="no values"):
        ops.to_host(ops.relu(views["a"]))


# -- the model that ships -------------------------------------------------------------------------


def _padded(sources: Sequence[Sequence[int]]) -> np.ndarray:
    found = np.zeros((len(sources), max(map(len, sources))), np.int32)
    for row, source in zip(found, sources, strict=True):
        row[: len(source)] = source
    return found


@pytest.mark.slow
@pytest.mark.parametrize("batch", [1, 32])
def test_the_shipped_model_on_every_handwritten_sentence(batch: int) -> None:
    model = load_model(shipped_model(), record=False)
    graphs = Graphs(export(model).files, onnxruntime)
    sources = handwritten(model)
    assert len(sources) > 400
    worst, alike = compare(model, graphs, sources, batch)
    assert worst <= TOLERANCE and alike == len(sources)
