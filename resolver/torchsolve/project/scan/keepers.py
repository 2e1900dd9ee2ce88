"""Loaders of other packages that know models by name and keep them in a folder of their own."""

from __future__ import annotations

from torchsolve.model.models import Mechanism
from torchsolve.project.scan import ospath, strings
from torchsolve.project.scan.arguments import Args, Keywords, given, is_object
from torchsolve.project.scan.openers import Openers
from torchsolve.project.scan.texts import joined
from torchsolve.project.scan.values import HOME, NONE, Called, Text, Value, any_of, text

_FACEXLIB_HOME = "<site-packages>/facexlib/weights"
_FACEXLIB: dict[str, tuple[str, dict[str, str]]] = {
    "init_detection_model": (
        "",
        {
            "retinaface_resnet50": "v0.1.0/detection_Resnet50_Final.pth",
            "retinaface_mobile0.25": "v0.1.0/detection_mobilenet0.25_Final.pth",
        },
    ),
    "init_parsing_model": (
        "bisenet",
        {"bisenet": "v0.2.0/parsing_bisenet.pth", "parsenet": "v0.2.2/parsing_parsenet.pth"},
    ),
    "init_recognition_model": ("", {"arcface": "v0.1.0/recognition_arcface_ir_se50.pth"}),
    "init_alignment_model": ("", {"awing_fan": "v0.1.0/alignment_WFLW_4HG.pth"}),
    "init_headpose_model": ("", {"hopenet": "v0.2.0/headpose_hopenet.pth"}),
    "init_assessment_model": ("", {"hypernet": "v0.2.0/assessment_hyperIQA.pth"}),
}
"""Function → its default model, and release and file of each: https://github.com/xinntao/facexlib,
the ``__init__.py`` of each part."""
_FACEXLIB_RELEASES = "https://github.com/xinntao/facexlib/releases/download/"
_SEVERAL_FILES = frozenset({"sam", "u2net_custom", "dis_custom", "ben_custom"})
"""Sessions of rembg that are no one file of their name:
https://github.com/danielgatis/rembg/tree/main/rembg/sessions."""


class Keepers(Openers):
    """Names of models."""

    def kept(self, name: str, last: str, args: Args, keywords: Keywords) -> Value | None:
        """A call of such a loader; None where it is none."""
        match name.partition(".")[0]:
            case "facexlib" if last in _FACEXLIB:
                self._facexlib(name, last, args, keywords)
            case "facexlib" if last == "FaceRestoreHelper":
                self._face_helper(name, args, keywords)
            case "rembg" if last == "new_session":
                self._rembg(name, keywords.get("model_name", args[0] if args else NONE))
            case "rembg" if last == "remove":
                if given(keywords.get("session", args[5] if len(args) > 5 else None)) is None:
                    self._rembg(name, NONE)
            case "easyocr" if last == "Reader":
                self._easyocr(name, keywords)
            case "llama_cpp" if last.endswith("ChatHandler"):
                self._projector(name, args, keywords)
            case _:
                return None
        return Called(name, tuple(args), keywords, self.line)

    def _facexlib(self, name: str, last: str, args: Args, keywords: Keywords) -> None:
        usual, files = _FACEXLIB[last]
        asked = given(keywords.get("model_name", args[0] if args else None))
        root = given(keywords.get("model_rootpath", args[3] if len(args) > 3 else None))
        folders = self.texts(root if root is not None else text(_FACEXLIB_HOME), "folder")
        for model in self.texts(asked if asked is not None else text(usual), "model_name"):
            release = files.get(model.literal or "")
            file = text(release.rpartition("/")[2], model.marks) if release else model
            path = joined([folders, (file,)], ospath.join_paths)
            url = text(_FACEXLIB_RELEASES + release) if release else None
            self.observe(Mechanism.LIBRARY, name, path=path, url=url)

    def _face_helper(self, name: str, args: Args, keywords: Keywords) -> None:
        """``FaceRestoreHelper``: a detector, and a parser where it is asked for."""
        rest = {k: v for k, v in keywords.items() if k == "model_rootpath"}
        model = keywords.get("det_model", args[3] if len(args) > 3 else NONE)
        usual = text("retinaface_resnet50")
        self._facexlib(name, "init_detection_model", [given(model) or usual], rest)
        if self.truth(keywords.get("use_parse", args[7] if len(args) > 7 else NONE)):
            self._facexlib(name, "init_parsing_model", [text("parsenet")], rest)

    def _rembg(self, name: str, model: Value) -> None:
        asked = given(model)
        if asked is not None and is_object(asked):
            return
        home = self.variable([text("U2NET_HOME"), text(f"{HOME}/.u2net")])
        names = self.texts(asked if asked is not None else text("u2net"), "model_name")
        files = tuple(
            strings.concat([n, text(".onnx")]) for n in names if n.literal not in _SEVERAL_FILES
        )
        if files:
            path = joined([self.texts(home, "folder"), files], ospath.join_paths)
            self.observe(Mechanism.LIBRARY, name, path=path)

    def _easyocr(self, name: str, keywords: Keywords) -> None:
        root = given(keywords.get("model_storage_directory"))
        usual = text(f"{HOME}/.EasyOCR/model")
        folders = self.texts(root if root is not None else usual, "folder")
        self.observe(Mechanism.LIBRARY, name, path=any_of(folders), folder=True)

    def _projector(self, name: str, args: Args, keywords: Keywords) -> None:
        """The vision part of a model of llama.cpp, a file of its own."""
        value = given(keywords.get("clip_model_path", args[0] if args else None))
        if value is not None and not is_object(value):
            known: tuple[Text, ...] = self.texts(value, "path")
            self.observe(Mechanism.LIBRARY, name, path=any_of(known))
