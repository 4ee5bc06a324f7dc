"""Telling the device: a plan becomes one command buffer."""

from __future__ import annotations

from typing import Any

from .device import native
from .kernels import ROW_WORDS, Pipelines
from .plan import Dispatch

_ROW_BYTES = 4 * ROW_WORDS


class Commands:
    """A plan's dispatches in the form that is quickest to tell.

    WebGPU's command buffers can be used once only, so a step is told anew each time. wgpu-py's own methods
    take several microseconds each; where they do nothing but pass numbers on, the native library is called
    directly with the same handles.
    """

    def __init__(self, dispatches: list[Dispatch], pipelines: Pipelines) -> None:
        self.count = len(dispatches)
        self._kept = [pipelines.get(dispatch.kernel, dispatch.constants) for dispatch in dispatches]
        ffi = native.ffi
        self._offsets = ffi.new("uint32_t[]", [dispatch.row * _ROW_BYTES for dispatch in dispatches] or [0])
        before = None
        self._steps = []
        for index, (pipeline, dispatch) in enumerate(zip(self._kept, dispatches, strict=True)):
            changed = pipeline._internal if pipeline is not before else None
            self._steps.append((changed, self._offsets + index, dispatch.width, dispatch.height))
            before = pipeline

    def encode(self, encoder: Any, bind_group: Any, timestamps: Any = None) -> None:
        """Put one compute pass with all dispatches into a command encoder."""
        compute_pass = encoder.begin_compute_pass(timestamp_writes=timestamps)
        handle, group = compute_pass._internal, bind_group._internal
        lib = native.lib
        set_pipeline = lib.wgpuComputePassEncoderSetPipeline
        set_bind_group = lib.wgpuComputePassEncoderSetBindGroup
        dispatch_workgroups = lib.wgpuComputePassEncoderDispatchWorkgroups
        for pipeline, offset, width, height in self._steps:
            if pipeline is not None:
                set_pipeline(handle, pipeline)
            set_bind_group(handle, 0, group, 1, offset)
            dispatch_workgroups(handle, width, height, 1)
        compute_pass.end()
