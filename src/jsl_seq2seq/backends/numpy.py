"""The reference backend: every operation and its gradient in plain NumPy.

Each method computes its formula, then states the vector-Jacobian product beside it. ``g`` is the
gradient of the loss with respect to the method's result.
"""

# Arrays are np.ndarray here, narrower than the interface's: a backend is only handed arrays that it made.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from ..errors import UserError
from .backend import Backend, Request
from .interface import MASKED, DecodingOps, Mask, TrainingOps
from .tape import Tape

Array = np.ndarray


def open_backend(request: Request) -> Backend:
    """NumPy on the CPU. Raises UserError if a device is asked for."""
    if request.device is not None:
        raise UserError(
            "ndarray バックエンドに device はありません（いつも CPU です）。",
            code="backend-without-devices",
            backend="ndarray",
            setting="device",
            device=request.device,
        )
    return Backend("ndarray", NumpyOps, "NumPy・CPU、指定どおり")


def aligned_empty(count: int, dtype: type[np.generic] = np.float32) -> Array:
    """[count] uninitialized numbers, whose memory begins at a cache line.

    NumPy's own begins at any 16 bytes, and matrix-vector products of rows that straddle two lines take about 5 %
    longer, in one process and not in the next.
    """
    size = count * np.dtype(dtype).itemsize
    memory = np.empty(size + _CACHE_LINE, np.uint8)
    start = -memory.ctypes.data % _CACHE_LINE
    return memory[start : start + size].view(dtype)


_CACHE_LINE = 64
"""Bytes."""


