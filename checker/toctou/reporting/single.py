"""Reports of violations that are found one at a time, by tests.

It decides where they go: into the directory of the other reports, under names made of the test's own name, so that tests
that run side by side, in several processes or sessions too, never write the same file.  ``toctou check`` neither lists these
files nor removes them.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from toctou.counterexample.violation import Violation
from toctou.errors import contained
from toctou.reporting.document import Document, documented, stored_as, with_faults
from toctou.reporting.findings import ranked
from toctou.reporting.sessions import directory_of_session
from toctou.reporting.write import stored_formats, unwritable, write_atomically

_READABLE = 80


def write_found(
    directory: Path, test: str, model: str, title: str, violations: Sequence[Violation], *, session: str
) -> list[Document]:
    """Write the reports of what one test found in one model, in every format; returns their documents, most severe first.

    Reports of an earlier run of the same test are replaced, unless its session has not ended.

    Args:
        directory: made if it is not there; see :mod:`toctou.reporting.sessions`.
        test: a unique name of the test, such as pytest's node id.
        model: as the command line names it.
        title: first line of the model's docstring.
        violations: what was found; the most severe gets number 1.
        session: what all processes of the session that the test belongs to are called.

    Raises:
        ReportError: the directory cannot be written to.
    """
    stem = _stem(test, model)
    documents = []
    try:
        directory = directory_of_session(directory, session)
        directory.mkdir(parents=True, exist_ok=True)
        for old in directory.glob(f"{stem}-*"):
            old.unlink(missing_ok=True)
        for number, document in enumerate(ranked(_documents(model, title, violations)), 1):
            file = directory / f"{stem}-{number}.json"
            document.update(stored_as(file))
            faults: list[str] = []
            for suffix, render in stored_formats().items():
                text = contained(f"{stem}-{number}{suffix}", partial(render, document), None, faults)
                if text is not None:
                    write_atomically(file.with_name(f"{stem}-{number}{suffix}"), text)
            documents.append(with_faults(document, faults))
    except OSError as error:
        raise unwritable(directory, error) from error
    return documents


def _documents(model: str, title: str, violations: Sequence[Violation]) -> list[Document]:
    """The documents that can be made."""
    made = [documented(model, one, title, []) for one in violations]
    return [one for one in made if one is not None]


def _stem(test: str, model: str) -> str:
    """Readable, and distinguished by a checksum of the full names from others that read the same."""
    readable = re.sub(r"[^\w.-]+", "_", f"{test}.{model.rpartition(':')[2]}").strip("._")[-_READABLE:]
    return f"{readable}-{binascii.crc32(f'{test} {model}'.encode()):08x}"
