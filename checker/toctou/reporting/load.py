"""Reading a stored violation or run back: whether a file is one, whether it is whole, and what ``replay`` needs from it.

A report is a file that people copy, attach and keep, so nothing about it is assumed: every fault is a
:class:`ReportError` that says what was found, what should have been there and what to do.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toctou.errors import ReportError
from toctou.history.item import plain
from toctou.history.operation import StoredImages
from toctou.history.request import Request
from toctou.history.schedule import Schedule, parse_schedule
from toctou.reporting.document import FORMAT, Document
from toctou.reporting.encoding import Opaque, decode, holds
from toctou.reporting.renderer import KINDS
from toctou.reporting.shapes import AGAIN, RUN, SCAN, VIOLATION, check, misfit

_VALUE_TYPES = frozenset({"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"})


@dataclass(frozen=True, slots=True)
class Counterexample:
    """What re-executing a violation needs.

    Attributes:
        model: the target, as the command line takes it.
        requests: the scenario's requests, by index.
        initial: the items stored at the start.
        left_out: those that the model stores besides, and that make no difference.
        oracle: name of the oracle whose finding should come out again.
        found_on: name of the backend it was found on.
        isolation: where its requests ran, one of :data:`~toctou.declaration.isolation.ISOLATIONS`.
        home: the way from the report's folder to where the model is named from; ``""`` if that is not known.
    """

    model: str
    requests: tuple[Request, ...]
    initial: StoredImages
    left_out: StoredImages
    schedule: Schedule
    oracle: str
    found_on: str
    isolation: str = "memory"
    home: str = ""


def load_violation(path: Path) -> Document:
    """The violation's document stored in a file.

    Raises:
        ReportError: the file cannot be read, is cut short, is no violation, is of another format version, or lacks
            a field.
    """
    document = load_report(path)
    if document["kind"] != "violation":
        raise _wrong_kind(path, document)
    return document


def load_report(path: Path) -> Document:
    """The document of a violation, a run or a scan stored in a file; its ``kind`` says which.

    Raises:
        ReportError: as for :func:`load_violation`.
    """
    document: Document = _parsed(path)
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise _wrong_kind(path, document)
    if document.get("format") != FORMAT:
        raise ReportError(
            f"{path} is a report of format {document.get('format')!r}",
            expected=f"format {FORMAT}, which is what this version of toctou reads",
            cause=f"it was written by another version of toctou ({document.get('toctou', 'unknown')})",
            remedy=AGAIN,
        )
    if kind == "violation":
        _check_fields(path, document)
    else:
        check(path, document, RUN if kind == "run" else SCAN)
        _check_windows(path, document.get("operations", ()))
    return document


def counterexample(document: Document) -> Counterexample:
    """What ``replay`` needs from a loaded document.

    Raises:
        ReportError: an argument or an item was written in a way that cannot be read back, or its requests are those of tests.
        ScheduleError: the schedule's text is damaged or of another version.
    """
    if document["replay"].startswith("pytest "):
        raise ReportError(
            f"the requests of {document['model']} were recorded from tests, without which they cannot be made",
            expected="a violation of a model",
            remedy=f"run the tests again: {document['replay']}",
        )
    return Counterexample(
        model=document["model"],
        requests=tuple(_request(one) for one in document["requests"]),
        initial=_images(document["initial"]),
        left_out=_images(document["left_out"]),
        schedule=parse_schedule(document["schedule"]),
        oracle=document["finding"]["oracle"],
        found_on=document["found_on"],
        isolation=document.get("isolation", "memory"),  # older reports do not say
        home=document["home"],
    )


def _parsed(path: Path) -> Any:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ReportError(
            f"{path} cannot be read: {reason}",
            expected="the JSON file of a violation",
            cause="the path is misspelt, or the run that wrote it has been replaced"
            if isinstance(error, OSError)
            else "",
            remedy="give a path that `toctou check` printed, such as reports/latest/delete_item.ReadThenDelete-1.json",
        ) from error
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ReportError(
            f"{path} is not complete JSON: {error}",
            expected="the JSON file of a violation, whole",
            cause="it is empty"
            if not text.strip()
            else "it was cut short or edited, or it is a report in another format",
            remedy=f"copy it again, or {AGAIN}",
        ) from error


def _wrong_kind(path: Path, document: Any) -> ReportError:
    kind = document.get("kind") if isinstance(document, dict) else None
    if isinstance(kind, str) and kind in KINDS:
        return ReportError(
            f"{path} is the report of {KINDS[kind]}",
            expected=f"the report of {KINDS['violation']}",
            cause="it lies in the same directory as the violations that it names",
            remedy="choose one of the files that it names under `report`",
        )
    return ReportError(
        f"{path} is JSON, but not a violation: its kind is {kind!r}",
        expected="an object whose kind is 'violation'",
        cause="it was not written by toctou",
        remedy="give the path that `toctou check` printed",
    )


def _check_fields(path: Path, document: Document) -> None:
    check(path, document, VIOLATION)
    for field in ("initial", "left_out", "final"):
        for table, images in document[field].items():
            if not isinstance(images, list) or not all(_is_image(image) for image in images):
                raise misfit(path, f"{field}.{table}", "a list of items")
    for step in document["steps"]:
        for field in ("parameters", "result"):
            if not isinstance(_decoded(step[field] or {}, f"{field} of {step['name']} in {path}"), dict):
                raise misfit(path, f"{field} of {step['name']}", "an object")
        changes = [one[moment] for one in step["changes"] for moment in ("before", "after")]
        if not all(image is None or _is_image(image) for image in changes):
            raise misfit(path, f"changes of {step['name']}", "made of items before and after")
    _check_names(path, document)


def _check_windows(path: Path, operations: Sequence[Document]) -> None:
    """The calls of a window are there: renderers look them up unchecked."""
    for operation in operations:
        for window in operation["windows"]:
            if not all(0 <= window[call] < len(operation["accesses"]) for call in ("read", "write")):
                raise misfit(path, f"windows of {operation['name']}", "consistent: it names a call that is not listed")


def _check_names(path: Path, document: Document) -> None:
    """Everything that is named is there: renderers look it up unchecked."""
    letters = {request["letter"] for request in document["requests"]}
    steps = {step["name"] for step in document["steps"]}
    explanation = document["explanation"]
    edges = [*explanation["edges"], *explanation["cycle"]]
    order = explanation["closest"]["order"] if explanation["closest"] else []
    answered = {response["request"] for response in document["responses"]}
    output = document.get("output", ())
    used = {one["request"] for one in (*document["steps"], *output)} | answered
    unknown = sorted(
        (used - letters)
        | (set(order) - answered)
        | ({one["step"] for one in output if one["step"] is not None} - steps)
        | ({edge[end] for edge in edges for end in ("earlier", "later")} - steps)
    )
    if unknown:
        raise misfit(path, f"for {unknown[0]}", "consistent: it names a request or a step that is not listed")


def _is_image(image: Any) -> bool:
    if not isinstance(image, dict):
        return False
    try:
        found = decode(image)  # a name that begins with $ makes a list of pairs of it
        plain(found)
        return all(_VALUE_TYPES.issuperset(value) for value in found.values())
    except (ValueError, TypeError, ArithmeticError, AttributeError):
        return False


def _request(written: Document) -> Request:
    arguments = {name: _decoded(value, f"the argument {name!r}") for name, value in written["arguments"].items()}
    for name, value in arguments.items():
        if holds(value, Opaque):
            raise ReportError(
                f"the argument {name}={value!r} of {written['handler']} cannot be rebuilt from a report",
                expected="arguments made of text, numbers, binaries, lists, sets and mappings",
                cause="the model's argument pool holds objects of another type",
                remedy="let the model pass plain values and build such objects inside its handlers",
            )
    return Request.of(written["principal"], written["handler"], arguments)


def _images(written: Document) -> StoredImages:
    return {table: [_decoded(image, f"an item of {table}") for image in images] for table, images in written.items()}


def _decoded(value: Any, what: str) -> Any:
    try:
        return decode(value)
    except (ValueError, TypeError, ArithmeticError) as error:
        raise ReportError(
            f"{what} cannot be read: {error}",
            expected="a value written as checker/toctou/reporting/encoding.py says",
            cause="the file was edited, or written by a newer version of toctou",
            remedy=AGAIN,
        ) from error
