"""Which runs a node is read in: every choice from the start, callbacks, ways that others open."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from torchsolve.model.models import Choice, Mechanism, ModelSite, Reach
from torchsolve.project.scan.read import scan_tree
from torchsolve.project.tree import FolderTree

_HEAD = "import os\nimport folder_paths\nimport torch\n"


def _sites(root: Path, text: str, **more: str) -> list[ModelSite]:
    for name, content in {"__init__.py": _HEAD + dedent(text), **more}.items():
        path = root / name.replace("__py", ".py").replace("__json", ".json")
        path.write_text(dedent(content), encoding="utf-8")
    return list(scan_tree(FolderTree(root), "pack").sites)


def _of(sites: list[ModelSite], mechanism: Mechanism) -> list[tuple[str | None, bool]]:
    return [(s.path, s.decided) for s in sites if s.mechanism is mechanism]


def _node(body: str, *, init: str = "pass", combo: str = "['a.pt', 'b.pt']") -> str:
    lines = "".join(f"        {line}\n" for line in dedent(body).strip().splitlines())
    return (
        "class Loader:\n    FUNCTION = 'go'\n"
        "    @classmethod\n    def INPUT_TYPES(s):\n"
        f"        return {{'required': {{'model': ({combo},)}}}}\n"
        f"    def __init__(self):\n        {init}\n"
        f"    def go(self, model):\n{lines}"
    )


def test_what_a_node_keeps_does_not_hide_the_other_choices(tmp_path: Path) -> None:
    body = """
        global KEPT
        path = os.path.join(folder_paths.models_dir, 'one', model)
        if self.kept is None:
            self.kept = torch.load(path)
        if KEPT is None:
            KEPT = torch.load(os.path.join(folder_paths.models_dir, 'two', model))
        if model not in TABLE:
            TABLE[model] = torch.load(os.path.join(folder_paths.models_dir, 'three', model))
    """
    sites = _sites(tmp_path, "KEPT = None\nTABLE = {}\n" + _node(body, init="self.kept = None"))
    assert _of(sites, Mechanism.LOAD) == [
        ("models/one/{a.pt,b.pt}", True),
        ("models/two/{a.pt,b.pt}", True),
        ("models/three/{a.pt,b.pt}", True),
    ]


def test_the_way_for_a_category_that_something_else_has_registered(tmp_path: Path) -> None:
    text = """
        if 'tagger' in folder_paths.folder_names_and_paths:
            home = folder_paths.get_folder_paths('tagger')[0]
        else:
            home = os.path.join(os.path.dirname(__file__), 'models')
        voices = os.path.join(folder_paths.models_dir, 'voices')
        if 'voices' not in folder_paths.folder_names_and_paths:
            folder_paths.folder_names_and_paths['voices'] = ([voices], {'.pt'})
        else:
            folder_paths.folder_names_and_paths['voices'][0].append(voices)
        model = torch.load(os.path.join(home, 'tags.pt'))
    """
    sites = _sites(tmp_path, text)
    assert [(s.line, s.path, s.decided, s.choice) for s in sites] == [
        (6, "{tagger}", False, Choice.CONFIG),
        (11, "models/voices/*.pt", True, Choice.FIXED),
        (13, "models/voices", True, Choice.FIXED),
        (14, "custom_nodes/pack/models/tags.pt", True, Choice.FIXED),
    ]


def test_a_coroutine_that_is_handed_on_fetches_by_a_session(tmp_path: Path) -> None:
    text = """
        import aiohttp, asyncio, json
        with open(os.path.join(os.path.dirname(__file__), 'names.json')) as file:
            NAMES = json.load(file)

        async def fetch(url, target, session):
            async with session.get(url) as answer:
                with open(target, mode='wb') as out:
                    out.write(await answer.read())

        async def go(name):
            async with aiohttp.ClientSession() as session:
                target = os.path.join(folder_paths.models_dir, 'tags', name + '.onnx')
                await fetch(f'https://files.example/{NAMES[name]}/m.onnx', target, session)

        def wait(make):
            try:
                asyncio.get_running_loop()
            except RuntimeError:
                return asyncio.run(make())
    """
    node = _node("wait(lambda: go(model))", combo="list(NAMES.keys())")
    sites = _sites(tmp_path, dedent(text) + node, names__json='{"big": "x", "small": "y"}')
    (site,) = [s for s in sites if s.mechanism is Mechanism.URL and s.line == 17]
    assert (site.path, site.reach) == ("models/tags/{big.onnx,small.onnx}", Reach.NODE)
    assert site.urls == ("https://files.example/x/m.onnx", "https://files.example/y/m.onnx")


def test_a_thread_and_a_pool_run_what_they_are_given(tmp_path: Path) -> None:
    text = """
        import threading
        from concurrent.futures import ThreadPoolExecutor

        def bring(name, folder):
            return torch.load(os.path.join(folder_paths.models_dir, folder, name))

    """
    body = """
        threading.Thread(target=bring, args=(model, 'thread')).start()
        with ThreadPoolExecutor() as pool:
            pool.submit(bring, model, 'pool')
    """
    (site,) = _sites(tmp_path, dedent(text) + _node(body))
    assert set(site.paths) == {f"models/{f}/{n}.pt" for f in ("thread", "pool") for n in "ab"}
    assert site.reach is Reach.NODE


def test_comfyui_calls_the_methods_that_stand_for_its_own(tmp_path: Path) -> None:
    text = """
        import comfy.model_patcher
        import comfy.model_management

        class Handler:
            def __init__(self, name):
                self.name = name
            def load(self):
                return torch.load(os.path.join(folder_paths.models_dir, 'held', self.name))

        class Patcher(comfy.model_patcher.ModelPatcher):
            def __init__(self, model, **kwargs):
                super().__init__(model, **kwargs)
            def patch_model(self, device=None):
                return self.model.load()

    """
    body = "comfy.model_management.load_model_gpu(Patcher(Handler(model)))"
    (site,) = _sites(tmp_path, dedent(text) + _node(body))
    assert (site.path, site.reach) == ("models/held/{a.pt,b.pt}", Reach.NODE)


def test_a_method_may_have_the_name_of_the_function_that_it_calls(tmp_path: Path) -> None:
    text = """
        def go(name):
            return torch.load(os.path.join(folder_paths.models_dir, name))

    """
    (site,) = _sites(tmp_path, dedent(text) + _node("return (go(model),)"))
    assert (site.path, site.choice) == ("models/{a.pt,b.pt}", Choice.ENUM)


def test_a_function_that_nothing_calls_adds_nothing_to_a_line_that_runs(tmp_path: Path) -> None:
    text = """
        from huggingface_hub import hf_hub_download

        def build(path):
            return torch.load(path)

        def from_hub(name):
            return build(hf_hub_download(name, 'w.pt'))

        MODEL = build(os.path.join(folder_paths.models_dir, 'w.pt'))
    """
    assert _of(_sites(tmp_path, text), Mechanism.LOAD) == [("models/w.pt", True)]


def test_a_test_for_a_name_says_what_the_name_is_below_it_only(tmp_path: Path) -> None:
    text = """
        from transformers import AutoModel

        def build(name, kind):
            if name == 'lab/base' and kind:
                AutoModel.from_pretrained(name)
            if kind in ('lab/s', 'lab/l'):
                AutoModel.from_pretrained(kind)
            AutoModel.from_pretrained(name)
    """
    sites = _sites(tmp_path, text)
    assert [(s.repos, s.decided) for s in sites] == [
        (("lab/base",), True),
        (("lab/s", "lab/l"), True),
        (("{name}",), False),
    ]


def test_an_open_file_is_the_path_that_it_was_opened_by(tmp_path: Path) -> None:
    text = """
        import io
        from iopath.common.file_io import g_pathmgr
        path = os.path.join(folder_paths.models_dir, 'w.pt')
        with g_pathmgr.open(path, 'rb') as file:
            torch.load(file)
        with open(path, 'rb') as file:
            torch.load(io.BytesIO(file.read()))
        torch.load(io.BytesIO(b''))
    """
    assert _of(_sites(tmp_path, text), Mechanism.LOAD) == [("models/w.pt", True)] * 2


def test_an_entry_of_a_listing_is_none_of_the_known_ones(tmp_path: Path) -> None:
    text = """
        KNOWN = {'big': {'kind': 'hub', 'repo': 'lab/big'}}
        HOME = os.path.join(folder_paths.models_dir, 'voices')
        for item in os.listdir(HOME):
            KNOWN[item] = {'kind': 'local', 'place': os.path.join(HOME, item)}
        from huggingface_hub import snapshot_download

    """
    body = """
        entry = KNOWN[model]
        if entry['kind'] == 'hub':
            snapshot_download(entry['repo'], local_dir=os.path.join(HOME, model))
        else:
            torch.load(entry['place'])
    """
    sites = _sites(tmp_path, dedent(text) + _node(body, combo="list(KNOWN.keys())"))
    assert _of(sites, Mechanism.SNAPSHOT_DOWNLOAD) == [("models/voices/big/", True)]
    assert _of(sites, Mechanism.LOAD) == [("models/voices/{file}", True)]


def test_a_class_of_the_tree_may_have_a_plain_function_from_pretrained(tmp_path: Path) -> None:
    text = """
        from diffusers import UNet2DConditionModel
        class Pipe:
            def __init__(self, unet):
                UNet2DConditionModel.from_pretrained(unet['path'], subfolder=unet['below'])
            def from_pretrained(path, **kwargs):
                return __class__(unet={'path': path, 'below': 'unet'})

        Pipe.from_pretrained(os.path.join(folder_paths.models_dir, 'pipe'), half=True)
    """
    assert _of(_sites(tmp_path, text), Mechanism.FROM_PRETRAINED) == [
        ("models/pipe/unet/", True),
        ("models/pipe/", True),
    ]


def test_a_config_that_the_node_writes_itself_is_nothing_to_bring(tmp_path: Path) -> None:
    text = """
        import json
        from transformers import CLIPVisionConfig
        def write(folder):
            with open(os.path.join(folder, 'c.json'), 'w') as file:
                json.dump({}, file)
        write(folder_paths.models_dir)
        CLIPVisionConfig.from_pretrained(os.path.join(folder_paths.models_dir, 'c.json'))
    """
    (site,) = _sites(tmp_path, text)
    assert (site.mechanism, site.path) == (Mechanism.FROM_PRETRAINED, "models/c.json")


def test_a_name_that_may_be_missing_is_no_path(tmp_path: Path) -> None:
    text = """
        names = folder_paths.get_filename_list('vae_approx')
        name = next((n for n in names if n.startswith('taesd')), '')
        folder_paths.get_full_path('vae_approx', name)
    """
    found = [s.path for s in _sites(tmp_path, text) if s.api.endswith("full_path")]
    assert found == ["models/vae_approx/{file}"]


def test_alternatives_of_a_folder_and_one_in_it(tmp_path: Path) -> None:
    text = """
        from transformers import CLIPTokenizer
        base = os.path.join(folder_paths.models_dir, 'kit', 'tok')
        deeper = os.path.join(base, 'tok')
        CLIPTokenizer.from_pretrained(deeper if os.path.exists(deeper) else base)
    """
    (site,) = [s for s in _sites(tmp_path, text) if s.mechanism is Mechanism.FROM_PRETRAINED]
    assert site.path == "models/kit/{tok/tok,tok}/"


def test_an_optional_input_may_not_be_connected(tmp_path: Path) -> None:
    # What another node hands on under the type would else hide what runs without it.
    (tmp_path / "__init__.py").write_text(
        dedent("""
        import os
        import folder_paths
        from transformers import CLIPSegProcessor

        class Maker:
            FUNCTION = "go"
            RETURN_TYPES = ("SEGMODEL",)
            @classmethod
            def INPUT_TYPES(s):
                return {"required": {}}
            def go(self):
                return ({"model": CLIPSegProcessor.from_pretrained("lab/made")},)

        class User:
            FUNCTION = "go"
            RETURN_TYPES = ("MASK",)
            @classmethod
            def INPUT_TYPES(s):
                return {"required": {"image": ("IMAGE",)}, "optional": {"model": ("SEGMODEL",)}}
            def go(self, image, model=None):
                if model is None:
                    return CLIPSegProcessor.from_pretrained("lab/own")
                return model["model"]

        NODE_CLASS_MAPPINGS = {"Maker": Maker, "User": User}
        """),
        encoding="utf-8",
    )
    scan = scan_tree(FolderTree(tmp_path), "pack")
    assert [s.repos for s in scan.sites] == [("lab/made",), ("lab/own",)]


def test_a_packaged_comfyui_has_the_folder_functions_in_another_module(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text(
        dedent("""
        try:
            from comfy.model_downloader import get_full_path_or_raise
        except ImportError:
            from folder_paths import get_full_path_or_raise

        class Loader:
            FUNCTION = "go"
            @classmethod
            def INPUT_TYPES(s):
                return {"required": {"name": ("STRING",)}}
            def go(self, name):
                return get_full_path_or_raise("loras", name)

        NODE_CLASS_MAPPINGS = {"Loader": Loader}
        """),
        encoding="utf-8",
    )
    scan = scan_tree(FolderTree(tmp_path), "pack")
    assert [(s.api, s.path) for s in scan.sites] == [
        ("folder_paths.get_full_path_or_raise", "models/loras/{name}")
    ]


def test_what_holds_on_linux_alone_is_read(tmp_path: Path) -> None:
    text = """
        import platform, sys
        from transformers import AutoModel
        if platform.system() == 'Darwin' or sys.platform == 'win32' or os.name == 'nt':
            os.environ['HF_HOME'] = '~/elsewhere'
        AutoModel.from_pretrained('lab/base')
    """
    assert _of(_sites(tmp_path, text), Mechanism.FROM_PRETRAINED) == [("<hf-cache>", True)]


def test_a_variable_that_is_set_under_a_condition_may_be_unset(tmp_path: Path) -> None:
    text = """
        import open_clip
        own = os.path.join(os.path.dirname(__file__), 'clip.bin')
        if os.path.exists(own):
            os.environ['OWN_CLIP'] = own
        tag = os.environ.get('OWN_CLIP', 'laion2b')
        open_clip.create_model_and_transforms('ViT-H-14', pretrained=tag)
    """
    (site,) = [s for s in _sites(tmp_path, text) if s.mechanism is Mechanism.LIBRARY]
    assert set(site.paths) == {"<hf-cache>", "custom_nodes/pack/clip.bin"}
    assert site.choice is Choice.ENV


def test_names_out_of_a_bundled_table_are_followed_row_by_row(tmp_path: Path) -> None:
    text = """
        import json
        from pathlib import Path
        from huggingface_hub import hf_hub_download

        def table():
            global TABLE
            try:
                with open(Path(__file__).parent / 'models.json') as file:
                    data = json.load(file) or {}
                TABLE = data.get('known') or {}
            except Exception:
                TABLE = {}
            TABLE = dict(TABLE)
        TABLE = {}
        table()

        def safe(value):
            return ''.join(c for c in value if c.isalnum() or c in '._-').strip() or 'unknown'

    """
    body = """
        row = TABLE.get(model)
        base = Path(folder_paths.models_dir) / 'LLM' / safe(row['author']) / safe(row['name'])
        hf_hub_download(row['author'] + '/' + row['name'], row['file'], local_dir=str(base))
    """
    table = """
        {"known": {"s": {"author": "lab", "name": "Small v1", "file": "s.gguf"},
                   "b": {"author": "org", "name": "Big", "file": "b.gguf"}}}
    """
    node = _node(body, combo="list(TABLE.keys())")
    sites = _sites(tmp_path, dedent(text) + node, models__json=table)
    (site,) = [s for s in sites if s.mechanism is Mechanism.HF_HUB_DOWNLOAD]
    assert site.paths == ("models/LLM/lab/Smallv1/s.gguf", "models/LLM/org/Big/b.gguf")
    assert site.repos == ("lab/Small v1", "org/Big")


def test_both_ways_of_a_text_that_a_user_may_empty(tmp_path: Path) -> None:
    text = """
        from huggingface_hub import hf_hub_download, snapshot_download
        class Get:
            FUNCTION = 'go'
            @classmethod
            def INPUT_TYPES(s):
                return {'required': {'file': ('STRING', {'default': 'w.gguf'})}}
            def go(self, file):
                home = os.path.join(folder_paths.models_dir, 'LLM')
                if file.strip():
                    hf_hub_download('lab/one', file.strip(), local_dir=home)
                else:
                    snapshot_download('lab/one', local_dir=home)
    """
    sites = _sites(tmp_path, text)
    assert _of(sites, Mechanism.HF_HUB_DOWNLOAD) == [("models/LLM/w.gguf", True)]
    assert _of(sites, Mechanism.SNAPSHOT_DOWNLOAD) == [("models/LLM/", True)]


def test_none_in_a_combo_is_no_file(tmp_path: Path) -> None:
    body = """
        if model != 'none':
            model = folder_paths.get_full_path('loras', model)
        torch.load(model)
    """
    combo = "['none'] + folder_paths.get_filename_list('loras')"
    sites = _sites(tmp_path, _node(body, combo=combo))
    assert _of(sites, Mechanism.LOAD) == [("models/loras/{model}", True)]


def test_a_line_that_the_known_arguments_leave_out_is_read_by_itself(tmp_path: Path) -> None:
    text = """
        from safetensors.torch import load_file
        def read(path):
            if os.path.splitext(path)[1] == '.safetensors':
                return load_file(path)
            return torch.load(path)
        MODEL = read(os.path.join(folder_paths.models_dir, 'w.pt'))
    """
    sites = [s for s in _sites(tmp_path, text) if s.mechanism is Mechanism.LOAD]
    assert [(s.api, s.path, s.decided) for s in sites] == [
        ("safetensors.torch.load_file", "{path}", False),
        ("torch.load", "models/w.pt", True),
    ]


def test_loaders_of_other_packages_and_their_paths(tmp_path: Path) -> None:
    text = """
        import cv2
        from llama_cpp import Llama
        from mmpose.apis import init_model
        home = os.path.join(folder_paths.models_dir, 'kit')
        settings = {'model_path': os.path.join(home, 'w.gguf'), 'n_ctx': 1}
        Llama(**settings)
        init_model('pose.py', os.path.join(home, 'pose.pth'), device='cpu')
        cv2.dnn.readNetFromONNX(os.path.join(home, f"{'320x512'.split('x')[0]}.onnx"))
        cv2.dnn.readNet(os.path.join(home, str(int('512') * 2) + '.onnx'))
        from gfpgan import GFPGANer
        from realesrgan import RealESRGANer
        GFPGANer(model_path=os.path.join(home, 'face.pth'), upscale=2)
        RealESRGANer(4, os.path.join(home, 'x4.pth'))
    """
    assert _of(_sites(tmp_path, text), Mechanism.LIBRARY) == [
        ("models/kit/w.gguf", True),
        ("models/kit/pose.pth", True),
        ("models/kit/320.onnx", True),
        ("models/kit/1024.onnx", True),
        ("models/kit/face.pth", True),
        ("models/kit/x4.pth", True),
    ]


def test_a_category_asked_for_in_an_expression(tmp_path: Path) -> None:
    text = """
        def home():
            known = 'LLM' in folder_paths.folder_names_and_paths
            dirs = (
                folder_paths.get_folder_paths('LLM')
                if 'LLM' in folder_paths.folder_names_and_paths
                else []
            )
            return dirs[0] if dirs else os.path.join(folder_paths.models_dir, 'LLM')
        torch.load(os.path.join(home(), 'w.pt'))
    """
    sites = _sites(tmp_path, text)
    assert _of(sites, Mechanism.FOLDER_PATHS) == [("{LLM}", False)]
    assert _of(sites, Mechanism.LOAD) == [("models/LLM/w.pt", True)]


def test_only_classes_of_characters_are_substituted(tmp_path: Path) -> None:
    text = """
        import re
        name = re.sub(r'[^a-z0-9]+', '-', 'lab/big model')
        torch.load(os.path.join(folder_paths.models_dir, name))
        evil = re.sub(r'(a+)+$', '', 'a' * 40 + 'b')
        torch.load(os.path.join(folder_paths.models_dir, evil))
    """
    assert _of(_sites(tmp_path, text), Mechanism.LOAD) == [
        ("models/lab-big-model", True),
        ("models/{text}", False),
    ]


def test_a_folder_is_put_on_the_path_by_bare_names(tmp_path: Path) -> None:
    (tmp_path / "kit" / "faces").mkdir(parents=True)
    (tmp_path / "kit" / "__init__.py").write_text(
        "import sys\nfrom os.path import abspath, dirname\n"
        "here = dirname(abspath(__file__))\nsys.path.append(dirname(here) + '/kit')\n"
    )
    (tmp_path / "kit" / "blend.py").write_text("from faces import MODEL\n")
    (tmp_path / "kit" / "faces" / "__init__.py").write_text(
        "import os, torch, folder_paths\n"
        "MODEL = torch.load(os.path.join(folder_paths.models_dir, 'face.pt'))\n"
    )
    (site,) = _sites(tmp_path, "from .kit import blend\n")
    assert (site.path, site.reach) == ("models/face.pt", Reach.IMPORT)


def test_what_a_listing_found_is_not_fetched_and_what_is_written_is_not_loaded(
    tmp_path: Path,
) -> None:
    text = """
        from huggingface_hub import hf_hub_download
        from safetensors.torch import save_file
        HOME = os.path.join(folder_paths.models_dir, 'kit')
        NAMES = ['own/model.ckpt', *os.listdir(HOME)]
    """
    body = """
        path = os.path.join(HOME, model)
        if not os.path.isfile(path):
            hf_hub_download('lab/kit', model, local_dir=HOME)
        torch.load(path)
        save_file({}, os.path.join(folder_paths.models_dir, 'out', 'new.safetensors'))
    """
    sites = _sites(tmp_path, dedent(text) + _node(body, combo="NAMES"))
    assert [(s.mechanism, s.path) for s in sites] == [
        (Mechanism.HF_HUB_DOWNLOAD, "models/kit/own/model.ckpt"),
        (Mechanism.LOAD, "models/kit/{own/model.ckpt,{model}}"),
    ]


def test_an_entry_of_a_combo_is_not_empty(tmp_path: Path) -> None:
    text = """
        def place(family, name=None):
            if name:
                return folder_paths.get_full_path(family, name)
            return os.path.join(folder_paths.models_dir, family)

    """
    body = "torch.load(place('loras', model))"
    sites = _sites(tmp_path, dedent(text) + _node(body, combo="os.listdir('loras')"))
    assert _of(sites, Mechanism.LOAD) == [("models/loras/{model}", True)]


def test_a_windows_path_is_written_with_slashes_and_a_class_made_by_its_base(
    tmp_path: Path,
) -> None:
    text = r"""
        from pathlib import PureWindowsPath
        from insightface.app import FaceAnalysis
        from transformers import AutoModel
        class Faces(FaceAnalysis):
            def get(self, image):
                return super().get(image)
        AutoModel.from_pretrained(PureWindowsPath('lab\\base').as_posix())
        Faces(name='antelopev2', root=os.path.join(folder_paths.models_dir, 'insightface'))
    """
    sites = _sites(tmp_path, text)
    assert [(s.path, s.repos) for s in sites] == [
        ("<hf-cache>", ("lab/base",)),
        ("models/insightface/models/antelopev2/", ()),
    ]


def test_behind_an_assertion_a_name_has_what_it_asks_for(tmp_path: Path) -> None:
    body = """
        assert model != 'None', 'a model must be chosen'
        torch.load(os.path.join(folder_paths.models_dir, model))
    """
    sites = _sites(tmp_path, _node(body, combo="['None', 'a.pt']"))
    assert _of(sites, Mechanism.LOAD) == [("models/a.pt", True)]


def test_a_loader_of_its_own_is_not_given_what_was_not_found(tmp_path: Path) -> None:
    body = """
        path = folder_paths.get_full_path('vae', model)
        Net().from_pretrained(path=path)
    """
    text = "class Net:\n    def from_pretrained(self, path):\n        torch.load(path)\n"
    sites = _sites(tmp_path, text + _node(body))
    assert _of(sites, Mechanism.FROM_PRETRAINED) == [("models/vae/{a.pt,b.pt}", True)]


def test_a_file_that_timm_fetches_lies_with_those_of_torch_hub(tmp_path: Path) -> None:
    body = """
        cached = download_cached_file('https://example.org/w/net.pth', check_hash=False)
        torch.load(cached)
        download_cached_file(os.path.join(folder_paths.models_dir, 'here.pth'))
    """
    sites = _sites(tmp_path, "from timm.models.hub import download_cached_file\n" + _node(body))
    place = ("<torch-hub>/checkpoints/net.pth", True)
    assert (_of(sites, Mechanism.URL), _of(sites, Mechanism.LOAD)) == ([place], [place])
