"""Facts that are certain and easy to get wrong, each known from outside of the tables."""

from __future__ import annotations

from datetime import date

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from torchsolve.errors import UsageError
from torchsolve.facts import Facts, load_facts
from torchsolve.facts.companions import CompanionRow
from torchsolve.model.version import CudaTag, PythonVersion

FACTS = load_facts()
DEFAULTS = [
    *[(version, "cu117") for version in ("2.0.0", "2.0.1")],
    *[
        (v, "cu121")
        for v in ("2.1.0", "2.1.1", "2.1.2", "2.2.0", "2.2.2", "2.3.1", "2.4.0", "2.4.1")
    ],
    *[(version, "cu124") for version in ("2.5.0", "2.5.1", "2.6.0")],
    *[(version, "cu126") for version in ("2.7.0", "2.7.1")],
    *[(version, "cu128") for version in ("2.8.0", "2.9.0", "2.9.1", "2.10.0")],
    *[(v, "cu130") for v in ("2.11.0", "2.12.0", "2.12.1", "2.13.0", "2.14.0", "2.14.1")],
    ("2.15.0", "cu132"),
]


@pytest.mark.parametrize(("version", "tag"), DEFAULTS)
def test_default_cuda_of_a_release(version: str, tag: str) -> None:
    build = FACTS.torch.default_build(Version(version), "x86_64")
    assert build is not None
    assert str(build.cuda) == tag


@pytest.mark.parametrize(
    ("version", "tag"),
    [("2.0.0", "cpu"), ("2.10.0", "cpu"), ("2.11.0", "cu130"), ("2.15.0", "cu132")],
)
def test_aarch64_is_cpu_only_before_2_11(version: str, tag: str) -> None:
    build = FACTS.torch.default_build(Version(version), "aarch64")
    assert build is not None
    assert str(build.cuda) == tag


def abi(version: str, cuda: str, machine: str = "x86_64") -> bool | None:
    build = FACTS.torch.build(Version(version), CudaTag(cuda), machine)
    assert build is not None
    return build.cxx11_abi


def test_cxx11_abi_turns_at_2_7_and_differs_inside_2_6() -> None:
    assert [abi("2.6.0", tag) for tag in ("cu118", "cu124", "cpu", "cu126")] == [
        False,
        False,
        False,
        True,
    ]
    assert abi("2.6.0", "cpu", "aarch64") is True
    assert abi("2.5.1", "cu124") is False
    assert abi("2.7.0", "cu118") is True


def test_every_build_is_of_the_abi_that_its_minor_has() -> None:
    for release in FACTS.torch.releases:
        for build in release.builds:
            if release.version < Version("2.6"):
                assert build.cxx11_abi is False
            if release.version >= Version("2.7"):
                assert build.cxx11_abi is True


def test_torch_2_7_0_has_no_cu124_build() -> None:
    assert FACTS.torch.build(Version("2.7.0"), CudaTag("cu124"), "x86_64") is None
    assert FACTS.torch.build(Version("2.7.0+cu128"), CudaTag("cu128"), "x86_64") is not None


def sms(version: str, cuda: str) -> tuple[str, ...]:
    build = FACTS.torch.build(Version(version), CudaTag(cuda), "x86_64")
    assert build is not None
    assert build.sms
    return build.sms


def test_volta_comes_and_goes_in_cu128() -> None:
    has = {v: "7.0" in sms(v, "cu128") for v in ("2.7.1", "2.8.0", "2.9.1", "2.10.0", "2.11.0")}
    assert has == {"2.7.1": False, "2.8.0": True, "2.9.1": True, "2.10.0": True, "2.11.0": False}


def test_cuda_13_starts_at_turing_and_blackwell_needs_2_7() -> None:
    assert min(sms("2.11.0", "cu130")[0], "9") == "7.5"
    assert "12.0" in sms("2.7.0", "cu128")
    assert "12.0" not in sms("2.7.0", "cu126")
    for release in FACTS.torch.releases:
        for build in release.builds:
            if release.version < Version("2.7"):
                assert "12.0" not in build.sms


