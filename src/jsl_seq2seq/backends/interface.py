"""What an array library must provide for the model to run on it.

The model is written once, against the classes here; NumPy, WebGPU and PyTorch implement them. There are three
capabilities, and a backend's type says which it has:

- :class:`InferenceOps`: arrays, shapes, arithmetic, softmax, layer norm, embedding, masks, fused attention;
- :class:`DecodingOps`: what generating a sequence step by step needs besides: caches, log-softmax, top-k
  (:class:`GraphDecodingOps` where a step is captured once and replayed on the device);
- :class:`TrainingOps`: what training needs besides: dropout, cross-entropy, gradients, Adam.

Every operation is one formula. Every backend is tested against NumPy's, forward and gradient.

Shapes are written in one alphabet: B batch, S source length, T target length, D d_model, H heads,
E width of a head, F feed-forward width, V vocabulary; ``...`` is any number of leading axes.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from .tape import Tape, Vjp


class Array(Protocol):
    """An array of the backend's own library. Outside a backend, everything but its shape goes through the ops."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the axes."""
        ...


@dataclass(frozen=True, eq=False)
class Mask:
    """Which keys each query may attend to.

    Attributes:
        kind: ``causal``, query t sees keys 0 ... t, of as many queries as keys; ``prefix``, every query sees the
            keys up to and including one position; ``padding``, every query of a sentence sees the keys that are
            not padding.
        array: booleans, true where a key is seen; broadcasts against scores [B, H, T, S].
    """

    kind: Literal["causal", "prefix", "padding"]
    array: Array


MASKED = -1e38
"""Score of a masked key: finite, so that no inf - inf turns into NaN, and below any score."""


