"""Downloads from the Hub, and what is asked of it by name."""

from __future__ import annotations

import re

from torchsolve.model.models import Mechanism
from torchsolve.project.scan import ospath, strings
from torchsolve.project.scan.arguments import (
    Args,
    Keywords,
    api,
    argument,
    cache_folder,
    given,
    is_default,
    is_object,
    short,
)
from torchsolve.project.scan.folders import Folders
from torchsolve.project.scan.texts import joined
from torchsolve.project.scan.values import (
    HOME,
    NONE,
    ROOT,
    Called,
    Const,
    FunctionValue,
    PathValue,
    Text,
    Unknown,
    Value,
    any_of,
    hole,
    options,
    text,
)

HUB = "<hf-cache>"
CUT_OUT = "repo cut out of a path"
"""Name of the hole where a repository should be and a local path is."""

_WEIGHT = re.compile(
    r"\.(safetensors|sft|ckpt|pth?|pt2|bin|onnx|gguf|pkl|zip|tar|tgz|gz|npz|npy|model|task|tflite"
    r"|engine|trt|torchscript|json|ya?ml|h5|pb|msgpack|cfg|txt|dat|caffemodel|prototxt)$",
    re.IGNORECASE,
)


class Hub(Folders):
    """Repositories."""

    def _hub_place(self, repo: Value, keywords: Keywords) -> Value:
        """Where the Hub's cache puts a repository."""
        cache = given(keywords.get("cache_dir")) or self._hub_cache()
        if cache is None:
            return text(HUB)
        folders = [cache_folder(t) for t in self.texts(repo, "repo")]
        return joined([self.texts(cache), tuple(folders)], ospath.join_paths)

    def _hub_cache(self) -> Value | None:
        for name, below in (
            ("HF_HUB_CACHE", ""),
            ("HUGGINGFACE_HUB_CACHE", ""),
            ("HF_HOME", "hub"),
        ):
            stored = self.environment.get(name)
            if stored is not None and not is_default(stored):
                homes = tuple(map(ospath.expand_home, self.texts(stored)))
                return joined([homes, (text(below),)], ospath.join_paths)
        return None

    def hf_hub_download(self, name: str, args: Args, keywords: Keywords) -> Value:
        """See the table at the end."""
        repo = argument(args, keywords, 0, "repo_id")
        file = argument(args, keywords, 1, "filename")
        parts = [self.texts(file, "file")]
        subfolder = given(keywords.get("subfolder"))
        if subfolder is not None:
            parts.insert(0, self.texts(subfolder, "subfolder"))
        local = given(keywords.get("local_dir"))
        if local is not None:
            path = joined([self.texts(local, "folder"), *parts], ospath.join_paths)
        else:
            path = self._hub_place(repo, keywords)
        found = self.observe(
            Mechanism.HF_HUB_DOWNLOAD,
            api(name, "huggingface_hub.hf_hub_download"),
            path=path,
            repo=self._repo(repo),
            revision=given(keywords.get("revision")),
            allow=file,
            folder=False,
        )
        if local is not None and found.path is not None:
            return found.path
        return joined([self.texts(path), *parts], ospath.join_paths)

    def _repo(self, value: Value) -> Value:
        """A repository, unless it is a path: then a hole."""
        found: list[Value] = []
        for option in self.texts(value, "repo"):
            first = option.parts[0] if option.parts else ""
            local = isinstance(first, str) and first.startswith((ROOT, HOME, "/", "<"))
            found.append(hole(CUT_OUT) if local else option)
        return any_of(found)

    def snapshot_download(self, name: str, args: Args, keywords: Keywords) -> Value:
        """See the table at the end."""
        repo = argument(args, keywords, 0, "repo_id", "model_id")
        local = given(keywords.get("local_dir"))
        path = local if local is not None else self._hub_place(repo, keywords)
        self.observe(
            Mechanism.SNAPSHOT_DOWNLOAD,
            api(name, "huggingface_hub.snapshot_download"),
            path=any_of(self.texts(path, "folder")),
            repo=self._repo(repo),
            revision=given(keywords.get("revision")),
            allow=given(keywords.get("allow_patterns")),
            ignore=given(keywords.get("ignore_patterns")),
            folder=True,
        )
        return any_of(self.texts(path, "folder"))

    def pretrained(self, name: str, args: Args, keywords: Keywords) -> Value:
        """See the table at the end."""
        names = ("pretrained_model_name_or_path", "pretrained_model_name", "model_name_or_path")
        place = 1 if name.startswith("peft.") else 0
        wanted = argument(args, keywords, place, *names, "model_id", "repo_id", "pretrained_path")
        self._pretrained_at(name, wanted, keywords)
        return Called(name, tuple(args), keywords, self.line)

    def _pretrained_at(self, name: str, wanted: Value, keywords: Keywords) -> None:
        below = given(keywords.get("subfolder"))
        repos: list[Value] = []
        paths: list[Value] = []
        for option in options(wanted):
            if isinstance(option, Const) or is_object(option):
                continue
            (place,) = self.texts(option, "model")
            if self._is_local(place):
                parts = [(place,), *([self.texts(below)] if below is not None else [])]
                paths.append(joined(parts, ospath.join_paths))
            else:
                repos.append(place)
                paths.append(self._hub_place(place, keywords))
        if not paths:
            return
        trust = self.truth(keywords.get("trust_remote_code", NONE))
        self.observe(
            Mechanism.FROM_PRETRAINED,
            short(name),
            path=any_of(paths),
            repo=any_of(repos) if repos else None,
            revision=given(keywords.get("revision")),
            folder=True,
            risk="trust_remote_code" if trust else None,
        )

    def _is_local(self, place: Text) -> bool:
        first = place.parts[0] if place.parts else ""
        if isinstance(first, str) and first.startswith((ROOT, HOME, "/", "<", "./", "../")):
            return True
        known = place.literal
        return known is not None and (known.count("/") > 1 or bool(_WEIGHT.search(known)))

    def own_pretrained(self, function: FunctionValue, args: Args, keywords: Keywords) -> None:
        """A ``from_pretrained`` of the tree: what it gets is a path, what is in it is followed."""
        spec = function.node.args
        first = 1 if function.bound is not None else 0
        names = [a.arg for a in (*spec.posonlyargs, *spec.args)][first:]
        wanted = args[0] if args else keywords.get(names[0]) if names else None
        if wanted is None or isinstance(wanted, Const):
            return
        found = [o for o in options(wanted) if not (is_object(o) or isinstance(o, Const))]
        places = [t for o in found for t in self.texts(o, "model")]
        if not any(self._is_local(place) or place.holes for place in places):
            return
        below = given(keywords.get("subfolder"))
        parts = [tuple(places), *([self.texts(below)] if below is not None else [])]
        path = joined(parts, ospath.join_paths)
        self.observe(Mechanism.FROM_PRETRAINED, "from_pretrained", path=path, folder=True)

    def hub_method(self, name: str, args: Args, keywords: Keywords) -> Value:
        """See the table at the end."""
        wanted = args[0] if args else NONE
        weight = given(keywords.get("weight_name"))
        if not isinstance(wanted, Text | PathValue | Unknown):
            return Unknown()
        (place,) = self.texts(wanted, "model")
        local = self._is_local(place)
        parts = [(place,), *([self.texts(weight)] if weight is not None else [])]
        path = joined(parts, ospath.join_paths) if local else self._hub_place(place, keywords)
        repo = None if local else place
        self.observe(Mechanism.LIBRARY, short(name), path=path, repo=repo, folder=True)
        return NONE

    def _pipeline(self, name: str, args: Args, keywords: Keywords) -> Value:
        model = given(keywords.get("model", args[1] if len(args) > 1 else None))
        if model is not None and not is_object(model):
            (place, *_) = self.texts(model, "model")
            local = self._is_local(place)
            path = model if local else self._hub_place(model, keywords)
            repo = None if local else model
            trust = self.truth(keywords.get("trust_remote_code", NONE))
            risk = "trust_remote_code" if trust else None
            self.observe(Mechanism.LIBRARY, name, path=path, repo=repo, folder=True, risk=risk)
        return Called(name, tuple(args), keywords, self.line)

    def cached_path(self, _name: str, args: Args, _keywords: Keywords) -> Value:
        """See the table at the end."""
        value = args[0] if args else Unknown("url")
        urls: list[Value] = []
        repos: list[Value] = []
        for place in self.texts(value, "url"):
            pieces = strings.pieces_of(place, "/")
            if strings.starts_with(place, "hf://") and len(pieces) >= 4:
                repos.append(strings.join(text("/"), pieces[2:4]))
            else:
                urls.append(place)
        path = text(HUB) if repos else text(f"{HOME}/.cache/cached_path")
        self.observe(
            Mechanism.LIBRARY,
            "cached_path",
            path=path,
            repo=any_of(repos) if repos else None,
            url=any_of(urls) if urls else None,
        )
        return path