def test_from_2_8_on_only_cu126_has_maxwell_and_pascal() -> None:
    for release in FACTS.torch.releases:
        if release.version >= Version("2.8"):
            tags = {str(b.cuda) for b in release.builds if "6.0" in b.sms}
            assert tags <= {"cu126"}
    assert FACTS.torch.build(Version("2.15.0"), CudaTag("cu126"), "x86_64") is None


def test_wheels_of_the_default_index_have_no_ptx() -> None:
    assert all(b.ptx == () for r in FACTS.torch.releases for b in r.builds if b.default)


def test_pythons_of_builds() -> None:
    def pythons(version: str) -> list[str]:
        build = FACTS.torch.default_build(Version(version), "x86_64")
        assert build is not None
        return [str(python) for python in build.pythons]

    assert pythons("2.7.0") == ["3.9", "3.10", "3.11", "3.12", "3.13"]
    assert pythons("2.4.1") == ["3.8", "3.9", "3.10", "3.11", "3.12"]
    assert pythons("2.15.0") == ["3.11", "3.12", "3.13", "3.14", "3.15"]


def test_partners_of_a_release() -> None:
    release = FACTS.torch.release(Version("2.9.1+cu128"))
    assert release is not None
    assert (release.torchvision, release.torchaudio) == (("0.24.1",), ("2.9.1",))
    assert release.triton == "==3.5.1"
    assert release.uploaded == date(2025, 11, 12)


def test_triton_and_nvidia_never_follow_to_the_torch_index() -> None:
    assert {"torch", "torchvision", "torchaudio"} <= FACTS.torch.family
    assert not {name for name in FACTS.torch.family if name.startswith(("triton", "nvidia"))}
    assert FACTS.torch.index_url(CudaTag("cu128")) == "https://download.pytorch.org/whl/cu128"


def companions(package: str, version: str) -> list[CompanionRow]:
    rows = [row for row in FACTS.companions if row.package == package]
    return [row for row in rows if SpecifierSet(row.version).contains(version, prereleases=True)]


def test_torchaudio_2_11_is_held_to_torch_though_its_metadata_asks_nothing() -> None:
    (row,) = companions("torchaudio", "2.11.0")
    assert row.torch is not None
    allowed = SpecifierSet(row.torch)
    assert "2.7.0" not in allowed
    assert "2.9.1" not in allowed
    assert "2.14.0" in allowed
    assert companions("torchaudio", "2.7.0") == []


@pytest.mark.parametrize(
    ("version", "built", "torch"),
    [
        ("0.0.17", "cu118", "cu117"),
        ("0.0.22", "cu118", "cu117"),
        ("0.0.28.post2", "cu121", "cu124"),
        ("0.0.28.post3", "cu121", "cu124"),
        ("0.0.29.post1", "cu121", "cu124"),
        ("0.0.33", "cu130", "cu128"),
    ],
)
def test_xformers_built_for_another_cuda(version: str, built: str, torch: str) -> None:
    (row,) = companions("xformers", version)
    assert (str(row.cuda), str(row.cuda_of_torch)) == (built, torch)


@pytest.mark.parametrize(
    "version", ["0.0.23", "0.0.28", "0.0.29.post2", "0.0.30", "0.0.33.post1", "0.0.33.post2"]
)
def test_xformers_that_agree_with_their_torch_need_no_row(version: str) -> None:
    assert companions("xformers", version) == []


def test_xformers_pins() -> None:
    pins = {str(row.version): (row.torch, str(row.cuda)) for row in FACTS.xformers}
    assert pins["0.0.30"] == ("==2.7.0", "cu126")
    assert pins["0.0.33.post2"] == ("==2.9.1", "cu128")
    assert pins["0.0.35"] == (">=2.10", "cu128")


@pytest.mark.parametrize(("version", "major"), [("1.26.0", 12), ("1.27.0", 13), ("1.31.1", 13)])
def test_onnxruntime_gpu_is_cuda_13_from_1_27(version: str, major: int) -> None:
    (row,) = companions("onnxruntime-gpu", version)
    assert row.cuda_major == major


