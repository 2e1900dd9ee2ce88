"""C++ names for people, by the C++ library that this machine has anyway."""

from __future__ import annotations

import ctypes
import ctypes.util
from collections.abc import Callable
from functools import lru_cache


def demangle(name: str) -> str:
    """``c10::SymBool::guard_or_false(char const*, long) const``; the name itself where it is none.

    Where there is no C++ library to ask, names stay as they are.
    """
    if not name.startswith("_Z") or not (runtime := _runtime()):
        return name
    status = ctypes.c_int(-1)
    address = runtime(name.encode(), None, None, ctypes.byref(status))
    if status.value or not address:
        return name
    try:
        return ctypes.string_at(address).decode()
    finally:
        ctypes.CDLL(None).free(ctypes.c_void_p(address))


@lru_cache(maxsize=1)
def _runtime() -> Callable[..., int | None] | None:
    for library in ("libstdc++.so.6", "libc++abi.so.1", "libc++.1.dylib"):
        try:
            runtime = ctypes.CDLL(library)["__cxa_demangle"]
        except (OSError, AttributeError):
            continue
        runtime.restype = ctypes.c_void_p
        return runtime
    return None
