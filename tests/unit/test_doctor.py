"""``doctor`` over hosts, plans, environments and images of our own making."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from support.engine import FakeEngine, image
from torchsolve.cli.app import run
from torchsolve.doctor.environment import examine_environment
from torchsolve.doctor.host import Host, examine_host, read_host
from torchsolve.doctor.image import examine_image
from torchsolve.doctor.plan import examine_plan
from torchsolve.errors import UsageError
from torchsolve.model.engine import EngineFacts, Ran, RunRequest

DOCKER = EngineFacts("docker", "28.2.2", ("nvidia", "runc"))
MISSING = "ImportError: libGL.so.1: cannot open shared object file: No such file or directory"


def references(host: Host) -> list[str]:
    return [finding.reference for finding in examine_host(host).findings]


def host_files(proc: Path, *, harden: str = "0\n") -> Path:
    """As a machine with an H100 and driver 580.65.06 has them."""
    gpu = proc / "driver/nvidia/gpus/0000:01:00.0"
    gpu.mkdir(parents=True)
    (gpu / "information").write_text("Model: \t\t NVIDIA H100 80GB HBM3\nIRQ:   \t\t 150\n")
    (proc / "driver/nvidia/version").write_text(
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build\n"
    )
    (proc / "sys/net/core").mkdir(parents=True)
    (proc / "sys/net/core/bpf_jit_harden").write_text(harden)
    return proc


def test_a_host_that_can_give_gpus(tmp_path: Path) -> None:
    host = read_host(DOCKER, host_files(tmp_path))
    assert (host.driver, host.gpus) == ("580.65.06", ("NVIDIA H100 80GB HBM3",))
    found = examine_host(host)
    assert found.findings == ()
    assert dict(found.facts)["runs"] == "CUDA 11.x 12.x 13.x"
    assert "9.0" in dict(found.facts)["gpu"]


def test_a_hardened_kernel_is_the_bpf_check_waiting(tmp_path: Path) -> None:
    host = read_host(DOCKER, host_files(tmp_path, harden="2\n"))
    (finding,) = examine_host(host).findings
    assert finding.reference == "nvidia-container-bpf"
    assert "--runtime=nvidia" in finding.fix


def test_a_host_without_driver_and_engine(tmp_path: Path) -> None:
    host = read_host(UsageError("no-engine", "nothing answers"), tmp_path)
    assert references(host) == ["no-engine", "no-nvidia-driver"]


def test_an_engine_that_knows_no_nvidia_runtime(tmp_path: Path) -> None:
    engine = EngineFacts("docker", "28.2.2", ("runc",))
    assert references(read_host(engine, host_files(tmp_path))) == ["no-gpu-runtime"]


def test_a_driver_below_every_floor() -> None:
    assert references(Host("6.1", "390.157", (), 0, DOCKER)) == ["driver-too-old"]


def plan_folder(folder: Path, log: str | None, failed: dict[str, str] | None) -> Path:
    folder.mkdir()
    (folder / "pylock.toml").touch()
    if log is not None:
        (folder / "build.log").write_text(log)
    if failed is not None:
        checks = [{"name": n, "status": "failed", "detail": d} for n, d in failed.items()]
        document = {"status": "failed", "image": "x:1", "checks": checks}
        (folder / "observed.json").write_text(json.dumps(document))
    return folder


def test_a_plan_is_explained_by_its_build_and_its_smoke_test(tmp_path: Path) -> None:
    failed = {"imports:cv2": MISSING, "imports:x": "KeyError: 'y'", "imports:cv3": MISSING}
    folder = plan_folder(tmp_path / "out", "ERROR: No space left on device\n", failed)
    build, smoke = examine_plan(folder)
    assert [finding.reference for finding in build.findings] == ["no-space"]
    (finding,) = smoke.findings
    assert (finding.reference, finding.where) == ("library-not-found", "imports:cv2, imports:cv3")
    assert smoke.unexplained == (("imports:x", "KeyError: 'y'"),)


@pytest.mark.parametrize(("observed", "reference"), [("{", "bad-observed"), (None, "nothing-")])
def test_a_folder_that_tells_nothing(tmp_path: Path, observed: str | None, reference: str) -> None:
    folder = plan_folder(tmp_path / "out", None, None)
    if observed is not None:
        (folder / "observed.json").write_text(observed)
    with pytest.raises(UsageError, match=reference):
        list(examine_plan(folder))


def test_requirements_of_an_environment_that_nothing_meets(tmp_path: Path) -> None:
    site = tmp_path / "lib" / "python3.12" / "site-packages"
    for name, version, needs in (("a", "1.0", "b<2"), ("b", "2.1", None)):
        info = site / f"{name}-{version}.dist-info"
        info.mkdir(parents=True)
        lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
        lines += [f"Requires-Dist: {needs}"] if needs else []
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        (info / "RECORD").touch()
    found = examine_environment(tmp_path)
    (finding,) = found.findings
    assert (finding.reference, finding.where) == ("requirement-not-met", "a 1.0")
    assert finding.cause == "b<2 is needed, 2.1 is installed"


def answer(request: RunRequest) -> Ran:
    """An image whose cv2 lacks libGL, and whose probe of imports is killed."""
    if "probe.sh" in request.files:
        dists = [
            {"name": "a", "version": "1.0", "requires": ["b<2", "c; extra == 'x'"]},
            {"name": "b", "version": "2.1", "requires": []},
        ]
        python = {
            "python": "3.12.3", "executable": "/py", "externally_managed": False,
            "libstdcxx": None, "dists": dists, "torch": None, "cuda": None, "cxx11_abi": None,
        }  # fmt: skip
        system = {"ID": "ubuntu", "VERSION_ID": "24.04"}
        facts = {"os": system, "glibc": "2.39", "pythons": [python], "comfyui": None}
        return Ran(0, f"@torchsolve {json.dumps(facts)}\n", "", 1.0)
    if "imports.py" in request.files:
        return Ran(137, "", "Killed\n", 1.0)
    rows = [
        {"name": "extensions:cv2", "status": "failed", "detail": MISSING, "seconds": 0.1},
        {"name": "extensions", "status": "passed", "detail": "1 file", "seconds": 0.1},
    ]
    return Ran(0, "".join(f"@torchsolve {json.dumps(row)}\n" for row in rows), "", 1.0)


def test_an_image_is_opened_and_imported() -> None:
    engine = FakeEngine(answer, {"x:1": image("x:1")})
    found = examine_image("x:1", engine)
    assert [finding.reference for finding in found.findings] == [
        "library-not-found",
        "requirement-not-met",
    ]
    assert found.notes == ("the probe imports did not come to its end: Killed",)
    assert all(request.command[0] == "/py" for request in engine.requests[1:])


def test_the_exit_code_tells_whether_all_was_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "a.log"
    log.write_text(MISSING)
    assert run(["doctor", str(log), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema"] == "torchsolve.doctor/1"
    (subject,) = document["subjects"]
    assert subject["findings"][0]["reference"] == "library-not-found"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"KeyError: 'boo'\n")))
    assert run(["doctor", "-"]) == 4
    captured = capsys.readouterr()
    assert "Nothing here explains" in captured.out
    assert captured.err.startswith("error: unexplained  [stdin line 1]")


def test_what_is_no_subject(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    binary = tmp_path / "a.bin"
    binary.write_bytes(b"\x7fELF\0\0")
    assert run(["doctor", str(binary)]) == 2
    assert "not-a-log" in capsys.readouterr().err
    assert run(["doctor", str(tmp_path / "nothing")]) == 2
    assert "no-such-file" in capsys.readouterr().err


def test_a_secret_in_a_log_is_not_repeated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "a.log"
    log.write_text("ERROR: cannot fetch https://user:hunter2@index.example/x\n")
    for flags in ([], ["--json"]):
        run(["doctor", str(log), *flags])
        captured = capsys.readouterr()
        assert "hunter2" not in captured.out + captured.err
