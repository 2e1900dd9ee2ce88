"""Calls that open a model, or have another package bring it."""

from __future__ import annotations

import re

from torchsolve.model.models import Mechanism
from torchsolve.project.scan import ospath
from torchsolve.project.scan.addresses import Addresses
from torchsolve.project.scan.arguments import (
    Args,
    Keywords,
    argument,
    behind,
    given,
    is_object,
    short,
)
from torchsolve.project.scan.hub import HUB
from torchsolve.project.scan.render import undecided
from torchsolve.project.scan.texts import joined
from torchsolve.project.scan.values import (
    HOME,
    NONE,
    Called,
    ListValue,
    Text,
    Value,
    any_of,
    options,
    text,
)

_LOADERS = {
    "load_torch_file": "comfy.utils.load_torch_file",
    "load_file": "safetensors.torch.load_file",
    "safe_open": "safetensors.safe_open",
    "load_checkpoint_guess_config": "comfy.sd.load_checkpoint_guess_config",
    "load_checkpoint": "load_checkpoint",
    "load_diffusion_model": "comfy.sd.load_diffusion_model",
    "load_unet": "comfy.sd.load_unet",
    "load_clip": "comfy.sd.load_clip",
    "load_controlnet": "comfy.controlnet.load_controlnet",
    "GGUFReader": "gguf.GGUFReader",
    "from_single_file": "from_single_file",
    "load_checkpoint_and_dispatch": "accelerate.load_checkpoint_and_dispatch",
}
_TELLING = frozenset(
    {"from_pretrained", "load_ip_adapter", "load_lora_weights", "load_textual_inversion"}
)
_OPENS: dict[str, tuple[int, tuple[str, ...]]] = {
    "dlib.shape_predictor": (0, ()),
    "dlib.face_recognition_model_v1": (0, ()),
    "dlib.cnn_face_detection_model_v1": (0, ()),
    "cv2.dnn.readNetFromCaffe": (1, ("caffeModel",)),
    "cv2.FaceDetectorYN.create": (0, ("model",)),
    "cv2.FaceDetectorYN_create": (0, ("model",)),
    "cv2.FaceRecognizerSF.create": (0, ("model",)),
    "joblib.load": (0, ("filename",)),
    "keras.models.load_model": (0, ("filepath",)),
    "tensorflow.keras.models.load_model": (0, ("filepath",)),
    "gfpgan.GFPGANer": (0, ("model_path",)),
    "realesrgan.RealESRGANer": (1, ("model_path",)),
    "segment_anything.sam_model_registry": (0, ("checkpoint",)),
    "sam2.build_sam.build_sam2": (1, ("ckpt_path",)),
    "sam2.build_sam.build_sam2_video_predictor": (1, ("ckpt_path",)),
    "groundingdino.util.inference.load_model": (1, ("model_checkpoint_path",)),
}
"""Callables of other packages that open one file: where its path stands, by place or by name."""
_EXACT_LOADERS = frozenset(
    {
        *("torch.load", "torch.jit.load", "comfy.clip_vision.load"),
        *("comfy.utils.load_torch_file", "safetensors.torch.load_model"),
    }
)
_MODEL_FIRST = ("load_checkpoint_and_dispatch", "safetensors.torch.load_model")
_NOTHING = frozenset({"", "none", "auto", "default", "disable", "disabled", "off"})
_READS_DATA = re.compile(
    r"__getitem__|_?(load|read)_(audio|image|video|voice|wav|mask)s?(_(from_)?(path|file|disk))?"
)
_PATHS = ("model_path", "path_or_bytes", "model", "name", "checkpoint", "onnxFile")
_COMFY_ONLY = frozenset({"load_clip", "load_unet", "load_diffusion_model", "load_controlnet"})


