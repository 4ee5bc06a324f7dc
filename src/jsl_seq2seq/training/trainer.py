"""The training step: loss, gradients, clipping and Adam, all on the backend's device."""

from __future__ import annotations

import functools
import gc
import math
from collections.abc import Callable, Sequence
from typing import Any, Never

import numpy as np

from ..backends.interface import Array
from ..backends.out_of_memory import in_halves, is_out_of_memory
from ..backends.process_group import ProcessGroup
from ..backends.registry import Backend
from ..backends.tape import Tape
from ..data.batching import Batch, EncodedPair, make_batch
from ..errors import Failure
from ..model import Dropout, Positions, Transformer, flatten, parameter_shapes, unflatten
from ..model.layers import identity
from ..settings import ModelConfig, TrainingConfig
from ..store import Moments, SavedModel
from ..translate.translator import Translator
from .schedule import adam_rates


class Trainer:
    """A model's parameters and Adam's moments on a device, and the step that updates them.

    Parameters and moments are one flat array [N] each, so that clipping and Adam are a few operations.

    Args:
        parameters: the values to start from.
        moments: Adam's state to go on from; ``None`` starts at zero.
        step: updates made so far.
        frozen: [start, end) of the parameters in the flat array that no update changes, in order.

    Attributes:
        too_large: B, S and T of the smallest batch for which memory did not suffice; ``None`` if there was none.
    """

    def __init__(
        self,
        backend: Backend,
        config: ModelConfig,
        training: TrainingConfig,
        parameters: dict[str, np.ndarray],
        moments: Moments | None = None,
        step: int = 0,
        frozen: Sequence[tuple[int, int]] = (),
    ) -> None:
        self._tape = Tape()
        self.ops = backend.training_ops(self._tape)
        self.training, self.step, self.processes = training, step, backend.processes
        self.source_length, self._masked = config.source_length, config.attention_masks
        self._shapes = parameter_shapes(config)
        self._flat = self._to_device(parameters)
        self._pieces, self._frozen = _pieces(self._flat.shape[0], frozen), frozenset(map(str, frozen))
        # a frozen parameter's moments are zero, and its gradient is: so is Adam's step
        self._m = self.ops.zeros(self._flat.shape) if moments is None else self._to_device(moments.m, frozen)
        self._v = self.ops.zeros(self._flat.shape) if moments is None else self._to_device(moments.v, frozen)
        self._named = self.ops.named_views(self._flat, self._shapes)
        self._model = Transformer(self.ops, self._named, config)
        self._capture()
        self._accumulated: Array | None = None
        self._too_large, self._failed = math.inf, False
        self.too_large: tuple[int, int, int] | None = None
        # for losses and translations without gradients: the same memory, without a tape
        self._eval_ops = backend.training_ops(None)
        views = self._eval_ops.named_views(self._flat, self._shapes)
        self._eval_model = Transformer(self._eval_ops, views, config)

    def update(self, batch: Batch) -> Array:
        """One step of Adam on a batch; returns the batch's loss before the step, on the device."""
        return self.update_accumulated([batch])[0][0]

    def update_accumulated(self, batches: Sequence[Batch]) -> list[tuple[Array, int]]:
        """One step of Adam by the gradient of several batches: the mean over all their tokens.

        Of several processes, each computes its share of every batch.

        A batch for which memory does not suffice is computed in halves, whose gradients are added up: the same mean,
        but for its rounding, and with other elements dropped out.

        Returns:
            Of each batch's share in this process, the loss before the step, on the device, and the tokens that
            it is the mean of.

        Raises:
            Failure: memory does not suffice for a single sentence, or for the update (``training-out-of-memory``);
                nothing was updated.
        """
        self.step += 1
        try:
            return self._updated(batches)
        except Failure:
            self.step, self._accumulated = self.step - 1, None
            raise

    def _updated(self, batches: Sequence[Batch]) -> list[tuple[Array, int]]:
        rates = np.array(adam_rates(self.training, self.step), np.float32)
        if len(batches) == 1 and self.processes.world_size == 1:
            loss = self._updated_at_once(rates, batches[0])
            if loss is not None:
                return [(loss, batches[0].tokens)]
        if self._accumulated is None:
            self._accumulated = self._for_all_parameters(lambda: self.ops.zeros(self._flat.shape))
        tokens = sum(batch.tokens for batch in batches)
        found = []
        for number, batch in enumerate(batch.share(self.processes) for batch in batches):
            parts = self._accumulated_in_parts(batch, number, len(batches), tokens)
            found.append((self._mean(parts), batch.tokens))
        self._for_all_parameters(lambda: self._captured_apply(rates))
        return found

    def _for_all_parameters(self, compute: Callable[[], Any]) -> Any:
        """What ``compute`` returns, which takes memory for arrays of all parameters. Where that does not suffice, what
        is kept for later is given back and it is computed once more, by one process alone: others would not take part.

        Raises:
            Failure: it does not suffice then either (``training-out-of-memory``).
        """
        for retried in (self.processes.world_size > 1, True):
            try:
                return compute()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                self._failed = True
                if retried:
                    count = self._flat.shape[0]
                    what = f"{count:,} 個のパラメーターを更新するためのメモリーが足りません。"
                    raise lacking_memory(what, self.ops.name, self.processes, parameters=count) from error
            self._release()  # outside of the handler, whose traceback keeps the arrays
        raise AssertionError

    def _updated_at_once(self, rates: np.ndarray, batch: Batch) -> Array | None:
        """One step of Adam on a batch; its loss. ``None``, and no step, if memory does not suffice for that."""
        if _size(batch) >= self._too_large:
            return None
        arguments = (*self._inputs(batch), self._key(0), *self._positions(batch, 0))
        try:
            return self._captured_update(rates, *arguments)
        except Exception as error:
            if not self._lacks_memory(error, batch):
                raise
        self._release()  # outside of the handler, whose traceback keeps the arrays
        return None

    def _accumulated_in_parts(
        self, batch: Batch, number: int, count: int, tokens: int
    ) -> list[tuple[Array, int]]:
        """Add a batch's gradient to those of the step's other batches, in parts where it must be.

        Args:
            number: of the batch among the ``count`` of this step.
            tokens: of all batches of this step.

        Returns:
            The loss of each part, on the device, and its tokens.
        """
        positions = self._positions(batch, number)

        def accumulated(rows: Sequence[int]) -> list[tuple[Array, int]]:
            part = batch.part(rows[0], rows[-1] + 1)
            if len(rows) > 1 and _size(part) >= self._too_large:
                raise MemoryError
            weight = np.array([part.tokens / tokens], np.float32)
            key = self._key(number + rows[0] * count)  # one of its own for each part
            try:
                loss = self._captured_accumulate(weight, *self._inputs(part), key, *positions)
            except Exception as error:
                self._lacks_memory(error, part)
                raise
            return [(loss, part.tokens)]

        return in_halves(
            accumulated,
            range(len(batch.source)),
            lambda error: self._refuse(error, batch),
            self._release,
        )

    def _lacks_memory(self, error: Exception, batch: Batch) -> bool:
        """Whether the error is that memory did not suffice for a batch. No batch of that size is tried again."""
        if not is_out_of_memory(error):
            return False
        if _size(batch) < self._too_large:
            self._too_large, self.too_large = _size(batch), (len(batch.source), *_widths(batch))
        self._failed = True
        return True

    def _release(self) -> None:
        """Give back memory that is kept for later, if it did not suffice since this was done last."""
        if self._failed:
            self._failed = False
            self._tape.clear()
            self._capture()
            gc.collect()
            self.ops.release()

    def _refuse(self, error: Exception, batch: Batch) -> Never:
        source, target = _widths(batch)
        raise lacking_memory(
            f"1 文だけでも、学習するためのメモリーが足りません（{source} と {target} トークンまでの文）。",
            self.ops.name,
            self.processes,
            source=source,
            target=target,
        ) from error

    def _mean(self, parts: Sequence[tuple[Array, int]]) -> Array:
        """The mean loss of a batch, from those of its parts and their tokens."""
        if len(parts) == 1:
            return parts[0][0]
        tokens, ops = max(sum(count for _, count in parts), 1), self._eval_ops
        weighted = [ops.scale(loss, count / tokens) for loss, count in parts]
        return functools.reduce(ops.add, weighted)

    def _capture(self) -> None:
        self._captured_update = self.ops.capture(self._update)
        self._captured_accumulate = self.ops.capture(self._accumulate)
        self._captured_apply = self.ops.capture(self._apply_accumulated)

    def batch(self, pairs: Sequence[EncodedPair]) -> Batch:
        """Pairs as a batch, padded to the backend's multiple and to equal shares for all processes."""
        # without masks padding changes the result, so there must be no more of it than the model was made for
        step, count = self.ops.pad_multiple if self._masked else 1, self.processes.world_size
        rows = 1 if step == 1 else step if self.training.batch_tokens else self.training.batch_size
        return make_batch(pairs, self.source_length, step, rows=math.lcm(rows, count))

    def loss(self, batch: Batch) -> float:
        """A batch's loss, without dropout and label smoothing, nats per target token.

        Raises:
            Failure: memory does not suffice for a single sentence (``training-out-of-memory``).
        """

        def losses(rows: Sequence[int]) -> list[tuple[float, int]]:
            part = batch.part(rows[0], rows[-1] + 1)
            array = self._eval_ops.array
            loss = self._eval_model.loss(array(part.source), array(part.target_in), array(part.target_out))
            return [(float(self._eval_ops.to_host(loss)), part.tokens)]

        parts = in_halves(losses, range(len(batch.source)), lambda error: self._refuse(error, batch))
        if len(parts) == 1:
            return parts[0][0]
        return sum(loss * tokens for loss, tokens in parts) / max(batch.tokens, 1)

    def translator(self, model: SavedModel, backend: Backend, max_tags: int) -> Translator:
        """A translator with the parameters as they are whenever it is called.

        Args:
            model: the tokenizers; its parameters are not used.
            max_tags: the longest translation.
        """
        # every backend's operations without a tape decode, too
        network: Any = (self._eval_ops, self._eval_model)
        return Translator(model, backend, network=network, max_tags=max_tags)

    def parameters(self) -> dict[str, np.ndarray]:
        """A copy of the parameters on the host."""
        return self._to_host(self._flat)

    def moments(self) -> Moments:
        """A copy of Adam's moments on the host."""
        return Moments(self._to_host(self._m), self._to_host(self._v))

    def _key(self, part: int) -> np.ndarray:
        """The seed of this step's dropout, [1]; ``part`` is the batch's number among those of one step."""
        return np.array(
            [(self.training.seed * 0x9E3779B1 + self.step + part * 0x85EBCA6B) % 2**32], np.uint32
        )

    def _inputs(self, batch: Batch) -> tuple[np.ndarray, ...]:
        """The batch's arrays; with ``consistency`` each sentence twice, which dropout then makes two."""
        arrays = batch.source, batch.target_in, batch.target_out
        return tuple(np.concatenate([ids, ids]) for ids in arrays) if self.training.consistency else arrays

    def _positions(self, batch: Batch, part: int) -> tuple[np.ndarray, ...]:
        """The shifted positions of the batch's tokens, [S] and [T]; nothing without ``position_shift``."""
        if not self.training.position_shift:
            return ()
        generator = np.random.default_rng([self.training.seed, 2, self.step, part])
        shifts = generator.integers(0, self.training.position_shift + 1, size=2)
        lengths = batch.source.shape[1], batch.target_in.shape[1]
        return tuple(
            np.arange(shift, shift + length, dtype=np.int32)
            for shift, length in zip(shifts, lengths, strict=True)
        )

    def _update(self, rates: Array, *inputs: Array) -> Array:
        loss, gradient = self._forward_backward(*inputs)
        self._optimizer_step(gradient, rates)
        return loss

    def _accumulate(self, weight: Array, *inputs: Array) -> Array:
        """Add a batch's gradient [N], times ``weight`` [1], to those of the step's other batches."""
        loss, gradient = self._forward_backward(*inputs)
        assert self._accumulated is not None
        self.ops.accumulate(self._accumulated, gradient, self.ops.array(weight))
        return loss

    def _apply_accumulated(self, rates: Array) -> None:
        """One update by the gradient accumulated in all processes, which is then reset."""
        assert self._accumulated is not None
        self._optimizer_step(self.ops.all_reduce(self._accumulated), rates)
        self.ops.reset(self._accumulated)

    def _forward_backward(
        self, source: Array, target_in: Array, target_out: Array, key: Array, *positions: Array
    ) -> tuple[Array, Array]:
        """A batch's loss and the gradient of all parameters, [N]."""
        ops, training = self.ops, self.training
        source, target_in, target_out = (ops.array(ids) for ids in (source, target_in, target_out))
        drop = Dropout(ops, training.dropout, ops.array(key)) if training.dropout else identity
        capacity = self._model.config.max_seq_len + training.position_shift + ops.pad_multiple
        shifted = Positions(ops.array(positions[0]), ops.array(positions[1]), capacity) if positions else None
        smoothing, consistency = training.label_smoothing, training.consistency
        loss = self._model.loss(source, target_in, target_out, smoothing, drop, shifted, consistency)
        return loss, ops.gradients(loss, self._named)

    def _optimizer_step(self, gradient: Array, rates: Array) -> None:
        """Clip the gradient [N], and one step of Adam; both without the frozen parameters."""
        ops, training = self.ops, self.training
        if self._frozen:
            for name, piece in self._eval_ops.named_views(gradient, self._pieces).items():
                if name in self._frozen:
                    self._eval_ops.reset(piece)
        if training.clip_norm:
            gradient = ops.clip_norm(gradient, training.clip_norm)
        betas = (training.beta1, training.beta2)
        ops.adam_update(self._flat, gradient, self._m, self._v, ops.array(rates), betas)

    def _to_device(self, named: dict[str, np.ndarray], zeroed: Sequence[tuple[int, int]] = ()) -> Array:
        flat = flatten(named, self._shapes)
        for start, end in zeroed:
            flat[start:end] = 0
        return self.ops.array(flat)

    def _to_host(self, flat: Array) -> dict[str, np.ndarray]:
        return unflatten(np.array(self.ops.to_host(flat)), self._shapes)


def lacking_memory(what: str, backend: str, processes: ProcessGroup, **facts: int) -> Failure:
    """The failure where memory does not suffice for training, however small its parts."""
    other = "" if backend == "ndarray" or processes.world_size > 1 else "、ndarray バックエンドを使う"
    return Failure(
        what,
        f"長い文を分ける、モデルを小さくする（d_model や n_layers を減らす）{other}と、計算できるかもしれません。",
        code="training-out-of-memory",
        backend=backend,
        **facts,
    )


def _widths(batch: Batch) -> tuple[int, int]:
    """S and T."""
    return batch.source.shape[1], batch.target_in.shape[1]


def _size(batch: Batch) -> int:
    """Positions of both sides, padding included."""
    return len(batch.source) * sum(_widths(batch))


def _pieces(size: int, spans: Sequence[tuple[int, int]]) -> dict[str, tuple[int, ...]]:
    """The shapes of the pieces of a flat array [size]: each span, called by ``str(span)``, and what lies between."""
    pieces: dict[str, tuple[int, ...]] = {}
    before = 0
    for start, end in [*spans, (size, size)]:
        if before < start:
            pieces[str((before, start))] = (start - before,)
        if start < end:
            pieces[str((start, end))] = (end - start,)
        before = end
    return pieces
