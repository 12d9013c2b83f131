"""Decides what a remedy's edits make of the source files: all of them together, or none.

Each edit is a function of a parsed file, in :data:`EDITS`; files are read once, changed edit by edit and written nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher, unified_diff
from pathlib import Path

from toctou.remediation.remedy_data import Document, Edit, NotPossible, edits_of
from toctou.remediation.source_edits.counters import add
from toctou.remediation.source_edits.guards import answer, condition, consistent_read
from toctou.remediation.source_edits.parsed import Parsed
from toctou.remediation.source_edits.transactions import checked, together


@dataclass(frozen=True, slots=True)
class Change:
    """A file before and after."""

    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Patch:
    """What a remedy changes.

    Attributes:
        changes: by file, relative to the project's folder, with forward slashes.
        notes: what the reader should know of it.
    """

    changes: Mapping[str, Change]
    notes: tuple[str, ...] = ()

    def diff(self) -> str:
        """A unified diff, as ``patch -p1`` and ``git apply`` take it."""
        return "".join(
            "".join(
                line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
                for line in unified_diff(
                    one.before.splitlines(keepends=True), one.after.splitlines(keepends=True), f"a/{file}", f"b/{file}"
                )
            )
            for file, one in self.changes.items()
        )


@dataclass(frozen=True, slots=True)
class Replacement:
    """Whole lines of a file, and the text that comes in their place, without the last line's end.

    Attributes:
        first: number of the first line, from 1.
        last: number of the last one, at least ``first``.
    """

    file: str
    first: int
    last: int
    text: str


def patch(document: Document, folder: Path) -> Patch:
    """What the remedy of a violation's document changes in the project in a folder.

    Raises:
        NotPossible: the remedy has no edits, or one of them cannot be made; the text says why.
    """
    edits = edits_of(document)
    if not edits:
        raise NotPossible("the remedy is advice, which has to be weighed")
    draft = _Draft(folder)
    notes: list[str] = []
    for edit in edits:
        make = EDITS.get(edit.kind)
        if make is None:
            raise NotPossible(UNDECIDED[edit.kind])
        file = draft.file_of(edit)
        text, said = make(document, Parsed(file, draft.text(file)), edit)
        draft.after[file] = text
        notes += said
    changes = {
        file: Change(draft.before[file], text) for file, text in draft.after.items() if draft.before[file] != text
    }
    if not changes:
        raise NotPossible("what the remedy asks for is in the source already")
    return Patch(changes, tuple(dict.fromkeys(notes)))


def replacements(document: Document, folder: Path | None = None) -> list[Replacement] | None:
    """The changes as lines that are replaced, for other tools; ``None`` if the remedy cannot be made in the source.

    Nothing is run and nothing is written.

    Args:
        folder: the project's folder, the working directory if it is ``None``.
    """
    try:
        made = patch(document, folder or Path.cwd())
    except NotPossible:
        return None
    found = []
    for file, change in made.changes.items():
        before, after = change.before.splitlines(), change.after.splitlines()
        for kind, first, last, start, end in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
            if kind == "equal":
                continue
            if kind == "replace":
                found.append(Replacement(file, first + 1, last, "\n".join(after[start:end])))
            elif last < len(
                before
            ):  # what is only inserted or deleted takes the next line along, or there would be no region
                found.append(Replacement(file, first + 1, last + 1, "\n".join(after[start : end + 1])))
            else:
                found.append(Replacement(file, first, last, "\n".join(after[start - 1 : end])))
    return found


@dataclass(slots=True)
class _Draft:
    """The files that are being changed."""

    folder: Path
    before: dict[str, str] = field(default_factory=dict)
    after: dict[str, str] = field(default_factory=dict)

    def file_of(self, edit: Edit) -> str:
        """The one file that an edit is in."""
        files = {one.place.file for one in edit.calls if one.place is not None}
        if len(files) != 1 or any(one.place is None for one in edit.calls):
            where = "several files" if files else "code that the report does not name"
            what = edit.call.action or edit.exception or f"what the {edit.handler} answers"
            raise NotPossible(f"{what} comes from {where}")
        (file,) = files
        if not file.endswith(".py"):
            raise NotPossible(f"{file} is not Python")
        return file

    def text(self, file: str) -> str:
        """A file's text as it is by now."""
        if file not in self.before:
            path = (self.folder / file).resolve()
            if not path.is_file() or not path.is_relative_to(self.folder.resolve()):
                raise NotPossible(f"{file} is not a file of the project in {self.folder}")
            try:
                with path.open(encoding="utf-8", newline="") as source:
                    self.before[file] = source.read()
            except (OSError, UnicodeDecodeError) as error:
                raise NotPossible(f"{file} cannot be read: {error}") from error
            self.after[file] = self.before[file]
        return self.after[file]


Made = tuple[str, list[str]]
"""The text of the file after an edit, and notes."""

EDITS: Mapping[str, Callable[[Document, Parsed, Edit], Made]] = {
    "condition": condition,
    "consistent_read": consistent_read,
    "checked": checked,
    "together": together,
    "add": add,
    "answer": answer,
}
"""What makes an edit of a kind in Python source; another kind is a function here, or a reason below."""

UNDECIDED: Mapping[str, str] = {
    "claim": "where the claim items are to be stored, and under which key, is for you to decide",
    "once": "where the identifiers of events are to be stored, and under which key, is for you to decide",
}
"""Kinds that no source can be written for, with the reason."""
