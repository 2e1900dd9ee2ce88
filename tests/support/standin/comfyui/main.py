# mypy: ignore-errors
"""A stand-in for ComfyUI: loads custom nodes, says the same lines, serves the same two pages."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import nodes
import torch
from comfyui_version import __version__

logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)


class Handler(BaseHTTPRequestHandler):
    """/system_stats for the health check, /object_info for what is registered."""

    def do_GET(self) -> None:
        """Answer with JSON."""
        if self.path == "/system_stats":
            self._send({"system": {"comfyui_version": __version__, "argv": sys.argv}})
        elif self.path == "/object_info":
            self._send({name: describe(name, node) for name, node in table().items()})
        else:
            self.send_error(404)

    def _send(self, document: object) -> None:
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Requests are not logged."""


def table() -> dict[str, type]:
    """All registered classes."""
    return nodes.NODE_CLASS_MAPPINGS


def describe(name: str, node: type) -> dict[str, object]:
    """What /object_info says of a class."""
    return {"name": name, "python_module": getattr(node, "RELATIVE_PYTHON_MODULE", "nodes")}


def main() -> None:
    """Start as the real one does: refuse a machine without a GPU unless told to use the CPU."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8188)
    parser.add_argument("--cpu", action="store_true")
    options = parser.parse_args()
    logging.info("pytorch version: %s", torch.__version__)
    if not options.cpu:
        torch.cuda.current_device()
    logging.info("Device: %s", "cpu" if options.cpu else "cuda")
    logging.info("Python version: %s", sys.version)
    logging.info("ComfyUI version: %s", __version__)
    nodes.init_custom_nodes(Path(__file__).parent / "custom_nodes")
    logging.info("Starting server\n")
    server = ThreadingHTTPServer((options.listen, options.port), Handler)
    logging.info("To see the GUI go to: http://%s:%s", options.listen, options.port)
    server.serve_forever()


if __name__ == "__main__":
    main()