class NumpyDecodingOps(DecodingOps):
    """The forward pass and decoding in NumPy, on the CPU.

    Args:
        tape: see :class:`~.interface.InferenceOps`.
        dtype: float type of every array; float64 serves the gradient tests.
    """

    name = "ndarray"

    def __init__(self, tape: Tape | None = None, dtype: type[np.floating] = np.float32) -> None:
        super().__init__(tape)
        self.dtype = dtype
        self.device = f"CPU (NumPy {np.__version__})"

    def array(self, values: Any) -> Array:
        values = np.asarray(values)
        if values.dtype.kind != "f":
            return values
        copy = aligned_empty(values.size, self.dtype).reshape(values.shape)
        copy[...] = values
        return copy

    def to_host(self, array: Any) -> Any:
        return np.asarray(array)

    def zeros(self, shape: Sequence[int]) -> Array:
        return np.zeros(shape, self.dtype)

    def named_views(self, flat: Array, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
        pieces, start = {}, 0
        for name, shape in shapes.items():
            end = start + math.prod(shape)
            pieces[name] = flat[start:end].reshape(shape)
            start = end
        return pieces

    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        before = x.shape
        return self._recorded(x.reshape(shape), (x,), lambda g: (g.reshape(before),))

    def transpose(self, x: Array, axes: Sequence[int]) -> Array:
        return self._recorded(x.transpose(axes), (x,), lambda g: (g.transpose(np.argsort(axes)),))

    def add(self, a: Array, b: Array) -> Array:
        return self._recorded(a + b, (a, b), lambda g: (g, _sum_to(g, b.shape)))

    def scale(self, x: Array, factor: float) -> Array:
        return self._recorded(x * factor, (x,), lambda g: (g * factor,))

    def matmul(self, a: Array, b: Array, transpose_b: bool = False) -> Array:
        if transpose_b:  # Y = A Bᵀ:  dA = G B,  dB = Gᵀ A
            return self._recorded(a @ b.mT, (a, b), lambda g: (g @ b, g.mT @ a))
        return self._recorded(a @ b, (a, b), lambda g: (g @ b.mT, a.mT @ g))

    def linear(self, x: Array, weight: Array, bias: Array) -> Array:
        rows = x.reshape(-1, x.shape[-1])
        y = rows.dot(weight)
        y += bias

        def vjp(g: Array) -> tuple[Array, ...]:  # dx = G Wᵀ,  dW = xᵀ G,  db = Σ G
            g = g.reshape(-1, g.shape[-1])
            return g.dot(weight.T).reshape(x.shape), rows.T.dot(g), g.sum(axis=0)

        return self._recorded(y.reshape(*x.shape[:-1], -1), (x, weight, bias), vjp)

    def relu(self, x: Array) -> Array:
        y = np.maximum(x, 0)
        return self._recorded(y, (x,), lambda g: (g * (y > 0),))

    def softmax(self, scores: Array, mask: Mask | None = None) -> Array:
        if mask is None:
            y = np.exp(scores - scores.max(axis=-1, keepdims=True))
            y /= y.sum(axis=-1, keepdims=True)
        else:
            seen: Any = mask.array
            hidden = np.where(seen, scores, MASKED)
            y = np.exp(hidden - hidden.max(axis=-1, keepdims=True))
            y *= seen  # a fully masked row: exp(MASKED - MASKED) is 1 everywhere, and must be 0
            total = y.sum(axis=-1, keepdims=True)
            y /= np.where(total > 0, total, 1)

        def vjp(g: Array) -> tuple[Array, ...]:  # dx = y ⊙ (g - Σ g ⊙ y)
            product = g * y
            return (product - y * product.sum(axis=-1, keepdims=True),)

        return self._recorded(y, (scores,), vjp)

    def layer_norm(self, x: Array, weight: Array, bias: Array, epsilon: float = 1e-5) -> Array:
        size = x.shape[-1]
        if x.size == size:  # decoding one sentence: numbers are quicker than arrays of one number
            normal = x - float(np.add.reduce(x, axis=None)) / size
            row = normal.reshape(-1)
            std = math.sqrt(float(row.dot(row)) / size + epsilon)
        else:
            normal = x - np.vecdot(x, _shares(size, x.dtype))[..., None]  # x - mean
            std = np.vecdot(normal, normal)[..., None]
            std /= size
            std += epsilon
            np.sqrt(std, out=std)
        normal /= std
        y = normal * weight
        y += bias

        def vjp(g: Array) -> tuple[Array, ...]:
            # dx = (gw - mean(gw) - x̂ mean(gw ⊙ x̂)) / σ  with  gw = g ⊙ weight
            gw = g * weight
            dx = gw - gw.mean(axis=-1, keepdims=True)
            dx -= normal * (np.vecdot(gw, normal)[..., None] / size)
            dx /= std
            return dx, _sum_to(g * normal, weight.shape), _sum_to(g, bias.shape)

        return self._recorded(y, (x, weight, bias), vjp)

    def embedding(self, weight: Array, ids: Array) -> Array:
        def vjp(g: Array) -> tuple[Array, ...]:  # every use of a row adds to that row's gradient
            dweight = np.zeros_like(weight)
            np.add.at(dweight, ids, g)
            return (dweight,)

        return self._recorded(weight[ids], (weight,), vjp)

    def causal_mask(self, length: int) -> Mask:
        return _lower_triangle(length)

    def padding_mask(self, ids: Array, pad: int) -> Mask:
        return Mask("padding", (ids != pad)[:, None, None, :])

    def log_softmax(self, logits: Array) -> Array:
        shifted = logits - logits.max(axis=-1, keepdims=True)
        return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))

    def top_k(self, x: Array, k: int) -> tuple[Array, Array]:
        order = np.argsort(-x, axis=-1, kind="stable")[..., :k]
        return np.take_along_axis(x, order, axis=-1), order.astype(np.int32)

    def cache_write(self, buffer: Array, values: Array, start: int | Array) -> Array:
        if isinstance(start, np.ndarray):
            begin = int(start[0])
            buffer[:, :, begin : begin + values.shape[2]] = values
            return buffer
        end = start + values.shape[2]
        buffer[:, :, start:end] = values
        return buffer[:, :, :end]

    def cache_reorder(self, buffer: Array, rows: Array, start: int, end: int) -> None:
        buffer[:, :, start:end] = buffer[rows, :, start:end]


_OF_ADAM = 3
"""Arrays of all parameters that one step of Adam has beside its arguments."""


