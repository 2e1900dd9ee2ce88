"""Loaders that keep their models in a folder of their own, and what is no model at all."""

from __future__ import annotations

from pathlib import Path

from support.scanned import node, scanned
from torchsolve.model.models import Mechanism, Reach

IMPORTS = "import os, folder_paths, torch\n"


def _library(root: Path, *lines: str, head: str) -> list[tuple[str | None, bool]]:
    text = IMPORTS + head + node(*lines)
    found = [s for some in scanned(root, {"__init__.py": text}).values() for s in some]
    return [(s.path, s.decided) for s in found if s.mechanism is Mechanism.LIBRARY]


def test_facexlib_keeps_its_weights_in_its_package_or_where_it_is_told(tmp_path: Path) -> None:
    head = (
        "from facexlib.recognition import init_recognition_model\n"
        "from facexlib.parsing import init_parsing_model\n"
        "from facexlib.utils.face_restoration_helper import FaceRestoreHelper\n"
        "ROOT = os.path.join(folder_paths.models_dir, 'facexlib')\n"
    )
    found = _library(
        tmp_path,
        "init_recognition_model('arcface', device='cpu')",
        "init_parsing_model(model_name='parsenet', model_rootpath=ROOT)",
        "init_parsing_model()",
        "FaceRestoreHelper(1, det_model='retinaface_mobile0.25', model_rootpath=ROOT)",
        head=head,
    )
    assert found == [
        ("<site-packages>/facexlib/weights/recognition_arcface_ir_se50.pth", True),
        ("models/facexlib/parsing_parsenet.pth", True),
        ("<site-packages>/facexlib/weights/parsing_bisenet.pth", True),
        ("models/facexlib/detection_mobilenet0.25_Final.pth", True),
    ]


def test_rembg_and_easyocr_keep_theirs_in_the_home_folder(tmp_path: Path) -> None:
    found = _library(
        tmp_path,
        "session = rembg.new_session()",
        "rembg.new_session('isnet-anime')",
        "rembg.new_session('sam')",
        "rembg.remove(model, session=session)",
        "easyocr.Reader(['en'])",
        "easyocr.Reader(['en'], model_storage_directory=folder_paths.models_dir + '/ocr')",
        head="import rembg, easyocr\n",
    )
    assert found == [
        ("~/.u2net/u2net.onnx", True),
        ("~/.u2net/isnet-anime.onnx", True),
        ("~/.EasyOCR/model/", True),
        ("models/ocr/", True),
    ]


def test_the_home_of_rembg_is_an_environment_variable(tmp_path: Path) -> None:
    head = "import rembg\nos.environ['U2NET_HOME'] = os.path.join(folder_paths.models_dir, 'u2')\n"
    assert _library(tmp_path, "rembg.new_session('u2netp')", head=head) == [
        ("models/u2/u2netp.onnx", True)
    ]


def test_a_projector_of_llama_cpp_and_insightface_without_a_name(tmp_path: Path) -> None:
    found = _library(
        tmp_path,
        "home = os.path.join(folder_paths.models_dir, 'kit')",
        "Llava15ChatHandler(clip_model_path=os.path.join(home, 'mmproj.gguf'))",
        "FaceAnalysis(name='', root=home)",
        "FaceAnalysis(root=home)",
        head="from llama_cpp.llama_chat_format import Llava15ChatHandler\n"
        "from insightface.app import FaceAnalysis\n",
    )
    assert found == [
        ("models/kit/mmproj.gguf", True),
        ("models/kit/models/", True),
        ("models/kit/models/buffalo_l/", True),
    ]


def test_rows_of_a_data_set_and_sounds_are_no_models(tmp_path: Path) -> None:
    text = (
        IMPORTS
        + "class Rows(torch.utils.data.Dataset):\n"
        + "    def __getitem__(self, index):\n"
        + "        return torch.load(self.rows[index]['emb'])\n"
        + "def _load_audio_from_path(path):\n    return torch.load(path)\n"
        + "def load_image():\n"
        + "    return torch.load(os.path.join(folder_paths.models_dir, 'x.pt'))\n"
        + "def load_audio_model(path):\n    return torch.load(path)\n"
        + node("return (load_image(),)")
    )
    assert sorted(scanned(tmp_path, {"__init__.py": text})) == ["__init__.py:10", "__init__.py:8"]


def test_a_config_node_and_its_clone(tmp_path: Path) -> None:
    text = (
        IMPORTS
        + "from yacs.config import CfgNode as CN\n"
        + "_C = CN()\n_C.model = 'ckpts/flow.pth'\n"
        + "def get():\n    return _C.clone()\n"
        + node(
            "cfg = get()",
            "torch.load(cfg.model)",
            "cfg.update({'model': model})",
            "torch.load(cfg.model)",
        )
    )
    sites = scanned(tmp_path, {"__init__.py": text})
    (known,), (open_,) = sites["__init__.py:14"], sites["__init__.py:16"]
    assert (known.path, known.decided) == ("<cwd>/ckpts/flow.pth", True)
    assert not open_.decided


def test_a_folder_below_one_that_a_snapshot_fills_is_part_of_a_model(tmp_path: Path) -> None:
    text = (
        IMPORTS
        + "from huggingface_hub import snapshot_download\n"
        + "HERE = os.path.dirname(os.path.abspath(__file__))\n"
        + "snapshot_download('lab/all', local_dir=os.path.join(HERE, 'pretrained'))\n"
        + node(
            "data = {}",
            "data['base'] = os.path.join(HERE, 'pretrained', 'base')",
            "data['other'] = os.path.join(HERE, 'other', 'base')",
            "data['docs'] = os.path.join(HERE, 'pretrained', 'README.md')",
            "return (data,)",
        )
    )
    sites = scanned(tmp_path, {"__init__.py": text})
    assert sorted(sites) == ["__init__.py:12", "__init__.py:4"]
    (base,) = sites["__init__.py:12"]
    assert (base.path, base.reach) == ("custom_nodes/pack/pretrained/base", Reach.NODE)
