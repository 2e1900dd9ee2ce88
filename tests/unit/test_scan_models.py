"""Where nodes load models from: small nodes written after the patterns that real ones have."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from torchsolve.model.models import Choice, Mechanism, ModelScan, ModelSite, Reach
from torchsolve.project.scan.read import model_files, scan_tree
from torchsolve.project.tree import FolderTree


def _scan(root: Path, **files: str) -> ModelScan:
    for name, text in files.items():
        path = root / (name.replace("__", "/") + ".py" if name != "init" else "__init__.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return scan_tree(FolderTree(root), "pack")


def _node(body: str, *, inputs: str = "{}", head: str = "") -> str:
    """A node class with one function ``go``."""
    lines = dedent(body).strip().splitlines()
    parts = [
        "import os\nimport folder_paths\nimport torch\n",
        dedent(head),
        "class Loader:\n    FUNCTION = 'go'\n    RETURN_TYPES = ('MODEL',)\n    @classmethod\n",
        f"    def INPUT_TYPES(s):\n        return {{'required': {inputs}}}\n",
        "    def go(self, **kwargs):\n" if inputs == "{}" else "    def go(self, model):\n",
        *(f"        {line}\n" for line in lines),
        "NODE_CLASS_MAPPINGS = {'Loader': Loader}\n",
    ]
    return "".join(parts)


def _one(scan: ModelScan, mechanism: Mechanism) -> ModelSite:
    found = [site for site in scan.sites if site.mechanism is mechanism]
    assert len(found) == 1, found
    return found[0]


COMBO = "{'model': (['big', 'small-v2'],)}"


@pytest.mark.parametrize(
    ("body", "mechanism", "path", "repos"),
    [
        (
            """
            from huggingface_hub import snapshot_download
            base = os.path.join(folder_paths.models_dir, 'lab')
            snapshot_download(repo_id=f'lab/{model}', local_dir=os.path.join(base, model))
            """,
            Mechanism.SNAPSHOT_DOWNLOAD,
            "models/lab/{big,small-v2}/",
            ("lab/big", "lab/small-v2"),
        ),
        (
            """
            from huggingface_hub import hf_hub_download
            repo = {'big': 'lab/big-one', 'small-v2': 'lab/tiny'}[model]
            home = os.path.join(folder_paths.models_dir, repo.rsplit('/', 1)[-1])
            hf_hub_download(repo, 'w.safetensors', local_dir=home)
            """,
            Mechanism.HF_HUB_DOWNLOAD,
            "models/{big-one,tiny}/w.safetensors",
            ("lab/big-one", "lab/tiny"),
        ),
        (
            """
            from huggingface_hub import snapshot_download
            if 'small' in model:
                repo, name = 'lab/s', 'S'
            elif model.startswith('b'):
                repo, name = 'lab/b', 'B'
            else:
                raise ValueError(model)
            snapshot_download(repo, local_dir=folder_paths.models_dir + '/' + name)
            """,
            Mechanism.SNAPSHOT_DOWNLOAD,
            "models/{B,S}/",
            ("lab/b", "lab/s"),
        ),
        (
            """
            from transformers import AutoModel
            remap = {'big': 'public/big'}
            AutoModel.from_pretrained(remap.get(model, model), cache_dir=folder_paths.models_dir)
            """,
            Mechanism.FROM_PRETRAINED,
            "models/{models--public--big,models--small-v2}/",
            ("public/big", "small-v2"),
        ),
        (
            """
            from pathlib import Path
            where = Path(__file__).parent / 'ckpts' / f'{model.upper()}.pth'
            torch.load(str(where))
            """,
            Mechanism.LOAD,
            "custom_nodes/pack/ckpts/{BIG.pth,SMALL-V2.pth}",
            (),
        ),
    ],
)
def test_a_choice_is_followed_value_by_value(
    tmp_path: Path, body: str, mechanism: Mechanism, path: str, repos: tuple[str, ...]
) -> None:
    site = _one(_scan(tmp_path, init=_node(body, inputs=COMBO)), mechanism)
    assert (site.path, site.repos) == (path, repos)
    assert (site.decided, site.choice, site.reach) == (True, Choice.ENUM, Reach.NODE)


def test_categories_of_comfyui_and_of_the_node(tmp_path: Path) -> None:
    head = """
        if 'mine' not in folder_paths.folder_names_and_paths:
            dirs = [os.path.join(folder_paths.models_dir, 'mine')]
        else:
            dirs, _ = folder_paths.folder_names_and_paths['mine']
        folder_paths.folder_names_and_paths['mine'] = (dirs, {'.xyz'})
        """
    body = """
        a = folder_paths.get_full_path('mine', model)
        b = folder_paths.get_full_path_or_raise('clip', model)
        """
    inputs = "{'model': (folder_paths.get_filename_list('mine'),)}"
    scan = _scan(tmp_path, init=_node(body, inputs=inputs, head=head))
    found = [(site.api.rpartition(".")[2], site.path, site.decided) for site in scan.sites]
    assert ("folder_names_and_paths", "models/mine/*.xyz", True) in found
    assert ("get_filename_list", "models/mine/*.xyz", True) in found
    assert ("get_full_path", "models/mine/{model}", True) in found
    assert ("get_full_path_or_raise", "models/{text_encoders,clip}/{model}", True) in found


def test_a_registration_by_a_helper_counts_for_the_line_that_calls_it(tmp_path: Path) -> None:
    helper = """
        import folder_paths
        def register(name, paths):
            for path in paths:
                folder_paths.add_model_folder_path(name, path)
        """
    init = """
        import os, folder_paths
        from .tools import register
        register('a', [os.path.join(folder_paths.models_dir, 'a', 'x')])
        register('b', [os.path.join(folder_paths.models_dir, 'b')])
        """
    scan = _scan(tmp_path, init=init, tools=helper)
    found = [(s.file, s.line, s.path, s.reach) for s in scan.sites if s.category]
    assert found == [
        ("__init__.py", 4, "models/a/x", Reach.IMPORT),
        ("__init__.py", 5, "models/b", Reach.IMPORT),
    ]


def test_a_download_helper_and_its_callers_across_files(tmp_path: Path) -> None:
    util = """
        import os
        from huggingface_hub import hf_hub_download
        REPO = 'lab/annotators'
        HOME = os.path.join(os.path.dirname(__file__), 'ckpts')
        def fetch(repo, filename, home=HOME):
            home = os.path.join(home, repo)
            return hf_hub_download(repo_id=repo, filename=filename, local_dir=home)
        """
    edge = """
        from .util import REPO, fetch
        class Edge:
            @classmethod
            def from_pretrained(cls, repo=REPO, filename='edge.pth'):
                return fetch(repo, filename)
        """
    init = _node(
        "Edge.from_pretrained()\nfetch('lab/other', 'o.bin')",
        head="""
        from .edge import Edge
        from .util import fetch
        """,
    )
    scan = _scan(tmp_path, init=init, util=util, edge=edge)
    found = {(s.file, s.path) for s in scan.sites if s.mechanism is Mechanism.HF_HUB_DOWNLOAD}
    assert ("edge.py", "custom_nodes/pack/ckpts/lab/annotators/edge.pth") in found
    assert ("__init__.py", "custom_nodes/pack/ckpts/lab/other/o.bin") in found


def test_an_address_and_the_file_it_is_written_to(tmp_path: Path) -> None:
    body = """
        import requests
        where = os.path.join(folder_paths.models_dir, 'x', 'w.safetensors')
        if not os.path.exists(where):
            url = 'https://host.example/w.json'
            got = requests.get(url)
            with open(os.path.join(folder_paths.models_dir, 'x', 'w.json'), 'wb') as f:
                f.write(got.content)
            url = 'https://host.example/w.safetensors?download=true'
            got = requests.get(url)
            with open(where, 'wb') as f:
                f.write(got.content)
        """
    scan = _scan(tmp_path, init=_node(body))
    one, two = [site for site in scan.sites if site.mechanism is Mechanism.URL]
    assert (one.path, one.urls) == ("models/x/w.json", ("https://host.example/w.json",))
    assert one.trap == "fetched only while models/x/w.safetensors is missing: bring both or none"
    assert two.path == two.guard == "models/x/w.safetensors"


def test_a_check_of_the_place_itself_is_no_trap(tmp_path: Path) -> None:
    (tmp_path / "install.py").write_text(
        "import os, sys, urllib.request\n"
        "try:\n    from folder_paths import models_dir\n"
        "except:\n    from pathlib import Path\n"
        "    models_dir = os.path.join(Path(__file__).parents[2], 'models')\n"
        "where = os.path.join(models_dir, 'x', 'w.onnx')\n"
        "def download(url, path):\n    urllib.request.urlretrieve(url, path)\n"
        "if not os.path.exists(where):\n    download('https://host.example/w.onnx', where)\n"
    )
    found = [s for s in _scan(tmp_path, init=_node("")).sites if s.mechanism is Mechanism.URL]
    assert found
    assert [site.trap for site in found] == [None] * len(found)


def test_an_own_from_pretrained_is_told_from_that_of_a_library(tmp_path: Path) -> None:
    own = """
        import json
        class Pipeline:
            @classmethod
            def from_pretrained(cls, path):
                with open(f'{path}/pipeline.json') as f:
                    args = json.load(f)
                made = cls()
                made.path, made.args = path, args
                return made
            def load(self):
                import torch
                torch.load(f"{self.path}/{self.args['models']['decoder']}.pt")
                torch.load(f'{self.path}/fixed.pt')
        """
    body = "p = Pipeline.from_pretrained(os.path.join(folder_paths.models_dir, 'pipe'))\np.load()"
    scan = _scan(tmp_path, init=_node(body, head="from .own import Pipeline\n"), own=own)
    site = _one(scan, Mechanism.FROM_PRETRAINED)
    assert (site.path, site.repos, site.decided) == ("models/pipe/", (), True)
    loads = {s.path: s for s in scan.sites if s.mechanism is Mechanism.LOAD}
    assert loads["models/pipe/fixed.pt"].decided
    config = loads["models/pipe/{pipeline.json:models.decoder}.pt"]
    assert (config.decided, config.choice) == (False, Choice.CONFIG)
    assert config.why is not None
    assert config.why.endswith(": pipeline.json:models.decoder")


def test_what_nothing_uses_is_dead_and_what_is_shipped_is_bundled(tmp_path: Path) -> None:
    (tmp_path / "configs" / "tokenizer").mkdir(parents=True)
    (tmp_path / "configs" / "tokenizer" / "tokenizer.json").write_text("{}")
    body = """
        from transformers import AutoTokenizer
        here = os.path.dirname(os.path.abspath(__file__))
        AutoTokenizer.from_pretrained(os.path.join(here, 'configs', 'tokenizer'))
        """
    scan = _scan(tmp_path, init=_node(body), train="import torch\ndef f(p):\n    torch.load(p)\n")
    assert _one(scan, Mechanism.FROM_PRETRAINED).reach is Reach.BUNDLED
    dead = _one(scan, Mechanism.LOAD)
    assert (dead.reach, dead.decided, dead.path) == (Reach.DEAD, False, "{p}")
    assert model_files(scan.sites) == ()


def test_an_environment_variable_decides_over_a_default(tmp_path: Path) -> None:
    body = "torch.load(os.path.join(os.environ.get('PACK_HOME', '/srv/pack'), 'w.pt'))"
    site = _one(_scan(tmp_path, init=_node(body)), Mechanism.LOAD)
    assert (site.path, site.choice) == ("/srv/pack/w.pt", Choice.ENV)


def test_schema_combos_of_the_newer_kind(tmp_path: Path) -> None:
    init = """
        import os, folder_paths
        from comfy_api.latest import io
        from huggingface_hub import snapshot_download
        class Loader(io.ComfyNode):
            @classmethod
            def define_schema(cls):
                choice = io.Combo.Input('model', options=['a/b', 'a/c'])
                return io.Schema(node_id='L', inputs=[choice], outputs=[])
            @classmethod
            def execute(cls, model):
                snapshot_download(model, local_dir=os.path.join(folder_paths.models_dir, model))
        """
    site = _one(_scan(tmp_path, init=init), Mechanism.SNAPSHOT_DOWNLOAD)
    assert (site.path, site.repos) == ("models/a/{b,c}/", ("a/b", "a/c"))


def test_a_shipped_json_is_a_table(tmp_path: Path) -> None:
    (tmp_path / "models.json").write_text('{"one": "lab/one", "two": "lab/two"}')
    body = """
        import json
        from diffusers import DiffusionPipeline
        with open(os.path.join(os.path.dirname(__file__), 'models.json')) as f:
            table = json.load(f)
        DiffusionPipeline.from_pretrained(table['two'], trust_remote_code=True)
        """
    site = _one(_scan(tmp_path, init=_node(body)), Mechanism.FROM_PRETRAINED)
    assert (site.repos, site.path, site.risk) == (("lab/two",), "<hf-cache>", "trust_remote_code")


@pytest.mark.parametrize(
    "body",
    [
        "def f(n): return f(n + 1) + f(n)\ntorch.load(f(1))",
        "x = 'a'\nwhile True:\n    x = x + x\n    torch.load(x)",
        "x = [[0] * 10 for _ in range(10 ** 9)]\ntorch.load('a' * 10 ** 9)",
        "for a in range(9 ** 9):\n    for b in range(9 ** 9):\n        torch.load(f'{a}{b}')",
        "def g(h): return h(h)\ntorch.load(g(g))",
        "s = ''.join(str(i) for i in range(10 ** 12))\ntorch.load(s)",
    ],
)
def test_code_that_never_ends_is_read_to_an_end(tmp_path: Path, body: str) -> None:
    scan = _scan(tmp_path, init=_node(body))
    assert any(site.mechanism in (Mechanism.LOAD, Mechanism.HARDCODED) for site in scan.sites)


def test_the_bound_of_steps_is_reported(tmp_path: Path) -> None:
    nested = "\n".join(f"{'    ' * i}for x{i} in {list(range(40))}:" for i in range(6))
    body = nested + "\n" + "    " * 6 + "torch.load(f'{x0}{x5}')"
    scan = _scan(tmp_path, init=_node(body))
    assert scan.unfinished
    assert all(place.startswith("__init__.py:") for place in scan.unfinished)


def test_a_stem_is_named_with_the_suffixes_that_are_asked_for(tmp_path: Path) -> None:
    own = """
        import os
        def load(path):
            if os.path.exists(f'{path}.json') and os.path.exists(f'{path}.safetensors'):
                return open(f'{path}.json')
        """
    body = "table = {}\ntable['decoder'] = os.path.join(folder_paths.models_dir, 'd', 'stem')\n"
    body += "load(table['decoder'])"
    scan = _scan(tmp_path, init=_node(body, head="from .own import load\n"), own=own)
    assert _one(scan, Mechanism.MODELS_DIR).path == "models/d/stem.{json,safetensors}"


def test_values_of_a_shipped_yaml_and_a_listing_with_a_prefix(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("home: ./ckpts\n")
    init = """
        import os, yaml, folder_paths, torch
        here = os.path.dirname(__file__)
        with open(os.path.join(here, 'config.yaml')) as f:
            home = os.path.join(here, yaml.safe_load(f)['home'])
        class Loader:
            FUNCTION = 'go'
            @classmethod
            def INPUT_TYPES(s):
                names = ['bbox/' + n for n in folder_paths.get_filename_list('vae')]
                return {'required': {'name': (names,)}}
            def go(self, name):
                torch.load(os.path.join(home, 'fixed.pth'))
                if name.startswith('bbox/'):
                    folder_paths.get_full_path('vae', name[5:])
        """
    scan = _scan(tmp_path, init=init)
    assert _one(scan, Mechanism.LOAD).path == "custom_nodes/pack/ckpts/fixed.pth"
    full = [s for s in scan.sites if s.api.endswith("get_full_path")]
    assert [(s.path, s.decided, s.choice) for s in full] == [
        ("models/vae/{name}", True, Choice.USER)
    ]


def test_a_broken_file_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "old.py").write_bytes(b"print 'Python 2'\nimport torch; torch.load('x')\n")
    (tmp_path / "bytes.py").write_bytes(b"\xff\xfe\x00torch.load(")
    scan = _scan(tmp_path, init="from . import old\n" + _node("torch.load('w.pt')"))
    assert [file for file, _ in scan.unread] == ["bytes.py", "old.py"]
    assert _one(scan, Mechanism.HARDCODED).path == "<cwd>/w.pt"


def test_many_functions_that_nothing_calls_are_read_in_linear_time(tmp_path: Path) -> None:
    body = "".join(f"def f{i}(a):\n    return torch.load('x{i}.pt')\n" for i in range(3000))
    scan = _scan(tmp_path, init="import torch\n" + body)
    assert len(scan.sites) == 3000
