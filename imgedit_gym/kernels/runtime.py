"""Starting Warp quietly, and launching kernels on torch tensors: without copies, cheaply, over several threads."""

from __future__ import annotations

import ctypes
import itertools
import os
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
import warp as wp

from imgedit_gym.core.errors import ImgEditError


def _start() -> None:
    """Initialise Warp without the line on standard error by which it tells that there is no NVIDIA driver.

    Warp's native library writes it past Python and past Warp's own settings; all else it says is passed on.
    """
    with tempfile.TemporaryFile() as said:
        held = os.dup(2)
        try:
            os.dup2(said.fileno(), 2)
            wp.init()
        finally:
            os.dup2(held, 2)
            os.close(held)
        said.seek(0)
        for line in said.read().decode(errors="replace").splitlines():
            if "load the NVIDIA CUDA driver" not in line:
                print(line, file=sys.stderr)


_start()

FIRST = "first"
"""Name of the parameter by which a kernel learns where its part of the batch begins; see :func:`launch`."""

_SHORTEST_PART = 100e-6
"""Seconds of work that are worth handing to another thread, which takes about 30 microseconds."""

_PARTS_A_THREAD = 4
"""Parts of the batch for each thread, as environments differ in cost."""


def launch(kernel: Any, dim: int | Sequence[int], inputs: Sequence[Any], device: torch.device) -> None:
    """Launch a kernel on torch tensors, whose memory it shares.

    On a CPU a launch is a sequential loop, so results do not depend on the batch. A kernel whose first parameter is
    the integer ``first`` is cut along the first dimension into parts that run on :func:`get_num_threads` threads, once
    it is known to take long enough; it adds ``first`` to the first index of ``wp.tid()``, and its environments must
    not write to shared places. Other kernels run on the calling thread.

    Args:
        kernel: A Warp kernel.
        dim: Launch size.
        inputs: Kernel arguments in order, without ``first``. A tensor's last dimension is folded where the kernel
            takes vectors; booleans may be read as bytes.
        device: Where the tensors live.
    """
    size = (dim,) if isinstance(dim, int) else tuple(dim)
    if min(size) == 0:
        return
    try:
        launcher = _launchers.of[kernel, device]
    except KeyError:
        launcher = _launchers.of[kernel, device] = _Launcher(kernel, device)
    launcher(size, inputs)


def lanes_of(device: torch.device, most: int) -> int:
    """How many threads a kernel lets work on one environment: one on a CPU, where the batch is spread instead.

    Args:
        device: Where the kernel runs.
        most: How many it can use, for example one a line of the picture.
    """
    return 1 if device.type == "cpu" else most


def set_num_threads(threads: int) -> None:
    """Set over how many threads kernels on the CPU are spread, for the whole process.

    Results are the same for any number. The default is the number of CPUs the process may use.

    Raises:
        ImgEditError: If the number is not a whole number of at least 1.
    """
    if not isinstance(threads, int) or isinstance(threads, bool) or threads < 1:
        raise ImgEditError(f"the number of threads must be a whole number of at least 1; found {threads!r}")
    _crew.resize(threads)


def get_num_threads() -> int:
    """Over how many threads kernels on the CPU are spread."""
    return _crew.threads


class _Crew:
    """The threads that help the calling one."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._pool: ThreadPoolExecutor | None = None

    def resize(self, threads: int) -> None:
        """Change the number of threads, the calling one counted."""
        pool, self._pool, self.threads = self._pool, None, threads
        if pool is not None:
            pool.shutdown()

    def forget(self) -> None:
        """Drop the threads, which do not live on in a forked process."""
        self._pool = None

    def run(self, parts: Sequence[_Part]) -> None:
        """Run parts of a launch; whoever is free takes the next."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.threads - 1, thread_name_prefix="imgedit-gym")
        turn = itertools.count()

        def work() -> None:
            while (at := next(turn)) < len(parts):
                parts[at].run()

        helpers = [self._pool.submit(work) for _ in range(min(self.threads, len(parts)) - 1)]
        try:
            work()
        finally:
            for helper in helpers:
                helper.result()


def _available_cpus() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_crew = _Crew(_available_cpus())
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_crew.forget)


class _Launchers(threading.local):
    """The calling thread's launchers by kernel and device: recorded launches are not to be shared."""

    def __init__(self) -> None:
        self.of: dict[tuple[Any, torch.device], _Launcher] = {}


_launchers = _Launchers()


