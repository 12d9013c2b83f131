"""Titles of violations and findings: the handlers, what went wrong between them, and where.

    delete_item × transfer: owner check bypassed
    app.py:89 reads → app.py:170 deletes

Titles name handlers, not principals or requests, so that findings are distinguishable in a list; the headline below says who
did what.  They are made of fields that documents have had all along, so stored reports get them too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from toctou.history.wording import listed
from toctou.reporting.document import Document
from toctou.reporting.source_document import own_line

_HANDLER = re.compile(r": ([^()]+)\(")
_WORDS = {
    "toctou": "check bypassed",
    "phantom": "acted on an outdated query",
    "aba": "condition held on a changed item",
    "partial_effect": "failed request left a write",
    "resurrection": "deleted item created again",
    "duplicate_effect": "same effect applied twice",
    "missing_check": "no ownership check",
    "not_a_race": "wrong without concurrency",
}
"""What went wrong, where the anomaly's own title does not say it."""

_ACTION = re.compile(r"(batch|transact)?(get|query|scan|put|update|delete|write)", re.IGNORECASE)
_DOES = {
    "get": "reads",
    "query": "queries",
    "scan": "scans",
    "put": "puts",
    "update": "updates",
    "delete": "deletes",
    "write": "writes",
    "batch": " a batch",
    "transact": " in a transaction",
}


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


def harm(finding: Document) -> str:
    """What went wrong, without the handlers: ``owner check bypassed``."""
    return finding_title(finding).rpartition(": ")[2]


def pattern(anomaly: str, title: str = "") -> str:
    """An anomaly in a word or two, where nothing else is known of the violation."""
    return _WORDS.get(anomaly) or title or anomaly.replace("_", " ")


def places(cause: Document) -> str:
    """Where a cause is, in the handler's own lines; ``""`` if that is not known.

    Where those call code that others share, its line follows: ``app.py:89 (store.py:12) reads``.

    Args:
        cause: of a violation, or a finding: what has a ``read`` and a ``write``.
    """
    return " → ".join(_place(site) for site in (cause["read"], cause["write"]) if site and site["source"])


def _place(site: Document) -> str:
    own, inner = own_line(site), site["source"]
    through = f" ({_at(inner)})" if _at(inner) != _at(own) else ""
    return f"{_at(own)}{through} {_does(site['action'])}"


def _does(action: str) -> str:
    """What a call does, as a verb."""
    if (known := _ACTION.match(action)) is None:
        return f"calls {action}"
    return _DOES[known[2].lower()] + _DOES.get((known[1] or "").lower(), "")


def _at(source: Document) -> str:
    return f"{source['file']}:{source['line']}"


def _title(handlers: Iterable[str], explained: Document, oracle: str) -> str:
    what = pattern(explained["anomaly"], explained["anomaly_title"])
    if explained["anomaly"] == "toctou":
        # a decision reads "owner of Items[i1]"; one about a range, or about a whole item, names no attribute
        checked, of, _ = explained["decision"].partition(" of ")
        what = f"{checked if of else 'ownership'} check bypassed"
        if oracle != "ownership":
            what = f"{checked} changed between check and use" if of else what.replace("ownership", "earlier")
    named = [name if count == 1 else f"{name} ×{count}" for name, count in Counter(handlers).items()]
    return f"{' × '.join(named)}: {what}"
