"""Whether a line that loads a model can run: asked of the callers of its function."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from torchsolve.model.models import Choice, Mechanism, ModelScan, Reach
from torchsolve.project.scan.mentions import code_of, mentions
from torchsolve.project.scan.read import model_files, scan_tree
from torchsolve.project.tree import FolderTree

NODE = """
    import torch
    {imports}

    class Loader:
        FUNCTION = "go"
        @classmethod
        def INPUT_TYPES(s):
            return {{"required": {{}}}}
        def go(self):
            {body}

    NODE_CLASS_MAPPINGS = {{"Loader": Loader}}
"""


def _scan(root: Path, files: dict[str, str]) -> ModelScan:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text), encoding="utf-8")
    return scan_tree(FolderTree(root), "pack")


def _reach(scan: ModelScan, file: str, text: str, root: Path) -> Reach:
    """The reach of the site on the line of ``file`` that has ``text``."""
    lines = (root / file).read_text(encoding="utf-8").splitlines()
    line = next(n for n, row in enumerate(lines, 1) if text in row)
    found = {s.reach for s in scan.sites if (s.file, s.line) == (file, line)}
    assert len(found) == 1, scan.sites
    return found.pop()


def _node(imports: str = "from . import lib", body: str = "return lib.used()") -> str:
    return NODE.format(imports=imports, body=body)


LIB = """
    import torch
    from huggingface_hub import hf_hub_download

    def used():
        return torch.load("used.pt")

    def convert(path):
        return torch.load("left/over.pt")

    class Trainer:
        def resume(self):
            return torch.load("trained.pt")

    class Extra:
        def __init__(self):
            self.weights = torch.load("extra.pt")