class _Launcher:
    """Launches one kernel on one device again and again."""

    def __init__(self, kernel: Any, device: torch.device) -> None:
        self._kernel = kernel
        self._device = device
        self._divisible = kernel.adj.args[0].label == FIRST
        self._parts: list[_Part] = []
        self._pace = 0.0

    def __call__(self, size: tuple[int, ...], inputs: Sequence[Any]) -> None:
        on_cpu = self._device.type == "cpu"
        count = self._count(size[0]) if on_cpu and self._divisible else 1
        while len(self._parts) < count:
            self._parts.append(_Part(self._kernel, self._device))
        if count == 1:
            self._parts[0].pack(size, (0, *inputs) if self._divisible else inputs)
            begun = time.perf_counter()
            self._parts[0].run()
        else:
            edges = [size[0] * at // count for at in range(count + 1)]
            for part, first, last in zip(self._parts, edges, edges[1:], strict=False):
                part.pack((last - first, *size[1:]), (first, *inputs))
            begun = time.perf_counter()
            _crew.run(self._parts[:count])
        self._pace = (time.perf_counter() - begun) * min(count, _crew.threads) / size[0]

    def _count(self, n: int) -> int:
        """Into how many parts a launch over n environments is cut."""
        threads = _crew.threads
        worth = int(self._pace * n / _SHORTEST_PART)
        return min(n, worth, _PARTS_A_THREAD * threads) if threads > 1 and worth > 1 else 1


class _Part:
    """A recorded launch, of which only what differs from the last time is written again.

    Warp takes 60 microseconds to pack the arguments of a launch. Here they lie as Warp packed them at first, on a CPU
    in one piece of memory, and another tensor is another address and another length most of the time. Nothing here
    keeps a tensor alive: arguments are held as addresses, and known again by weak references.
    """

    def __init__(self, kernel: Any, device: torch.device) -> None:
        self._kernel = kernel
        self._device = device
        self._types = [argument.type for argument in kernel.adj.args]
        self._folded = [len(getattr(getattr(kind, "dtype", None), "_shape_", ())) for kind in self._types]
        self._held: list[Any] = [None] * len(self._types)
        self._known: list[Any] = [_nothing] * len(self._types)
        self._size: tuple[int, ...] = ()
        self._launch: Any = None
        self._packed: Any = None
        self._arrays: list[Any] = []
        self._structs: list[int] = []

    def pack(self, size: tuple[int, ...], inputs: Sequence[Any]) -> None:
        """Set launch size and arguments."""
        if self._launch is None:
            self._record(size, inputs)
            return
        if size != self._size:
            self._check(size)
            self._launch.bounds.__init__(size)
            self._size = size
        held, known = self._held, self._known
        for at, item in enumerate(inputs):
            if known[at]() is item:
                continue
            if isinstance(item, torch.Tensor):
                self._set_tensor(at, item)
                known[at] = weakref.ref(item)
            else:
                mark = _mark(item)
                if mark is not held[at] and mark != held[at]:
                    self._set(at, mark)
                    held[at] = mark
        for at in self._structs:  # whose members may be others since
            self._put(at)

    def _check(self, size: tuple[int, ...]) -> None:
        dims = self._kernel.adj.kernel_dim
        if len(size) != dims:
            raise ImgEditError(f"{self._kernel.key}: expected a launch over {dims} dimensions; found {size}")

    def _set_tensor(self, at: int, item: torch.Tensor) -> None:
        """Have an array argument describe a tensor: address, shape and strides."""
        shape, array = item.shape, self._arrays[at]
        form = item.dtype, shape[1:], item.stride()
        if form != self._held[at] or len(shape) == self._folded[at]:
            described = wp.from_torch(item, dtype=self._types[at].dtype, return_ctype=True)
            ctypes.memmove(ctypes.byref(array), ctypes.byref(described), ctypes.sizeof(array))
            self._held[at] = form
            return
        array.data = item.data_ptr()
        array.shape[0] = shape[0]

    def _set(self, at: int, mark: Any) -> None:
        """Set an argument that is no tensor."""
        if isinstance(mark, (int, float)):
            self._launch.set_param_at_index(at, mark)
        else:
            self._launch.set_param_at_index_from_ctype(at, mark)
        if self._packed is not None:
            self._put(at)

    def _put(self, at: int) -> None:
        setattr(self._packed, _name(at), self._launch.params[at + 1])

    def _record(self, size: tuple[int, ...], inputs: Sequence[Any]) -> None:
        ready = [
            wp.from_torch(item, dtype=kind.dtype) if isinstance(item, torch.Tensor) else item
            for item, kind in zip(inputs, self._types, strict=True)
        ]
        launch = wp.launch(self._kernel, dim=size, inputs=ready, device=str(self._device), record_cmd=True)
        self._check(size)
        launch.fwd_args = None
        self._launch = launch
        self._size = size
        self._held = [None if isinstance(item, torch.Tensor) else _mark(item) for item in inputs]
        self._arrays = launch.params[1:]
        if self._device.type == "cpu":
            self._packed = _together(launch.params[1:])
            self._arrays = [getattr(self._packed, _name(at)) for at in range(len(self._types))]
            self._structs = [at for at, kind in enumerate(self._types) if hasattr(kind, "cls")]

    def run(self) -> None:
        """Launch, on torch's current stream."""
        if self._packed is not None:
            self._launch.hooks.forward(ctypes.byref(self._launch.bounds), ctypes.byref(self._packed))
        else:
            self._launch.launch(wp.stream_from_torch(torch.cuda.current_stream(self._device)))


def _nothing() -> None:
    """A reference to nothing."""


def _together(arguments: Sequence[Any]) -> Any:
    """Arguments one behind the other, as a compiled kernel reads them."""
    fields = [(_name(at), type(argument)) for at, argument in enumerate(arguments)]
    return type("_Packed", (ctypes.Structure,), {"_fields_": fields})(*arguments)


@cache
def _name(at: int) -> str:
    return f"argument_{at}"


def _mark(item: Any) -> Any:
    """What tells an argument that is no tensor from another: equal marks, equal arguments."""
    if isinstance(item, (int, float)):
        return item
    # a struct's or an array's own C description, held so that no other object takes its place in memory
    return item.__ctype__()


def struct_of(struct: Any, tensors: dict[str, torch.Tensor], **scalars: Any) -> Any:
    """Fill a Warp struct with tensors by name; a last dimension that the struct types as a vector is folded."""
    value = struct()
    for name, tensor in tensors.items():
        setattr(value, name, wp.from_torch(tensor, dtype=_element(struct, name)))
    for name, scalar in scalars.items():
        setattr(value, name, scalar)
    return value


def _element(struct: Any, name: str) -> Any:
    return struct.vars[name].type.dtype


def struct_fields(struct: Any) -> tuple[str, ...]:
    """Names of a Warp struct's members."""
    return tuple(struct.vars)
