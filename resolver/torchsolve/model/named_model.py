"""``--model``: a model repository that only the user knows of."""

from __future__ import annotations

import re

from torchsolve.model.project import ModelFile

FORM = re.compile(
    r"(?P<repo>[\w-][\w.-]*/[\w.-]*\w)(?:@(?P<rev>[\w./-]+))?"
    r"(?:=(?P<path>(?:models|custom_nodes/[\w.-]+)(?:/[\w.-]+)*/?))?"
)


def named_model(text: str) -> ModelFile:
    """The weight of ``owner/name[@rev][=models/…]``; without a place, ``models/name/``.

    A node's own folder is a place too: ``=custom_nodes/NODE/…``.
    Raises ValueError for anything else.
    """
    match = FORM.fullmatch(text)
    if not match or ".." in text:
        raise ValueError(f"neither owner/name nor owner/name@rev=models/…: {text!r}")
    place = match["path"] or f"models/{match['repo'].partition('/')[2]}"
    return ModelFile(
        path=f"{place.rstrip('/')}/",
        site="--model",
        mechanism="snapshot_download",
        repo=match["repo"],
        revision=match["rev"],
        note="named by --model: the source was not asked where it looks for it",
    )
