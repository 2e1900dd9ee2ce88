"""Places that names hold, branches that no run takes, classes that extend a loader."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.scanned import node, scanned
from torchsolve.model.models import Mechanism, Reach

IMPORTS = "import os, folder_paths, torch\n"


def test_what_is_unknown_before_an_and_decides_nothing(tmp_path: Path) -> None:
    text = IMPORTS + node(
        "if model == self.name and self.kept is not None:",
        "    return (self.kept,)",
        "self.kept = torch.load(os.path.join(folder_paths.models_dir, 'w', model))",
        "self.name = model",
        "return (self.kept,)",
    ).replace("    FUNCTION", "    def __init__(self):\n        self.kept = object()\n    FUNCTION")
    (site,) = scanned(tmp_path, {"__init__.py": text})["__init__.py:12"]
    assert (site.path, site.decided) == ("models/w/{a,b}", True)


def test_an_or_keeps_every_operand_that_may_be_meant(tmp_path: Path) -> None:
    text = IMPORTS + node(
        "known = {'a': 'x.pt'}.get(model)",
        "name = known or self.other or 'z.pt'",
        "torch.load(os.path.join(folder_paths.models_dir, name))",
    ).replace("    FUNCTION", "    other = 'y.pt'\n    FUNCTION")
    (site,) = scanned(tmp_path, {"__init__.py": text})["__init__.py:11"]
    assert site.path == "models/{x.pt,y.pt}"


def test_a_function_that_uses_the_name_of_a_folder_is_read(tmp_path: Path) -> None:
    files = {
        "__init__.py": "from .inner import Finder\n" + node("return (Finder(),)"),
        "inner.py": """
            import os
            import dlib
            from mediapipe.tasks.python import BaseOptions
            HERE = os.path.dirname(__file__)
            WEIGHTS = os.path.join(HERE, "weights")
            class Finder:
                def __init__(self):
                    self.options = BaseOptions(model_asset_path=os.path.join(HERE, "face.task"))
                    self.shape = dlib.shape_predictor(os.path.join(WEIGHTS, "points.dat"))
            """,
        "face.task": "",
    }
    sites = scanned(tmp_path, files)
    (task,), (points,) = sites["inner.py:9"], sites["inner.py:10"]
    assert (task.path, task.reach) == ("custom_nodes/pack/face.task", Reach.BUNDLED)
    assert points.path == "custom_nodes/pack/weights/points.dat"
    assert {task.mechanism, points.mechanism} == {Mechanism.LIBRARY}


def test_an_object_of_a_class_that_extends_a_loader(tmp_path: Path) -> None:
    text = (
        IMPORTS
        + "from insightface.app import FaceAnalysis\n"
        + "class Plain(FaceAnalysis):\n    pass\n"
        + "class Own(FaceAnalysis):\n"
        + "    def __init__(self, name='buffalo_l', root='~/.insightface'):\n"
        + "        super().__init__(name=name, root=root)\n"
        + node(
            "root = os.path.join(folder_paths.models_dir, 'faces')",
            "one = Plain(name='antelopev2', root=root)",
            "two = Own(root=root)",
        )
    )
    sites = scanned(tmp_path, {"__init__.py": text})
    found = {place: [s.path for s in some] for place, some in sites.items()}
    assert found == {
        "__init__.py:7": ["models/faces/models/buffalo_l/"],
        "__init__.py:15": ["models/faces/models/antelopev2/"],
        "__init__.py:16": ["models/faces/models/buffalo_l/"],
    }


def test_a_branch_that_no_run_takes_is_dead_and_still_listed(tmp_path: Path) -> None:
    text = (
        IMPORTS
        + "from torch.hub import load_state_dict_from_url\n"
        + "def build(path=None, deep=False):\n"
        + "    if path is not None:\n"
        + "        return torch.load(path)\n"
        + "    if deep:\n"
        + "        return load_state_dict_from_url('https://host.example/deep.pth')\n"
        + "    return load_state_dict_from_url('https://host.example/flat.pth')\n"
        + node("return (build(),)")
    )
    sites = scanned(tmp_path, {"__init__.py": text})
    seen = {place: (s.path, s.decided, s.reach) for place, (s,) in sites.items()}
    assert seen == {
        "__init__.py:5": ("{path}", False, Reach.DEAD),
        "__init__.py:7": ("<torch-hub>/checkpoints/deep.pth", True, Reach.DEAD),
        "__init__.py:8": ("<torch-hub>/checkpoints/flat.pth", True, Reach.NODE),
    }


def test_a_module_that_is_chosen_by_name_below_the_nodes_own_folder(tmp_path: Path) -> None:
    files = {
        "__init__.py": "from .api import make\n" + node("return (make(model),)"),
        "api.py": """
            import importlib, os
            def make(kind):
                top = os.path.basename(os.path.dirname(os.path.abspath(__file__)))
                module = importlib.import_module('.kinds.' + kind, package=top)
                return module.Detector(large=True)
            """,
        "kinds/__init__.py": "",
        "kinds/a.py": """
            import torch
            class Detector:
                def __init__(self, large=False, home=None):
                    home = torch.hub.get_dir() if home is None else home
                    name = 'large.pth' if large else 'small.pth'
                    self.net = torch.load(f"{home}/checkpoints/{name}")
            """,
        "kinds/b.py": "class Detector:\n    pass\n",
    }
    (site,) = scanned(tmp_path, files)["kinds/a.py:7"]
    assert (site.path, site.reach) == ("<torch-hub>/checkpoints/large.pth", Reach.NODE)


def test_a_key_of_which_a_part_is_known_and_members_of_an_enum(tmp_path: Path) -> None:
    text = (
        IMPORTS
        + "from enum import IntEnum\n"
        + "class Size(IntEnum):\n    SMALL = 2\n    LARGE = 4\n"
        + "NETS = {'fan-2': 'f2.pt', 'fan-4': 'f4.pt', 'depth': 'd.pt'}\n"
        + "def build(depth, size=Size.LARGE):\n"
        + "    torch.load(os.path.join(folder_paths.models_dir, NETS['fan-' + str(int(size))]))\n"
        + "    torch.load(os.path.join(folder_paths.models_dir, NETS[f'fan-{torch.version}']))\n"
        + "    if depth == Size.LARGE:\n"
        + "        torch.load(os.path.join(folder_paths.models_dir, NETS['depth']))\n"
        + node("return (build(Size.SMALL),)")
    )
    sites = scanned(tmp_path, {"__init__.py": text})
    assert [sites[f"__init__.py:{line}"][0].path for line in (8, 9, 11)] == [
        "models/f4.pt",
        "models/{f2.pt,f4.pt}",
        "models/d.pt",
    ]
    assert sites["__init__.py:11"][0].reach is Reach.DEAD


@pytest.mark.parametrize(
    ("line", "mechanism", "path"),
    [
        ("cv2.dnn.readNetFromONNX(place)", Mechanism.LIBRARY, "models/net.bin"),
        ("cv2.dnn.readNetFromCaffe('x.prototxt', place)", Mechanism.LIBRARY, "models/net.bin"),
        ("sam_model_registry[model](checkpoint=place)", Mechanism.LIBRARY, "models/net.bin"),
        ("ModelLoader().load_from_file(place)", Mechanism.LIBRARY, "models/net.bin"),
        ("RealESRGANer(4, place)", Mechanism.LIBRARY, "models/net.bin"),
        ("open_clip.create_model_and_transforms('ViT', 'laion')", Mechanism.LIBRARY, "<hf-cache>"),
    ],
)
def test_loaders_of_other_packages(
    tmp_path: Path, line: str, mechanism: Mechanism, path: str
) -> None:
    text = (
        "import os, cv2\n"
        "from folder_paths import models_dir\n"
        "from segment_anything import sam_model_registry\n"
        "from spandrel import ModelLoader\n"
        "from realesrgan import RealESRGANer\n"
    ) + node("place = os.path.join(models_dir, 'net.bin')", line)
    (site,) = scanned(tmp_path, {"__init__.py": text})["__init__.py:13"]
    assert (site.mechanism, site.path, site.decided) == (mechanism, path, True)


def test_a_name_that_nobody_knows_may_be_a_file(tmp_path: Path) -> None:
    text = "import clip\ndef build(model):\n    return clip.load(model)\ndef other():\n"
    text += "    return clip.load('ViT-B/32')\n"
    sites = scanned(tmp_path, {"__init__.py": text})
    assert [
        (sites[p][0].path, sites[p][0].decided) for p in ("__init__.py:3", "__init__.py:5")
    ] == [
        ("{model}", False),
        ("~/.cache/clip/", True),
    ]


def test_a_snapshot_of_one_file_names_it_and_who_chooses(tmp_path: Path) -> None:
    text = (
        IMPORTS
        + "from huggingface_hub import snapshot_download\n"
        + node(
            "folder = os.path.join(folder_paths.models_dir, 'one')",
            "path = os.path.join(folder, model)",
            "if not os.path.exists(path):",
            "    snapshot_download('lab/one', allow_patterns=[f'*{model}*'], local_dir=folder)",
            takes="['w.safetensors']",
        )
    )
    (site,) = scanned(tmp_path, {"__init__.py": text})["__init__.py:12"]
    assert (site.path, site.choice.value) == ("models/one/w.safetensors", "enum")


def test_an_empty_name_and_a_walk_through_a_folder_are_no_places(tmp_path: Path) -> None:
    text = IMPORTS + node(
        "path = ''",
        "if os.path.exists('/srv'):",
        "    path = os.path.join(folder_paths.models_dir, 'net.pt')",
        "found = [f for f in os.listdir(folder_paths.models_dir) if",
        "         os.path.isdir(os.path.join(folder_paths.models_dir, 'x', f))]",
        "torch.load(path)",
    )
    sites = scanned(tmp_path, {"__init__.py": text})
    assert {place: [s.path for s in some] for place, some in sites.items()} == {
        "__init__.py:13": ["models/net.pt"]
    }


def test_an_input_that_need_not_be_linked_may_be_missing(tmp_path: Path) -> None:
    text = (
        IMPORTS
        + """
