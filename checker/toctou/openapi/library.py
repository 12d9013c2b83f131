"""Loads documents: files under one folder, and network addresses only with ``--allow-remote``.

References are untrusted text.  One that leaves the document's folder (after resolving symbolic links), names something other
than a regular file, or exceeds a limit is an error that says how to allow it.
"""

from __future__ import annotations

import http.client
import stat
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from toctou.errors import DocumentError
from toctou.openapi.reading import Limits, read

_SECONDS = 20.0


class Library:
    """Loads each document once.

    Args:
        root: the folder that files must be in.
        allow_remote: whether ``http`` and ``https`` references are followed.
        limits: of each file and of all of them together.

    Attributes:
        dynamic: whether any document so far has a ``$dynamicRef``, whose target depends on the path that leads to it.
    """

    def __init__(self, root: Path, *, allow_remote: bool = False, limits: Limits | None = None) -> None:
        self._root = root.resolve()
        self._allow_remote = allow_remote
        self._limits = limits or Limits()
        self._known: dict[str, Any] = {}
        self._bytes = 0
        self.dynamic = False

    @property
    def files(self) -> int:
        """How many documents have been loaded."""
        return len(self._known)

    def put(self, uri: str, data: Any) -> None:
        """Add data that was not loaded from a file."""
        self._known[uri] = data

    def get(self, uri: str) -> Any:
        """The data at a URI without a fragment.

        Raises:
            DocumentError: it is not allowed, cannot be read, or exceeds a limit.
        """
        if uri not in self._known:
            content = self._content(uri)
            self._bytes += len(content)
            if self._bytes > self._limits.total_bytes:
                raise DocumentError(
                    f"{self.shown(uri)}: the document and its references exceed {self._limits.total_bytes} bytes",
                    expected="a smaller document",
                    remedy="raise --max-document-bytes if you trust them",
                )
            self.dynamic = self.dynamic or b"$dynamicRef" in content
            self._known[uri] = read(content, self.shown(uri), self._limits)
        return self._known[uri]

    def shown(self, uri: str) -> str:
        """The URI for messages: files relative to the root folder, because absolute paths do not belong in reports."""
        parts = urlsplit(uri)
        if parts.scheme != "file":
            return uri
        path = Path(unquote(parts.path))
        return path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else path.name

    def _content(self, uri: str) -> bytes:
        match urlsplit(uri).scheme:
            case "file":
                return self._of_file(uri)
            case "http" | "https":
                return self._of_network(uri)
            case scheme:
                raise DocumentError(
                    f"the reference {uri} has the scheme {scheme!r}",
                    expected="a file in the document's folder, or http and https with --allow-remote",
                    remedy="store a copy next to the document and refer to that",
                )

    def _of_file(self, uri: str) -> bytes:
        parts = urlsplit(uri)
        shown = self.shown(uri)
        try:
            # Resolved first: a symbolic link inside the folder may point outside it.
            path = Path(unquote(parts.path)).resolve(strict=True)
            if parts.netloc or not path.is_relative_to(self._root):
                raise DocumentError(
                    f"the reference to {shown} leads out of the document's folder",
                    expected="references to files inside it, after resolving symbolic links",
                    cause="a document that is split into sibling folders",
                    remedy="name a folder that contains all of its files with --root DIR, if you trust them all",
                )
            if not stat.S_ISREG(path.stat().st_mode):  # opening a FIFO would block for ever
                raise DocumentError(f"{shown} is not a regular file", expected="a JSON or YAML file")
            with path.open("rb") as file:
                return file.read(self._limits.file_bytes + 1)  # one too many, for `read` to notice
        # ValueError: a NUL in the name; RuntimeError: a loop of links
        except (OSError, ValueError, RuntimeError) as fault:
            reason = getattr(fault, "strerror", None) or str(fault)
            raise DocumentError(
                f"{shown} cannot be read: {reason}",
                expected="an existing, readable file",
                cause="a typo in the reference, or a file that was not copied along",
                remedy="correct the path: it is relative to the file that contains the reference",
            ) from None

    def _of_network(self, uri: str) -> bytes:
        if not self._allow_remote:
            raise DocumentError(
                f"the document refers to {uri}",
                expected="references within the document's folder",
                cause="a shared document that is hosted elsewhere",
                remedy="pass --allow-remote to fetch it, or store a copy next to the document",
            )
        try:
            with urllib.request.urlopen(uri, timeout=_SECONDS) as response:  # noqa: S310 - the scheme is one of two
                # urllib follows redirects, which may lead to a scheme that was never checked.
                if urlsplit(response.url).scheme not in ("http", "https"):
                    raise DocumentError(f"{uri} redirects to {response.url}", expected="http or https")
                content: bytes = response.read(self._limits.file_bytes + 1)
                return content
        except (OSError, ValueError, urllib.error.URLError, http.client.HTTPException) as fault:
            raise DocumentError(
                f"{uri} cannot be fetched: {fault}",
                expected="a JSON or YAML document",
                remedy="check the address, or store a copy next to the document",
            ) from None
