"""Install scripts are read: fixtures of our own, after patterns met in real nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
from packaging.version import Version

from torchsolve.model.install import InstallTarget, Phase, Scripted, StepKind
from torchsolve.model.version import CudaTag, PythonVersion
from torchsolve.project.install.script import ScriptReader
from torchsolve.project.scan.sources import Sources
from torchsolve.project.tree import FolderTree


def target(torch: str = "2.9.1", cuda: str = "cu128", python: str = "3.12") -> InstallTarget:
    return InstallTarget(PythonVersion.parse(python), Version(torch), CudaTag(cuda))


def read(folder: Path, files: dict[str, str], asked: InstallTarget | None = None) -> Scripted:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    modules = tuple(name for name in files if name.endswith(".py"))
    reader = ScriptReader(Sources(FolderTree(folder)), "Node", modules, frozenset({"numpy"}))
    return reader.read(asked or target())


def pips(found: Scripted) -> list[str]:
    return [step.what for step in found.steps if step.kind is StepKind.PIP]


FACE = """
import os, sys, subprocess, urllib.request
try:
    from pkg_resources import get_distribution as dist
except Exception:
    from importlib_metadata import distribution as dist
from folder_paths import models_dir

HERE = os.path.dirname(os.path.realpath(__file__))
URL = "https://huggingface.co/owner/face/resolve/main/swap_128.onnx"
TARGET = os.path.join(models_dir, "faces", os.path.basename(URL))

def pip(*what):
    subprocess.run([sys.executable, "-s", "-m", "pip", "install", *what])

def there(name, version=None):
    try:
        known = dist(name)
        return version is None or known.version == version
    except Exception:
        return False

def fetch(url, path):
    urllib.request.urlretrieve(url, path)

if not os.path.exists(TARGET):
    fetch(URL, TARGET)

with open(os.path.join(HERE, "requirements.txt")) as lines:
    ort = "onnxruntime-gpu"
    import torch
    cuda = None
    if torch.cuda.is_available():
        cuda = torch.version.cuda
    else:
        ort = "onnxruntime"
    if cuda is not None and float(cuda) >= 12 and torch.__version__ < "2.2.0":
        if not there(ort, "1.17.0"):
            pip(ort, "--extra-index-url", "https://index.example/cuda12/simple/")
    elif cuda is not None and float(cuda) >= 12:
        if not there(ort):
            pip(ort, "-U")
    elif not there(ort):
        pip(ort)
    for line in lines:
        line = line.strip()
        if not there(line):
            pip(line)
"""


@pytest.mark.parametrize(
    ("torch", "cuda", "wanted", "options"),
    [
        ("2.9.1", "cu128", "onnxruntime-gpu", ()),
        ("2.10.0", "cu128", "onnxruntime-gpu", ()),  # as a version 2.10 is not before 2.2
        (
            "2.1.2",
            "cu121",
            "onnxruntime-gpu",
            ("--extra-index-url", "https://index.example/cuda12/simple/"),
        ),
        ("2.1.2", "cu118", "onnxruntime-gpu", ()),
        ("2.9.1", "cpu", "onnxruntime", ()),
    ],
)
def test_branches_on_torch_and_cuda_are_taken_for_the_target(
    tmp_path: Path, torch: str, cuda: str, wanted: str, options: tuple[str, ...]
) -> None:
    files = {"install.py": FACE, "requirements.txt": "numpy\nonnx>=1.14\n"}
    found = read(tmp_path, files, target(torch, cuda))
    assert pips(found) == [wanted, "numpy", "onnx>=1.14"]
    first = next(step for step in found.steps if step.kind is StepKind.PIP)
    assert (first.options, first.decided) == (options, True)
    line = FACE.splitlines()[int(first.origin.partition(":")[2]) - 1]
    assert line.strip().startswith("pip(ort"), "the call, not the helper that makes it"
    assert "there(ort" in first.unless[0]
    (download,) = [step for step in found.steps if step.kind is StepKind.DOWNLOAD]
    assert download.what.endswith("/swap_128.onnx")
    assert download.place == "models/faces/swap_128.onnx"
    assert download.unless == ("os.path.exists(TARGET)",)
    assert [str(d.requirement) for d in found.requirements] == [wanted, "onnx>=1.14"]


PACK = """
import os, sys, shutil, subprocess
home = os.environ.get('COMFY_HOME')
if home is None:
    home = os.path.abspath(os.path.join(os.path.dirname(__file__), '..', '..'))
models = os.path.join(home, 'models')
sub = os.path.join(os.path.dirname(__file__), 'subpack')

def run(words, cwd=None):
    return subprocess.Popen(words, cwd=cwd).wait()

