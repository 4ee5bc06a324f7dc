"""The three files of an ONNX export.

- ``encoder.onnx``: source ids -> keys and values of the memory for every decoder layer, and the mask of its padding.
- ``decoder_step.onnx``: the latest tag and the cache -> log-probabilities of the next one and the longer cache.
- ``greedy.onnx``: source ids -> the most probable tag at every position; encoder and decoder in one, with a Loop.

All ids are int32, all other numbers float32; batch and lengths are open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper

from ...backends.interface import MASKED, Mask
from ...io.text import format_json
from ...model import Positions, Transformer
from ...model.decoder import DecoderCache, LayerCache
from ...search.decoding import log_probs
from ...settings import EOS, SOS
from ...store import SavedModel
from ...version import __version__
from ..formats import Exported, require_masks
from ..weights import max_positions
from .check import check
from .trace import IR_VERSION, OPSET, Dim, OnnxOps, Value, declared

ENCODER, STEP, GREEDY = "encoder.onnx", "decoder_step.onnx", "greedy.onnx"
_BATCH, _SOURCE = Dim("batch"), Dim("source_length")


def export(model: SavedModel) -> Exported:
    """A model as ONNX files, checked against NumPy if onnxruntime is installed.

    Raises:
        UserError: the model has no attention masks.
        Failure: onnxruntime computes something else than NumPy.
    """
    require_masks(model, "onnx", final_norm=False)
    metadata = _metadata(model)
    graphs = {ENCODER: _encoder, STEP: _decoder_step, GREEDY: _greedy}
    files = {name: graph(model, metadata) for name, graph in graphs.items()}
    return Exported(files, (check(model, files),))


def _encoder(model: SavedModel, metadata: Mapping[str, str]) -> bytes:
    ops = OnnxOps()
    source = ops.input("source", (_BATCH, _SOURCE))
    layers, mask = _encoded(ops, _network(ops, model), source)
    outputs = [declared(ops.named("memory_mask", mask), "bool")]
    for index, layer in enumerate(layers):
        outputs += [
            declared(ops.named(f"{name}.{index}", getattr(layer, name)), "float32")
            for name in ("memory_key", "memory_value")
        ]
    return _file(metadata, ops, "encoder", [declared(source, "int32")], outputs)


def _decoder_step(model: SavedModel, metadata: Mapping[str, str]) -> bytes:
    ops, config = OnnxOps(), model.config
    past = Dim("past_length", max_positions(config))
    own = (_BATCH, config.n_heads, past, config.head_size)
    memory = (_BATCH, config.n_heads, _SOURCE, config.head_size)
    ids = ops.input("ids", (_BATCH, 1))
    mask = ops.input("memory_mask", (_BATCH, 1, 1, _SOURCE))
    layers = [
        LayerCache(
            ops.input(f"past_key.{index}", own),
            ops.input(f"past_value.{index}", own),
            ops.input(f"memory_key.{index}", memory),
            ops.input(f"memory_value.{index}", memory),
        )
        for index in range(config.n_layers)
    ]
    found = _step(ops, _network(ops, model), ids, layers, mask, ops.size(past))
    outputs = [declared(ops.named("log_probs", found), "float32")]
    for index, layer in enumerate(layers):
        for name, buffer in (("present_key", layer.self_key), ("present_value", layer.self_value)):
            outputs.append(declared(ops.named(f"{name}.{index}", ops.written[_name(buffer)]), "float32"))
    inputs = [declared(ids, "int32"), declared(mask, "bool")]
    inputs += [declared(_value(one), "float32") for layer in layers for one in vars(layer).values()]
    return _file(metadata, ops, "decoder_step", inputs, outputs)


def _greedy(model: SavedModel, metadata: Mapping[str, str]) -> bytes:
    """Ends when every sentence has ended; what follows a sentence's EOS is EOS with log-probability 0."""
    ops, config = OnnxOps(), model.config
    network = _network(ops, model)
    source = ops.input("source", (_BATCH, _SOURCE))
    limit = ops.input("max_length", ())
    layers, mask = _encoded(ops, network, source)
    own = (_BATCH, config.n_heads, 0, config.head_size)
    first = ops.node("Expand", [ops.array(np.array([[SOS]], np.int32)), ops._shape((_BATCH, 1))], (_BATCH, 1))
    none_ended = ops.node("Expand", [ops.array(np.array([False])), ops._shape((_BATCH,))], (_BATCH,))
    empty = [ops.zeros(own) for _ in range(2 * config.n_layers)]

    outside, ops.nodes = ops.nodes, []  # the Loop's body; its constants lie outside
    past = Dim("past_length", max_positions(config))
    iteration, running = Value("iteration", ()), Value("running", ())
    latest, ended = Value("latest", (_BATCH, 1)), Value("ended", (_BATCH,))
    grown = (_BATCH, config.n_heads, past, config.head_size)
    caches = [Value(f"past.{index}", grown) for index in range(2 * config.n_layers)]
    own_layers = [
        LayerCache(caches[2 * index], caches[2 * index + 1], layer.memory_key, layer.memory_value)
        for index, layer in enumerate(layers)
    ]
    position = ops.reshape(iteration, (1,))
    found = _step(ops, network, latest, own_layers, mask, position)
    if config.never_decoded:
        barred = np.zeros(config.vocab_size.target, np.float32)
        barred[list(config.never_decoded)] = MASKED
        found = ops.add(found, ops.array(barred))
    best, index = ops.top_k(found, 1)
    flat_best, flat_index = ops.reshape(best, (_BATCH,)), ops.reshape(index, (_BATCH,))
    end = ops.array(np.int32(EOS))
    tag = ops.node("Where", [ended, end, flat_index], (_BATCH,))
    score = ops.node("Where", [ended, ops.array(np.float32(0)), flat_best], (_BATCH,))
    now_ended = ops.node("Equal", [tag, end], (_BATCH,))
    left = ops.cast(ops.node("Not", [now_ended], (_BATCH,)), "int32")
    any_left = ops.node("ReduceMax", [left], (), keepdims=0)
    results = [
        (ops.named("still_running", ops.cast(any_left, "bool")), "bool"),
        (ops.named("next", ops.reshape(tag, (_BATCH, 1))), "int32"),
        (ops.named("next_ended", now_ended), "bool"),
        *((ops.named(f"next_{one.name}", ops.written[one.name]), "float32") for one in caches),
        (ops.named("tag", tag), "int32"),
        (ops.named("score", score), "float32"),
    ]
    given = [(iteration, "int64"), (running, "bool"), (latest, "int32"), (ended, "bool")]
    given += [(one, "float32") for one in caches]
    body = helper.make_graph(
        ops.nodes, "step", [declared(*one) for one in given], [declared(*one) for one in results]
    )
    ops.nodes = outside
    steps = Dim("target_length")
    kept: list[Sequence[int]] = [(_BATCH, 1), (_BATCH,), *(one.shape for one in caches)]
    most = ops.add(ops.cast(limit, "int64"), ops.array(np.int64(1)))
    outputs = ops.nodes_outputs(
        "Loop",
        [most, ops.array(np.array(True)), first, none_ended, *empty],
        [*kept, (steps, _BATCH), (steps, _BATCH)],
        body=body,
    )
    tags, scores = (ops.transpose(one, (1, 0)) for one in outputs[-2:])
    return _file(
        metadata,
        ops,
        "greedy",
        [declared(source, "int32"), declared(limit, "int32")],
        [declared(ops.named("tags", tags), "int32"), declared(ops.named("log_probs", scores), "float32")],
    )


