"""Callables of other packages that fetch or open a model."""

from __future__ import annotations

import ast
from collections.abc import Callable

from torchsolve.project.scan.arguments import Args, Keywords
from torchsolve.project.scan.folders import folder_api
from torchsolve.project.scan.keepers import Keepers
from torchsolve.project.scan.openers import is_loader, opens_file
from torchsolve.project.scan.values import (
    NONE,
    Called,
    Unknown,
    Value,
)

_FETCH = frozenset({"requests.get", "requests.request", "httpx.get", "httpx.stream"})
_SESSIONS = frozenset(
    {
        *("requests.Session", "requests.session", "requests.sessions.Session", "httpx.Client"),
        *("httpx.AsyncClient", "aiohttp.ClientSession", "aiohttp.client.ClientSession"),
    }
)
_CONFIGURED = ("mmpose.", "mmdet.", "mmseg.", "mmengine.", "mmaction.", "mmocr.")
_WRITES = frozenset({"save", "save_file", "save_torch_file", "imwrite", "write_video"})
_ASKS = frozenset({"get", "request", "stream"})
_SHELL = frozenset(
    {
        *("os.system", "os.popen", "subprocess.run", "subprocess.call", "subprocess.Popen"),
        *("subprocess.check_call", "subprocess.check_output"),
    }
)
_TELLING = frozenset(
    {"from_pretrained", "load_ip_adapter", "load_lora_weights", "load_textual_inversion"}
)


class Sinks(Keepers):
    """What other packages do with a path, a repository or an address."""

    def external(self, name: str, args: Args, keywords: Keywords) -> Value:
        """A call of something that is not of the tree."""
        tail = folder_api(name)
        if tail is not None:
            return self.folder_call(tail, args, keywords)
        found = self.std(name, args, keywords)
        if found is None:
            found = self.sink(name, args, keywords)
        if found is None:
            self.hand_on(name, args, keywords)
            if name.rpartition(".")[2] in _WRITES:
                self.saved([*args, *keywords.values()])
        return Called(name, tuple(args), keywords, self.line) if found is None else found

    def sink(self, name: str, args: Args, keywords: Keywords) -> Value | None:
        """A call that handles a model; None where it does not."""
        if name.endswith(".__init__"):
            return self._extended(name.removesuffix(".__init__"), args, keywords)
        last = name.rpartition(".")[2]
        how = _BY_NAME.get(last)
        if how is not None:
            return how(self, name, args, keywords)
        return self._by_package(name, last, args, keywords)

    def _extended(self, base: str, args: Args, keywords: Keywords) -> Value | None:
        """``super().__init__(...)`` of a class that extends one of another package."""
        before = len(self.observations)
        found = self.sink(base, args, keywords)
        for seen in self.observations[before:]:
            seen.extends = True
        return found

    def _by_package(self, name: str, last: str, args: Args, keywords: Keywords) -> Value | None:
        if is_loader(name, last):
            return self._load(name, args, keywords)
        if opens_file(name):
            return self.library_file(name, args, keywords)
        if name in _FETCH or last == "urlopen":
            return self._request(name, args, keywords)
        if name in _SHELL:
            return self._shell(name, args)
        at = _place_of_path(name, last)
        if at is not None:
            return self.library_path(name, args[at : at + 1], keywords)
        kept = self.kept(name, last, args, keywords)
        return self._by_whole_name(name, args, keywords) if kept is None else kept

    def _by_whole_name(self, name: str, args: Args, keywords: Keywords) -> Value | None:
        match name:
            case "torch.hub.load":
                return self._torch_hub(name, args, keywords)
            case "torch.hub.get_dir" | "torch.hub.set_dir":
                return self.hub_dir(args)
            case "wget.download" | "gdown.download" | "gdown.cached_download":
                return self.url_to_file(name, args, keywords)
            case "transformers.pipeline" | "transformers.pipelines.pipeline":
                return self._pipeline(name, args, keywords)
            case "whisper.load_model" | "clip.load" | "faster_whisper.WhisperModel":
                return self._named_model(name, args, keywords)
            case "sentence_transformers.SentenceTransformer":
                return self.pretrained(name, args, keywords)
            case "timm.create_model" if self.truth(keywords.get("pretrained", NONE)):
                return self._named_model(name, args, keywords)
            case _:
                return None

    def call_method(
        self, owner: Value, name: str, args: Args, keywords: Keywords, node: ast.Call
    ) -> Value:
        """``owner.name(...)``; some names say what they do whatever the object is."""
        if isinstance(owner, Called) and owner.name.endswith("CfgNode"):
            if name == "clone":
                parts = dict(owner.parts)
                return Called(owner.name, owner.args, owner.keywords, owner.line, parts)
            if name == "update" or name.startswith("merge_from"):
                owner.parts.update({key: Unknown(key, "config") for key in owner.parts})
        if isinstance(owner, Called) and name in _ASKS and owner.name in _SESSIONS:
            return self._request(f"{owner.name}.{name}", args, keywords)
        if name == "load_from_file" and isinstance(owner, Called) and "ModelLoader" in owner.name:
            return self.library_path(f"{owner.name}.{name}", args, keywords)
        if name in _TELLING and isinstance(owner, Unknown | Called):
            found = self.sink(name, args, keywords)
            if found is not None:
                return found
        return super().call_method(owner, name, args, keywords, node)


def _place_of_path(name: str, last: str) -> int | None:
    """Which argument is the path, of a loader of another package; None for any other callable."""
    if name in _BY_PATH or (name.startswith("cv2.") and last.startswith("readNet")):
        return 0
    second = last == "RealESRGANer" or (name.startswith(_CONFIGURED) and last.startswith("init_"))
    return 1 if second else None


_BY_PATH = frozenset(
    {
        *("insightface.model_zoo.get_model", "spandrel.ModelLoader.load_from_file"),
        *("gfpgan.GFPGANer", "gfpgan.utils.GFPGANer"),
        *("llama_cpp.Llama", "llama_cpp.llama.Llama", "onnx.load", "onnx.load_model"),
    }
)
_BY_NAME: dict[str, Callable[[Sinks, str, Args, Keywords], Value]] = {
    "hf_hub_download": Sinks.hf_hub_download,
    "snapshot_download": Sinks.snapshot_download,
    "from_pretrained": Sinks.pretrained,
    "load_state_dict_from_url": Sinks.torch_url,
    "load_url": Sinks.torch_url,
    "download_cached_file": Sinks.cached_file,
    "load_file_from_url": Sinks.file_from_url,
    "download_url_to_file": Sinks.url_to_file,
    "download_url": Sinks.url_to_folder,
    "download_file_from_google_drive": Sinks.url_to_folder,
    "urlretrieve": Sinks.url_to_file,
    "cached_path": Sinks.cached_path,
    "FaceAnalysis": Sinks.face_analysis,
    "InferenceSession": Sinks.library_path,
    "YOLO": Sinks.library_path,
    "BaseOptions": Sinks.base_options,
    "create_model_and_transforms": Sinks.open_clip,
    "create_model_from_pretrained": Sinks.open_clip,
    "load_ip_adapter": Sinks.hub_method,
    "load_lora_weights": Sinks.hub_method,
    "load_textual_inversion": Sinks.hub_method,
}
