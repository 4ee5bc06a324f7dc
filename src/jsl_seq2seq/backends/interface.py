"""The narrow door between the model and the machine: what an array library must be able to do.

The model is written once, against :class:`Ops`; NumPy, WebGPU and PyTorch each stand behind it in a
file of their own. Every operation here is one formula, and every backend is tested against NumPy's,
forward and gradient.

Shapes are written in one alphabet: B batch, S source length, T target length, D d_model, H heads,
E width of a head, F feed-forward width, V vocabulary; ``...`` is any number of leading axes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

Array = Any
"""An array of the backend's own library. It has ``.shape``; everything else goes through Ops."""

Vjp = Callable[[Array], tuple[Array, ...]]
"""Vector-Jacobian product of one operation: the output's gradient in, one gradient per input out."""

MASKED = -1e38
"""Stands in for a score that must not be seen: finite, so that no inf - inf turns into NaN, and below any score."""


class Recorder(Protocol):
    """Sees which operations run and can differentiate through them: :class:`jsl_seq2seq.backends.tape.Tape`."""

    def record(self, output: Array, inputs: tuple[Array, ...], vjp: Vjp) -> None:
        """``output`` came from ``inputs``; ``vjp`` takes gradients back."""
        ...

    def gradients(
        self, loss: Array, wanted: Sequence[Array], add: Callable[[Array, Array], Array]
    ) -> list[Array | None]:
        """d loss / d array for each wanted array, ``None`` where there is no path; forgets what was recorded."""
        ...


