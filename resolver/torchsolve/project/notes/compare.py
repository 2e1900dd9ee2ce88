"""Claims held against what the source, the wheels, the tables and the plan say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath

from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from torchsolve.errors import TorchsolveError
from torchsolve.facts import Facts
from torchsolve.facts.conflicts import ModelRow
from torchsolve.model.claim import Checked, Claim, ClaimKind, Standing
from torchsolve.model.models import ModelSite, Reach
from torchsolve.model.plan import Plan
from torchsolve.model.project import ModelFile, ProjectFacts, WheelFact
from torchsolve.model.values import dataclass
from torchsolve.model.vram import bounds

_PORT = "8188"  # ComfyUI's own, and that of the files that are written
_Answer = tuple[Standing, str, str]
_PART = r"(?:[^{}]|\{[^{},]*\})"  # of a choice: text, or what is open in it
_IDLE = (Reach.DEAD, Reach.VENDORED)
_NOTHING: _Answer = (Standing.UNKNOWN, "nothing here tells", "")


def check_claims(
    claims: Iterable[Claim], projects: Sequence[ProjectFacts], plan: Plan | None, tables: Facts
) -> tuple[Checked, ...]:
    """Each claim with its standing, those that differ first."""
    checker = _Checker(tuple(projects), plan, tables, tuple(claims))
    found = [Checked(claim, *checker.answer(claim)) for claim in checker.claims]
    order = {Standing.DIFFERS: 0, Standing.UNKNOWN: 1, Standing.AGREES: 2}
    return tuple(sorted(found, key=lambda checked: order[checked.standing]))


@dataclass(frozen=True, slots=True)
class _Checker:
    projects: tuple[ProjectFacts, ...]
    plan: Plan | None
    tables: Facts
    claims: tuple[Claim, ...]

    def answer(self, claim: Claim) -> _Answer:
        answers: dict[ClaimKind, Callable[[Claim], _Answer]] = {
            ClaimKind.PATH: self._path,
            ClaimKind.REPOSITORY: self._repository,
            ClaimKind.URL: self._url,
            ClaimKind.PORT: self._port,
            ClaimKind.TORCH: self._torch,
            ClaimKind.CUDA: self._software,
            ClaimKind.PYTHON: self._software,
            ClaimKind.WHEELS: self._wheels,
            ClaimKind.DEPENDENCY: self._dependency,
            ClaimKind.LOADING: self._loading,
            ClaimKind.GATED: self._gated,
            ClaimKind.HARDWARE: self._hardware,
            ClaimKind.VRAM: self._vram,
            ClaimKind.DOWNLOAD: self._download,
        }
        return answers[claim.kind](claim)

    @property
    def _models(self) -> tuple[ModelFile, ...]:
        return tuple(model for project in self.projects for model in project.models)

    @property
    def _planned(self) -> tuple[ModelFile, ...]:
        """Weights of the plan: there a table has named what the source did not."""
        return self.plan.weights if self.plan else ()

    @property
    def _idle(self) -> Iterator[ModelSite]:
        """Loading sites that the project ships and does not use."""
        for project in self.projects:
            sites = project.scan.sites if project.scan else ()
            yield from (site for site in sites if site.reach in _IDLE)

    @property
    def _bundled(self) -> tuple[WheelFact, ...]:
        return tuple(wheel for project in self.projects for wheel in project.wheels)

    def _path(self, claim: Claim) -> _Answer:
        wanted = claim.value.rstrip("/")
        for model in self._models:
            for known in alternatives(model.path):
                if not _is_open(known) and _covers(known, wanted):
                    return Standing.AGREES, known, model.site
        if not self._models or wanted.startswith("custom_nodes/"):
            return _NOTHING  # a node's own files are no weights
        near = self._like(wanted)
        if near is not None:
            return Standing.DIFFERS, f"the source reads {near.path}", near.site
        site = self._open_site(wanted)
        if site:
            return Standing.UNKNOWN, "the source may read it: which file is decided later", site
        return Standing.DIFFERS, "no loading site of the source reads it", ""

    def _open_site(self, wanted: str) -> str:
        """``file:line`` that reads what is not decided, and may be this; empty where none does."""
        for model in self._models:
            if any(map(_is_open, alternatives(model.path))):
                return model.site
        for site in (site for p in self.projects if p.scan for site in p.scan.sites):
            live = not site.decided and site.reach not in _IDLE
            if live and any(_may_cover(known, wanted) for known in alternatives(site.path or "")):
                return f"{site.file}:{site.line}"
        return ""

    def _like(self, wanted: str) -> ModelFile | None:
        """The weight of the same name; of a file, else the one in a folder of the same name."""
        *folders, last = wanted.casefold().split("/")[1:]
        names = [last, *folders[-1:]] if PurePosixPath(last).suffix else [last]
        for name in names:
            for model in self._models:
                parts = model.path.casefold().strip("/").split("/")
                if name in (parts[-1], PurePosixPath(parts[-1]).stem):
                    return model
        return None

    def _repository(self, claim: Claim) -> _Answer:
        wanted = claim.value.casefold()
        sources = [p.source.url for p in self.projects if p.source.url]
        if any(url.casefold().rstrip("/").endswith(wanted) for url in sources):
            return Standing.AGREES, "the project itself", ""
        for model in (*self._models, *self._planned):
            if model.repo and model.repo.casefold() == wanted:
                return Standing.AGREES, model.repo, model.site
        name = wanted.rpartition("/")[2]
        near = next((m for m in self._models if m.repo and name in m.repo.casefold()), None)
        if near is not None:
            return Standing.DIFFERS, f"the source names {near.repo}", near.site
        idle = next((s for s in self._idle if wanted in map(str.casefold, s.repos)), None)
        if idle is not None:
            return (
                Standing.DIFFERS,
                "only code that is not in use names it",
                f"{idle.file}:{idle.line}",
            )
        return _NOTHING

    def _url(self, claim: Claim) -> _Answer:
        for model in self._models:
            if model.url and model.url.split("?")[0] == claim.value.split("?")[0]:
                return Standing.AGREES, "the source fetches it", model.site
        name = claim.value.rpartition("/")[2]
        near = next((m for m in self._models if m.url and name and m.url.endswith(name)), None)
        if near is not None:
            return Standing.DIFFERS, f"the source fetches {near.url}", near.site
        return _NOTHING

    def _port(self, claim: Claim) -> _Answer:
        if claim.value == _PORT:
            return Standing.AGREES, f"the image serves {_PORT}", "compose.yaml"
        return Standing.DIFFERS, f"the image serves {_PORT}", "compose.yaml"

    def _torch(self, claim: Claim) -> _Answer:
        torch = self.plan.cell.torch if self.plan else None
        if torch is None:
            return _NOTHING
        if _same_release(claim.value, torch.public):
            return Standing.AGREES, f"the plan has torch {torch.public}", "the plan"
        return Standing.DIFFERS, f"the plan has torch {torch.public}", "the plan"

    def _software(self, claim: Claim) -> _Answer:
        """``CUDA 12.4``, ``Python 3.11``: what the plan has in their place."""
        if self.plan is None:
            return _NOTHING
        cell, is_cuda = self.plan.cell, claim.kind is ClaimKind.CUDA
        has = (cell.cuda.dotted or "none") if is_cuda else str(cell.python)
        fact = f"the plan has {'CUDA' if is_cuda else 'Python'} {has}"
        same = has == claim.value or has.startswith(f"{claim.value}.")
        return Standing.AGREES if same else Standing.DIFFERS, fact, "the plan"

    def _wheels(self, claim: Claim) -> _Answer:
        """``wheels require torch 2.7.0``: every folder of wheels that says another torch."""
        labelled = [wheel for wheel in self._bundled if wheel.torch]
        if not labelled:
            return _NOTHING
        others = {
            (w.torch or "", (w.file.place or "").rpartition("/")[0])
            for w in labelled
            if not SpecifierSet(w.torch or "").contains(_whole(claim.value))
        }
        if not others:
            return Standing.AGREES, f"all are labelled torch {claim.value}", ""
        text = ", ".join(f"torch {torch} in {place}" for torch, place in sorted(others))
        return Standing.DIFFERS, f"there are also wheels for {text}", min(others)[1]

    def _dependency(self, claim: Claim) -> _Answer:
        """``o_voxel depends on cumesh by git``: what METADATA asks for by git beside that."""
        subject = canonicalize_name(claim.subject)
        wheel = next((w for w in self._bundled if w.file.name == subject and w.metadata), None)
        if wheel is None or wheel.metadata is None:
            return _NOTHING
        by_git = {
            canonicalize_name(d.requirement.name)
            for d in wheel.metadata.requires
            if (d.requirement.url or "").startswith("git+")
        }
        origin = f"METADATA of {wheel.file.filename}"
        if canonicalize_name(claim.value) not in by_git:
            return Standing.DIFFERS, f"it asks for {_listed(by_git)} by git", origin
        said = {
            canonicalize_name(other.value)
            for other in self.claims
            if other.kind is ClaimKind.DEPENDENCY and canonicalize_name(other.subject) == subject
        }
        if by_git - said:
            return Standing.DIFFERS, f"it asks for {_listed(by_git)} by git", origin
        return Standing.AGREES, f"it asks for {_listed(by_git)} by git", origin

    def _loading(self, claim: Claim) -> _Answer:
        """``all models use folder_paths``: every site that does not."""
        if not self._models:
            return _NOTHING
        others = [m for m in self._models if m.mechanism != claim.value]
        if not others:
            return Standing.AGREES, "every site that is known does", ""
        text = ", ".join(f"{m.path} by {m.mechanism} ({m.site})" for m in others)
        return Standing.DIFFERS, f"not {text}", others[0].site

    def _gated(self, claim: Claim) -> _Answer:
        row = next((r for r in self.tables.models if _names(claim.subject, r.repo)), None)
        if claim.value in ("gated", "not gated"):
            return self._access(claim, row)
        if row is None:
            return _NOTHING
        origin = "matrices/models.toml"
        if row.mirror:
            return Standing.DIFFERS, f"{row.mirror} is a public re-upload of {row.repo}", origin
        return Standing.UNKNOWN, f"no re-upload of {row.repo} is known", origin

    def _access(self, claim: Claim, row: ModelRow | None) -> _Answer:
        """``gated`` and ``not gated``, by what the hub answered, else by the table."""
        asked = next((w for w in self._planned if w.files and w.repo == claim.subject), None)
        gate = asked.gated if asked else row.gated if row else None
        if gate is None:
            return _NOTHING
        told = "the model hub" if asked else "matrices/models.toml"
        said = f"is gated ({gate})" if isinstance(gate, str) else "is gated"
        standing = Standing.AGREES if bool(gate) is (claim.value == "gated") else Standing.DIFFERS
        return standing, f"{claim.subject} {said if gate else 'is not gated'}", told

    def _hardware(self, claim: Claim) -> _Answer:
        if self.plan is None or self.plan.cell.cuda.version is None:
            return _NOTHING
        try:
            capability = self.tables.gpus.find(claim.value.replace(" ", "")).capability
        except TorchsolveError:
            return _NOTHING
        gpu = self.plan.gpu
        if capability in gpu.native:
            return Standing.AGREES, f"{capability}: machine code in every wheel", "the plan"
        if capability in gpu.ptx:
            return Standing.AGREES, f"{capability}: compiled from PTX", "the plan"
        lacking = ", ".join(dict(gpu.missing).get(capability, ()))
        text = f"{capability} is not covered" + (f": no code in {lacking}" if lacking else "")
        return Standing.DIFFERS, text, "the plan"

    def _vram(self, claim: Claim) -> _Answer:
        """``24 GB VRAM``: the largest weight that it cannot do without, as it is stored."""
        needed = {w.path for w in self._planned if w.required}
        known = [b for b in bounds(self.plan) if b.path in needed] if self.plan else []
        if not known:
            return _NOTHING
        largest = max(known, key=lambda bound: bound.bytes)
        text = f"{largest.path} alone takes {largest.bytes / 1e9:.1f} GB as it is stored"
        if largest.bytes > int(claim.value.split()[0]) * 2**30:
            return Standing.DIFFERS, text, "the weights"
        return Standing.UNKNOWN, f"{text}: a lower bound, no promise", "the weights"

    def _download(self, claim: Claim) -> _Answer:
        """``downloads itself``: of what is named, or of all that the project cannot do without."""
        models = [m for m in self._models if _is_of(m, claim.subject)]
        fetched = [m for m in models if _is_fetched(m)]
        others = [m for m in models if not _is_fetched(m)]
        needed = [m for m in others if m.required]
        if fetched and (claim.subject or not needed):
            return Standing.AGREES, f"the source fetches {_some(fetched)}", fetched[0].site
        if fetched:
            text = f"the source fetches {_some(fetched)}; not {_some(needed)}"
            return Standing.UNKNOWN, text, needed[0].site
        if not others or all("{" in m.path for m in others):
            return _NOTHING  # a file that is chosen later may come from anywhere
        return Standing.DIFFERS, f"nothing fetches {_some(others)}", others[0].site


_FETCHING = frozenset({"snapshot_download", "hf_hub_download", "url", "torch_hub", "library"})


def _is_fetched(model: ModelFile) -> bool:
    """Whether the project brings it; ``from_pretrained`` does where it is given a repository."""
    by_name = model.mechanism == "from_pretrained" and model.repo is not None
    return by_name or model.mechanism in _FETCHING


def _is_of(model: ModelFile, subject: str) -> bool:
    """Whether a path or repository names the model; no subject means all."""
    if model.repo and subject.casefold() == model.repo.casefold():
        return True
    wanted = subject.rstrip("/")
    return not subject or any(_covers(known, wanted) for known in alternatives(model.path))


def _some(models: Sequence[ModelFile]) -> str:
    """Up to three of the paths."""
    paths = list(dict.fromkeys(model.path for model in models))
    more = f" and {len(paths) - 3} more" if len(paths) > 3 else ""
    return ", ".join(paths[:3]) + more


def alternatives(path: str) -> tuple[str, ...]:
    """``models/{unet,diffusion_models}/x`` → both paths; ``{name}`` stays in each."""
    match = re.search(rf"\{{({_PART}*,{_PART}*)\}}", path)
    if not match:
        return (path,)
    head, tail = path[: match.start()], path[match.end() :]
    return tuple(p for part in match[1].split(",") for p in alternatives(f"{head}{part}{tail}"))


def _covers(known: str, wanted: str) -> bool:
    """Whether a path is the known one, a folder of it, or lies below it."""
    pattern = "".join(
        r"[^/]+" if part.startswith("{") else re.escape(part)
        for part in re.split(r"(\{[^{}]*\})", known.rstrip("/"))
    )
    if re.match(rf"{pattern}(?:/|$)", wanted):
        return True
    return known.startswith(f"{wanted}/")


def _is_open(known: str) -> bool:
    """Whether nothing of a path is known: ``{o}``."""
    return re.fullmatch(r"(?:\{[^{}]*\}/?)+", known) is not None


def _may_cover(known: str, wanted: str) -> bool:
    """As ``_covers``, of a path that is not decided: what is open in it may hold ``/``."""
    parts = re.split(r"(\{[^{}]*\})", known.rstrip("/"))
    pattern = "".join(".+" if part.startswith("{") else re.escape(part) for part in parts)
    return len(parts) > 1 and re.match(rf"{pattern}(?:/|$)", wanted) is not None


def _same_release(claimed: str, torch: str) -> bool:
    return torch == claimed or (claimed.count(".") == 1 and torch.startswith(f"{claimed}."))


def _whole(version: str) -> str:
    return version if version.count(".") > 1 else f"{version}.0"


def _listed(names: Iterable[str]) -> str:
    return " and ".join(sorted(names)) or "nothing"


def _names(subject: str, repository: str) -> bool:
    plain = re.sub(r"[^a-z0-9]", "", subject.casefold())
    return bool(plain) and plain in re.sub(r"[^a-z0-9]", "", repository.casefold())
