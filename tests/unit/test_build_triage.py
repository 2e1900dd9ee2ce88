"""Causes are found in what engines and installers really print."""

from __future__ import annotations

import re

import pytest

from torchsolve.build.triage import complaint, diagnose
from torchsolve.facts import facts
from torchsolve.facts.conflicts import BuildFailure

ROWS = facts.build_failures

BEHIND_A_PROXY = """\
#7 [3/3] RUN pip install six
#7 1.201 WARNING: Retrying (Retry(total=0, connect=None, read=None, redirect=None, status=None)) \
after connection broken by 'SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] \
certificate verify failed: self-signed certificate in chain (_ssl.c:992)'))': /simple/six/
#7 1.202 ERROR: Could not find a version that satisfies the requirement six (from versions: none)
#7 1.203 ERROR: No matching distribution found for six
#7 ERROR: executor failed running [/bin/sh -c pip install six]: exit code: 1
"""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_each_row_recognizes_its_own_texts(row: BuildFailure) -> None:
    assert row.texts
    for text in row.texts:
        assert diagnose(text)[0].reference == row.id


def test_ids_are_unique_and_kebab_case() -> None:
    ids = [row.id for row in ROWS]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", ident) for ident in ids)


def test_a_proxy_is_seen_behind_the_last_line_that_misleads() -> None:
    found = diagnose(BEHIND_A_PROXY)
    assert [cause.reference for cause in found] == ["ca-not-trusted", "no-matching-distribution"]
    assert "--ca-bundle" in found[0].fix


def test_groups_of_the_pattern_fill_the_sentence() -> None:
    found = diagnose("ERROR: No matching distribution found for torch==9.9.9")
    assert "torch==9.9.9" in found[0].cause


def test_known_conflicts_are_searched_too() -> None:
    log = "WARNING[XFORMERS]: xFormers can't load C++/CUDA extensions. xFormers was built for:"
    assert [cause.reference for cause in diagnose(log)] == ["xformers-mismatch"]


def test_a_healthy_log_shows_nothing() -> None:
    log = "#5 4.129 Unpacking python3 (3.13.5-1)\n#6 Successfully installed torch-2.7.0\n#7 DONE 2s"
    assert diagnose(log) == ()
    assert complaint(log) == ""


def test_the_last_complaint_is_told_where_nothing_is_recognized() -> None:
    last = 'failed to compute cache key: "/context/x" not found'
    log = f"#9 ERROR: something odd\n------\n{last}\n"
    assert diagnose(log) == ()
    assert complaint(log) == last
