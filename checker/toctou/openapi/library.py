"""Where documents come from: files under one folder, and addresses on the network only if that was asked for.

A reference is text that somebody else may have written.  It leads to a regular file inside the folder of the document (links
followed first), or to nothing; what is outside, a device, or larger than the limits, is refused with the words that tell the
person how to allow it.
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
    """Reads each document once.

    Args:
        root: the folder that files must lie in.
        allow_remote: whether ``http`` and ``https`` references are followed.
        limits: of each file and of all together.

    Attributes:
        dynamic: whether anything read so far has a ``$dynamicRef``, so that what it refers to depends on the way there.
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
        """How many documents have been read."""
        return len(self._known)

    def put(self, uri: str, data: Any) -> None:
        """Add data that was not read from anywhere."""
        self._known[uri] = data

    def get(self, uri: str) -> Any:
        """The data at an address without a fragment.

        Raises:
            DocumentError: it may not be read, cannot be read, or is beyond a limit.
        """
        if uri not in self._known:
            content = self._content(uri)
            self._bytes += len(content)
            if self._bytes > self._limits.total_bytes:
                raise DocumentError(
                    f"{self.shown(uri)}: the documents that refer to each other exceed {self._limits.total_bytes} bytes",
                    expected="one API in fewer bytes",
                    remedy="raise --max-document-bytes if they can be trusted",
                )
            self.dynamic = self.dynamic or b"$dynamicRef" in content
            self._known[uri] = read(content, self.shown(uri), self._limits)
        return self._known[uri]

    def shown(self, uri: str) -> str:
        """The address as people are told it: files relative to the folder."""
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
                    f"the reference {uri} has the scheme {scheme or 'of nothing'!r}",
                    expected="a file of the document's folder, or http and https with --allow-remote",
                    remedy="store a copy beside the document and refer to that",
                )

    def _of_file(self, uri: str) -> bytes:
        parts = urlsplit(uri)
        shown = self.shown(uri)
        try:
            path = Path(unquote(parts.path)).resolve(strict=True)
            if parts.netloc or not path.is_relative_to(self._root):
                raise DocumentError(
                    f"the reference to {shown} leads out of the folder of the document",
                    expected="references to files inside it, links followed",
                    cause="a document that is spread over sibling folders",
                    remedy="name a folder that holds all of its files with --root DIR, if you trust them all",
                )
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise DocumentError(f"{shown} is not a regular file", expected="a JSON or YAML file")
            with path.open("rb") as file:
                return file.read(self._limits.file_bytes + 1)
        except (OSError, ValueError, RuntimeError) as fault:  # a NUL in the name, a circle of links
            reason = getattr(fault, "strerror", None) or str(fault)
            raise DocumentError(
                f"{shown} cannot be read: {reason}",
                expected="a file that is there",
                cause="a slip in the reference, or a file that was not copied along",
                remedy="check the path, which is relative to the file that holds the reference",
            ) from None

    def _of_network(self, uri: str) -> bytes:
        if not self._allow_remote:
            raise DocumentError(
                f"the document refers to {uri}",
                expected="references within its own folder",
                cause="a shared document that is kept elsewhere",
                remedy="give --allow-remote to fetch it, or store a copy beside the document",
            )
        try:
            with urllib.request.urlopen(uri, timeout=_SECONDS) as answer:  # noqa: S310 - the scheme is one of two
                if urlsplit(answer.url).scheme not in ("http", "https"):
                    raise DocumentError(f"{uri} redirects to {answer.url}", expected="http or https")
                content: bytes = answer.read(self._limits.file_bytes + 1)
                return content
        except (OSError, ValueError, urllib.error.URLError, http.client.HTTPException) as fault:
            raise DocumentError(
                f"{uri} cannot be fetched: {fault}",
                expected="a JSON or YAML document",
                remedy="check the address, or store a copy beside the document",
            ) from None