try:
    from torchvision.datasets.utils import download_url
    import helpers.settings
    import git
    def ensure():
        if os.path.exists(sub):
            try:
                git.Repo(sub).remotes.origin.pull()
            except Exception:
                shutil.rmtree(sub)
                git.Repo.clone_from("https://github.com/owner/subpack", sub)
        else:
            git.Repo.clone_from("https://github.com/owner/subpack", sub)
    def install():
        ensure()
        script = os.path.join(sub, 'install.py')
        if os.path.exists(script):
            run([sys.executable, 'install.py'], cwd=sub)
        if not os.path.exists(os.path.join(os.path.dirname(__file__), '..', 'skip_models')):
            if not helpers.settings.get()['skip']:
                download_url("https://example.org/detector.pth", os.path.join(models, "detectors"))
            download_url("https://example.org/sam_b.pth", os.path.join(models, "sams"))
    install()
except Exception as error:
    print(error)
"""
SETTINGS = """
import configparser
def get():
    parser = configparser.ConfigParser()
    parser.read('pack.ini')
    return {'skip': parser['default'].getboolean('skip')}
"""


def test_clones_and_what_is_guarded_by_what_is_there(tmp_path: Path) -> None:
    found = read(tmp_path, {"install.py": PACK, "helpers/settings.py": SETTINGS})
    steps = {(step.kind, step.what, step.origin): step for step in found.steps}
    clone = steps[StepKind.CLONE, "https://github.com/owner/subpack", "install.py:24"]
    assert (clone.place, clone.decided) == ("custom_nodes/Node/subpack", True)
    again = steps[StepKind.CLONE, "https://github.com/owner/subpack", "install.py:22"]
    assert not again.decided, "only where it is there already and its update fails"
    sam = steps[StepKind.DOWNLOAD, "https://example.org/sam_b.pth", "install.py:33"]
    assert (sam.place, sam.decided) == ("models/sams/sam_b.pth", True)
    assert "skip_models" in sam.unless[0]
    detector = steps[StepKind.DOWNLOAD, "https://example.org/detector.pth", "install.py:32"]
    assert detector.when == ("not (helpers.settings.get()['skip'])",)
    run = next(step for step in found.steps if step.kind is StepKind.RUN)
    assert run.what == "python install.py (in custom_nodes/Node/subpack)"


BUILD = """
import os, sys, platform, subprocess
from os.path import dirname
sys.path.append(os.path.join(dirname(__file__), "_build"))
try:
    from tools import config, install_all, wheel_folder
    try:
        import github
    except ImportError:
        subprocess.run([sys.executable, "-m", "pip", "install", "PyGithub"])
    install_all(config.base)
    for tool in ["ninja", "cmake"]:
        try:
            __import__(tool)
        except ImportError:
            subprocess.run([sys.executable, "-m", "pip", "install", "--upgrade", tool])
    subprocess.run(["git", "clone", f"https://github.com/{config.repo}/tree/{wheel_folder()}"])
except Exception:
    print("failed")
"""
TOOLS = """
import os, platform, subprocess, sys
try:
    from omegaconf import OmegaConf
except ImportError:
    subprocess.run([sys.executable, "-m", "pip", "install", "OmegaConf"])
    from omegaconf import OmegaConf
config = OmegaConf.load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "build.yaml"))

def cuda():
    done = subprocess.run(["nvcc", "--version"], text=True, capture_output=True)
    if done.returncode == 0:
        for version in config.cudas:
            if "cuda_" + version in done.stdout:
                return "cu" + version.replace(".", "")
    return "cu" + config.cuda

config.cuda = cuda()

def wheel_folder():
    python = "py" + "".join(platform.python_version().split('.')[:-1])
    system = "linux" if platform.system() == "Linux" else "win"
    return f"{system}_{python}_torch{config.packages['torch'].version}_{config.cuda}"

def install_all(names):
    for name in names:
        row = config.packages[name]
        if hasattr(row, "version"):
            name += f"=={row.version}"
        subprocess.run([sys.executable, "-m", "pip", "install", name, "--index-url", row.url])
"""
YAML = """
repo: owner/wheels
cudas: ["12.8", "12.6"]
cuda: "12.8"
base: [torch, scatter]
packages:
  torch: {version: "2.7.0", url: "https://download.pytorch.org/whl/${cuda}"}
  scatter: {url: "https://index.example/torch-${packages.torch.version}+${cuda}.html"}
"""


@pytest.mark.parametrize(("cuda", "python"), [("cu128", "3.12"), ("cu126", "3.11")])
def test_helpers_and_a_configuration_are_followed(tmp_path: Path, cuda: str, python: str) -> None:
    files = {"install.py": BUILD, "_build/tools.py": TOOLS, "_build/build.yaml": YAML}
    found = read(tmp_path, files, target("2.7.0", cuda, python))
    assert pips(found) == ["OmegaConf", "PyGithub", "torch==2.7.0", "scatter", "ninja", "cmake"]
    options = [step.options for step in found.steps if step.kind is StepKind.PIP]
    assert options[2] == ("--index-url", f"https://download.pytorch.org/whl/{cuda}")
    assert options[3] == ("--index-url", f"https://index.example/torch-2.7.0+{cuda}.html")
    clone = next(step for step in found.steps if step.kind is StepKind.CLONE)
    assert clone.what.endswith(f"linux_py{python.replace('.', '')}_torch2.7.0_{cuda}")


def test_calls_inside_modules_are_told_from_those_of_the_installer(tmp_path: Path) -> None:
    module = """
