"""Records the lines of inlined checks of torch releases that are older than the atlas, in
``data/prints``.

    PYTHONPATH=resolver python tests/support/record_lines.py CACHE 1.12.1 1.13.0 1.13.1

The atlas's own are recorded by ``atlas build``. Without older ones whatever an older torch shares
with the atlas's oldest release would be called built with that one. Only the headers are read, by
range.
"""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

from packaging.version import Version

from torchsolve.abi.lines import FILE, ROOT, Lines, check_lines, dump_lines, read_lines
from torchsolve.index.client import IndexClient
from torchsolve.index.credentials import Credentials
from torchsolve.index.http import Http
from torchsolve.index.ranges import RangeFile
from torchsolve.index.settings import IndexSettings
from torchsolve.resources import share

_BUFFER = 16 << 20


def lines_of(url: str, http: Http) -> Lines:
    """Header → lines, of the wheel at an address."""
    with zipfile.ZipFile(io.BufferedReader(RangeFile(http, url), _BUFFER)) as archive:
        found = [i for i in archive.infolist() if i.filename.startswith(ROOT) and not i.is_dir()]
        found.sort(key=lambda info: info.header_offset)
        texts = {
            info.filename.removeprefix(ROOT): archive.read(info).decode("utf-8", "replace")
            for info in found
        }
    return check_lines(texts)


def main() -> None:
    settings = IndexSettings(Path(sys.argv[1]))
    http = Http(settings, Credentials(()))
    path = share("data") / FILE
    known = read_lines(path)
    table = {release: known.of(release) for release in known.releases}
    with IndexClient(settings) as client:
        files = client.page("torch").files
        for text in sys.argv[2:]:
            urls = [f.url for f in files if str(f.version) == text and _fits(f.filename) and f.url]
            table[Version(text)] = lines_of(urls[0], http)
            print(text, len(table[Version(text)]), "headers")
    path.write_bytes(dump_lines(table))
    http.close()


def _fits(filename: str) -> bool:
    return "-cp310-" in filename and filename.endswith("x86_64.whl")


if __name__ == "__main__":
    main()
