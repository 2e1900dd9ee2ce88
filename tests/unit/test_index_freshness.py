"""Cache-Control as RFC 9111 writes it: names in any case, values bare or quoted."""

from __future__ import annotations

import pytest

from torchsolve.index.freshness import freshness, storable
from torchsolve.index.http import Response


def answer(control: str | None) -> Response:
    headers = {} if control is None else {"cache-control": control}
    return Response(200, "https://index.example/simple/a/", headers, b"")


@pytest.mark.parametrize(
    ("control", "seconds"),
    [
        ("max-age=60", 60),
        ("Max-Age=60, public", 60),
        ('public,max-age="60"', 60),
        ("max-age=0", 0),
        ("MAX-AGE=0", 0),
        ('max-age="0"', 0),
        ("no-cache", 0),
        ("NO-CACHE, max-age=60", 0),
        ("No-Store", 0),
        ("max-age=soon", 0),  # 4.2.1: one that cannot be read is stale
        ("max-age=60, max-age=5", 60),  # 4.2.1: the first of two
        ("s-maxage=5", 600),  # of shared caches
        ("stale-while-revalidate=5, no-cachet", 600),
        (None, 600),
    ],
)
def test_how_long_a_page_is_used(control: str | None, seconds: int) -> None:
    assert freshness(answer(control))["lifetime"] == seconds


@pytest.mark.parametrize("control", ["no-store", "No-Store", "max-age=60 , NO-STORE"])
def test_what_is_not_to_be_kept(control: str) -> None:
    assert not storable(answer(control))


@pytest.mark.parametrize("control", [None, "max-age=60", "NO-CACHE", 'private="no-store"'])
def test_what_may_be_kept(control: str | None) -> None:
    assert storable(answer(control))
