"""Where packages come from: flags, then the projects' own files, then the user's configuration.

``--index`` states it whole: then the environment and the configuration files of pip and uv add
nothing, so that the same command gives the same plan on another machine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from torchsolve.config import Settings
from torchsolve.index.ambient import Ambient, read_ambient, with_credentials
from torchsolve.index.settings import IndexSettings
from torchsolve.index.sources import told, with_rows
from torchsolve.model.project import IndexOption, ProjectFacts
from torchsolve.model.uv_config import DEFAULT, EXTRA, LINKS
from torchsolve.model.values import dataclass


@dataclass(frozen=True, slots=True)
class Indexes:
    """Who said what, in the order of precedence."""

    settings: Settings
    flags: tuple[IndexOption, ...]
    ambient: Ambient

    def rows(self, projects: Sequence[ProjectFacts] = ()) -> tuple[IndexOption, ...]:
        """All of it, with what the projects' files name."""
        named = (row for project in projects for row in project.indexes)
        files = (with_credentials(row, os.environ) for row in named)
        return (*self.flags, *files, *self.ambient.rows)

    def client_settings(
        self, projects: Sequence[ProjectFacts] = (), cutoff: datetime | None = None
    ) -> IndexSettings:
        """What a client of these indexes is told."""
        settings = self.settings
        base = IndexSettings(
            cache_dir=settings.cache_dir,
            offline=settings.offline,
            exclude_newer=cutoff,
            ca_bundle=settings.ca_bundle,
        )
        return with_rows(base, self.rows(projects))

    def told(self, projects: Sequence[ProjectFacts] = ()) -> tuple[str, ...]:
        """One line each, for ``-v``."""
        here = (
            f"{text}  a place of this machine, not followed: no image could use it [{origin}]"
            for text, origin in self.ambient.left
        )
        return (*told(self.rows(projects)), *here)


def find_indexes(settings: Settings) -> Indexes:
    """The indexes of a run, but for those that the projects name."""
    rows = [IndexOption(DEFAULT, settings.index, "--index")] if settings.index else []
    rows += [IndexOption(DEFAULT, u, "--index", None, name) for name, u in settings.package_index]
    rows += [IndexOption(EXTRA, url, "--extra-index") for url in settings.extra_index]
    rows += [IndexOption(LINKS, place, "--find-links") for place in settings.find_links]
    ambient = Ambient() if settings.index else read_ambient(os.environ, Path.cwd())
    return Indexes(settings, tuple(rows), ambient)
