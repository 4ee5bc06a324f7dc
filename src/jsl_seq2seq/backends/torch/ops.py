"""The operations of a Transformer in PyTorch."""

# Arrays are torch.Tensor here, narrower than the interface's: a backend is only handed arrays that it made.
# pyright: reportIncompatibleMethodOverride=false

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from ..interface import MASKED, DecodingOps, GraphDecodingOps, Mask, TrainingOps
from ..tape import Tape
from .attention import FusedAttention
from .dropout import Drop, random_bits
from .graphs import CudaGraphs, detached
from .linear import linears
from .process_group import TorchProcessGroup

Array = torch.Tensor


def best_device() -> str:
    """``cuda`` or ``mps`` if PyTorch has one here, else ``cpu``."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def describe(device: torch.device) -> str:
    """A device's name for people to read."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
    return f"{name} (PyTorch {torch.__version__})"


class TorchOps(TrainingOps, DecodingOps):
    """PyTorch tensors.

    In ``bf16`` the model computes in bfloat16, on a copy of the parameters that :meth:`named_views` makes and
    :meth:`adam_update` refreshes. Parameters, moments, losses and files stay float32.

    Args:
        tape: anything but ``None`` makes parameters from :meth:`named_views` differentiable; PyTorch records.
        device: ``"cuda"``, ``"mps"``, ``"cpu"``, or ``None`` for the best one present.
        dtype: float type of every array.
        precision: ``"fp32"`` or ``"bf16"``; matters only with a tape, translation is always float32.
        group: the processes that train together with this one.
    """

    name = "torch"

    def __init__(
        self,
        tape: Tape | None = None,
        device: str | None = None,
        dtype: torch.dtype = torch.float32,
        precision: str = "fp32",
        group: TorchProcessGroup | None = None,
    ) -> None:
        super().__init__(tape)
        self.torch_device = torch.device(device or best_device())
        self._dtype, self.precision = dtype, precision
        self._group = group
        self.device = describe(self.torch_device)
        if self.torch_device.type == "cuda" and self.torch_device.index is not None:
            torch.cuda.set_device(self.torch_device)  # graphs and Triton work on the current one
        self._attention = FusedAttention()
        self._causal_masks: dict[int, Mask] = {}
        self._bf16_copies: list[tuple[torch.Tensor, torch.Tensor]] = []

    # -- between Python and the device ------------------------------------------------------------

    def array(self, values: Any) -> Array:
        tensor = values if isinstance(values, torch.Tensor) else torch.tensor(np.asarray(values))
        if tensor.dtype in (torch.uint32, torch.int32):  # PyTorch indexes with, and hashes in, 64 bits
            tensor = tensor.to(torch.int64)
        if tensor.is_floating_point():  # before it moves: MPS has no float64
            tensor = tensor.to(self._dtype)
        return tensor.to(self.torch_device)

    def to_host(self, array: Any) -> Any:
        return array.detach().cpu().numpy()

    def all_to_host(self, arrays: Sequence[Array]) -> list[Any]:
        return list(self.to_host(torch.stack(list(arrays)))) if arrays else []

    # -- shapes -----------------------------------------------------------------------------------

    def reshape(self, x: Array, shape: Sequence[int]) -> Array:
        return x.reshape(tuple(shape))

    def transpose(self, x: Array, axes: Sequence[int]) -> Array:
        return x.permute(tuple(axes))

    # -- the layers' arithmetic -------------------------------------------------------------------

    def add(self, a: Array, b: Array) -> Array:
        return torch.add(a, b.to(a.dtype))

    def scale(self, x: Array, factor: float) -> Array:
        return torch.mul(x, factor)

    def matmul(self, a: Array, b: Array, transpose_b: bool = False) -> Array:
        return torch.matmul(a, b.mT if transpose_b else b)

    def linear(self, x: Array, weight: Array, bias: Array) -> Array:
        rows = x.reshape(-1, x.shape[-1])
        return torch.addmm(bias, rows, weight).view(*x.shape[:-1], -1)

    def linears(self, x: Array, weights: Sequence[Array], biases: Sequence[Array]) -> tuple[Any, ...]:
        if len({weight.shape for weight in weights}) > 1:
            return super().linears(x, weights, biases)
        return linears(x, weights, biases)

    def relu(self, x: Array) -> Array:
        return F.relu(x)

    def softmax(self, scores: Array, mask: Mask | None = None) -> Array:
        if mask is None:
            return scores.softmax(dim=-1)
        seen: Any = mask.array
        weights = torch.where(seen, scores, MASKED).softmax(dim=-1)
        return torch.where(seen, weights, 0.0)  # changes fully masked rows only

    def fused_attention(self, query: Array, key: Array, value: Array, mask: Mask | None) -> Array | None:
        return self._attention(query, key, value, mask)

    def layer_norm(self, x: Array, weight: Array, bias: Array, epsilon: float = 1e-5) -> Array:
        return F.layer_norm(x, weight.shape, weight, bias, epsilon)

    def embedding(self, weight: Array, ids: Array) -> Array:
        return F.embedding(ids, weight)

    def dropout(self, x: Array, rate: float, key: Array, site: int) -> Array:
        if rate == 0:
            return x
        drop = self.drop(x, rate, key, site)
        kept = random_bits(key, site, x.numel(), drop.first).reshape(x.shape) >= drop.threshold
        return torch.where(kept, x * drop.scale, 0.0)

    def drop(self, x: Array, rate: float, key: Array, site: int) -> Drop:
        """The dropout of ``x``. In a process group each process has a share of one batch, all of the same size."""
        before = self._group.rank * x.shape.numel() if self._group else 0
        return Drop(rate, key, site, before)

    def cross_entropy(
        self,
        logits: Array,
        targets: Array,
        ignore: int,
        label_smoothing: float = 0.0,
        consistency: float = 0.0,
    ) -> Array:
        rows = logits.reshape(-1, logits.shape[-1]).to(self._dtype)
        total = F.cross_entropy(
            rows,
            targets.reshape(-1),
            ignore_index=ignore,
            label_smoothing=label_smoothing,
            reduction="sum",
        )
        if consistency:
            p, q = rows.log_softmax(-1).chunk(2)
            seen, _ = (targets.reshape(-1, 1) != ignore).chunk(2)
            # ½ (KL(p‖q) + KL(q‖p)) of each pair of rows, of which each counts as two
            total = total + consistency * torch.where(seen, (p.exp() - q.exp()) * (p - q), 0.0).sum()
        return total / (targets != ignore).sum().clamp(min=1)

    # -- masks ------------------------------------------------------------------------------------

    def causal_mask(self, length: int) -> Mask:
        if length not in self._causal_masks:
            ones = torch.ones(length, length, dtype=torch.bool, device=self.torch_device)
            self._causal_masks[length] = Mask("causal", ones.tril()[None, None])
        return self._causal_masks[length]

    def padding_mask(self, ids: Array, pad: int) -> Mask:
        return Mask("padding", (ids != pad)[:, None, None, :])

    # -- decoding ---------------------------------------------------------------------------------

    def log_softmax(self, logits: Array) -> Array:
        return logits.log_softmax(dim=-1)

    def top_k(self, x: Array, k: int) -> tuple[Array, Array]:
        if k == 1:
            values, indices = x.max(dim=-1, keepdim=True)  # the first of equals
            return values, indices.to(torch.int32)
        # the order of equals is undefined in topk
        values, indices = x.sort(dim=-1, descending=True, stable=True)
        return values[..., :k], indices[..., :k].to(torch.int32)

    def zeros(self, shape: Sequence[int]) -> Array:
        return torch.zeros(tuple(shape), dtype=self._dtype, device=self.torch_device)

    def cache_write(self, buffer: Array, values: Array, start: int | Array) -> Array:
        if isinstance(start, torch.Tensor):
            places = (
                start
                if values.shape[2] == 1
                else start + torch.arange(values.shape[2], device=self.torch_device)
            )
            return buffer.index_copy_(2, places, values)
        end = start + values.shape[2]
        buffer[:, :, start:end] = values
        return buffer[:, :, :end]

    def cache_reorder(self, buffer: Array, rows: Array, start: int, end: int) -> None:
        buffer[:, :, start:end] = buffer[rows, :, start:end]

    # -- training ---------------------------------------------------------------------------------

    def capture(self, step: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *arguments: detached(step(*arguments))

    def named_views(self, flat: Array, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
        source = flat.detach()
        if self._tape is not None and self.precision == "bf16":
            source = source.to(torch.bfloat16)
            self._bf16_copies.append((flat, source))
        pieces = source.split([math.prod(shape) for shape in shapes.values()])
        named = {name: piece.view(shape) for (name, shape), piece in zip(shapes.items(), pieces, strict=True)}
        if self._tape is not None:
            for piece in named.values():
                piece.requires_grad_()
        return named

    def beginning(self, flat: Array, shape: tuple[int, ...]) -> Array:
        return flat[: math.prod(shape)].view(shape)  # named_views would make a parameter of it

    def gradients(self, loss: Array, parameters: Mapping[str, Array]) -> Array:
        pieces = torch.autograd.grad(
            loss, list(parameters.values()), allow_unused=True, materialize_grads=True
        )
        return torch.cat([piece.reshape(-1) for piece in pieces]).to(self._dtype)

    def accumulate(self, total: Array, gradient: Array, weight: Array) -> None:
        total.addcmul_(gradient, weight)

    def all_reduce(self, array: Array) -> Array:
        return self._group.all_reduce_array(array) if self._group else array

    def reset(self, total: Array) -> None:
        total.zero_()

    def clip_norm(self, gradient: Array, max_norm: float) -> Array:
        return gradient / (gradient.norm() / max_norm).clamp(min=1)

    def adam_update(
        self, parameters: Array, gradient: Array, m: Array, v: Array, rates: Array, betas: tuple[float, float]
    ) -> None:
        bf16_copy = self.bf16_copy(parameters)
        with torch.no_grad():
            denominator = torch.empty_like(v)  # all that is allocated, before anything is changed
            m.lerp_(gradient, 1 - betas[0])
            v.mul_(betas[1]).addcmul_(gradient, gradient, value=1 - betas[1])
            torch.sqrt(v, out=denominator).add_(rates[1])
            parameters.sub_(denominator.reciprocal_().mul_(m).mul_(rates[0]))
            if bf16_copy is not None:
                bf16_copy.copy_(parameters)

    def bf16_copy(self, parameters: torch.Tensor) -> torch.Tensor | None:
        """The bfloat16 copy of ``parameters`` that the model computes with, if it computes in bfloat16."""
        return next((copy for flat, copy in self._bf16_copies if flat is parameters), None)


class CudaOps(TorchOps, GraphDecodingOps):
    """PyTorch on CUDA: a captured step is a CUDA graph for each combination of argument shapes."""

    unroll = 8
    pad_multiple = 8

    def capture(self, step: Callable[..., Any]) -> Callable[..., Any]:
        return CudaGraphs(step, self.array, self.torch_device)
