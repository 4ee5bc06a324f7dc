"""A backend that computes nothing: its operations write the nodes of an ONNX graph (operator set 17).

The model of :mod:`jsl_seq2seq.model` runs on it unchanged, once; what it would have computed is the graph. Sizes
that a graph leaves open are :class:`Dim`. They are integers, so that the model's code can hand them on, and
operations recognize them.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from ...backends.interface import MASKED, DecodingOps, Mask
from ...model import unflatten

OPSET = 17
IR_VERSION = 8
"""The version of the file format that came with operator set 17."""


class Dim(int):
    """A size that is known when the graph runs.

    Args:
        name: the same name is the same size.
        bound: the integer's value: an upper bound where the model asks for one (positions), else of no meaning.
    """

    name: str

    def __new__(cls, name: str, bound: int = 0) -> Dim:
        self = super().__new__(cls, bound)
        self.name = name
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dim) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)


class Value:
    """An edge of the graph.

    Attributes:
        name: in the graph.
        shape: integers and :class:`Dim`.
        constant: its numbers, if they are known while the graph is written.
    """

    def __init__(self, name: str, shape: Sequence[int], constant: np.ndarray | None = None) -> None:
        self.name, self.shape, self.constant = name, tuple(shape), constant


_TYPES: Mapping[str, int] = {
    "float32": TensorProto.FLOAT,
    "int32": TensorProto.INT32,
    "int64": TensorProto.INT64,
    "bool": TensorProto.BOOL,
}


class OnnxOps(DecodingOps):
    """The forward pass and decoding as nodes of one graph.

    A cache is as long as what has been written into it: :meth:`cache_write` appends, and :attr:`written` holds the
    longer cache, which the graph returns.
    """

    name = "onnx"
    device = "ONNX"

    def __init__(self) -> None:
        super().__init__()
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.written: dict[str, Value] = {}
        """The cache's name -> the cache after this graph."""
        self._sizes: dict[str, Value] = {}
        self._count = 0

    # -- the graph --------------------------------------------------------------------------------

    def node(self, operator: str, inputs: Sequence[Value], shape: Sequence[int], **attributes: Any) -> Value:
        """One more node with one output."""
        return self.nodes_outputs(operator, inputs, [shape], **attributes)[0]

    def nodes_outputs(
        self, operator: str, inputs: Sequence[Value], shapes: Sequence[Sequence[int]], **attributes: Any
    ) -> list[Value]:
        """One more node with as many outputs as shapes."""
        self._count += 1
        name = f"{operator.lower()}_{self._count}"
        outputs = [Value(name if not i else f"{name}_{i}", shape) for i, shape in enumerate(shapes)]
        names = [self._used(value) for value in inputs]
        self.nodes.append(
            helper.make_node(operator, names, [one.name for one in outputs], name=name, **attributes)
        )
        return outputs

    def input(self, name: str, shape: Sequence[int]) -> Value:
        """An edge that comes from outside. Open sizes seen here for the first time are measured on it."""
        value = Value(name, shape)
        for axis, size in enumerate(shape):
            if isinstance(size, Dim) and size.name not in self._sizes:
                measured = self.node("Shape", [value], (1,), start=axis, end=axis + 1)
                self._sizes[size.name] = measured
        return value

    def named(self, name: str, value: Value) -> Value:
        """The same edge under a name that users of the graph see."""
        self.nodes.append(helper.make_node("Identity", [self._used(value)], [name], name=name))
        return Value(name, value.shape)

    def size(self, dim: Dim) -> Value:
        """An open size as int64 [1]."""
        return self._sizes[dim.name]

    def parameters(self, arrays: Mapping[str, np.ndarray]) -> dict[str, Value]:
        """The model's parameters as constants under their own names; those that nothing uses stay out."""
        return {name: Value(name, array.shape, array) for name, array in arrays.items()}

    def add_constants(self, graph: onnx.GraphProto) -> None:
        """Add the constants that nodes use, each copied once: they are nearly all of a graph's bytes."""
        for name, values in self.constants.items():
            little_endian = values.astype(values.dtype.newbyteorder("<"), copy=False)
            graph.initializer.add(
                name=name,
                data_type=_TYPES[values.dtype.name],
                dims=values.shape,
                raw_data=little_endian.tobytes(),
            )

    def cast(self, x: Value, dtype: str) -> Value:
        """The same numbers in another type."""
        return self.node("Cast", [x], x.shape, to=_TYPES[dtype])

    def _used(self, value: Value) -> str:
        """The edge's name; a constant becomes part of the graph with its first use."""
        if value.constant is not None and value.name not in self.constants:
            self.constants[value.name] = value.constant
        return value.name

    def _shape(self, shape: Sequence[int]) -> Value:
        """A shape as int64 [axes]."""
        if not any(isinstance(size, Dim) for size in shape):
            return self.array(np.array(shape, np.int64))
        parts = [
            self.size(size) if isinstance(size, Dim) else self.array(np.array([size], np.int64))
            for size in shape
        ]
        return self.node("Concat", parts, (len(shape),), axis=0)

    # -- between Python and the graph -------------------------------------------------------------

    def array(self, values: Any) -> Value:
        values = np.asarray(values, order="C")
        if values.dtype.kind == "f":
            values = values.astype(np.float32)
        self._count += 1
        return Value(f"constant_{self._count}", values.shape, values)

    def to_host(self, array: Any) -> Any:
        """The numbers of a constant. Raises TypeError for anything else: it has none before the graph runs."""
        if array.constant is None:
            raise TypeError(f"{array.name} has no values before the graph runs")
        return array.constant

    def zeros(self, shape: Sequence[int]) -> Value:
        return self.node("ConstantOfShape", [self._shape(shape)], shape)

    def named_views(self, flat: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Constants; ``flat`` must be one."""
        return self.parameters(unflatten(self.to_host(flat), shapes))

    # -- shapes -----------------------------------------------------------------------------------

    def reshape(self, x: Any, shape: Sequence[int]) -> Value:
        shape = _inferred(x.shape, shape)
        if shape == x.shape:
            return x
        if sum(isinstance(size, Dim) for size in shape) == 1:
            target = self.array(np.array([-1 if isinstance(size, Dim) else size for size in shape], np.int64))
        else:
            target = self._shape(shape)
        return self.node("Reshape", [x, target], shape)

    def transpose(self, x: Any, axes: Sequence[int]) -> Value:
        return self.node("Transpose", [x], [x.shape[axis] for axis in axes], perm=list(axes))

    # -- the layers' arithmetic -------------------------------------------------------------------

    def add(self, a: Any, b: Any) -> Value:
        return self.node("Add", [a, b], a.shape)

    def scale(self, x: Any, factor: float) -> Value:
        return self.node("Mul", [x, self.array(np.float32(factor))], x.shape)

    def matmul(self, a: Any, b: Any, transpose_b: bool = False) -> Value:
        if transpose_b:
            axes = list(range(len(b.shape)))
            b = self.transpose(b, [*axes[:-2], axes[-1], axes[-2]])
        return self.node("MatMul", [a, b], (*a.shape[:-1], b.shape[-1]))

    def linear(self, x: Any, weight: Any, bias: Any) -> Value:
        return self.add(self.matmul(x, weight), bias)

    def relu(self, x: Any) -> Value:
        return self.node("Relu", [x], x.shape)

    def softmax(self, scores: Any, mask: Mask | None = None) -> Value:
        if mask is None:
            return self.node("Softmax", [scores], scores.shape, axis=-1)
        seen: Any = mask.array
        hidden = self.node("Where", [seen, scores, self.array(np.float32(MASKED))], scores.shape)
        y = self.node("Softmax", [hidden], scores.shape, axis=-1)
        # a fully masked row is uniform here, and must be 0
        return self.node("Where", [seen, y, self.array(np.float32(0))], scores.shape)

    def layer_norm(self, x: Any, weight: Any, bias: Any, epsilon: float = 1e-5) -> Value:
        return self.node("LayerNormalization", [x, weight, bias], x.shape, axis=-1, epsilon=epsilon)

    def embedding(self, weight: Any, ids: Any) -> Value:
        return self.node("Gather", [weight, ids], (*ids.shape, *weight.shape[1:]), axis=0)

    # -- masks ------------------------------------------------------------------------------------

    def causal_mask(self, length: int) -> Mask:
        """For lengths that are known."""
        return Mask("causal", self.array(np.tri(length, dtype=bool)[None, None]))

    def padding_mask(self, ids: Any, pad: int) -> Mask:
        equal = self.node("Equal", [ids, self.array(np.int32(pad))], ids.shape)
        batch, length = ids.shape
        return Mask("padding", self.reshape(self.node("Not", [equal], ids.shape), (batch, 1, 1, length)))

    def causal_row_mask(self, position: Any, capacity: int) -> Mask:
        """[1, 1, 1, 1]: all keys. A cache holds none behind ``position``."""
        return Mask("prefix", self.array(np.ones((1, 1, 1, 1), bool)))

    # -- decoding ---------------------------------------------------------------------------------

    def log_softmax(self, logits: Any) -> Value:
        return self.node("LogSoftmax", [logits], logits.shape, axis=-1)

    def top_k(self, x: Any, k: int) -> tuple[Value, Value]:
        shape = (*x.shape[:-1], k)
        values, indices = self.nodes_outputs(
            "TopK", [x, self.array(np.array([k], np.int64))], [shape, shape], axis=-1
        )
        return values, self.cast(indices, "int32")

    def gather_rows(self, x: Any, rows: Any) -> Value:
        return self.embedding(x, rows)

    def cache_write(self, buffer: Any, values: Any, start: int | Any) -> Value:
        """Append to the cache. ``start`` must be its length, and is not looked at."""
        batch, heads, length, width = buffer.shape
        shape = (batch, heads, Dim(f"{length.name} + 1"), width) if isinstance(length, Dim) else values.shape
        grown = self.node("Concat", [buffer, values], shape, axis=2) if length else values
        self.written[buffer.name] = grown
        return grown

    def cache_reorder(self, buffer: Any, rows: Any, start: int, end: int) -> None:
        """All positions are gathered: those outside of [start, end) are equal in both rows."""
        self.written[buffer.name] = self.gather_rows(buffer, rows)


def _inferred(old: Sequence[int], new: Sequence[int]) -> tuple[int, ...]:
    """The new shape, with the size that -1 stands for."""
    if -1 not in new:
        return tuple(new)
    rest = [size for size in new if size != -1]
    left = Counter(_names(old)) - Counter(_names(rest))
    number = math.prod(_numbers(old)) // math.prod(_numbers(rest))
    if not left:
        size: int = number
    elif len(left) == 1 and number == 1:
        size = Dim(next(iter(left)))
    else:
        size = Dim(" * ".join([*sorted(left.elements()), *([str(number)] if number > 1 else [])]))
    return tuple(size if one == -1 else one for one in new)


def _factors(shape: Sequence[int]) -> list[str]:
    """Of the number of elements, as names and digits."""
    return [
        part for size in shape for part in (size.name.split(" * ") if isinstance(size, Dim) else [str(size)])
    ]


def _names(shape: Sequence[int]) -> list[str]:
    return [part for part in _factors(shape) if not part.isdecimal()]


def _numbers(shape: Sequence[int]) -> list[int]:
    return [int(part) for part in _factors(shape) if part.isdecimal()]


def declared(value: Value, dtype: str) -> onnx.ValueInfoProto:
    """An input or output as a graph declares it."""
    shape = [size.name if isinstance(size, Dim) else int(size) for size in value.shape]
    return helper.make_tensor_value_info(value.name, _TYPES[dtype], shape)
