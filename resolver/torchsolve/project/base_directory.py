"""``--base-directory``: ComfyUI's folders of models and nodes lie elsewhere than its code."""

from __future__ import annotations

import re

from torchsolve.errors import UsageError
from torchsolve.model.models import ModelSite
from torchsolve.model.project import ProjectFacts
from torchsolve.model.values import replace
from torchsolve.project.scan.render import braces

# folder_paths.py: all of these count from base_path; what lies beside its own code does not.
_MOVED = re.compile(r"(models|custom_nodes|output|input|temp|user)(?=/|$)")


def below(project: ProjectFacts, folder: str) -> ProjectFacts:
    """The project with the places of its models below ``folder``.

    Raises UsageError ``bad-base-directory`` for a folder that is not absolute.
    """
    if not folder.startswith("/"):
        raise UsageError(
            "bad-base-directory",
            f"{folder!r} is not absolute",
            origin="--base-directory",
            hint="name the folder as it is called in the image: /data",
        )
    if project.scan is None:
        return project
    home = folder.rstrip("/")
    sites = tuple(_moved(site, home) for site in project.scan.sites)
    return replace(project, scan=replace(project.scan, sites=sites))


def _moved(site: ModelSite, home: str) -> ModelSite:
    def there(path: str) -> str:
        return f"{home}/{path}" if _MOVED.match(path) else path

    paths = tuple(map(there, site.paths))
    path = site.path
    if path is not None:
        path = braces(paths) if path.startswith("{") and paths else there(path)
    return replace(
        site,
        path=path,
        paths=paths,
        guard=there(site.guard) if site.guard is not None else None,
    )
