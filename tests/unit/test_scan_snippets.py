"""Source lines that stand under a loading site in the README of a plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from torchsolve.model.models import Choice, Mechanism, ModelSite, Reach
from torchsolve.project.scan.read import model_files
from torchsolve.project.scan.snippets import snippet

LINES = """\
class Loader:
    def load(self, name):
        root = folder_paths.models_dir

        base = os.path.join(root, "acme")
        if not os.path.exists(base):
            path = os.path.join(base, name)
            return torch.load(path)
""".splitlines()


@pytest.mark.parametrize(
    ("line", "first"),
    [
        (8, 'base = os.path.join(root, "acme")'),
        (3, "root = folder_paths.models_dir"),
        (1, "class Loader:"),
    ],
)
def test_the_lines_of_the_block_before_it(line: int, first: str) -> None:
    found = snippet(LINES, line)
    assert found is not None
    assert found.splitlines()[0].strip() == first
    assert found.splitlines()[-1] == LINES[line - 1]


@pytest.mark.parametrize("line", [0, 9, -1, 4])
def test_a_line_that_says_nothing(line: int) -> None:
    assert snippet(LINES, line) is None


def _site(repo: str, **changes: object) -> ModelSite:
    values: dict[str, object] = {
        "file": "nodes.py",
        "line": 7,
        "mechanism": Mechanism.SNAPSHOT_DOWNLOAD,
        "api": "huggingface_hub.snapshot_download",
        "path": "<hf-cache>",
        "decided": True,
        "choice": Choice.FIXED,
        "reach": Reach.NODE,
        "repos": (repo,),
    }
    return ModelSite(**(values | changes))  # type: ignore[arg-type]


def test_a_cache_holds_more_than_one_repository() -> None:
    found = model_files([_site("acme/a"), _site("acme/b"), _site("acme/a", line=9)])
    assert [(file.repo, file.site) for file in found] == [
        ("acme/a", "nodes.py:7"),
        ("acme/b", "nodes.py:7"),
    ]


def test_patterns_revision_and_lines_reach_the_plan() -> None:
    site = _site(
        "acme/a",
        path="models/a/",
        revision="v1",
        allow_patterns=("*.json",),
        ignore_patterns=("*.bin",),
        snippet="x = 1",
    )
    (file,) = model_files([site])
    assert (file.revision, file.allow, file.ignore, file.snippet) == (
        "v1",
        ("*.json",),
        ("*.bin",),
        "x = 1",
    )


def test_a_call_is_shown_to_its_end() -> None:
    text = ["x = 1", "get(", "    repo=x,", ")", "y = 2"]
    assert snippet(text, 2) == "x = 1\nget(\n    repo=x,\n)"


def _opened(path: str, line: int) -> ModelSite:
    changes = {"mechanism": Mechanism.MODELS_DIR, "path": path, "repos": (), "line": line}
    return _site("acme/a", **changes)


def test_what_comes_with_something_else_is_not_asked_for_twice() -> None:
    found = model_files(
        [
            _site("acme/a", path="models/acme/a/"),
            _opened("models/acme/a/vae/vae.safetensors", 8),
            _opened("models/face", 9),
            _opened("models/face/model.safetensors", 10),
            _opened("models/other/dec", 11),
            _opened("models/other/dec.json", 12),
            _opened("models/other/decoy.json", 13),
        ]
    )
    assert [file.path for file in found] == [
        "models/acme/a/",
        "models/face/",
        "models/other/dec.json",
        "models/other/decoy.json",
    ]


def test_a_folder_that_is_opened_is_more_than_the_file_that_is_looked_for() -> None:
    looked, opened = _opened("models/face/model.safetensors", 10), _opened("models/face", 9)
    (file,) = model_files([looked, opened])
    assert (file.path, file.site) == ("models/face/", "nodes.py:10")
    assert file.note == "model.safetensors alone will not do: nodes.py:9 opens the folder"
    (alone,) = model_files([looked])
    assert alone.path == "models/face/model.safetensors"
    kept = model_files([_opened("models/sams/one.pth", 3), _opened("models/sams", 4)])
    assert [file.path for file in kept] == ["models/sams/one.pth"]


def test_the_line_that_builds_a_path_stands_before_the_one_that_fetches() -> None:
    path = "models/acme/dec.json"
    built = replace(_opened(path, 3), snippet="    dec = join(models_dir, 'acme', 'dec.json')")
    url = "https://example.org/dec.json"
    changes = {"mechanism": Mechanism.URL, "path": path, "urls": (url,), "repos": ()}
    fetched = replace(_site("acme/a", **changes), snippet="        requests.get(url)")
    (file,) = model_files([built, fetched])
    assert (file.url, file.snippet) == (
        url,
        "# nodes.py:3\ndec = join(models_dir, 'acme', 'dec.json')\n# nodes.py:7\nrequests.get(url)",
    )


def test_torch_hub_is_github() -> None:
    site = _site("acme/net", mechanism=Mechanism.TORCH_HUB, path="<torch-hub>/")
    (file,) = model_files([site])
    assert (file.repo, file.url) == (None, "https://github.com/acme/net")


def test_a_list_of_one_is_no_choice() -> None:
    one = _site("acme/a", path="models/a/", choice=Choice.ENUM)
    two = replace(one, path="models/{b,c}/", paths=("models/b/", "models/c/"))
    assert [file.required for file in model_files([one, two])] == [True, False, False]
