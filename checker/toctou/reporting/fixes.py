"""Changes of the source that fix a finding, for formats that can hold them.

They are made of the source as it is when a finding is documented, and not checked: `toctou fix` does that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import NamedTuple

from toctou.errors import contained
from toctou.remediation.source_edits.patch import replacements
from toctou.reporting.document import Document


class Replacement(NamedTuple):
    """Whole lines of a file, and the text that comes in their place, without the last line's end.

    Attributes:
        file: as a source's ``file``.
        first, last: from 1, both included.
    """

    file: str
    first: int
    last: int
    text: str


def fix_document(violation: Document) -> Document:
    """The remedy of a violation, with what is to be replaced for it, as a member of a finding; nothing if there is none."""
    remedy = violation.get("remedy")
    if not remedy:
        return {}
    made = contained("the change of the source", lambda: replacements(violation), None, []) if remedy["edits"] else None
    return {"fix": {**remedy, **({"replacements": [asdict(one) for one in made]} if made else {})}}


def fixes_of(finding: Document) -> Sequence[Replacement]:
    """All that is to be replaced to fix a finding; nothing if that is not known."""
    return [Replacement(**one) for one in (finding.get("fix") or {}).get("replacements", ())]
