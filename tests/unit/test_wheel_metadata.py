from __future__ import annotations

import pytest

from torchsolve.errors import UsageError
from torchsolve.model.evidence import Strength
from torchsolve.wheel.metadata import parse_metadata, requirement, usable

HEAD = "Metadata-Version: 2.1\nName: Demo_Pkg\nVersion: 1.0\n"


def test_requirements_with_their_origin() -> None:
    found = parse_metadata(
        HEAD + "Requires-Python: >=3.9\nProvides-Extra: All_Of-It\n"
        'Requires-Dist: torch (==2.7.0)\nRequires-Dist: x ; extra == "all-of-it"\n\nName: body\n',
        "METADATA of demo.whl",
    )
    assert (found.name, str(found.version), found.requires_python) == ("demo-pkg", "1.0", ">=3.9")
    assert found.extras == {"all-of-it"}
    assert [str(d.requirement) for d in found.requires] == [
        "torch==2.7.0",
        'x; extra == "all-of-it"',
    ]
    evidence = found.requires[0].evidence
    assert evidence.statement == "needs torch (==2.7.0)"
    assert (evidence.strength, evidence.origin) == (Strength.DECLARED, "METADATA of demo.whl:6")


def test_the_description_says_nothing() -> None:
    found = parse_metadata(HEAD + "\nRequires-Dist: not-a-requirement-of-ours\n", "x")
    assert found.requires == ()


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_line_ends(newline: str) -> None:
    text = (HEAD + "Requires-Dist: six\n\nbody\n").replace("\n", newline)
    assert [str(d.requirement) for d in parse_metadata(text, "x").requires] == ["six"]


def test_a_variant_marker_is_set_aside_and_the_rest_stays() -> None:
    found = parse_metadata(
        HEAD
        + 'Requires-Dist: gpu; "nvidia :: sm_arch :: 120_real" in variant_properties\n'
        + "Requires-Dist: pytz (>all)\nRequires-Dist: six\n",
        "METADATA of demo.whl",
    )
    assert [str(d.requirement) for d in found.requires] == ["six"]
    assert "variant marker" in found.notes[0]
    assert "not a requirement" in found.notes[1]
    assert all("METADATA of demo.whl" in note for note in found.notes)


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("numpy>=1.6.*", "numpy>=1.6"),
        ("a (>=1.0,)", "a>=1.0"),
        ("elasticsearch-dsl (>=7.2.0<8.0.0)", "elasticsearch-dsl<8.0.0,>=7.2.0"),
        ("c!=~5.0", "c!=5.0.*"),
        ("pytz (>dev)", "pytz>0.0.0.dev0"),
    ],
)
def test_old_lines_that_installers_take_are_repaired(line: str, meant: str) -> None:
    assert str(requirement(line)) == meant


def test_a_direct_reference_keeps_its_marker() -> None:
    found = requirement('a @ https://index.example/a.zip#x=1 ; python_version < "3.12"')
    assert found.url == "https://index.example/a.zip#x=1"
    assert str(found.marker) == 'python_version < "3.12"'


def test_shared_markers_do_not_mix() -> None:
    first, second = requirement('a>1; extra == "x"'), requirement('b; extra == "x"')
    assert (str(first), str(second)) == ('a>1; extra == "x"', 'b; extra == "x"')
    assert requirement("a>1").marker is None


@pytest.mark.parametrize(
    "text",
    ["Version: 1.0\n", "Name: demo\n", "Name: demo\nVersion: one\n", "", "no header at all"],
)
def test_without_name_and_version_it_is_no_metadata(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_metadata(text, "METADATA of demo.whl")
    assert caught.value.reference == "bad-metadata"
    assert caught.value.origin == "METADATA of demo.whl"


def test_a_number_that_python_does_not_read_is_no_requirement() -> None:
    lines, notes = usable([f"six<{'9' * 5000}", "six<9"], "METADATA")
    assert lines == ["six<9"]
    assert len(notes) == 1