def test_12_8_2_images_exist_without_cudnn() -> None:
    flavors = {image.flavor for image in FACTS.images.all if image.cuda == "12.8.2"}
    assert flavors == {"base", "runtime", "devel"}
    refs = {image.ref: image for image in FACTS.images.all}
    assert "nvidia/cuda:12.5.1-devel-ubuntu24.04" in refs
    assert "nvidia/cuda:12.5.1-cudnn-devel-ubuntu24.04" not in refs
    assert refs["nvidia/cuda:12.6.3-base-ubuntu22.04"].supported
    assert not refs["nvidia/cuda:12.8.1-cudnn-devel-ubuntu24.04"].supported


def test_unverified_images_are_kept_apart() -> None:
    unsure = {image.ref for image in FACTS.images.unverified}
    assert "nvidia/cuda:12.8.1-base-ubuntu24.04" in unsure
    assert unsure.isdisjoint(image.ref for image in FACTS.images.all)
    assert not any("ubuntu26.04" in image.ref for image in FACTS.images.all)


@pytest.mark.parametrize(
    ("name", "glibc", "libstdcxx", "python"),
    [
        ("ubuntu22.04", "2.35", "3.4.30", "3.10"),
        ("ubuntu24.04", "2.39", "3.4.33", "3.12"),
        ("rockylinux8", "2.28", "3.4.25", "3.12"),
        ("rockylinux9", "2.34", "3.4.29", "3.12"),
        ("debian12", "2.36", "3.4.30", "3.11"),
    ],
)
def test_systems(name: str, glibc: str, libstdcxx: str, python: str) -> None:
    row = FACTS.images.os(name)
    assert (row.glibc, row.libstdcxx, str(row.pythons[0])) == (glibc, libstdcxx, python)


def test_python_packages_of_a_system() -> None:
    ubuntu = FACTS.images.os("ubuntu24.04")
    assert "python3.12-venv" in ubuntu.python_packages[PythonVersion(3, 12)]
    assert ubuntu.existing_uid_1000 == "ubuntu"
    assert FACTS.images.os("ubuntu22.04").existing_uid_1000 is None
    rocky = FACTS.images.os("rockylinux9")
    assert [str(python) for python in rocky.pythons] == ["3.12", "3.11", "3.9"]


def test_unknown_system() -> None:
    with pytest.raises(UsageError) as caught:
        FACTS.images.os("arch")
    assert caught.value.reference == "unknown-os"
    assert "ubuntu24.04" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "capability"),
    [
        ("RTX5090", "12.0"),
        ("RTX 5090", "12.0"),
        ("geforce rtx 5090", "12.0"),
        ("NVIDIA GeForce RTX 4090", "8.9"),
        ("H100", "9.0"),
        ("h200", "9.0"),
        ("A100", "8.0"),
        ("A10", "8.6"),
        ("A10G", "8.6"),
        ("T4", "7.5"),
        ("P40", "6.1"),
        ("sm_90", "9.0"),
        ("sm90", "9.0"),
        ("9.0", "9.0"),
        ("90", "9.0"),
        ("120", "12.0"),
        ("compute_103", "10.3"),
        ("DGX Spark", "12.1"),
    ],
)
def test_gpu_names(text: str, capability: str) -> None:
    assert FACTS.gpus.find(text).capability == capability


