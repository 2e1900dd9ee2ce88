"""Prints how much of a remote wheel is fetched to know its compiled files.

    python tests/bench/remote_bytes.py [--gpu] [NAME==VERSION ...]

Without names: thirty CUDA wheels of the default index. ``--gpu``: GPU code too, which ends late in
a file, so that nearly all of it is fetched. ``whole`` counts the libraries that had to be inflated
to their end for their symbols alone, because a tool moved their strings there.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from torchsolve.errors import UnknownError
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings
from torchsolve.model.package import IndexFile

BAR = 0.25
WHEELS = {
    "xformers": "0.0.22 0.0.25.post1 0.0.28.post3 0.0.30 0.0.33.post2",
    "torchvision": "0.16.2 0.19.1 0.23.0 0.24.1",
    "torchaudio": "2.5.1 2.7.0",
    "torchao": "0.9.0 0.16.0",
    "torchcodec": "0.16.0",
    "bitsandbytes": "0.43.3 0.45.5 0.47.0 0.50.2",
    "fbgemm-gpu": "1.2.0 1.5.0",
    "vllm": "0.8.5 0.11.0",
    "sgl-kernel": "0.3.5",
    "onnxruntime-gpu": "1.22.0",
    "cupy-cuda12x": "13.4.1",
    "spconv-cu120": "2.3.6",
    "auto-gptq": "0.7.1",
    "ctranslate2": "4.5.0",
    "autoawq-kernels": "0.0.9",
    "lmdeploy": "0.8.0",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gpu", action="store_true")
    parser.add_argument("wheels", nargs="*")
    asked = parser.parse_args()
    ratios = []
    with (
        tempfile.TemporaryDirectory() as cache,
        IndexClient(IndexSettings(Path(cache))) as client,
    ):
        for text in asked.wheels or _all():
            found = _line(text, client, gpu=asked.gpu)
            ratios += [found] if found is not None else []
    how = "symbols and GPU code" if asked.gpu else f"symbols alone, at most {BAR}"
    print(f"median of {len(ratios)} wheels: {median(ratios):.3f}   {how}")


def _all() -> list[str]:
    return [f"{name}=={one}" for name, versions in WHEELS.items() for one in versions.split()]


def _line(text: str, client: IndexClient, *, gpu: bool) -> float | None:
    name, _, version = text.partition("==")
    file = _file(client, name, version)
    if file is None:
        print(f"{text:<28} no wheel for Linux on x86_64")
        return None
    started, requests = time.perf_counter(), client.requests
    try:
        # Without its hash nothing that ships with torchsolve answers in its place.
        found = client.read_remote(replace(file, sha256=None), gpu=gpu)
    except UnknownError as error:
        print(f"{text:<28} {error.reference}: {error.message}")
        return None
    ratio = found.bytes_read / found.bytes_total
    print(
        f"{text:<28} {len(found.files):>3} files {len(found.whole):>3} whole"
        f" {found.bytes_read / 1e6:>7.1f} of {found.bytes_total / 1e6:>7.1f} MB  {ratio:.3f}"
        f" {time.perf_counter() - started:>5.1f} s {client.requests - requests:>4} requests"
    )
    return ratio


def _file(client: IndexClient, name: str, version: str) -> IndexFile | None:
    files = [
        file
        for file in client.page(name).files
        if str(file.version) == version and file.is_wheel and "x86_64" in file.filename
    ]
    return next((f for f in files if "-cp312-" in f.filename), files[0] if files else None)


if __name__ == "__main__":
    main()
