"""Which functions may lead to a model, told from their text: the others need not be run."""

from __future__ import annotations

import ast
import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator

from torchsolve.model.values import dataclass, field

_MARKS = re.compile(
    rb"hf_hub_download|snapshot_download|from_pretrained|load_(?:file|torch_file|checkpoint|url)"
    rb"|GGUFReader"
    # Looked at behind the match: a pattern whose branches begin with characters is found faster.
    rb"|\.load\((?<!json.load\()(?<!yaml.load\()(?<!toml.load\()(?<!ickle.load\()"
    rb"(?<!np.load\()(?<!umpy.load\()(?<!audio.load\()"
    rb"|safe_open|get_(?:full_path|filename_list|folder_paths)|add_model_folder_path"
    rb"|folder_names_and_paths|models_dir|requests\.|urlretrieve|urlopen|[dD]ownload"
    rb"|readNet|GFPGANer|ESRGANer|\bLlama\(|init_(?:model|detector|segmentor|pose_model)\("
    rb"|ClientSession|httpx\.|session\.(?:get|stream|request)\("
    rb"|torch\.hub|wget|InferenceSession|FaceAnalysis|YOLO|open_clip|cached_path|pipeline\("
    rb"|from_single_file|SentenceTransformer|WhisperModel|get_model\(|load_model|create_model"
    rb"|load_(?:state_dict_from_url|lora_weights|ip_adapter|textual_inversion|unet|clip)"
    rb"|load_(?:diffusion_model|controlnet|from_file)|__file__|hf://"
    rb"|dlib\.|readNet|Face(?:DetectorYN|RecognizerSF)|model_asset_path|joblib\.|Llama\("
    rb"|sam_model_registry|build_sam|(?:GFPGAN|RealESRGAN)er\("
    rb"|init_(?:detection|parsing|recognition)_model\(|FaceRestoreHelper\(|new_session\("
    rb"|easyocr\.|rembg\.|ChatHandler\("
)
_STEMS = tuple(
    b"hf_hub_download snapshot_download from_ load_ GGUFReader .load( safe_open get_ "
    b"add_model_folder_path folder_names_and_paths models_dir requests. urlretrieve urlopen "
    b"download Download torch.hub wget InferenceSession FaceAnalysis YOLO open_clip cached_path "
    b"pipeline( SentenceTransformer WhisperModel create_model __file__ hf:// dlib. readNet "
    b"FaceDetectorYN FaceRecognizerSF model_asset_path joblib. Llama( sam_model_registry "
    b"build_sam GFPGANer( RealESRGANer( init_detection_model( init_parsing_model( "
    b"init_recognition_model( FaceRestoreHelper( new_session( easyocr. rembg. ChatHandler(".split()
)
"""How the names begin: looking for each is four times as fast as the pattern over all."""
_OPENING = frozenset(
    {
        *("hf_hub_download", "snapshot_download", "load_file", "load_torch_file", "safe_open"),
        *("from_pretrained", "load_file_from_url", "load_state_dict_from_url", "load_url"),
        *("download_url_to_file", "urlretrieve", "InferenceSession", "FaceAnalysis", "YOLO"),
        *("from_single_file", "get_full_path"),
    }
)
_BOUND = re.compile(
    rb"^([A-Za-z_]\w*)[ \t]*(?::[^=\n]*)?=(?!=)([^\n]*(?:\([ \t]*\n[^\n]*)?)", re.MULTILINE
)
_PLACE = re.compile(rb"__file__|models_dir|get_folder_paths")
_NODES = re.compile(rb"INPUT_TYPES|define_schema|os\.environ")


def mark_lines(data: bytes) -> tuple[int, ...]:
    """Lines with a name that may handle a model; a text without any opens none by itself."""
    found: list[int] = []
    line, start = 1, 0
    marked = (p for stem in _STEMS for p in _places(data, stem) if _MARKS.match(data, p))
    for place in sorted((*marked, *_named_folders(data))):
        line += data.count(b"\n", start, place)
        start = place
        if not found or found[-1] != line:
            found.append(line)
    return tuple(found)


def _named_folders(data: bytes) -> list[int]:
    """Where a module uses a name of its own for the node's folder, the models', or one below."""
    names: list[bytes] = []
    for match in _BOUND.finditer(data) if _PLACE.search(data) else ():
        name, value = match.groups()
        if _PLACE.search(value) or any(known in value for known in names):
            names.append(name)
    if not names:
        return []
    used = re.compile(rb"\b(?:" + b"|".join(names) + rb")\b")
    return [match.start() for match in used.finditer(data)]


def _places(data: bytes, stem: bytes) -> Iterator[int]:
    place = data.find(stem)
    while place >= 0:
        yield place
        place = data.find(stem, place + 1)


def called_lines(data: bytes) -> tuple[list[int], list[bytes]]:
    """Names that are called, or handed to somebody who calls them, and the line of each."""
    lines: list[int] = []
    names: list[bytes] = []
    hands_on = _HANDED.search(data) is not None
    for line, row in enumerate(data.split(b"\n"), 1):
        found = _HANDED.findall(row) if hands_on else []
        if b"(" in row:
            found += _CALLED.findall(row)
        if found:
            names += found
            lines += [line] * len(found)
    return lines, names


