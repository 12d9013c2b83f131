"""Titles of violations and findings: the handlers, and what went wrong between them.

    delete_item × transfer: owner check bypassed

Titles name handlers, not principals or requests, so that findings are distinguishable in a list; the headline below says who
did what.  They are made of fields that documents have had all along, so stored reports get them too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from toctou.history.wording import listed
from toctou.reporting.document import Document

_HANDLER = re.compile(r": ([^()]+)\(")
_WORDS = {
    "phantom": "acted on an outdated query",
    "aba": "condition held on a changed item",
    "partial_effect": "failed request left a write",
    "resurrection": "deleted item created again",
    "duplicate_effect": "same effect applied twice",
    "missing_check": "no ownership check",
    "not_a_race": "wrong without concurrency",
}
"""What went wrong, where the anomaly's own title does not say it."""


def violation_title(document: Document) -> str:
    """The title of a violation's document."""
    handlers = (request["handler"] for request in document["requests"])
    return _title(handlers, document["explanation"], document["finding"]["oracle"])


def finding_title(finding: Document) -> str:
    """The title of a finding of a run or a scan, which is that of its clearest violation."""
    clearest: Document = finding["scenarios"][0] if finding["scenarios"] else {"requests": [], "oracle": ""}
    named = handlers_named(clearest["requests"])
    if finding["anomaly"] == "fails_alone" and (handlers := finding.get("handlers")):
        return f"{listed(handlers)}: fail alone, for one cause"
    return _title(named or [finding["handler"]], finding, clearest["oracle"])


def handlers_named(requests: Iterable[str]) -> list[str]:
    """The handlers of requests, given as reports have them: ``alice: transfer(item_id='i1')``."""
    return [match[1] for match in map(_HANDLER.search, requests) if match]


def _title(handlers: Iterable[str], explained: Document, oracle: str) -> str:
    anomaly = explained["anomaly"]
    what = _WORDS.get(anomaly) or explained["anomaly_title"] or anomaly
    if anomaly == "toctou":
        # a decision reads "owner of Items[i1]"; one about a range, or about a whole item, names no attribute
        checked, of, _ = explained["decision"].partition(" of ")
        what = f"{checked if of else 'ownership'} check bypassed"
        if oracle != "ownership":
            what = f"{checked} changed between check and use" if of else what.replace("ownership", "earlier")
    return f"{' × '.join(handlers)}: {what}"
