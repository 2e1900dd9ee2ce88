"""Records which modules distributions bring into ``data/imports.txt``.

    python tests/support/record_imports.py CACHE [NAME ...]

Of each name below (or given) the newest wheel that is no pre-release is looked at, by the names of
its members; rows of names that are not asked for stay. The order of NAMES is the order of
preference where two distributions bring one module.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from torchsolve.errors import UnknownError
from torchsolve.index.client import IndexClient
from torchsolve.index.settings import IndexSettings

FILE = Path(__file__).parent.parent.parent / "data" / "imports.txt"
NAMES = """
accelerate addict aiohttp albumentations alembic antlr4-python3-runtime audiostretchy av basicsr
beautifulsoup4 beartype bitsandbytes blend-modes cachetools cached-path clip-interrogator
color-matcher colour-science compel controlnet-aux cumm-cu126 cupy-cuda12x cython dashscope decord
deepdiff deepspeed diffusers dill dlib easydict easyocr einops fairscale fal-client fastapi ffmpy
f5-tts facexlib faiss-cpu filterpy flask fonttools ftfy fvcore gdown gfpgan gguf gitpython
google-genai google-generativeai gradio groundingdino-py h5py httpx huggingface-hub hydra-core
imageio imageio-ffmpeg insightface iopath jax jaxtyping joblib json-repair kornia lark librosa
lightning lmdb loguru lpips lxml matplotlib mediapipe meshlib mmengine moviepy mss mtcnn nerfacc
networkx numba numexpr numpy oauthlib ollama omegaconf onnx onnxruntime onnxruntime-gpu open3d
open-clip-torch openai opencv-python opencv-python-headless opencv-contrib-python
opencv-contrib-python-headless openpyxl optimum ordered-set packaging pandas peft piexif pilgram
pillow pillow-heif pixeloe plotly plyfile portalocker prettytable protobuf psutil py-cpuinfo
pyaudio pycocotools pydantic pydub pyfqmr pygit2 pygithub pygltflib pyhocon pyloudnorm pymatting
pymcubes pymeshfix pymeshlab pynvml pypdf pyrender python-dateutil python-dotenv python-igraph
pytorch-lightning pytorch-msssim pyvista pywavelets pyyaml qrcode qwen-vl-utils regex rembg
replicate requests rich rotary-embedding-torch safetensors sageattention scikit-image scikit-learn
scipy seaborn segment-anything sentencepiece sentence-transformers setuptools shapely simpleeval
slangtorch sounddevice soundfile soxr spandrel spandrel-extra-arches sqlalchemy submitit supervision
svglib svgwrite sympy tensorboard tensorboardx tiktoken timm tifffile tokenizers toml tomli tomlkit
torch torchaudio torchao torchcodec torchdiffeq torchmetrics torchsde torchtyping torchvision tqdm
trampoline transformers transparent-background trimesh triton typeguard typing-extensions
ultralytics uharfbuzz urllib3 vector-quantize-pytorch voluptuous wandb webcolors websocket-client
websockets x-transformers xatlas xformers yacs yapf yarl zhipuai zstandard
"""
NOISE = ("test", "tests", "docs", "doc", "examples", "example", "benchmarks", "scripts", "tools")


def rows_of(client: IndexClient, name: str) -> list[str]:
    try:
        files = [f for f in client.page(name).files if f.is_wheel and f.yanked is None]
        final = [f for f in files if not f.version.is_prerelease] or files
        if not final:
            return []
        newest = max(f.version for f in final)
        same = sorted((f for f in final if f.version == newest), key=_order)
        modules = client.modules(same[0])
    except UnknownError as error:
        print(f"{name}: {error.message}", file=sys.stderr)
        return []
    return [f"{module} {name} {newest}" for module in modules if not _is_noise(module)]


def _order(file: object) -> tuple[bool, str]:
    name = str(getattr(file, "filename", ""))
    return ("linux" not in name or "x86_64" not in name) and "-any" not in name, name


def _is_noise(module: str) -> bool:
    top = module.partition(".")[0]
    return top in NOISE or "__" in module or (top.startswith("_") and top != "_yaml")


def main(cache: str, names: list[str]) -> None:
    asked = names or NAMES.split()
    lines = FILE.read_text().splitlines() if FILE.exists() else []
    old = [row for row in lines if row[:1] not in ("", "#") and row.split()[1] not in asked]
    settings = IndexSettings(cache_dir=Path(cache))
    with IndexClient(settings) as client, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda name: rows_of(client, name), asked))
    rank = {name: number for number, name in enumerate(NAMES.split())}
    known = {row for rows in found for row in rows} | set(old)
    order = sorted(known, key=lambda r: (r.split()[0].lower(), rank.get(r.split()[1], 999), r))
    FILE.write_text(_HEAD + "\n\n" + "\n".join(order) + "\n")


_HEAD = """# module, distribution, version whose wheel was looked at. Of a module that several
# bring the first is preferred. Made from the index by tests/support/record_imports.py."""

if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
