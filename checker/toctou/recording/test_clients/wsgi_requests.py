"""Records the requests that a test client sends to a WSGI application, and sends them again."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from toctou.declaration.response import response_to
from toctou.history.request import Response
from toctou.recording.recorder import Recorder
from toctou.recording.requested import Arguments, Requested
from toctou.recording.test_clients.applications import Application
from toctou.recording.test_clients.http_arguments import HEADERS, Sent, answer_of, no_coroutine
from toctou.web import answered_exceptions, wsgi

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]

_OF_REQUEST = frozenset(
    {"REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "REQUEST_URI", "RAW_URI", "wsgi.input", "wsgi.errors"}
)
_OF_REQUEST_BEGINS = ("HTTP_", "CONTENT_", "werkzeug.")
_WITHOUT_BODY = (204, 304)


def recorded(
    recorder: Recorder,
    application: Application,
    called: Wsgi | None = None,
    again: Callable[[Arguments], Wsgi] | None = None,
    note: Callable[[dict[str, Any]], None] = lambda _: None,
) -> Wsgi:
    """The application, whose requests are recorded.

    Args:
        recorder: records them.
        application: that is called.
        called: what calls it for the test; ``None`` if it is called as it is.
        again: what calls it when a request is performed again with these arguments; ``None`` for the same.
        note: adds to the arguments what is known once it was called.
    """
    called = called or application.application
    again = again or partial(_same, called)

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        query, body = environ.get("QUERY_STRING", ""), _read(environ)
        sent = Sent.of(environ["REQUEST_METHOD"], _path(environ), query, _headers(environ), body)
        entry = application.entry(partial(_performed, again, _around(environ), sent))
        with recorder.requested(entry, sent.arguments) as one:
            if one is None:
                return called(environ, start_response)
            answer = _Answer(recorder, one, start_response)
            answered_exceptions.begin()
            try:
                return answer.of(called(environ, answer.start))
            finally:
                note(one.arguments)

    return call


def _same(application: Wsgi, _: Arguments) -> Wsgi:
    return application


class _Answer:
    """Of one request, while it is given."""

    def __init__(self, recorder: Recorder, one: Requested, start_response: Any) -> None:
        self._recorder, self._one, self._start_response = recorder, one, start_response
        self._status, self._headers, self._parts = 0, list[tuple[str, str]](), list[bytes]()

    def start(self, status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], Any]:
        self._status, self._headers = int(status.partition(" ")[0]), headers
        write: Callable[[bytes], Any] = self._start_response(status, headers, *exc_info)

        def noted(part: bytes) -> Any:
            self._parts.append(part)
            return write(part)

        return noted

    def of(self, body: Iterable[bytes]) -> Iterable[bytes]:
        """The body for the test; one that says its length is read at once, and a stream when the test reads it."""
        sized = any(name.lower() == "content-length" for name, _ in self._headers) or self._status in _WITHOUT_BODY
        if not sized and not isinstance(body, list | tuple):
            self._one.unclear = self._one.unclear or "its test has not read all of its answer"
            return _Stream(self._recorder, self._one, body, self)
        try:
            parts = list(body)
        finally:
            _close(body)
        self.end(parts)
        return parts

    def end(self, parts: Iterable[bytes]) -> None:
        """The answer is complete."""
        raised = answered_exceptions.taken()
        if raised is not None and self._status >= 500:
            self._one.raised = response_to(raised, no_coroutine)
        else:
            self._one.returned = answer_of(self._status, self._headers, b"".join([*self._parts, *parts]))


def _close(body: Any) -> None:
    if hasattr(body, "close"):
        body.close()


class _Stream:
    """A body of unknown length: its request runs on while a part of it is read."""

    def __init__(self, recorder: Recorder, one: Requested, body: Iterable[bytes], answer: _Answer) -> None:
        self._recorder, self._one, self._body, self._answer = recorder, one, body, answer
        self._iterator: Iterator[bytes] | None = None
        self._parts: list[bytes] = []

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._recorder.resumed(self._one):
            try:
                if self._iterator is None:
                    self._iterator = iter(self._body)
                part = next(self._iterator)
            except StopIteration:
                self._one.unclear = ""
                self._answer.end(self._parts)
                raise
            except BaseException as raised:
                self._one.raised = response_to(raised, no_coroutine)
                raise
        self._parts.append(part)
        return part

    def close(self) -> None:
        with self._recorder.resumed(self._one):
            _close(self._body)


def _performed(
    again: Callable[[Arguments], Wsgi], around: dict[str, Any], sent: Sent, arguments: dict[str, Any]
) -> Response:
    application = again(arguments)

    def call(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if "host" not in arguments[HEADERS]:
            environ.pop("HTTP_HOST", None)  # then the server's name is the host's
        return application({**environ, **around}, start_response)

    return wsgi.answer(call, sent.changed(arguments))


def _around(environ: dict[str, Any]) -> dict[str, Any]:
    """What is not the request's own: the server's and the client's address, and what a test has put there."""
    return {
        name: value
        for name, value in environ.items()
        if name not in _OF_REQUEST and not name.startswith(_OF_REQUEST_BEGINS)
    }


def _read(environ: dict[str, Any]) -> bytes:
    """The body, which stays there to be read, where it is: the client may send it again."""
    stream, length = environ.get("wsgi.input"), environ.get("CONTENT_LENGTH") or ""
    if stream is None or (not length.isdigit() and "HTTP_TRANSFER_ENCODING" not in environ) or length == "0":
        return b""
    begin = stream.tell() if getattr(stream, "seekable", bool)() else None
    body: bytes = stream.read(int(length)) if length.isdigit() else stream.read()
    if begin is None:
        environ["wsgi.input"] = io.BytesIO(body)
    else:
        stream.seek(begin)
    return body


def _path(environ: dict[str, Any]) -> str:
    path = str(environ.get("PATH_INFO", ""))
    try:
        return path.encode("latin-1").decode(errors="replace")
    except UnicodeEncodeError:  # httpx does not encode it as the standard asks for
        return path


def _headers(environ: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            yield name[5:].replace("_", "-"), value
    if environ.get("CONTENT_TYPE"):
        yield "content-type", environ["CONTENT_TYPE"]