class Ops(ABC):
    """The operations of a Transformer on one backend.

    Operations return new arrays and change none, except :meth:`cache_write`, :meth:`cache_reorder`,
    :meth:`accumulate` and :meth:`adam_update`, which say so.

    Args:
        recorder: sees every differentiable operation; ``None`` for inference, where nothing is kept.
    """

    name: str
    """What ``--backend`` calls it."""
    device: str
    """What the computation runs on, for people to read."""
    precision: str = "fp32"
    """What ``--precision`` calls the numbers it computes in; parameters and moments are always float32."""
    captures_graphs: bool = False
    """Whether :meth:`capture` tells the device the same again instead of running Python. Then places in a
    sequence are arrays on the device, so that one recording serves all of them, and reading back is dear."""
    unroll: int = 1
    """How many tags are worth being told together, where :meth:`capture` tells the same again."""
    pad_multiple: int = 1
    """Batches whose sizes are multiples of this (where they are longer) repeat their shapes often enough."""

    def __init__(self, recorder: Recorder | None = None) -> None:
        self._recorder = recorder

    def _recorded(self, output: Array, inputs: tuple[Array, ...], vjp: Vjp) -> Array:
        if self._recorder is not None:
            self._recorder.record(output, inputs, vjp)
        return output

    # -- between Python and the device ------------------------------------------------------------

    @abstractmethod
    def array(self, values: Any) -> Array:
        """Numbers, nested lists or a NumPy array, on the device. Floats take the backend's float type."""

    @abstractmethod
    def to_host(self, array: Array) -> Any:
        """The same values as a NumPy array (or NumPy scalar) in ordinary memory."""

    def all_to_host(self, arrays: Sequence[Array]) -> list[Any]:
        """Several arrays of one shape and type; where reading is dear, they are read at once."""
        return [self.to_host(array) for array in arrays]

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
        """Several linear layers of one input, such as attention's Q, K and V. Here: one after another."""
        return tuple(self.linear(x, weight, bias) for weight, bias in zip(weights, biases, strict=True))

    @abstractmethod
    def relu(self, x: Array) -> Array:
        """max(0, x); the gradient at 0 is 0."""

    @abstractmethod
    def softmax(self, scores: Array, mask: Array | None = None) -> Array:
        """exp(x) / Σ exp(x) over the last axis, of what the mask lets through.

        Args:
            scores: [..., K].
            mask: from :meth:`causal_mask` or :meth:`padding_mask`; broadcasts against ``scores``.

        Returns:
            [..., K]; rows sum to 1, masked positions are exactly 0, and a fully masked row is all zeros.
        """

    def fused_attention(self, query: Array, key: Array, value: Array, mask: Array | None) -> Array | None:
        """softmax(Q Kᵀ / √E) V without ever writing the softmax down, if the backend can; else ``None``.

        An optional capability: :func:`jsl_seq2seq.model.attention.attention` says the same in four operations.
        Shapes and the meaning of the mask are the same, too.
        """
        return None

    @abstractmethod
    def layer_norm(self, x: Array, weight: Array, bias: Array, epsilon: float = 1e-5) -> Array:
        """(x - mean) / sqrt(var + ε) · weight + bias over the last axis (Ba et al. 2016). [..., D] -> [..., D]."""

    @abstractmethod
    def embedding(self, weight: Array, ids: Array) -> Array:
        """Row ``ids[i]`` of ``weight`` for every i: [V, D], [...] integers -> [..., D]."""

    @abstractmethod
    def dropout(self, x: Array, rate: float, key: Array, site: int) -> Array:
        """Zero each element with probability ``rate``, divide the others by 1 - rate (Srivastava et al. 2014).

        Which elements fall is a pure function of ``(key, site, position)``, the same on every backend that
        this project differentiates itself, so a run can be continued without saving a generator.

        Args:
            key: [1] unsigned 32-bit, a new one for each training step.
            site: tells the dropouts of one step apart.
        """

    @abstractmethod
    def cross_entropy(
        self, logits: Array, targets: Array, ignore: int, label_smoothing: float = 0.0
    ) -> Array:
        """-log softmax(logits)[target], averaged over the targets that are not ``ignore``.

        Args:
            logits: [..., V].
            targets: [...] integers.
            label_smoothing: ε; the wanted distribution is (1 - ε) on the target and ε/V everywhere
                (Szegedy et al. 2016, §7).

        Returns:
            A scalar; 0 if every target is ``ignore``.
        """

    # -- masks ------------------------------------------------------------------------------------

    @abstractmethod
    def causal_mask(self, length: int) -> Array:
        """[1, 1, T, T]: position t sees positions up to and including t."""

    @abstractmethod
    def padding_mask(self, ids: Array, pad: int) -> Array:
        """[B, S] integers -> [B, 1, 1, S]: everyone sees the positions that are not ``pad``."""

    # -- decoding ---------------------------------------------------------------------------------

    @abstractmethod
    def log_softmax(self, logits: Array) -> Array:
        """log softmax(logits) over the last axis. Not differentiable: training uses :meth:`cross_entropy`."""

    @abstractmethod
    def top_k(self, x: Array, k: int) -> tuple[Array, Array]:
        """The ``k`` largest elements along the last axis, largest first, and where they stand; of equals the first.

        [..., V] -> values [..., k] and int32 indices [..., k]. Not differentiable.
        """

    def gather_rows(self, x: Array, rows: Array) -> Array:
        """``x[rows[i]]`` in place i, copied: [N, ...], [R] integers -> [R, ...]."""
        flat = self.embedding(self.reshape(x, (x.shape[0], -1)), rows)
        return self.reshape(flat, (rows.shape[0], *x.shape[1:]))

    @abstractmethod
    def zeros(self, shape: Sequence[int]) -> Array:
        """A float array of zeros, for caches and optimizer moments."""

    @abstractmethod
    def cache_write(self, buffer: Array, values: Array, start: int | Array) -> Array:
        """Put ``values`` [B, H, N, E] at ``start`` on axis 2 of ``buffer`` [B, H, C, E], in place.

        Args:
            start: a number; on backends that replay also an integer array [1].

        Returns:
            The written part of the buffer so far, [B, H, start + N, E]; the whole buffer if ``start`` is an
            array, whose value nobody but the device knows.
        """

    @abstractmethod
    def cache_reorder(self, buffer: Array, rows: Array, start: int, end: int) -> None:
        """``buffer[i, :, start:end]`` ← what stood at ``buffer[rows[i], :, start:end]``, in place, all at once.

        How beams change their places, in what differs between them. ``buffer`` is [R, H, C, E], ``rows`` [R] integers.
        """

    def seen_mask(self, position: Array, capacity: int) -> Array:
        """[1, 1, 1, C]: whoever stands at ``position``, an integer array [1], sees places up to and including it.

        The row of :meth:`causal_mask` that replayed decoding needs; only backends that replay have it.
        """
        raise NotImplementedError

    # -- training ---------------------------------------------------------------------------------

    def capture(self, step: Callable[..., Array]) -> Callable[..., Array]:
        """``step``, prepared for being called many times with arrays of few different shapes.

        A backend may run ``step`` once per shape, remember what the device was told to do, and tell it the
        same again. So ``step`` must do nothing but operations on its arguments and on arrays that stay
        where they are (parameters, moments), and must not read values back. Arguments and results may be
        arrays or tuples and dataclasses of arrays, such as a decoder's cache; plain numbers in them are
        part of the shape. Here: ``step`` itself.
        """
        return step

    @abstractmethod
    def named_views(self, flat: Array, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
        """Cut a flat [N] array into named pieces that share its memory, in the mapping's order."""

    @abstractmethod
    def gradients(self, loss: Array, parameters: Mapping[str, Array]) -> Array:
        """d loss / d parameters as one flat [N] array, in the mapping's order."""

    @abstractmethod
    def accumulate(self, total: Array, gradient: Array, weight: Array) -> None:
        """total ← total + weight · g on flat [N] arrays, in place; ``weight`` is [1], on the device."""

    def all_reduce(self, array: Array) -> Array:
        """The sum of every process's ``array``, for those that train together; here: ``array`` itself."""
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

        with the bias corrections folded into α and ε (end of the paper's §2).

        Args:
            rates: [2] floats, α and ε of this step, on the device so that a recorded step can be replayed.
        """
