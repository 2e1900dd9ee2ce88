"""Holds verdicts against the dynamic linker's, row by row; prints the figures.

    python tests/bench/truth.py TRUTH.jsonl [--wheels DIR] [--records DIR] [--rows]
        [--also WHEEL...]

A row of TRUTH is one shared object of one wheel under one torch release: ``wheel``, ``so``,
``torch``, ``loaded`` (a bare dlopen), ``error``, ``assisted_loaded`` (absent libraries that are not
torch's stubbed). Wheels are looked for in DIR, else fetched from the package index one at a time,
read and deleted; what was read is kept in ``--records``. ``tests/data/dlopen_outcomes.jsonl.xz``
holds outcomes whose wheels lie read beside it: they need no network. The judge sees no METADATA and
no file name of a wheel. It is told of the host what the rows tell: which libraries that are neither
torch's nor CUDA's the loader did not find.
"""

from __future__ import annotations

import argparse
import json
import lzma
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from email.parser import HeaderParser
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from torchsolve.abi.atlas import Atlas, load_atlas
from torchsolve.abi.built_with import BuiltWith, built_with
from torchsolve.abi.host import Host
from torchsolve.abi.judge import Judge
from torchsolve.abi.symbols import wanted
from torchsolve.errors import UsageError
from torchsolve.model.binary import ElfFile, Judgement, WheelBinary
from torchsolve.wheel.binary import read_binaries
from torchsolve.wheel.record import distil, dump_binary, load_binary

# Of the machine that the shipped outcomes were made on: Debian 12.
GLIBC, LIBSTDCXX = "2.36", "3.4.30"
PACKED = Path(__file__).parent.parent / "data" / "dlopen_wheels.xz"
VERDICTS = ("loads", "links", "refuted", "unknown")
_ABSENT = re.compile(r"(?:^|: )([^\s:/]+\.so[^\s:]*): cannot open shared object file")


@dataclass(frozen=True)
class Row:
    wheel: str
    so: str
    torch: Version
    loaded: bool
    assisted: bool
    error: str


@dataclass(frozen=True)
class Known:
    """What was read of a wheel, and what its METADATA says (the baseline's and the answer key)."""

    binary: WheelBinary
    torch: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    row: Row
    judgement: Judgement
    loaded: bool
    uses_torch: bool
    baseline: bool


def rows_of(path: Path) -> list[Row]:
    found = []
    opened = lzma.open if path.suffix == ".xz" else open
    with opened(path, "rt", encoding="utf-8") as stream:
        items = [json.loads(line) for line in stream if line.strip()]
    for item in items:
        # Assisted was tried only where a library was what failed.
        assisted = bool(item["loaded"] or item.get("assisted_loaded"))
        errors = f"{item.get('error') or ''}\n{item.get('assisted_error') or ''}"
        torch = Version(Version(item["torch"]).public)
        wheel = item["wheel"].removesuffix(".whl")
        found.append(Row(wheel, item["so"], torch, bool(item["loaded"]), assisted, errors))
    return found


def known(wheel: str, wheels: Path | None, records: Path) -> Known | None:
    """The wheel's record; None where the wheel cannot be had."""
    if wheel in _packed():
        requires, _, record = _packed()[wheel].partition(b"\t")
        return Known(load_binary(record, wheel), tuple(json.loads(requires)))
    kept = records / f"{wheel}.json"
    if not kept.exists():
        with tempfile.TemporaryDirectory() as folder:
            path = _found(wheel, wheels) or _fetched(wheel, Path(folder))
            if path is None:
                return None
            try:
                binary = distil(read_binaries(path, path.name))
            except UsageError as error:
                print(f"{path.name}: {error.reference}: {error.message}", file=sys.stderr)
                return None
            requires = json.dumps(_requires(path)).encode()
            kept.write_bytes(requires + b"\n" + dump_binary(binary))
    requires, _, data = kept.read_bytes().partition(b"\n")
    return Known(load_binary(data, kept.name), tuple(json.loads(requires)))


@cache
def _packed() -> dict[str, bytes]:
    """Wheel → what METADATA requires and the record, of the wheels that are at hand."""
    rows = lzma.decompress(PACKED.read_bytes()).splitlines() if PACKED.exists() else []
    return {name.decode(): rest for name, _, rest in (row.partition(b"\t") for row in rows)}


def _found(wheel: str, wheels: Path | None) -> Path | None:
    stem = "-".join(wheel.split("-")[:2])
    exact = [wheels / f"{wheel}.whl"] if wheels else []
    near = sorted(wheels.glob(f"{stem}-*.whl")) if wheels and "linux_x86_64" not in wheel else []
    # A wheel of a repository is named by its path, dashes for slashes.
    below = sorted(wheels.rglob("*.whl")) if wheels else []
    near += [path for path in below if wheel.endswith(f"{path.parent.name}-{path.stem}")]
    return next((path for path in (*exact, *near) if path.exists()), None)