import subprocess, sys
def need(name):
    subprocess.check_call([sys.executable, '-m', 'pip', 'install', name])
try:
    import skimage
except ImportError:
    need('scikit-image')
class Node:
    def run(self, text):
        try:
            import mediapipe
        except ImportError:
            need('mediapipe')
        need(text)
"""
    found = read(tmp_path, {"node.py": module})
    by_what = {step.what: step for step in found.steps}
    assert by_what["scikit-image"].phase is Phase.IMPORT
    assert by_what["mediapipe"].phase is Phase.CALL
    assert by_what["{text}"].why is not None
    assert [str(d.requirement) for d in found.requirements] == ["scikit-image"]


_LAST = "import os\nos.system('pip install a')\n"
ENDLESS = {
    "loop": "import os\nwhile True:\n    os.system('pip install a')\n",
    "recursion": "def f(n):\n    return f(n + 1)\nf(0)\nimport os\nos.system('pip install a')\n",
    "growth": "x = 'a'\nfor i in range(10**9):\n    x = x + x\n"
    "import os\nos.system('pip install a')\n",
    "power": "x = [0] * 10**12\ny = 'a' * 10**12\nimport os\nos.system('pip install a')\n",
    "fans": "def f(n):\n    for i in range(200):\n        f(i)\nf(1)\n",
    "doubling": "x = [1]\nfor i in range(200):\n    x.extend(x)\n" + _LAST,
    "width": "x = '{:>9999999999}'.format('a')\ny = f'{1:>9999999999}'\n"
    "z = '%9999999999d' % 1\nw = 'a'.zfill(9999999999)\n" + _LAST,
    "joined": "x = ('a' * 90000)\ny = ''.join([x] * 90000)\nz = x.replace('a', x)\n" + _LAST,
    "hoard": "x = []\nfor i in range(250):\n    for j in range(250):\n"
    "        x.append('a' * 90000 + str(j))\n" + _LAST,
    "squares": "x = 9\nfor i in range(200):\n    x = x * x\n" + _LAST,
    "exec": "exec('import os; os.system(\"rm -rf /\")')\nimport os\nos.system('pip install a')\n",
}


@pytest.mark.parametrize("name", sorted(ENDLESS))
def test_a_script_that_never_ends_is_left(tmp_path: Path, name: str) -> None:
    found = read(tmp_path, {"install.py": ENDLESS[name]})
    assert pips(found) == ["a"] or any("goes on too long" in note for note in found.notes)


def test_a_script_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    found = read(tmp_path, {"install.py": "print 'python 2'\n"})
    assert found.steps == ()
    assert found.notes[0].startswith("install.py: not read: line 1")


def test_an_answer_that_does_not_depend_on_the_target_is_given_to_all(tmp_path: Path) -> None:
    (tmp_path / "install.py").write_text("import os\nos.system('pip install a')\n")
    reader = ScriptReader(Sources(FolderTree(tmp_path)), "Node", (), frozenset())
    assert reader.read(target()) is reader.read(target("2.6.0", "cu124"))


def test_a_loop_is_run_as_often_as_it_says(tmp_path: Path) -> None:
    text = (
        "import subprocess\n"
        "left = ['einops', 'tqdm']\n"
        "i = 0\n"
        "while left:\n"
        "    subprocess.run(['pip', 'install', left.pop()])\n"
        "while i < 3:\n"
        "    i += 1\n"
        "subprocess.run(['pip', 'install', f'rich=={i}'])\n"
    )
    assert pips(read(tmp_path, {"install.py": text})) == ["tqdm", "einops", "rich==3"]


@pytest.mark.parametrize(
    "loop", ["for i in range(10**9):", "for line in open('x'):", "while True:", "while unknown():"]
)
def test_what_an_unknown_number_of_rounds_makes_is_not_known(tmp_path: Path, loop: str) -> None:
    text = (
        "import subprocess\n"
        "name, same = 'a', 'rich'\n"
        f"{loop}\n"
        "    name = name + 'a'\n"
        "    same = 'rich'\n"
        "subprocess.run(['pip', 'install', name])\n"
        "subprocess.run(['pip', 'install', same])\n"
    )
    steps = read(tmp_path, {"install.py": text}).steps
    assert [(step.what, step.decided) for step in steps] == [("{name}", False), ("rich", True)]
