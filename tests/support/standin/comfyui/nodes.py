# mypy: ignore-errors
"""Loads custom nodes and says so in ComfyUI's words (facts of its log, own code)."""

from __future__ import annotations

import importlib.util
import logging
import sys
import time
import traceback
from pathlib import Path

NODE_CLASS_MAPPINGS: dict[str, type] = {}


def load_custom_node(path: Path) -> bool:
    """Import one node; what it registers is served. A failure is logged and survived."""
    entry = path / "__init__.py" if path.is_dir() else path
    name = f"custom_nodes.{path.stem}"
    spec = importlib.util.spec_from_file_location(name, entry)
    if spec is None or spec.loader is None:
        return False
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001 - as the real one: whatever a node raises
        logging.warning(traceback.format_exc())
        logging.warning("Cannot import %s module for custom nodes: %s", path, error)
        return False
    mappings = getattr(module, "NODE_CLASS_MAPPINGS", None)
    if mappings is None:
        logging.warning(
            "Skip %s module for custom nodes due to the lack of NODE_CLASS_MAPPINGS or NODES_LIST "
            "(need one).",
            path,
        )
        return False
    for title, node in mappings.items():
        node.RELATIVE_PYTHON_MODULE = name
        NODE_CLASS_MAPPINGS[title] = node
    return True


def init_custom_nodes(folder: Path) -> None:
    """Import all of ``custom_nodes`` and log how long each took."""
    times = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith((".", "__")) or not (path.is_dir() or path.suffix == ".py"):
            continue
        start = time.perf_counter()
        times.append((load_custom_node(path), time.perf_counter() - start, path))
    logging.info("\nImport times for custom nodes:")
    for loaded, seconds, path in times:
        failed = "" if loaded else " (IMPORT FAILED)"
        logging.info("%6.1f seconds%s: %s", seconds, failed, path)
    logging.info("")
