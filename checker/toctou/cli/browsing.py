"""Serves the reports of one run to the browser of this machine, until it is interrupted.

Reports show source lines and stored items, so only this machine is served, and only the files that the run lists;
and a foreign page that resolves its own name to this machine gets nothing (the ``Host`` header is checked).
"""

from __future__ import annotations

import json
import sys
import threading
import webbrowser
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from toctou.errors import ReportError
from toctou.reporting.document import RUN

LOOPBACK = "127.0.0.1"
INDEX = "index.html"


def browse(directory: Path, opens: Callable[[str], bool] = webbrowser.open) -> int:
    """Serve a run's directory, print where, open a browser if there is one, and wait for Ctrl-C; returns the exit status.

    Raises:
        ReportError: the directory holds no run.
    """
    with server(directory) as serving:
        url = f"http://{LOOPBACK}:{serving.server_port}/{INDEX}"
        print(f"{url}\nCtrl-C ends.", flush=True)
        # a browser in the terminal blocks this thread while it requests the page, so another thread has to serve it
        answering = threading.Thread(target=serving.serve_forever, daemon=True)
        answering.start()
        try:
            if not opens(url):
                print("There is no browser on this machine; the address is above.", file=sys.stderr)
            answering.join()
        except KeyboardInterrupt:
            serving.shutdown()
            answering.join()
    return 0


def server(directory: Path) -> ThreadingHTTPServer:
    """A server for the files of one run, bound to a free port of the loopback interface; not yet serving.

    Raises:
        ReportError: the directory holds no run.
    """
    files = _files(directory)
    return ThreadingHTTPServer((LOOPBACK, 0), partial(_ReportFiles, directory=str(directory), files=files))


def _files(directory: Path) -> frozenset[str]:
    try:
        listed = json.loads((directory / RUN).read_text(encoding="utf-8"))["files"]
        return frozenset(listed) & {path.name for path in directory.iterdir()}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise ReportError(
            f"{directory} holds no run",
            expected=f"a directory with the {RUN} of a run and the files that it lists",
            cause="the path is misspelt, or nothing has been checked yet",
            remedy="run `toctou check` first, or give the directory that was named with --report",
        ) from error


class _ReportFiles(SimpleHTTPRequestHandler):
    """Hands out the files of a run, quietly."""

    def __init__(self, *arguments: Any, files: frozenset[str], directory: str) -> None:
        self._files = files
        super().__init__(*arguments, directory=directory)

    def send_head(self) -> Any:
        """Reject what is not a file of the run before any look-up."""
        port = cast("ThreadingHTTPServer", self.server).server_port
        if self.headers.get("Host") not in {f"{LOOPBACK}:{port}", f"localhost:{port}"}:
            self.send_error(HTTPStatus.FORBIDDEN)
            return None
        name = unquote(urlsplit(self.path).path).removeprefix("/") or INDEX
        if name not in self._files:
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        self.path = f"/{name}" if name == INDEX else self.path
        return super().send_head()

    def end_headers(self) -> None:
        """The next run replaces these files, so nothing is kept."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: the terminal shows the address."""
