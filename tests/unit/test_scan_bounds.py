"""What a scan may meet that nobody writes in good faith: it stays bounded, and says so."""

from __future__ import annotations

from pathlib import Path

import pytest

from torchsolve.model.models import ModelScan
from torchsolve.project.scan.read import scan_tree
from torchsolve.project.tree import FolderTree

_HEAD = "import os\nimport folder_paths\nimport torch\n"


def _scan(root: Path, files: dict[str, str | bytes]) -> ModelScan:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return scan_tree(FolderTree(root), "pack")


def _loaded(root: Path, expression: str) -> tuple[str | None, bool]:
    """Path and decision of a module that loads the file that an expression names."""
    text = f"{_HEAD}torch.load(os.path.join(folder_paths.models_dir, {expression}))\n"
    site = next(s for s in _scan(root, {"__init__.py": text}).sites if s.api == "torch.load")
    return site.path, site.decided


@pytest.mark.parametrize(
    "expression",
    [
        "'%1000000000d' % 1",
        "'a' * 10 ** 10",
        "str(10 ** 10 ** 10)",
        "str(1 << 10 ** 9)",
        "f'{1:>1000000000}'",
        "'{:>1000000000}'.format(1)",
        "'x'.ljust(10 ** 10)",
        "'\\t'.expandtabs(10 ** 10)",
        f"str(0x{'f' * 6000})",
        f"'%d' % 0x{'f' * 6000}",
        "'%d-%d.pt' % 1",
        "'%' % 1",
        "'{0.__class__}'.format('x')",
        "'\\ud800.pt'",
        "'\\x00/etc'",
    ],
)
def test_what_no_path_is_is_never_decided(tmp_path: Path, expression: str) -> None:
    path, decided = _loaded(tmp_path, expression)
    assert not decided
    assert path is not None
    assert len(path.encode()) < 100


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        # Each name is what Python prints for the expression.
        ("'%05d.pt' % 7", "00007.pt"),
        ("'%(a)s-%(b)02d.pt' % {'a': 'x', 'b': 3}", "x-03.pt"),
        ("'100%%/%s.pt' % 'x'", "100%/x.pt"),
        ("f'{7:05d}.pt'", "00007.pt"),
        ("f'{2.5:.2f}.pt'", "2.50.pt"),
        ("f'v{1:>{2}}.pt'.replace(' ', '0')", "v01.pt"),
        ("'{:05d}.pt'.format(7)", "00007.pt"),
        ("'{n!s:_<3}.pt'.format(n='x')", "x__.pt"),
        ("'{{x}}-{}.pt'.format('a').strip('{}')", "x}-a.pt"),
        ("'{a}.pt'.format_map({'a': 'x'})", "x.pt"),
    ],
)
def test_formats_give_what_python_gives(tmp_path: Path, expression: str, name: str) -> None:
    assert _loaded(tmp_path, expression) == (f"models/{name}", True)
    assert eval(expression) == name  # noqa: S307 - the expressions stand above


def test_alternatives_of_a_format_are_all_there(tmp_path: Path) -> None:
    text = _HEAD + "kind = 'a' if os.path.exists('/x') else 'b'\n"
    text += "torch.load(os.path.join(folder_paths.models_dir, '{}.pt'.format(kind)))\n"
    site = next(s for s in _scan(tmp_path, {"__init__.py": text}).sites if s.api == "torch.load")
    assert site.path == "models/{a.pt,b.pt}"


def test_sources_that_the_parser_refuses_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    broken: dict[str, str | bytes] = {
        "parentheses.py": "x = " + "(" * 10_000 + "1" + ")" * 10_000,
        "minus.py": "x = " + "-" * 100_000 + "1",
        "sum.py": "x = " + "+".join(["1"] * 40_000),
        "wide.py": _HEAD.encode("utf-16"),
        "nul.py": b"import torch\n\0torch.load('x')\n",
        "cookie.py": b"# coding: klingon\nimport torch\ntorch.load('x')\n",
        "python2.py": "import torch\nprint 'x'\ntorch.load('x')\n",
    }
    read = {
        "latin.py": (_HEAD + "# coding\ntorch.load('/caf\xe9.pt')\n").encode("latin-1"),
        "japanese.py": ("# coding: shift_jis\n" + _HEAD + "torch.load('/日本.pt')\n").encode(
            "shift_jis"
        ),
        "bom.py": b"\xef\xbb\xbf" + _HEAD.encode() + b"torch.load('/bom.pt')\n",
    }
    read["latin.py"] = b"# -*- coding: latin-1 -*-\n" + read["latin.py"]
    names = [name.removesuffix(".py") for name in (*broken, *read)]
    init = "from . import " + ", ".join(names) + "\n"
    scan = _scan(tmp_path, {"__init__.py": init, **broken, **read})
    assert [file for file, _ in scan.unread] == sorted(broken)
    found = {site.path for site in scan.sites if site.api == "torch.load"}
    assert found == {"/café.pt", "/日本.pt", "/bom.pt"}


_AGAIN = f"for _ in ({'1,' * 40}):\n    "


