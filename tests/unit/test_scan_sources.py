"""What goes where, where a choice decides both the path and its repository."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

from torchsolve.model.models import ModelSite
from torchsolve.project.scan.read import model_files, scan_tree
from torchsolve.project.tree import FolderTree

_HEAD = "import os\nimport folder_paths\nimport torch\n"


def _sites(root: Path, text: str) -> list[ModelSite]:
    (root / "__init__.py").write_text(_HEAD + dedent(text), encoding="utf-8")
    return list(scan_tree(FolderTree(root), "pack").sites)


def test_each_path_has_the_repository_and_patterns_of_its_own_choice(tmp_path: Path) -> None:
    text = """
        from huggingface_hub import snapshot_download
        class Loader:
            FUNCTION = "go"
            @classmethod
            def INPUT_TYPES(s):
                names = ["lab/one", "lab/pruned-two", "lab/pruned-six", "lab/pruned-six-b"]
                return {"required": {"model": (names,)}}
            def go(self, model):
                base = os.path.join(folder_paths.models_dir, "lab")
                if "pruned" in model:
                    repo, name = "lab/pruned", "two" if "two" in model else "six"
                else:
                    repo, name = model, "one"
                path = os.path.join(base, name)
                wanted = [f"*{model.split('-')[-1]}*"]
                snapshot_download(repo_id=repo, allow_patterns=wanted, local_dir=path)
                return torch.load(os.path.join(path, "w.pt"))
        NODE_CLASS_MAPPINGS = {"Loader": Loader}
    """
    files = {f.path: f for f in model_files(_sites(tmp_path, text)) if f.repo}
    assert {path: (f.repo, f.allow) for path, f in files.items()} == {
        "models/lab/one/": ("lab/one", ("*lab/one*",)),
        "models/lab/two/": ("lab/pruned", ("*two*",)),
        "models/lab/six/": ("lab/pruned", ("*b*", "*six*")),
    }


def test_a_snapshot_of_one_file_is_that_file(tmp_path: Path) -> None:
    text = """
        from huggingface_hub import snapshot_download
        class Loader:
            FUNCTION = "go"
            @classmethod
            def INPUT_TYPES(s):
                return {"required": {}}
            def go(self):
                base = os.path.join(folder_paths.models_dir, "VAE")
                path = os.path.join(base, "vae.safetensors")
                if not os.path.exists(path):
                    snapshot_download("lab/v", allow_patterns=["*vae.safetensors*"], local_dir=base)
                return torch.load(path)
        NODE_CLASS_MAPPINGS = {"Loader": Loader}
    """
    (file,) = model_files(_sites(tmp_path, text))
    assert (file.path, file.repo) == ("models/VAE/vae.safetensors", "lab/v")