class Openers(Addresses):
    """Paths and names."""

    def _load(self, name: str, args: Args, keywords: Keywords) -> Value:
        names = (
            "f",
            "filename",
            "ckpt",
            "path",
            "ckpt_path",
            "checkpoint",
            "unet_path",
            "ckpt_paths",
        )
        at = 1 if name.endswith(_MODEL_FIRST) else 0
        value = argument(args, keywords, at, *names, "pretrained_model_link_or_path")
        wanted = [
            v
            for o in options(value)
            for v in (self.elements(o) if isinstance(o, ListValue) else [o])
        ]
        wanted = [v for v in map(behind, wanted) if not is_object(v) and v != NONE]
        paths = [t for v in wanted for t in self.texts(v, "path") if not _is_nothing(t)]
        if paths and not (all(map(undecided, paths)) and self._reads_data()):
            self.observe(Mechanism.LOAD, _loader(name), path=any_of(paths))
        return Called(name, tuple(args), keywords, self.line)

    def _reads_data(self) -> bool:
        """Whether the function gives a row of a data set, a sound or a picture, and no model."""
        return bool(self.frames) and _READS_DATA.fullmatch(self.frame.scope.function) is not None

    def library_path(self, name: str, args: Args, keywords: Keywords) -> Value:
        """See the table at the end."""
        value = argument(args, keywords, 0, *_PATHS)
        if not is_object(value) and value != NONE:
            api = f"ultralytics.{name}" if name == "YOLO" else name
            self.observe(Mechanism.LIBRARY, api, path=any_of(self.texts(value, "path")))
        return Called(name, tuple(args), keywords, self.line)

    def library_file(self, name: str, args: Args, keywords: Keywords) -> Value:
        """A call of ``_OPENS``."""
        place, names = _OPENS[name]
        value = argument(args, keywords, place, *names)
        was_given = len(args) > place or not keywords.keys().isdisjoint(names)
        if was_given and not is_object(value) and value != NONE:
            self.observe(Mechanism.LIBRARY, name, path=any_of(self.texts(value, "path")))
        return Called(name, tuple(args), keywords, self.line)

    def base_options(self, name: str, args: Args, keywords: Keywords) -> Value:
        """See the table at the end."""
        value = given(keywords.get("model_asset_path"))
        if value is not None:
            api = "mediapipe.tasks.python.BaseOptions"
            self.observe(Mechanism.LIBRARY, api, path=any_of(self.texts(value, "path")))
        return Called(name, tuple(args), keywords, self.line)

    def face_analysis(self, name: str, args: Args, keywords: Keywords) -> Value:
        """See the table at the end."""
        asked = argument(args, keywords, 0, "name")
        # An empty name is one, too: the models then lie in root/models itself.
        model = asked if asked == text("") else given(asked) or text("buffalo_l")
        root = given(argument(args, keywords, 1, "root")) or text(f"{HOME}/.insightface")
        roots = tuple(ospath.expand_home(t) for t in self.texts(root))
        parts = [roots, (text("models"),), self.texts(model, "model")]
        path = joined(parts, ospath.join_paths)
        self.observe(Mechanism.LIBRARY, "insightface.app.FaceAnalysis", path=path, folder=True)
        return Called(name, tuple(args), keywords, self.line)

    def open_clip(self, name: str, args: Args, keywords: Keywords) -> Value:
        """See the table at the end."""
        tag = given(keywords.get("pretrained", args[1] if len(args) > 1 else None))
        if tag is not None and not is_object(tag):
            places = self.texts(tag, "pretrained")
            paths = any_of(place if self._is_local(place) else text(HUB) for place in places)
            self.observe(Mechanism.LIBRARY, short(name), path=paths)
        return Called(name, tuple(args), keywords, self.line)

    def _torch_hub(self, name: str, args: Args, keywords: Keywords) -> Value:
        repo = argument(args, keywords, 0, "repo_or_dir")
        model = argument(args, keywords, 1, "model")
        local = self.texts(keywords.get("source", NONE))[0].literal == "local"
        path = (
            repo
            if local
            else joined([self.texts(self.torch_home()), (text(""),)], ospath.join_paths)
        )
        # An entry point has a name; a path is what another class gets from the same config.
        misled = all(map(self._is_local, self.texts(model)))
        self.observe(
            Mechanism.TORCH_HUB, name, path=path, repo=repo, allow=model, folder=True, misled=misled
        )
        return Called(name, tuple(args), keywords, self.line)

    def hub_dir(self, args: Args) -> Value:
        """``torch.hub.get_dir()``, and what ``torch.hub.set_dir(folder)`` makes of it."""
        if args:
            self.environment["\x00torch-hub"] = args[0]
        return self.torch_home()

    def _named_model(self, name: str, args: Args, keywords: Keywords) -> Value:
        """A loader that knows models by name and keeps them in a folder of its own."""
        model = argument(args, keywords, 0, "name", "model_size_or_path", "model_name")
        root = given(keywords.get("download_root"))
        homes = {"whisper": f"{HOME}/.cache/whisper", "clip": f"{HOME}/.cache/clip"}
        base = root if root is not None else text(homes.get(name.partition(".")[0], HUB))
        if not is_object(model):
            known = self.texts(model, "model")
            # What nobody knows may be a file as well as a name.
            local = [t for t in known if self._is_local(t) or undecided(t)]
            path = any_of(local) if local else any_of(self.texts(base))
            self.observe(Mechanism.LIBRARY, name, path=path, folder=not local, allow=model)
        return Called(name, tuple(args), keywords, self.line)


def _is_nothing(path: Text) -> bool:
    """Whether it is the word by which a combo says that no file is wanted."""
    return path.literal is not None and path.literal.lower() in _NOTHING


def _loader(name: str) -> str:
    return name if name in _EXACT_LOADERS else _LOADERS.get(name.rpartition(".")[2], name)


def opens_file(name: str) -> bool:
    """Whether a callable of another package opens one file that it is given."""
    return name in _OPENS


def is_loader(name: str, last: str) -> bool:
    """Whether a callable opens a file of weights."""
    if name in _EXACT_LOADERS:
        return True
    if last not in _LOADERS:
        return False
    if last in _COMFY_ONLY:
        return name.startswith("comfy.")
    if last == "load_checkpoint":
        return "." in name and not name.startswith("builtins")
    return True