@pytest.mark.parametrize(
    "body",
    [
        "def rec(n):\n    return rec(n + 1) + rec(n + 2)\nrec(0)",
        "def gen():\n    yield from gen()\nfor x in gen(): pass",
        "a = []\na.append(a)\nt = {}\nt['t'] = t\nstr(a); t['t']['t']; t[a]",
        "class A:\n    def __getattr__(self, n): return getattr(self, n + 'a')\nA().q",
        "class A:\n    @property\n    def p(self): return self.p\nA().p",
        "class A(B): pass\nclass B(A): pass\nclass A(B): pass\nA().x",
        f"x = 'a'\n{_AGAIN}x = x + x\n    x = x.replace('a', 'aa')",
        f"x = ['a']\n{_AGAIN}x.extend(x)\n    x = x + x\nstr(x)",
        f"x = ['a']\n{_AGAIN}x = [*x, *x]\nstr(x)",
        f"x = ('a',)\n{_AGAIN}x = (x, x)\n{{}}[x]; {{x: x}}; x in [x]",
        f"x = {{}}\n{_AGAIN}x = {{'a': x, 'b': x}}\nstr(x)",
    ],
)
def test_code_without_an_end_is_left_and_what_follows_is_read(tmp_path: Path, body: str) -> None:
    later = "class Later:\n    def go(self): torch.load('/later.pt')\n"
    scan = _scan(tmp_path, {"__init__.py": f"{_HEAD}{body}\n", "later.py": _HEAD + later})
    assert "/later.pt" in {site.path for site in scan.sites}


def test_functions_left_out_at_the_cap_of_sightings_are_named(tmp_path: Path) -> None:
    line = "    torch.load('/a.pt')\n" * 100
    text = "".join(f"def f{i}(a):\n{line}" for i in range(123))
    scan = _scan(tmp_path, {"__init__.py": _HEAD, "many.py": _HEAD + text})
    first_left = 4 + 101 * 120
    assert scan.unfinished[:1] == (f"many.py:{first_left}",)
    assert len(scan.unfinished) == 3


def test_a_yaml_file_that_repeats_itself_without_end(tmp_path: Path) -> None:
    rows = "".join(f"r{i}: &r{i} [{', '.join([f'*r{i - 1}'] * 9)}]\n" for i in range(1, 12))
    own = f"r0: &r0 [w.pt]\n{rows}self: &s [*s]\n"
    text = "import yaml\nconfig = yaml.safe_load(open(os.path.dirname(__file__) + '/c.yaml'))\n"
    text += "torch.load('/' + config['r1'][0][0])\ntorch.load('/' + config['self'][0][0])\n"
    scan = _scan(tmp_path, {"__init__.py": _HEAD + text, "c.yaml": own})
    assert "/w.pt" in {site.path for site in scan.sites}


def test_a_large_dense_file_is_read_where_memory_allows(tmp_path: Path) -> None:
    rows = "".join(f"    'name{i}': ['a', 'b{i}', {i}],\n" for i in range(15_000))
    text = f"{_HEAD}TABLE = {{\n{rows}}}\ndef f():\n    torch.load('/late.pt')\n"
    scan = _scan(tmp_path, {"__init__.py": text})
    assert scan.unread == ()
    assert [site.path for site in scan.sites] == ["/late.pt"]


def test_files_that_need_more_memory_than_a_scan_takes_are_named(tmp_path: Path) -> None:
    dense = "x=a+b-c*d/e%f|g&h\n" * 20_000
    files = {f"m{i}.py": "import torch\n" + dense for i in range(3)}
    init = f"{_HEAD}torch.load('/first.pt')\nfrom . import m0, m1, m2\n"
    long = {"long.py": b"import torch\n" + b"# nothing\n" * 400_000}
    scan = _scan(tmp_path, {"__init__.py": init, **files, **long})
    unread = dict(scan.unread)
    assert set(unread) == {*files, "long.py"}
    assert unread["long.py"] == "over 4,000,000 bytes are more than is read of one file"
    assert "/first.pt" in {site.path for site in scan.sites}


def test_places_beyond_a_few_hundred_are_a_count(tmp_path: Path) -> None:
    files = {
        f"m{i}.py": _HEAD + "".join(f"def f{k}(a):\n    torch.load('/a')\n" for k in range(900))
        for i in range(15)
    }
    scan = _scan(tmp_path, {"__init__.py": _HEAD, **files})
    assert len(scan.unfinished) == 201
    assert scan.unfinished[-1] == "1,300 more functions"


def test_nodes_with_many_choices_leave_room_for_the_functions_behind_them(tmp_path: Path) -> None:
    names = [f"c{i}.pt" for i in range(8)]
    work = "".join(f"        x{i} = model + str({i}) + 'a' + 'b'\n" for i in range(700))
    nodes = "".join(
        f"class Node{n}:\n    FUNCTION = 'go'\n    @classmethod\n    def INPUT_TYPES(s):\n"
        f"        return {{'required': {{'model': ({names},)}}}}\n"
        f"    def go(self, model):\n{work}        torch.load('/{n}/' + model)\n"
        for n in range(9)
    )
    scan = _scan(tmp_path, {"__init__.py": f"{_HEAD}{nodes}def last():\n    torch.load('/z')\n"})
    assert scan.unfinished == ()
    assert "/z" in {site.path for site in scan.sites}