"""


def test_a_function_that_nobody_calls_is_dead_although_its_module_is_imported(
    tmp_path: Path,
) -> None:
    scan = _scan(tmp_path, {"__init__.py": _node(), "lib.py": LIB})
    assert _reach(scan, "lib.py", "used.pt", tmp_path) is Reach.NODE
    for text in ("left/over.pt", "trained.pt", "extra.pt"):
        assert _reach(scan, "lib.py", text, tmp_path) is Reach.DEAD
    assert [f.path for f in model_files(scan.sites)] == ["<cwd>/used.pt"]


@pytest.mark.parametrize(
    ("caller", "text", "reach"),
    [
        # A loop of calls that nothing enters is none.
        ("def one():\n    two()\ndef two():\n    one()\n    lib.convert(1)", "left/over", "dead"),
        # By a table, a callback, a thread, a class that is made somewhere.
        ("TABLE = {'convert': lib.convert}", "left/over", "node"),
        ("class A:\n    def __init__(self):\n        lib.Extra()\nKEPT = A()", "extra", "node"),
        # A comment, a docstring, an annotation, an import and __all__ call nothing.
        ("# lib.convert(1)\n'''lib.convert(1)'''", "left/over", "dead"),
        ("def f(x: lib.Extra) -> lib.Extra:\n    isinstance(x, lib.Extra)\nf(1)", "extra", "dead"),
        ("from .lib import convert\n__all__ = ['convert']", "left/over", "dead"),
        ("if __name__ == '__main__':\n    lib.convert(1)", "left/over", "dead"),
        # A method of that name counts for an object of this class, or one that nobody knows.
        ("def go(thing):\n    thing.resume()\ngo(1)", "trained", "dead"),
        ("TRAINER = lib.Trainer()\ndef go():\n    TRAINER.resume()\ngo()", "trained", "node"),
        ("import other\nlib.Trainer()\nthing = other.Thing()\nthing.resume()", "trained", "dead"),
        ("lib.Trainer()\nimport other\nother.resume()", "trained", "dead"),
        # Behind a route of the server.
        ("@routes.post('/x')\nasync def answer(request):\n    lib.convert(1)", "left/over", "node"),
    ],
)  # fmt: skip
def test_who_counts_as_a_caller(tmp_path: Path, caller: str, text: str, reach: str) -> None:
    files = {
        "__init__.py": _node("from . import more, lib", "return None"),
        "more.py": f"from . import lib\n{caller}\n",
        "lib.py": LIB,
    }
    scan = _scan(tmp_path, files)
    assert _reach(scan, "lib.py", text, tmp_path).value == reach


def test_a_class_of_the_same_name_in_another_copy_is_another_one(tmp_path: Path) -> None:
    vae = """
        import torch
        class Vae:
            @classmethod
            def from_pretrained(cls):
                return torch.load("{0}.pt")
    """
    files = {
        "__init__.py": _node(
            "from .old.vae import Vae",
            "Vae()\n            from .new.vae import Vae as N\n            N.from_pretrained()",
        ),
        "old/vae.py": vae.format("old"),
        "new/vae.py": vae.format("new"),
    }
    scan = _scan(tmp_path, files)
    assert _reach(scan, "new/vae.py", "new.pt", tmp_path) is Reach.NODE
    assert _reach(scan, "old/vae.py", "old.pt", tmp_path) is Reach.DEAD


def test_what_only_a_config_names_is_vendored_unless_it_cannot_be_meant(tmp_path: Path) -> None:
    library = """
        import torch
        from transformers import AutoModel

        class Old:
            def __init__(self, name):
                self.model = torch.hub.load("lab/old", name)

        class New:
            def __init__(self, name):
                self.model = AutoModel.from_pretrained(name)
    """
    body = """
            import json, os
            import folder_paths
            args = json.load(open("pipeline.json"))
            args["encoder"]["args"]["name"] = os.path.join(folder_paths.models_dir, "lab", "new")
            return getattr(lib, args["encoder"]["name"])(**args["encoder"]["args"])
    """
    scan = _scan(tmp_path, {"__init__.py": _node(body=body.strip()), "lib.py": library})
    assert _reach(scan, "lib.py", "from_pretrained", tmp_path) is Reach.NODE
    assert [s.path for s in scan.sites if s.api.endswith("from_pretrained")] == ["models/lab/new/"]
    # An entry point of torch.hub has a name: a path is what the other class gets.
    assert _reach(scan, "lib.py", "torch.hub", tmp_path) is Reach.VENDORED


def test_a_repository_that_is_cut_out_of_a_local_path_is_a_librarys_way_out(tmp_path: Path) -> None:
    library = """
        import os
        def open_model(path):
            if os.path.exists(f"{path}.json"):
                return path
            from huggingface_hub import hf_hub_download
            parts = path.split("/")
            return hf_hub_download(f"{parts[0]}/{parts[1]}", "model.json")
    """
    body = """import os, folder_paths
            return lib.open_model(os.path.join(folder_paths.models_dir, "lab", "ckpts", "x"))"""
    scan = _scan(tmp_path, {"__init__.py": _node(body=body), "lib.py": library})
    assert _reach(scan, "lib.py", "return hf_hub_download", tmp_path) is Reach.VENDORED


def test_a_module_that_only_a_function_imports_runs_when_that_is_called(tmp_path: Path) -> None:
    late = "from huggingface_hub import hf_hub_download\nhf_hub_download('lab/a', 'a.pt')\n"
    body = "from . import late\n            return late"
    files = {"__init__.py": _node("from . import soon", body), "late.py": late, "soon.py": late}
    scan = _scan(tmp_path, files)
    assert _reach(scan, "late.py", "lab/a", tmp_path) is Reach.NODE
    assert _reach(scan, "soon.py", "lab/a", tmp_path) is Reach.IMPORT


def test_a_module_that_nothing_imports_is_dead_also_at_its_own_level(tmp_path: Path) -> None:
    old = "from huggingface_hub import hf_hub_download\nhf_hub_download('lab/a', 'a.pt')\n"
    scan = _scan(tmp_path, {"__init__.py": _node("", "return None"), "old.py": old})
    assert _reach(scan, "old.py", "lab/a", tmp_path) is Reach.DEAD


def test_a_deep_tangle_of_calls_that_nothing_enters_is_dead(tmp_path: Path) -> None:
    rows = [
        f"def f{i}(x):\n    return f{(i * 7) % 400}(x) or f{(i * 3 + 1) % 400}(x)"
        for i in range(400)
    ]
    rows += ["import torch", "def last(x):\n    return torch.load('w.pt')"]
    rows.append("def g(x):\n    f1(last)\n    last(x)")
    scan = _scan(tmp_path, {"__init__.py": _node(body="return None"), "lib.py": "\n".join(rows)})
    assert _reach(scan, "lib.py", "w.pt", tmp_path) is Reach.DEAD


def test_only_code_is_read_for_names() -> None:
    text = b'import load\nx = "load it" + f"{load(1)}" # load\n"""load\nload"""\na.b.load("load")\n'
    found = list(mentions(code_of(text), "load"))
    assert [(m.line, m.receiver, m.quoted) for m in found] == [
        (2, "", False),
        (5, "a.b", False),
        (5, "", True),
    ]


def _node_with(head: str, body: str, inputs: str = "{}") -> str:
    text = _node(f"import os, folder_paths\n    {head}", body)
    return text.replace('{"required": {}}', f'{{"required": {inputs}}}').replace(
        "def go(self)", "def go(self, model=None)"
    )


@pytest.mark.parametrize(
    ("head", "body", "inputs", "choice"),
    [
        ("folder_paths.add_model_folder_path('two', '/a')", "pass", "{}", Choice.FIXED),
        ("", "folder_paths.get_filename_list('vae')", "{}", Choice.USER),
        ("", "torch.load(os.path.join(folder_paths.models_dir, 'a.pt'))", "{}", Choice.FIXED),
        (
            "",
            "torch.load(os.path.join(folder_paths.models_dir, model))",
            "{'model': (['only.pt'],)}",
            Choice.ENUM,
        ),
        ("", "torch.load(self.settings.path)", "{}", Choice.CONFIG),
        ("", "torch.load(os.environ['WEIGHTS'])", "{}", Choice.ENV),
    ],
)
def test_who_chooses(tmp_path: Path, head: str, body: str, inputs: str, choice: Choice) -> None:
    scan = _scan(tmp_path, {"__init__.py": _node_with(head, body, inputs)})
    assert {s.choice for s in scan.sites if s.mechanism is not Mechanism.MODELS_DIR} == {choice}


def test_the_base_folder_of_a_helper_is_for_the_helpers_line_to_say(tmp_path: Path) -> None:
    helper = """
        import os
        from huggingface_hub import hf_hub_download
        BASE = os.environ.get("LAB_MODELS", os.path.join(os.path.dirname(__file__), "ckpts"))
        def fetch(repo, name):
            return hf_hub_download(repo, name, local_dir=os.path.join(BASE, repo))
    """
    body = "return lib.fetch('lab/a', 'a.pt')"
    scan = _scan(tmp_path, {"__init__.py": _node(body=body), "lib.py": helper})
    found = {s.file: s.choice for s in scan.sites if s.api.endswith("hf_hub_download")}
    assert found == {"__init__.py": Choice.FIXED, "lib.py": Choice.ENV}


def test_a_line_that_opens_a_file_has_the_category_that_found_it(tmp_path: Path) -> None:
    body = """path = folder_paths.get_full_path("vae", model)
            return comfy.utils.load_torch_file(path)"""
    head = "import comfy.utils"
    scan = _scan(tmp_path, {"__init__.py": _node_with(head, body, "{'model': ('STRING',)}")})
    assert {s.category for s in scan.sites} == {"vae"}


def test_a_path_with_the_name_of_a_gated_repository_is_gated(tmp_path: Path) -> None:
    name = "facebook/dinov3-vitl16-pretrain-lvd1689m"
    body = f"torch.load(os.path.join(folder_paths.models_dir, '{name}', 'model.safetensors'))"
    scan = _scan(tmp_path, {"__init__.py": _node_with("", body)})
    assert [bool(s.gated) for s in scan.sites if s.mechanism is Mechanism.LOAD] == [True]