def pad_rows(rows: Sequence[Sequence[int]], pad: int, multiple: int = 1, at_least: int = 1) -> np.ndarray:
    """Integers of different lengths -> [B, L] int32 on the host, each row filled up with ``pad`` behind its end.

    Args:
        rows: at least one.
        pad: the id that :meth:`InferenceOps.padding_mask` masks.
        multiple: L is the longest row's length rounded up to a multiple of this (:attr:`InferenceOps.pad_multiple`).
        at_least: L is never smaller than this, nor than 1.
    """
    longest = max(at_least, 1, *(len(row) for row in rows))
    padded = np.full((len(rows), -(-longest // multiple) * multiple), pad, np.int32)
    for index, row in enumerate(rows):
        padded[index, : len(row)] = row
    return padded


class InferenceOps(ABC):
    """The operations of a Transformer's forward pass.

    Operations return new arrays and change none, except where a docstring says "in place".

    Args:
        tape: records every differentiable operation; ``None`` for inference, where nothing is kept.
    """

    name: str
    """The backend's name: ``ndarray``, ``numba``, ``wgpu``, ``torch``."""
    device: str
    """The device that computes, for people to read."""
    precision: str = "fp32"
    """The numbers it computes in: ``fp32``, ``bf16`` or ``int8``; parameters and moments are always float32."""
    pad_multiple: int = 1
    """Batches are padded to multiples of this on both axes, so that :meth:`capture` sees few different shapes."""

    def __init__(self, tape: Tape | None = None) -> None:
        self._tape = tape

    def _recorded(self, output: Any, inputs: tuple[Any, ...], vjp: Vjp) -> Any:
        if self._tape is not None:
            self._tape.record(output, inputs, vjp)
        return output

    # -- between Python and the device ------------------------------------------------------------

    def exclusive(self) -> AbstractContextManager[Any]:
        """A context for a computation of several operations that no other thread may interrupt. Most backends need
        none."""
        return nullcontext()

    def release(self) -> None:  # noqa: B027  most backends keep nothing
        """Give back memory that is kept for computations to come: where it did not suffice for one."""

    @abstractmethod
    def array(self, values: Any) -> Array:
        """Numbers, nested lists or a NumPy array, on the device. Floats take the backend's float type."""

    @abstractmethod
    def to_host(self, array: Array) -> Any:
        """The same values as a NumPy array (or NumPy scalar) in the host's memory."""

    @abstractmethod
    def zeros(self, shape: Sequence[int]) -> Array:
        """A float array of zeros, for caches and optimizer moments."""

    @abstractmethod
    def named_views(self, flat: Array, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
        """A flat [N] array as named arrays that share its memory, in the mapping's order."""

    def beginning(self, flat: Array, shape: tuple[int, ...]) -> Array:
        """The beginning of a flat [N] array of constants in ``shape``, sharing its memory; not differentiable."""
        size = math.prod(shape)
        shapes = {"beginning": shape} | ({"rest": (flat.shape[0] - size,)} if size < flat.shape[0] else {})
        return self.named_views(flat, shapes)["beginning"]

    def capture(self, step: Callable[..., Any]) -> Callable[..., Any]:
        """``step``, prepared for being called many times with arrays of few different shapes.

        A backend may run ``step`` once for each combination of argument shapes, record the device's commands, and
        replay the record from then on. So ``step`` may do nothing but operations on its arguments and on arrays
        that stay where they are (parameters, moments, caches), and must not read values back. Arguments and
        results may be arrays, ``None``, and tuples of them. By default: ``step`` itself.
        """
        return step

    # -- shapes -----------------------------------------------------------------------------------

    @abstractmethod
    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        """The same elements in the same order in another shape; one size may be -1."""

    @abstractmethod
    def transpose(self, x: Array, axes: Sequence[int]) -> Array:
        """Axes in another order: ``result.shape[i] == x.shape[axes[i]]``."""

    # -- the layers' arithmetic -------------------------------------------------------------------

    @abstractmethod
    def add(self, a: Array, b: Array) -> Array:
        """a + b; ``b`` may lack leading axes of ``a`` or have size 1 there (broadcasting)."""

    @abstractmethod
    def scale(self, x: Array, factor: float) -> Array:
        """factor · x."""

    @abstractmethod
    def matmul(self, a: Array, b: Array, transpose_b: bool = False) -> Array:
        """A B, or A Bᵀ, over the last two axes: [..., M, K] x [..., K, N] (or [..., N, K]) -> [..., M, N]."""

    @abstractmethod
    def linear(self, x: Array, weight: Array, bias: Array) -> Array:
        """x W + b: [..., I] x [I, O] + [O] -> [..., O]."""

    def linears(self, x: Array, weights: Sequence[Array], biases: Sequence[Array]) -> tuple[Array, ...]:
        """Several linear layers of one input, such as attention's Q, K and V. By default: one after another."""
        return tuple(self.linear(x, weight, bias) for weight, bias in zip(weights, biases, strict=True))

    @abstractmethod
    def relu(self, x: Array) -> Array:
        """max(0, x); the gradient at 0 is 0."""

    @abstractmethod
    def softmax(self, scores: Array, mask: Mask | None = None) -> Array:
        """exp(x) / Σ exp(x) over the last axis, of the keys that the mask shows.

        Args:
            scores: [..., K].
            mask: broadcasts against ``scores``; ``None`` shows every key.

        Returns:
            [..., K]; rows sum to 1, masked positions are exactly 0, and a fully masked row is all zeros.
        """

    def fused_attention(self, query: Array, key: Array, value: Array, mask: Mask | None) -> Array | None:
        """softmax(Q Kᵀ / √E) V without storing the softmax; ``None`` where the backend has no such kernel.

        :func:`jsl_seq2seq.model.attention.attention` computes the same in four operations, with the same shapes
        and the same meaning of the mask.
        """
        return None

    @abstractmethod
    def layer_norm(self, x: Array, weight: Array, bias: Array, epsilon: float = 1e-5) -> Array:
        """(x - mean) / sqrt(var + ε) · weight + bias over the last axis (Ba et al. 2016). [..., D] -> [..., D]."""

    @abstractmethod
    def embedding(self, weight: Array, ids: Array) -> Array:
        """Row ``ids[i]`` of ``weight`` for every i: [V, D], [...] integers -> [..., D]."""

    # -- masks ------------------------------------------------------------------------------------

    @abstractmethod
    def causal_mask(self, length: int) -> Mask:
        """[1, 1, T, T]: query t sees keys up to and including t."""

    @abstractmethod
    def padding_mask(self, ids: Array, pad: int) -> Mask:
        """[B, S] integers -> [B, 1, 1, S]: every query sees the keys whose id is not ``pad``."""


class DecodingOps(InferenceOps):
    """The operations of generating a sequence step by step. None of them is differentiable."""

    def all_to_host(self, arrays: Sequence[Array]) -> list[Any]:
        """Several arrays of one shape and type as NumPy arrays; in one transfer where transfers are slow."""
        return [self.to_host(array) for array in arrays]

    @abstractmethod
    def log_softmax(self, logits: Array) -> Array:
        """log softmax(logits) over the last axis. Training uses :meth:`TrainingOps.cross_entropy`."""

    @abstractmethod
    def top_k(self, x: Array, k: int) -> tuple[Array, Array]:
        """The ``k`` largest elements along the last axis, largest first, and their indices; of equals the first.

        [..., V] -> values [..., k] and int32 indices [..., k].
        """

    def gather_rows(self, x: Array, rows: Array) -> Array:
        """``result[i] = x[rows[i]]``, copied: [N, ...], [R] integers -> [R, ...]."""
        flat = self.embedding(self.reshape(x, (x.shape[0], -1)), rows)
        return self.reshape(flat, (rows.shape[0], *x.shape[1:]))

    @abstractmethod
    def cache_write(self, buffer: Array, values: Array, start: int | Array) -> Array:
        """Write ``values`` [B, H, N, E] at ``start`` on axis 2 of ``buffer`` [B, H, C, E], in place.

        Whoever reads ``buffer`` afterwards reads the values, whether or not the result is used.

        Args:
            start: a number, or an integer array [1] on the device (a static position: one captured step serves
                every position).

        Returns:
            A view of the buffer: what is written so far, [B, H, start + N, E]; the whole buffer, [B, H, C, E], if
            ``start`` is an array.
        """

    @abstractmethod
    def cache_reorder(self, buffer: Array, rows: Array, start: int, end: int) -> None:
        """``buffer[i, :, start:end]`` ← ``buffer[rows[i], :, start:end]`` as it was before, for all i, in place.

        Beam search reorders its rows with it. ``buffer`` is [R, H, C, E], ``rows`` [R] integers.
        """

    def causal_row_mask(self, position: Array, capacity: int) -> Mask:
        """[1, 1, 1, C]: row ``position``, an integer array [1], of :meth:`causal_mask`."""
        rows = self.reshape(self.causal_mask(capacity).array, (capacity, capacity))
        return Mask("prefix", self.reshape(self.gather_rows(rows, position), (1, 1, 1, capacity)))


class GraphDecodingOps(DecodingOps):
    """Decoding on a device where :meth:`capture` replays commands and reading a value back is slow.

    Greedy decoding then feeds each tag back on the device, at static positions.
    """

    unroll: int = 1
    """Decoding steps in one captured step."""


class TrainingOps(InferenceOps):
    """The operations of training. Parameters, gradients and moments are flat [N] arrays."""

    @abstractmethod
    def dropout(self, x: Array, rate: float, key: Array, site: int) -> Array:
        """Zero each element with probability ``rate``, divide the others by 1 - rate (Srivastava et al. 2014).

        Which elements are zeroed is a pure function of ``(key, site, position)``, the same on every backend, so a
        run can be continued without saving a generator.

        Args:
            key: [1] unsigned 32-bit, a new one for each training step.
            site: number of the dropout layer within the step.
        """

    @abstractmethod
    def cross_entropy(
        self,
        logits: Array,
        targets: Array,
        ignore: int,
        label_smoothing: float = 0.0,
        consistency: float = 0.0,
    ) -> Array:
        """-log softmax(logits)[target], averaged over the targets that are not ``ignore``.

        Args:
            logits: [..., V].
            targets: [...] integers.
            label_smoothing: ε; the target distribution is (1 - ε) on the target and ε/V everywhere
                (Szegedy et al. 2016, §7).
            consistency: α of R-Drop (Liang et al. 2021, §2.2). The second half of the rows are the first half's
                sentences once more, with other dropout; α · ½ (KL(p‖q) + KL(q‖p)) between the two distributions
                of each position is added, averaged over the positions that are not ``ignore``.

        Returns:
            A scalar; 0 if every target is ``ignore``.
        """

    @abstractmethod
    def gradients(self, loss: Array, parameters: Mapping[str, Array]) -> Array:
        """d loss / d parameters as one flat [N] array, in the mapping's order."""

    @abstractmethod
    def accumulate(self, total: Array, gradient: Array, weight: Array) -> None:
        """total ← total + weight · g on flat [N] arrays, in place; ``weight`` is [1], on the device."""

    @abstractmethod
    def reset(self, total: Array) -> None:
        """total ← 0 on a flat [N] array, in place, whatever it held (inf and NaN included)."""

    def all_reduce(self, array: Array) -> Array:
        """The sum of ``array`` over the process group. By default, of one process: ``array`` itself."""
        return array

    @abstractmethod
    def clip_norm(self, gradient: Array, max_norm: float) -> Array:
        """g · min(1, max_norm / ‖g‖): [N] -> [N] (Pascanu et al. 2013, Algorithm 1)."""

    @abstractmethod
    def adam_update(
        self, parameters: Array, gradient: Array, m: Array, v: Array, rates: Array, betas: tuple[float, float]
    ) -> None:
        """One step of Adam (Kingma & Ba 2015, Algorithm 1) on flat [N] arrays, in place.

        m ← β₁ m + (1 - β₁) g,  v ← β₂ v + (1 - β₂) g²,  θ ← θ - α m / (√v + ε)

        with the bias corrections folded into α and ε (end of the paper's §2). Whatever memory it takes is allocated
        before anything is changed: an error of memory that does not suffice leaves all arrays as they were.

        Args:
            rates: [2] floats, α and ε of this step, on the device so that a captured step can be replayed.
        """
