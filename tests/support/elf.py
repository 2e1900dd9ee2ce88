"""Tiny shared objects, compiled by the system's compiler when a test asks for one."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

COMPILER = shutil.which("cc") or shutil.which("gcc")


def shared(
    path: Path,
    source: str,
    *,
    soname: str = "",
    needs: Sequence[Path] = (),
    flags: Sequence[str] = (),
) -> Path:
    """A shared object of C ``source``; ``needs`` are linked by file and named by their soname.

    Without ``flags`` it has no RPATH: what it needs is found only where the linker looks by itself.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    code = path.with_suffix(".c")
    code.write_text(source)
    name = [f"-Wl,-soname,{soname}"] if soname else []
    command = [str(COMPILER), "-shared", "-fPIC", "-O0", "-o", str(path), str(code), *name]
    command += ["-Wl,--no-as-needed", "-Wl,--allow-shlib-undefined", *map(str, needs), *flags]
    subprocess.run(command, check=True, capture_output=True)
    code.unlink()
    return path