class Maker:
    FUNCTION = 'go'
    RETURN_TYPES = ('NET',)
    @classmethod
    def INPUT_TYPES(s):
        return {'required': {}}
    def go(self):
        return ({'place': os.path.join(folder_paths.models_dir, 'made.pt')},)
class User:
    FUNCTION = 'go'
    @classmethod
    def INPUT_TYPES(s):
        return {'required': {}, 'optional': {'net': ('NET',)}}
    def go(self, net=None):
        if net is None:
            return torch.load(os.path.join(folder_paths.models_dir, 'own.pt'))
        return torch.load(net['place'])
"""
    )
    sites = scanned(tmp_path, {"__init__.py": text})
    own, made = sites["__init__.py:18"][0], sites["__init__.py:19"][0]
    assert (own.path, own.reach, made.path) == ("models/own.pt", Reach.NODE, "models/made.pt")


def test_a_listed_name_is_relative_and_a_typed_one_may_be_anything(tmp_path: Path) -> None:
    body = (
        "folder = folder_paths.get_folder_paths('vae')[0]",
        "path = model if os.path.isabs(model) else os.path.join(folder, model)",
        "load_model(self, path)",
    )
    head = IMPORTS + "from safetensors.torch import load_model\n"
    listed = node(*body, takes="folder_paths.get_filename_list('vae')")
    (site,) = scanned(tmp_path, {"__init__.py": head + listed})["__init__.py:11"]
    assert (site.path, site.mechanism) == ("models/vae/{model}", Mechanism.LOAD)
    (tmp_path / "typed").mkdir()
    typed = node(*body, takes="'STRING'")
    (site,) = scanned(tmp_path / "typed", {"__init__.py": head + typed})["__init__.py:11"]
    assert site.path == "{{model},models/vae/{model}}"