def opening_lines(function: ast.AST) -> list[int]:
    """Lines of calls that fetch or open a model, by the name of what is called."""
    calls = (node for node in ast.walk(function) if isinstance(node, ast.Call))
    return [node.lineno for node in calls if _opens(node.func)]


def _opens(callee: ast.expr) -> bool:
    match callee:
        case ast.Attribute(value=ast.Name(id="torch") | ast.Attribute(attr="jit"), attr="load"):
            return True
        case ast.Attribute(value=ast.Name(id="requests"), attr="get"):
            return True
        case ast.Attribute(value=ast.Name(id="gdown"), attr="download"):
            return True
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name in _OPENING
        case _:
            return False


def says_node(data: bytes) -> bool:
    """Whether a module defines nodes or sets the environment: it must run for what others see."""
    return _NODES.search(data) is not None


_CALLED = re.compile(rb"\b(\w++)\s*+\(")
_HANDED = re.compile(
    rb"(?:\btarget\s*=|submit\(|to_thread\(|run_in_executor\([^,\n]*,)\s*(?:self\.)?(\w+)"
)
_COMMON = frozenset(
    b"forward __init__ __call__ get items keys values append join format split print len str "
    b"int float list dict set range super isinstance getattr hasattr exists open read write "
    b"update pop extend strip replace startswith endswith lower to cuda cpu eval train info "
    b"warning error debug step encode decode load_state_dict process doit execute main".split()
)


@dataclass(slots=True)
class Interest:
    """Names of functions and classes that lead to a model, by name alone.

    Attributes:
        short: functions of at most so many lines are run in any case, for what they return.
        long: the same for those that take nothing: tables, folders.
    """

    short: int = 48
    long: int = 150
    _calls: dict[bytes, set[bytes]] = field(default_factory=dict)
    _marked: set[bytes] = field(default_factory=set)
    _homonyms: dict[bytes, int] = field(default_factory=dict)
    _found: frozenset[bytes] | None = None
    _told: dict[str, bool] = field(default_factory=dict)
    _defined: dict[object, tuple[frozenset[bytes], bool]] = field(default_factory=dict)

    def add(self, module: ast.Module, data: bytes, marks: tuple[int, ...]) -> None:
        """Learn the functions of a module; ``marks``: its lines that may handle a model."""
        lines, names = called_lines(data)
        for name, node in _functions(module.body):
            end = node.end_lineno or node.lineno
            key = name.encode()
            first, last = bisect_left(lines, node.lineno), bisect_right(lines, end)
            called = frozenset(names[first:last])
            place = bisect_left(marks, node.lineno)
            marked = place < len(marks) and marks[place] <= end
            self._calls.setdefault(key, set()).update(called)
            self._defined[_identity(node)] = (called - _COMMON, marked)
            self._homonyms[key] = self._homonyms.get(key, 0) + 1
            if marked:
                self._marked.add(key)
        self._found = None

    def has(self, node: ast.AST) -> bool:
        """Whether a function leads to a model."""
        known = self._defined.get(_identity(node))
        if known is None:
            return isinstance(node, ast.FunctionDef) and node.name.encode() in self.found
        called, marked = known
        if marked:
            return True
        if called.isdisjoint(self.found):
            return False
        name = getattr(node, "name", "").encode()
        # Its own name is a call of itself, unless another function is called so too.
        return self._homonyms.get(name, 0) > 1 or not (called - {name}).isdisjoint(self.found)

    def tells(self, name: str) -> bool:
        """Whether a name says by itself that it handles models, or belongs to one that does."""
        known = self._told.get(name)
        if known is None:
            key = name.encode()
            known = self._told[name] = bool(_MARKS.search(key)) or key in self.found
        return known

    @property
    def found(self) -> frozenset[bytes]:
        """All such names."""
        if self._found is None:
            self._found = frozenset(self._closed())
        return self._found

    def _closed(self) -> set[bytes]:
        callers: dict[bytes, set[bytes]] = {}
        for name, called in self._calls.items():
            for inner in called - _COMMON:
                callers.setdefault(inner, set()).add(name)
        found = set(self._marked)
        waiting = list(found)
        while waiting:
            for name in callers.get(waiting.pop(), ()):
                if name not in found:
                    found.add(name)
                    waiting.append(name)
        return found


_Named = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _identity(node: ast.AST) -> object:
    """A definition by its name and lines: the node itself would keep the whole tree in memory."""
    if isinstance(node, _Named):
        return node.name, node.lineno, node.end_lineno
    return None


def _functions(body: list[ast.stmt]) -> Iterator[tuple[str, _Named]]:
    """Functions and classes, also those below ``if`` and ``try``; a class counts as its text."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield node.name, node
            yield from _functions(node.body)
        else:
            for name in ("body", "orelse", "finalbody", "handlers"):
                for inner in getattr(node, name, ()):
                    if isinstance(inner, ast.ExceptHandler):
                        yield from _functions(inner.body)
                    elif isinstance(inner, ast.stmt):
                        yield from _functions([inner])
