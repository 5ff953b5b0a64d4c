"""Recognise failures for want of memory, of the host or of an accelerator, by exceptions and by texts.

Sources of the names and texts: PyTorch ``c10/cuda/CUDACachingAllocator.cpp`` and ``c10/core/impl/alloc_cpu.cpp``, CUDA
driver and runtime error names, XLA's allocator, CuPy, TensorFlow, NumPy ``_ArrayMemoryError``, glibc's text of ENOMEM,
libstdc++, Ray's memory monitor, and the job states and log lines of Slurm.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator

REASON = "oom"
"""How failures for want of memory are named in tables, logs and reports."""

_TYPES = frozenset({"MemoryError", "OutOfMemoryError", "OutOfMemory", "NoMemoryError"})
"""Names of exceptions, or of their bases, that mean nothing else."""

_TEXTS = re.compile(
    r"""
      \b(CUDA|HIP|XPU|MPS\ backend|GPU)\ ((driver|runtime)?\ ?error:\ )?out\ of\ memory   # PyTorch
    | \bOutOfMemoryError\b | \bMemoryError\b                                  # a type's name in a text
    | CUDA_ERROR_OUT_OF_MEMORY | cudaErrorMemoryAllocation | hipErrorOutOfMemory
    | CUBLAS_STATUS_ALLOC_FAILED | CUDNN_STATUS_ALLOC_FAILED | CUSOLVER_STATUS_ALLOC_FAILED
    | DefaultCPUAllocator:\ (can't\ allocate|not\ enough)\ memory
    | RESOURCE_EXHAUSTED\b[^\n]*\b(memory|allocat\w*|OOM)\b                      # XLA; the word alone is any quota
    | \b(Xla|Jax)RuntimeError:\ RESOURCE_EXHAUSTED
    | \bOut\ of\ memory\ (while\ trying\ to\ )?allocat | \bOOM\ when\ allocating
    | \bUnable\ to\ allocate\ [\d.]+\ [KMGTPE]?i?B(ytes)?\b                        # NumPy
    | \bCannot\ allocate\ memory\b | \[Errno\ 12\] | \bstd::bad_alloc\b
    | \bdue\ to\ the\ node\ running\ low\ on\ memory                             # Ray
    | \bstate:?\ OUT_OF_MEMORY\b | \boom[-_]kill\ event                           # Slurm
    """,
    re.VERBOSE | re.IGNORECASE,
)

_KILLED = re.compile(
    r"\bSIGKILL\b|\bsignal:? (Killed|9)\b|\bexit(ed)? (with )?(code|status) (-9|137)\b|\bterminated abruptly\b"
)
"""Texts of a parent whose child was killed, which the kernel may have done for want of memory."""

MAX_CHAIN = 20
"""Maximum number of exceptions that are followed to their causes."""


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an exception, or one that led to it, means that memory ran out."""
    return any(_means_it(one) for one in _chain(error))


def tells_out_of_memory(text: str) -> bool:
    """Return whether a message, a traceback as text or the end of a log means that memory ran out.

    Of a traceback, only the lines of exceptions count: a line of source code may name an exception that it handles.
    """
    return any(_TEXTS.search(line) for line in text.splitlines() if line[:1] not in (" ", "\t"))


def tells_kill(text: str) -> bool:
    """Return whether a text says that a process was killed by SIGKILL, without a reason."""
    return _KILLED.search(text) is not None


def _means_it(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    if any(kind.__name__ in _TYPES for kind in type(error).__mro__):
        return True
    try:
        text = str(error)
    except Exception:
        return False
    return tells_out_of_memory(f"{type(error).__name__}: {text}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that led to it, also those of a group, each once."""
    left: list[BaseException | None] = [error]
    seen: set[int] = set()
    while left and len(seen) < MAX_CHAIN:
        one = left.pop(0)
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        context = None if one.__suppress_context__ else one.__context__
        left += [one.__cause__, context, *getattr(one, "exceptions", ())]