@pytest.mark.parametrize(
    ("text", "hint"), [("RTX 5091", "RTX 5090"), ("99", "compute capabilities")]
)
def test_unknown_gpu(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        FACTS.gpus.find(text)
    assert caught.value.reference == "unknown-gpu"
    assert hint in caught.value.hint


def test_drivers() -> None:
    assert FACTS.gpus.driver_floor("12.0") == "570.26"
    assert FACTS.gpus.driver_floor("9.0") == "520.61.05"
    assert FACTS.gpus.driver_floor("10.3") == "575.51.03"
    assert FACTS.gpus.driver_floor("99.0") is None
    assert FACTS.drivers.minor_version_floor(12) == "525.60.13"
    assert FACTS.drivers.minor_version_floor(13) == "580.65.06"
    assert FACTS.drivers.minor_version_floor(99) is None
    assert FACTS.drivers.toolkit("12.8") == "570.26"
    assert FACTS.drivers.toolkit("12.8.1") == "570.124.06"
    assert FACTS.drivers.toolkit("13.4") is None
    assert FACTS.drivers.ptx_isa("8.7") == "570.26"
    assert FACTS.drivers.ptx_isa("8.5") == "555.42.02"
    assert FACTS.drivers.ptx_isa("1.0") is None


def test_comfyui_releases() -> None:
    release = FACTS.comfyui.find("0.3.64")
    assert release.commit == "637221995f7424a561bd825de3e61ea117dfe1e3"
    assert release.date == date(2025, 10, 8)
    later = FACTS.comfyui.find("a125cd84")
    assert (later.version, later.date) == ("0.3.64", date(2025, 10, 12))
    assert FACTS.comfyui.find("v0.3.10").date == date(2025, 1, 11)


def test_comfyui_pins_no_torch_and_lost_torchaudio() -> None:
    for row in FACTS.comfyui.releases:
        assert "torch" in row.requirements
        assert not any(line.startswith("torch==") for line in row.requirements)
    newest = FACTS.comfyui.find("077bd30f")
    assert "torchaudio" not in newest.requirements
    assert (newest.date, newest.not_before) == (None, date(2026, 9, 17))
    assert "torchaudio" in FACTS.comfyui.find("0.3.64").requirements


def test_comfyui_requirements_are_verbatim() -> None:
    lines = FACTS.comfyui.find("a125cd84").requirements
    assert lines[:4] == (
        "comfyui-frontend-package==1.27.10",
        "comfyui-workflow-templates==0.1.95",
        "comfyui-embedded-docs==0.2.6",
        "torch",
    )
    assert "#non essential dependencies:" in lines


def test_unknown_comfyui() -> None:
    with pytest.raises(UsageError) as caught:
        FACTS.comfyui.find("9.9.9")
    assert caught.value.reference == "unknown-comfyui"
    assert "0.3.64" in caught.value.hint


def test_packages_of_libraries() -> None:
    jammy, noble = FACTS.images.os("ubuntu22.04"), FACTS.images.os("ubuntu24.04")
    rocky, bookworm = FACTS.images.os("rockylinux9"), FACTS.images.os("debian12")
    assert FACTS.package_of("libGL.so.1", jammy) == "libgl1"
    assert FACTS.package_of("libGL.so.1", rocky) == "libglvnd-glx"
    glib = [FACTS.package_of("libglib-2.0.so.0", os) for os in (jammy, noble, bookworm, rocky)]
    assert glib == ["libglib2.0-0", "libglib2.0-0t64", "libglib2.0-0", "glib2"]
    assert FACTS.package_of("compiler", noble) == "gcc"
    assert FACTS.package_of("libnothing.so.9", noble) is None


def test_a_few_rows_say_what_all_say() -> None:
    facts = Facts()
    for system in FACTS.images.systems:
        for soname in [*FACTS.sonames][::7]:
            asked = ["libnothing.so.9", soname]
            whole = {name: FACTS.package_of(name, system) for name in asked}
            assert facts.packages_of(asked, system) == whole
    (table,) = (table for name, table in facts.read.items() if name == "sonames")
    assert len(table.data["library"]) < 5
    assert table.checked == FACTS.read["sonames"].checked


def test_what_wheels_need_of_the_system() -> None:
    assert "libGL.so.1" in FACTS.dist_sonames["opencv-python"].sonames
    assert "libgthread-2.0.so.0" in FACTS.dist_sonames["opencv-python"].sonames
    assert "libGL.so.1" not in FACTS.dist_sonames["opencv-python-headless"].sonames
    assert "libGL.so.1" in FACTS.dist_sonames["pymeshlab"].sonames
    assert FACTS.runtime_needs["triton"] == ("compiler", "libc-headers", "python-headers")


def test_gated_weights() -> None:
    rows = {row.repo: row for row in FACTS.models}
    dinov3 = rows["facebook/dinov3-vitl16-pretrain-lvd1689m"]
    assert (dinov3.gated, dinov3.verified) == ("manual", True)
    assert rows["briaai/RMBG-1.4"].gated is None