class NumpyOps(NumpyDecodingOps, TrainingOps):
    """NumPy on the CPU: the forward pass, decoding, and training by the tape.

    Args:
        tape: :meth:`gradients` needs one.
    """

    def dropout(self, x: Array, rate: float, key: Array, site: int) -> Array:
        if rate == 0:
            return x
        bits = _random_bits(int(key[0]), site, x.size).reshape(x.shape)
        kept = (bits >= np.uint32(rate * 2**32)).astype(x.dtype) / x.dtype.type(1 - rate)
        return self._recorded(x * kept, (x,), lambda g: (g * kept,))

    def cross_entropy(
        self,
        logits: Array,
        targets: Array,
        ignore: int,
        label_smoothing: float = 0.0,
        consistency: float = 0.0,
    ) -> Array:
        classes = logits.shape[-1]
        log_p = self.log_softmax(logits).reshape(-1, classes)
        flat = targets.reshape(-1)
        real = flat != ignore
        count = max(int(real.sum()), 1)
        rows = np.arange(flat.size)
        wanted = np.full_like(log_p, label_smoothing / classes)
        wanted[rows, flat] += 1 - label_smoothing
        wanted *= real[:, None] / log_p.dtype.type(count)
        loss = -np.vdot(wanted, log_p)
        if consistency:
            divergence, by_logits = _divergence(log_p, real * log_p.dtype.type(consistency / count))
            loss = loss + divergence
            wanted -= by_logits  # the gradient is p - wanted

        def vjp(g: Array) -> tuple[Array, ...]:  # dlogits = (p - wanted) / count on real positions
            p = np.exp(log_p) * (real[:, None] / log_p.dtype.type(count))
            return (((p - wanted) * g).reshape(logits.shape),)

        return self._recorded(loss, (logits,), vjp)

    def gradients(self, loss: Array, parameters: Mapping[str, Array]) -> Array:
        assert self._tape is not None, "gradients need a tape"
        pieces = self._tape.gradients(loss, list(parameters.values()), np.add)
        return np.concatenate(
            [
                np.zeros(p.size, p.dtype) if g is None else g.reshape(-1)
                for g, p in zip(pieces, parameters.values(), strict=True)
            ]
        )

    def accumulate(self, total: Array, gradient: Array, weight: Array) -> None:
        total += weight * gradient

    def reset(self, total: Array) -> None:
        total.fill(0)

    def clip_norm(self, gradient: Array, max_norm: float) -> Array:
        norm = np.sqrt(np.vdot(gradient, gradient))
        return gradient * (max_norm / norm) if norm > max_norm else gradient

    def adam_update(
        self, parameters: Array, gradient: Array, m: Array, v: Array, rates: Array, betas: tuple[float, float]
    ) -> None:
        alpha, epsilon = rates
        beta1, beta2 = betas
        # as much as the lines below take at most: memory must not end between two of them
        reserved = [np.empty_like(gradient) for _ in range(_OF_ADAM)]
        del reserved
        m *= beta1
        m += (1 - beta1) * gradient
        v *= beta2
        v += (1 - beta2) * (gradient * gradient)
        parameters -= alpha * m / (np.sqrt(v) + epsilon)


def _sum_to(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Undo broadcasting: add up the axes along which a smaller operand was repeated."""
    if gradient.shape == shape:
        return gradient
    leading = gradient.ndim - len(shape)
    axes = tuple(range(leading)) + tuple(
        leading + axis for axis, size in enumerate(shape) if size == 1 and gradient.shape[leading + axis] != 1
    )
    return gradient.sum(axis=axes).reshape(shape)


@lru_cache(maxsize=64)
def _shares(size: int, dtype: np.dtype) -> Array:
    """The weights of a mean."""
    return np.full(size, 1 / size, dtype)


@lru_cache(maxsize=64)
def _lower_triangle(length: int) -> Mask:
    return Mask("causal", np.tri(length, dtype=bool)[None, None])


def _random_bits(key: int, site: int, count: int) -> Array:
    """``count`` random 32-bit words from a counter: PCG hashing (Jarzynski & Olano 2020, JCGT 9(3))."""
    with np.errstate(over="ignore"):  # wrapping around is what a hash does
        stream = _pcg(np.array([site], np.uint32) + _pcg(np.array([key], np.uint32)))
        return _pcg(np.arange(count, dtype=np.uint32) + stream)


def _pcg(x: Array) -> Array:
    state = x * np.uint32(747796405) + np.uint32(2891336453)
    word = ((state >> ((state >> np.uint32(28)) + np.uint32(4))) ^ state) * np.uint32(277803737)
    return (word >> np.uint32(22)) ^ word


def _divergence(log_p: Array, weights: Array) -> tuple[Array, Array]:
    """Σ w ½ (KL(p‖q) + KL(q‖p)) of the first half of the rows, p, and the second, q, and its gradient.

    KL(p‖q) + KL(q‖p) = Σ (p - q)(log p - log q). By the logits of p, half of it has the gradient
    ½ (p (log p - log q - KL(p‖q)) + p - q), and the same with p and q exchanged by those of q.

    Args:
        log_p: log-probabilities [R, V].
        weights: [R], of which both halves are the same.

    Returns:
        A scalar, and the gradient by the logits, [R, V].
    """
    half = len(log_p) // 2
    # each position stands in both halves, so the weights of all rows together are twice those of one half
    weights = 2 * weights[:half, None]
    p, q = np.exp(log_p[:half]), np.exp(log_p[half:])
    difference = log_p[:half] - log_p[half:]
    kl_pq, kl_qp = (p * difference).sum(-1, keepdims=True), -(q * difference).sum(-1, keepdims=True)
    by_p = p * (difference - kl_pq) + p - q
    by_q = q * (-difference - kl_qp) + q - p
    return np.sum(weights * (kl_pq + kl_qp)) / 2, np.concatenate([weights * by_p, weights * by_q]) / 2
