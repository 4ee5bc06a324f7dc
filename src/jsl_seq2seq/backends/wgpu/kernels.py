"""Kernels: WGSL files, what their jobs are made of, and the pipelines they become."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import Any

from .device import native, translated_errors, wgpu
from .job import Constants

ROW_WORDS = 64
"""A job takes 256 bytes: the alignment that every adapter accepts for an offset into the job table."""
MAX_JOBS = 64
"""Jobs of one dispatch; together they fill the 16 KiB that every adapter lets a kernel see of a uniform buffer."""

_SIZES = {"u32": 1, "i32": 1, "f32": 1, "vec4<u32>": 4}
_WITH = re.compile(r"^//! with (\w+)$", re.MULTILINE)
_FIELD = re.compile(r"(\w+)\s*:\s*(u32|i32|f32|vec4<u32>)\s*,")


@cache
def source(name: str) -> str:
    """A kernel's WGSL: its file, after those that its first lines (``//! with NAME``) name."""
    text = (
        resources.files(__name__.rpartition(".")[0])
        .joinpath("kernels", f"{name}.wgsl")
        .read_text(encoding="utf-8")
    )
    return "".join(source(other) for other in _WITH.findall(text)) + text


@cache
def layout(name: str) -> dict[str, tuple[int, str]]:
    """For each field of a kernel's ``struct Job``: its first word and its type, by WGSL's alignment rules."""
    body = source(name).split("struct Job {", 1)[1].split("}", 1)[0]
    fields, word = {}, 0
    for field, kind in _FIELD.findall(body):
        size = _SIZES[kind]
        word = -(-word // size) * size
        fields[field] = (word, kind)
        word += size
    assert list(fields)[:3] == ["first", "count", "width"], name
    assert word <= ROW_WORDS, name
    return fields


def module_text(name: str) -> str:
    """What is compiled: the kernel after the common part, its struct filled up to 256 bytes."""
    used = max(word + _SIZES[kind] for word, kind in layout(name).values())
    padding = "".join(f" pad{i}: u32," for i in range(ROW_WORDS - used))
    before, rest = source(name).split("struct Job {", 1)
    body, after = rest.split("}", 1)
    return f"{source('common')}{before}struct Job {{{body}{padding} }}{after}"


class Pipelines:
    """Compiles each kernel once for each set of constants.

    All kernels see the same two things, so that one bind group serves a whole step: the memory, and the job
    table from a row that is chosen for each dispatch.

    Args:
        checked: let the driver guard every index. Our kernels keep to their arrays themselves, and the guards
            cost a matrix product half its speed; tests run both ways.
    """

    def __init__(self, device: Any, checked: bool = False) -> None:
        self._device = device
        self._checked = checked
        self._pipelines: dict[tuple[str, Constants], Any] = {}
        with translated_errors():
            self.bind_group_layout = device.create_bind_group_layout(
                entries=[
                    {
                        "binding": 0,
                        "visibility": wgpu.ShaderStage.COMPUTE,
                        "buffer": {"type": "storage"},
                    },
                    {
                        "binding": 1,
                        "visibility": wgpu.ShaderStage.COMPUTE,
                        "buffer": {
                            "type": "uniform",
                            "has_dynamic_offset": True,
                            "min_binding_size": 4 * ROW_WORDS * MAX_JOBS,
                        },
                    },
                ]
            )
            self._layout = device.create_pipeline_layout(bind_group_layouts=[self.bind_group_layout])

    def get(self, kernel: str, constants: Constants) -> Any:
        """The pipeline of a kernel."""
        key = (kernel, constants)
        if key not in self._pipelines:
            with translated_errors():
                module = self._module(kernel)
                self._pipelines[key] = self._device.create_compute_pipeline(
                    layout=self._layout,
                    compute={"module": module, "entry_point": "main", "constants": dict(constants)},
                )
        return self._pipelines[key]

    def _module(self, kernel: str) -> Any:
        text = module_text(kernel)
        create = getattr(native.lib, "wgpuDeviceCreateShaderModuleTrusted", None)
        if self._checked or create is None:
            return self._device.create_shader_module(label=kernel, code=text)
        # wgpu-py has no name for this call of the native library's interface, so it is made directly
        ffi = native.ffi
        encoded = ffi.new("char[]", text.encode())
        code = ffi.new("WGPUShaderSourceWGSL *")
        code.chain.sType = native.lib.WGPUSType_ShaderSourceWGSL
        code.code.data, code.code.length = encoded, len(encoded) - 1
        descriptor = ffi.new("WGPUShaderModuleDescriptor *")
        descriptor.nextInChain = ffi.cast("WGPUChainedStruct *", code)
        handle = native.libf.wgpuDeviceCreateShaderModuleTrusted(self._device._internal, descriptor, 0)
        return native.GPUShaderModule(kernel, handle, self._device)