def _fetched(wheel: str, folder: Path) -> Path | None:
    parts = wheel.split("-")
    if len(parts) < 5:
        return None
    exact = re.fullmatch(r"cp3(\d+)t?", parts[-2])
    python = f"3.{exact[1]}" if exact else "3.12"
    platforms = [word for tag in parts[-1].split(".") for word in ("--platform", tag)]
    command = [sys.executable, "-m", "pip", "-q", "download", "--no-deps", "--no-cache-dir"]
    command += ["--only-binary", ":all:", "--python-version", python, *platforms]
    command += ["-d", str(folder), f"{parts[0]}=={parts[1]}"]
    done = subprocess.run(command, capture_output=True, check=False)
    return next(folder.glob("*.whl"), None) if done.returncode == 0 else None


def _requires(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        text = archive.read(names[0]).decode(errors="replace") if names else ""
        metadata = HeaderParser().parsestr(text)
    lines = [Requirement(line) for line in metadata.get_all("Requires-Dist", ())]
    return [str(r.specifier) for r in lines if r.name == "torch" and "extra" not in str(r.marker)]


def absent(rows: Iterable[Row]) -> frozenset[str]:
    """Libraries that the loader said it did not find, on the machine of the rows."""
    return frozenset(m[1] for row in rows for m in _ABSENT.finditer(row.error))


def hosts(
    rows: list[Row],
    wheels: Iterable[Known],
    atlas: Atlas,
    has: frozenset[str],
    machine: tuple[str, str] = (GLIBC, LIBSTDCXX),
) -> dict[str, Host]:
    """``has``: CUDA libraries of the machine itself; the others are torch's to bring.

    ``machine``: its glibc and the newest GLIBCXX of its libstdc++.
    """
    needed = {s for w in wheels for f in w.binary.files for s in f.needed}
    brought = {s for v in atlas.releases if (r := atlas.release(v)) for s in r.sonames}
    bare = Host(
        *machine,
        frozenset(needed) - absent(rows) - brought | has,
        driver=not {"libcuda.so.1", "libnvidia-ml.so.1"} & absent(rows),
        opens_own=False,
    )
    return {"bare dlopen": bare, "absent libraries stubbed": Host(*machine)}


def outcomes(
    rows: list[Row], wheels: dict[str, Known], host: Host, atlas: Atlas, *, assisted: bool
) -> Iterator[Outcome]:
    hidden = {
        name: replace(w.binary, filename="x-0-py3-none-any.whl") for name, w in wheels.items()
    }
    judges = {name: Judge(binary, atlas, host) for name, binary in hidden.items()}
    for row in rows:
        file = _member(hidden[row.wheel], row.so)
        judgement = judges[row.wheel].file(file, row.torch)
        yield Outcome(
            row,
            judgement,
            row.assisted if assisted else row.loaded,
            bool(wanted([file], atlas.known).torch),
            _pin_admits(wheels[row.wheel].torch, row.torch),
        )


def _member(binary: WheelBinary, so: str) -> ElfFile:
    return next((f for f in binary.files if f.member == so), ElfFile(so, unread="not there"))


def _pin_admits(specifiers: tuple[str, ...], torch: Version) -> bool:
    return all(Requirement(f"torch{text}").specifier.contains(torch) for text in specifiers)


def table(title: str, found: list[Outcome]) -> None:
    counts = Counter((one.judgement.verdict, one.loaded) for one in found)
    print(f"\n{title}: {len(found)} rows")
    print(f"  {'predicted':<10}{'loaded':>8}{'failed':>8}")
    for verdict in VERDICTS:
        print(f"  {verdict:<10}{counts[verdict, True]:>8}{counts[verdict, False]:>8}")
    wrong = [o for o in found if o.judgement.verdict == "refuted" and o.loaded]
    layout = [o for o in wrong if o.judgement.cause and o.judgement.cause.value == "layout"]
    print(f"  loads that failed: {counts['loads', False]} (bar 0)")
    print(
        f"  refuted by symbol, library or version that loaded: {len(wrong) - len(layout)} (bar 0)"
    )
    print(f"  refuted by layout that loaded: {len(layout)} (each by a rule with a run)")
    baseline = Counter((one.baseline, one.loaded) for one in found)
    print(
        f"  baseline (METADATA's pin): loads that failed {baseline[True, False]},"
        f" refused that loaded {baseline[False, True]}"
    )
    for name, chosen in (("all", found), ("torch-using", [o for o in found if o.uses_torch])):
        open_ = [o for o in chosen if o.judgement.verdict in ("links", "unknown")]
        share = len(open_) / max(1, len(chosen))
        print(f"  {name} rows left to links or unknown: {len(open_)} of {len(chosen)}, {share:.1%}")
    causes = Counter(o.judgement.cause.value for o in found if o.judgement.cause)
    print("  refuted by: " + ", ".join(f"{cause} {n}" for cause, n in causes.most_common()))


def reasons(found: list[Outcome]) -> None:
    counted = Counter(
        (o.judgement.verdict, o.judgement.reason)
        for o in found
        if o.judgement.verdict in ("links", "unknown") and o.uses_torch
    )
    for (verdict, reason), count in counted.most_common():
        print(f"  {count:>5}  {verdict:<8}{reason}")


def listed(found: list[Outcome], choose: Callable[[Outcome], bool]) -> None:
    for one in filter(choose, found):
        row, judgement = one.row, one.judgement
        said = "loaded" if one.loaded else f"failed: {row.error.strip()[-100:]}"
        print(f"  {judgement.verdict:<8}{row.wheel} {row.so} on {row.torch}: {said}")
        print(f"          {judgement.reason}")


def built(wheels: dict[str, Known], atlas: Atlas) -> None:
    """Built-with against pins of METADATA that admit one minor; the pins are the answer key."""
    answers: Counter[tuple[str, str]] = Counter()
    print("\nbuilt with, wheels whose METADATA pins torch")
    for name, wheel in sorted(wheels.items()):
        found = built_with(replace(wheel.binary, filename="hidden"), atlas)
        key = {f"{v.major}.{v.minor}" for v in atlas.releases if _pin_admits(wheel.torch, v)}
        said = _answer(found, key) if len(key) == 1 else "no key"
        answers[name.split("-")[0], said] += 1
        pinned = " ".join(sorted(key)) if len(key) == 1 else ""
        print(f"  {said:<8}{name.split('-cp')[0]:<34}{found.torch or '?':<6}{pinned}")
    for family in sorted({family for family, _ in answers}):
        counts = Counter({said: n for (one, said), n in answers.items() if one == family})
        print(f"  {family:<18}" + ", ".join(f"{said} {n}" for said, n in counts.most_common()))
    total = Counter(said for (_, said), n in answers.items() for _ in range(n))
    print("  all: " + ", ".join(f"{said} {n}" for said, n in total.most_common()))


def _answer(found: BuiltWith, key: set[str]) -> str:
    if found.torch is None:
        return "unknown"
    return "right" if found.torch in key else "wrong"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("truth", type=Path)
    parser.add_argument("--wheels", type=Path)
    parser.add_argument("--records", type=Path)
    parser.add_argument("--also", nargs="*", default=[], help="wheels for built-with alone")
    parser.add_argument("--has", nargs="*", default=[], help="CUDA libraries of the machine")
    parser.add_argument("--glibc", default=GLIBC, help="of the machine")
    parser.add_argument("--libstdcxx", default=LIBSTDCXX, help="newest GLIBCXX of the machine")
    parser.add_argument("--rows", action="store_true", help="list every row that went wrong")
    chosen = parser.parse_args()
    has = frozenset(chosen.has)
    records = chosen.records or Path(tempfile.gettempdir()) / "torchsolve-truth"
    records.mkdir(parents=True, exist_ok=True)
    rows = rows_of(chosen.truth)
    wheels = {
        w: k for w in sorted({r.wheel for r in rows}) if (k := known(w, chosen.wheels, records))
    }
    atlas = load_atlas()
    left = [r for r in rows if r.wheel in wheels and r.torch in set(atlas.releases)]
    print(f"{len(rows)} rows, {len(rows) - len(left)} of wheels or releases that are not at hand")
    for name in sorted({r.wheel for r in rows} - wheels.keys()):
        print(f"  not at hand: {name}")
    machine = (chosen.glibc, chosen.libstdcxx)
    for title, host in hosts(left, wheels.values(), atlas, has, machine).items():
        assisted = title != "bare dlopen"
        found = list(outcomes(left, wheels, host, atlas, assisted=assisted))
        table(title, found)
        if chosen.rows:
            listed(
                found,
                lambda o: (
                    o.loaded == (o.judgement.verdict == "refuted")
                    and o.judgement.verdict in ("loads", "refuted")
                ),
            )
    print("\nwhy torch-using rows are left open")
    reasons(found)
    also = {w: k for w in chosen.also if (k := known(w, chosen.wheels, records))}
    built(wheels | also, atlas)


if __name__ == "__main__":
    main()