def _network(ops: OnnxOps, model: SavedModel) -> Transformer[OnnxOps]:
    return Transformer(ops, ops.parameters(model.parameters), model.config)


def _encoded(ops: OnnxOps, network: Transformer[OnnxOps], source: Value) -> tuple[list[LayerCache], Value]:
    """Source ids -> each layer's keys and values of the memory, and the mask that hides its padding."""
    places = ops.node(
        "Range",
        [
            ops.array(np.int64(0)),
            ops.reshape(ops.size(_SOURCE), ()),
            ops.array(np.int64(1)),
        ],
        (_SOURCE,),
    )
    positions = Positions(places, places, max_positions(network.config))
    memory, mask = network.encoder(source, positions=positions)
    assert mask is not None
    # caches without positions: what is written into them is all that they hold
    empty = (_BATCH, network.config.n_heads, 0, network.config.head_size)
    layers = [
        LayerCache(*(Value(f"{name}.{index}", empty) for name in LayerCache.__annotations__))
        for index in range(network.config.n_layers)
    ]
    network.decoder.write_memory(tuple(layers), memory)
    written = ops.written
    filled = [
        LayerCache(
            one.self_key, one.self_value, written[_name(one.memory_key)], written[_name(one.memory_value)]
        )
        for one in layers
    ]
    return filled, _value(mask.array)


def _step(
    ops: OnnxOps,
    network: Transformer[OnnxOps],
    ids: Value,
    layers: Sequence[LayerCache],
    mask: Value,
    position: Value,
) -> Value:
    """Log-probabilities [B, V] of the next tag; the longer caches are in ``ops.written``."""
    cache = DecoderCache(tuple(layers), Mask("padding", mask), length=0)
    logits = network.decoder.step_at(ids, cache, position)
    return _value(log_probs(ops, logits, network.config.temperature))


def _value(array: Any) -> Value:
    return array


def _name(array: Any) -> str:
    return array.name


def _metadata(model: SavedModel) -> dict[str, str]:
    return {
        "config": format_json(model.config.to_json()),
        "max_positions": str(max_positions(model.config)),
        "vocab_hash": model.tokenizers.hash,
        "vocabulary": format_json(model.tokenizers.to_json()),
    }


def _file(
    metadata: Mapping[str, str],
    ops: OnnxOps,
    name: str,
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
) -> bytes:
    made = helper.make_model(
        helper.make_graph(ops.nodes, name, inputs, outputs),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="jsl-seq2seq",
        producer_version=__version__,
    )
    helper.set_model_props(made, dict(metadata))
    ops.add_constants(made.graph)
    return made.SerializeToString()
