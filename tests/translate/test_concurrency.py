"""Threads, forks, and groups of sentences for which there is not enough memory."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from jsl_seq2seq.backends.registry import choose_backend
from jsl_seq2seq.backends.wgpu.device import out_of_memory
from jsl_seq2seq.errors import Failure
from jsl_seq2seq.translate import Translator, translator

from ..backend_cases import require
from ..small_models import trained_small

pytestmark = pytest.mark.usefixtures("frozen")

TEXTS = ["ありがとう", "だいじょうぶです", "おはようございます"] * 4


@pytest.mark.parametrize("together", [True, False], ids=["one translator", "one each"])
def test_threads_on_one_device(together: bool) -> None:
    require("wgpu")
    model, backend = trained_small(), choose_backend("wgpu")
    first = Translator(model, backend)
    alone = [first.translate(text) for text in TEXTS]
    each = [first if together else Translator(model, backend) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda one: [one.translate(text) for text in TEXTS], each))
    assert found == [alone] * 3


def _codes(translate: Callable[[], Any], results: Any) -> None:
    codes = []
    for attempt in (translate, lambda: Translator(trained_small(), choose_backend("wgpu"))):
        try:
            attempt()
            codes.append("")
        except Failure as error:
            codes.append(error.code)
    results.put((codes, choose_backend().name))


@pytest.mark.skipif("sys.platform != 'linux'", reason="forks")
def test_a_forked_process_is_refused_and_goes_on_without(monkeypatch: pytest.MonkeyPatch) -> None:
    require("wgpu")
    used = Translator(trained_small(), choose_backend("wgpu"))
    used.translate("ありがとう")
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    child = context.Process(target=_codes, args=(lambda: used.translate("ありがとう"), results))
    child.start()
    child.join(60)
    if child.is_alive():
        child.kill()
    assert child.exitcode == 0
    assert results.get()[0] == ["gpu-after-fork"] * 2


class TorchError(RuntimeError):
    """As PyTorch raises it on the CPU."""


ERRORS = [
    MemoryError(),
    out_of_memory(10, 5),
    TorchError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 bytes"),
    type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory."),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("beam", [1, 2])
@pytest.mark.parametrize("most", [1, 2, 5, 12])
def test_without_memory_for_a_group_its_halves_are_translated(
    monkeypatch: pytest.MonkeyPatch, error: Exception, beam: int, most: int
) -> None:
    whole = Translator(trained_small(), choose_backend("ndarray"))
    expected = whole.translate_batch(TEXTS, beam=beam)
    name = "greedy" if beam == 1 else "beam_search"
    honest = getattr(translator, name)

    def limited(ops: Any, network: Any, group: Any, *rest: Any, **more: Any) -> Any:
        if len(group) > most:
            raise error
        return honest(ops, network, group, *rest, **more)

    monkeypatch.setattr(translator, name, limited)
    assert whole.translate_batch(TEXTS, beam=beam) == expected


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_without_memory_for_one_sentence_it_is_said(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def never(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(translator, "greedy", never)
    with pytest.raises(Failure) as failed:
        Translator(trained_small(), choose_backend("ndarray")).translate("ありがとう")
    assert failed.value.code == "translation-out-of-memory"


def test_other_errors_are_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> Any:
        raise RuntimeError("shapes do not fit")

    monkeypatch.setattr(translator, "greedy", broken)
    with pytest.raises(RuntimeError, match="shapes"):
        Translator(trained_small(), choose_backend("ndarray")).translate_batch(TEXTS)
