"""The jinja environment: templates of ``dockerfiles/``, and one filter for each language."""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from torchsolve.emit import escape
from torchsolve.resources import share


def render_template(name: str, values: dict[str, object]) -> str:
    """One file: no trailing spaces, no two blank lines in a row, one line break at the end."""
    text = _environment().get_template(name).render(values)
    text = re.sub(r"[ \t]+\n", "\n", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n") + "\n"


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # No HTML is made here; each value passes the filter of the language that it enters.
    environment = Environment(
        loader=FileSystemLoader(share("dockerfiles")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        autoescape=False,  # noqa: S701
    )
    environment.filters.update(
        sh=escape.shell,
        docker=escape.docker,
        comment=escape.comment,
        compose=escape.compose,
        hcl=escape.hcl,
        md=escape.markdown,
        code=escape.code,
        link=escape.link,
        urlpath=quote,
    )
    return environment
