"""Choosing an adapter, its limits, and the words for what can go wrong."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from jsl_seq2seq.cli.hints import in_options
from jsl_seq2seq.errors import Failure, UserError

from ...backend_cases import require

require_wgpu = pytest.fixture(autouse=True)(lambda: require("wgpu"))


@pytest.fixture
def device() -> Any:
    from jsl_seq2seq.backends.wgpu import device  # noqa: PLC0415

    return device


def test_adapters_have_names_and_numbers(device: Any) -> None:
    adapters = device.list_adapters()
    assert [adapter.index for adapter in adapters] == list(range(len(adapters)))
    assert all(adapter.name and adapter.api in ("Vulkan", "Metal", "D3D12") for adapter in adapters)
    assert all(adapter.kind in ("hardware", "software") for adapter in adapters)
    assert sorted(adapters, key=lambda adapter: adapter.kind) == list(adapters), "hardware comes first"


def test_an_adapter_is_chosen_by_number_and_by_name(device: Any) -> None:
    first = device.list_adapters()[0]
    assert device.choose_adapter() is first
    assert device.choose_adapter("0") is first
    assert device.choose_adapter(first.name.upper()[:4]) is first


@pytest.mark.parametrize("wanted", ["99", "no such maker", "-1"])
def test_an_unknown_adapter_lists_the_known(device: Any, wanted: str) -> None:
    with pytest.raises(UserError) as caught:
        device.choose_adapter(wanted)
    assert wanted in caught.value.what
    assert device.list_adapters()[0].name in caught.value.hint


def test_no_adapter_says_what_to_install(device: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "list_adapters", lambda: ())
    with pytest.raises(Failure) as caught:
        device.choose_adapter()
    assert caught.value.code == "gpu-not-found"
    for hint in (caught.value.hint, in_options(caught.value)[1]):
        assert "libvulkan1" in hint and "ndarray" in hint
    assert "--backend ndarray" in in_options(caught.value)[1]


def test_software_is_refused_where_hardware_was_hoped_for(
    device: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    imitation = dataclasses.replace(device.list_adapters()[0], kind="software")
    monkeypatch.setattr(device, "list_adapters", lambda: (imitation,))
    with pytest.raises(Failure, match="ハードウェア"):
        device.choose_adapter(software=False)
    assert device.choose_adapter() is imitation


def test_an_adapter_below_the_limits_is_refused_before_anything_runs(device: Any) -> None:
    class Weak:
        limits = device.list_adapters()[0].handle.limits | {"max-compute-invocations-per-workgroup": 128}
        features = frozenset()

    weak = dataclasses.replace(device.list_adapters()[0], handle=Weak)
    with pytest.raises(Failure) as caught:
        device.open_device(weak)
    assert "max-compute-invocations-per-workgroup" in caught.value.what
    assert "128" in caught.value.what


def test_the_device_gets_no_more_than_was_asked_for(engine: Any) -> None:
    assert engine.device.limits["max-storage-buffers-per-shader-stage"] == 1
    assert engine.device.limits["max-compute-workgroup-storage-size"] == 16384
    assert engine.device.limits["max-compute-invocations-per-workgroup"] == 256


def test_too_much_memory_is_said_in_numbers(engine: Any) -> None:
    from jsl_seq2seq.backends.wgpu import WgpuOps  # noqa: PLC0415

    ops = WgpuOps(engine=engine)
    x = ops.array(np.arange(4.0))
    # the smallest array that cannot fit: nothing is allocated for it before that is known
    huge = ops.zeros((engine.adapter.binding // 4,))
    with pytest.raises(Failure) as caught:
        ops.to_host(huge)
    assert "メモリー" in caught.value.what
    assert "MiB" in caught.value.what
    assert caught.value.code == "gpu-out-of-memory" and caught.value.needed > caught.value.limit
    assert "バッチ" in caught.value.hint and "--batch-size" in in_options(caught.value)[1]
    with pytest.raises(Failure, match="計算されていません"):
        ops.to_host(huge)
    del huge
    assert ops.to_host(x).tolist() == [0, 1, 2, 3], "what was there before is still there"


@pytest.mark.parametrize(
    ("message", "word"),
    [
        ("Device is lost", "接続が切れました"),
        ("Parent device is lost", "接続が切れました"),
        ("Not enough memory left: out of memory", "メモリーが足りません"),
        ("Validation Error\n\nCaused by: a bug", "Validation Error"),
    ],
)
def test_errors_of_the_library_become_ours(device: Any, message: str, word: str) -> None:
    with pytest.raises(Failure) as caught, device.translated_errors():
        raise RuntimeError(message)
    assert word in caught.value.what
    assert caught.value.hint
