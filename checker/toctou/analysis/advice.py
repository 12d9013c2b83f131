"""Decides what to advise where no change of an intercepted call can be tried: in words, with the reason why it is not tried.

Sources: Amazon DynamoDB Developer Guide, condition expressions, transactions and read consistency,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from toctou.analysis.alone import remedy_alone
from toctou.analysis.anomalies import Named
from toctou.analysis.cause import READS, guarded_write
from toctou.analysis.edit_words import failed
from toctou.analysis.edits import is_call
from toctou.analysis.patterns import came_back
from toctou.analysis.wording import Words, acts
from toctou.history.finding import Finding
from toctou.history.footprint import EdgeKind
from toctou.history.item import ItemId
from toctou.history.operation import Operation
from toctou.history.wording import listed, value_text

Advice = tuple[str, str]
"""What to do, and why the checker cannot try it; both empty where there is nothing to say."""

_NONE: Advice = ("", "")
_OTHER_CODE = "it changes what the handler does besides its calls"
_OTHER_SERVICE = "it concerns another AWS service"
_OTHER_ITEM = "it takes an item that the handler does not have yet, and only its author knows which"
_READ_AHEAD = "the handler would have to know the second key before its first read"


def advice(words: Words, finding: Finding, named: Named) -> Advice:
    """The advice for a finding, and why it cannot be tried."""
    if finding.oracle == "exactly_once":
        return _once(words, finding)
    special = _SPECIAL.get(named.anomaly.key)
    if special is not None:
        return special(words, finding, named)
    if finding.oracle == "no_exception":
        return _NONE
    return _guard(words, finding, named)


def _guard(words: Words, finding: Finding, named: Named) -> Advice:
    cycle, execution = named.cycle, words.execution
    if not cycle or cycle[0].kind is not EdgeKind.RW or cycle[0].item is None:
        return _NONE
    first = cycle[0]
    at = guarded_write(execution, finding, first.earlier, cycle[-1].later)
    if at is None:
        return _read_together(words, finding, named)
    write, item = execution.operations[at], cycle[0].item
    if item.service or not is_call(write):
        return _in_other_service(write, item, failed(words, finding, write.request, "fails")), _OTHER_SERVICE
    if first.range is not None:
        how = failed(words, finding, write.request, "is cancelled")
        return (
            f"No condition covers a range such as {first.range}: keep what the request relies on (a count, a limit, the "
            "next number) in an item of its own, and update it conditionally in one TransactWriteItems with the "
            f"{write.action}; {how}",
            _OTHER_ITEM,
        )
    return _NONE


def _in_other_service(write: Operation, item: ItemId, how: str) -> str:
    """What to do where no transaction covers both the decision and the write."""
    if item.service == "s3" and item in {*write.footprint.writes, *(change.item for change in write.changes)}:
        return (
            f"Make the {write.action} conditional: IfMatch=<the ETag that was read>, or IfNoneMatch='*' where there was no "
            f"object; {how}"
        )
    if item.service:
        return (
            f"No condition of the {write.action} covers {item}: keep what the request relies on in an item of DynamoDB, and make "
            f"the write conditional on it; {how}"
        )
    return f"{_after_writes([write.action])}, of which one has to be conditional on {item}; {how}"


def _after_writes(actions: Sequence[str]) -> str:
    return (
        f"Make the {listed(actions)} only once the writes that may fail have succeeded, or store with these, in one "
        "TransactWriteItems, what is to be sent (a transactional outbox)"
    )


def _read_together(words: Words, _finding: Finding, named: Named) -> Advice:
    if not named.cycle:  # what was read has been taken back since, so that nothing leads back to the read
        return _NONE
    first, last = named.cycle[0], named.cycle[-1]
    reads = [words.execution.operations[at] for at in (first.earlier, last.later)]
    if any(one.action not in READS for one in reads):
        return _NONE
    names = list(dict.fromkeys(one.action for one in reads))
    if any(one.footprint.ranges for one in reads):
        return (
            f"A transaction reads items by their keys, and nothing that a {' or '.join(names)} finds: keep what belongs "
            "together in one item, or accept that the answer mixes two moments",
            _OTHER_ITEM,
        )
    if reads[0] is reads[1]:
        return _NONE
    if reads[0].action.startswith("Batch") and reads[0].source == reads[1].source:
        return (
            f"Read both in one TransactGetItems instead of a {reads[0].action}, which reads each item by itself",
            _READ_AHEAD,
        )
    return f"Read both in one TransactGetItems instead of a {reads[0].action} and a {reads[1].action}", _READ_AHEAD


def _stale(words: Words, _finding: Finding, named: Named) -> Advice:
    if not named.cycle:
        return _NONE
    read = words.execution.operations[named.cycle[0].earlier]
    if "IndexName" not in read.parameters:
        return _NONE
    own = (words.execution.operations[at] for at in words.execution.of_request(read.request))
    instead = ", or make the write conditional on what it relies on" if any(map(acts, own)) else ""
    return (
        f"A global secondary index cannot be read consistently: take only keys from the {read.action}, and read the item itself "
        f"with ConsistentRead=True{instead}",
        "the handler would make another call",
    )


def _aba(words: Words, _finding: Finding, named: Named) -> Advice:
    item, execution = named.cycle[0].item, words.execution
    names = sorted(came_back(words.versions, named.cycle))
    image = None if item is None else words.versions.at(item, named.cycle[-1].later)
    values = [f"{name} {value_text(image[name])}" if image and name in image else name for name in names]
    last = execution.operations[named.cycle[-1].earlier]
    handler = execution.requests[last.request].handler
    numbers = image is not None and all("N" in image.get(name, ()) for name in names)
    change = "increment it, or store" if numbers and len(names) == 1 else "store"
    return (
        f"The {last.action} of {handler} leaves the item with {listed(values)} again: {change} a new unique value on every "
        "write, also on one that creates the item again, and make the condition compare it",
        "it takes an attribute that every writer of the item changes",
    )


def _all_or_nothing(words: Words, finding: Finding, _named: Named) -> Advice:
    if sent := list(dict.fromkeys(one.action for one in _changing(words, finding) if not is_call(one))):
        return _after_writes(sent), _OTHER_SERVICE
    actions = [words.execution.operations[at].action for at in words.execution.of_request(finding.requests[0])]
    writes = list(dict.fromkeys(action for action in actions if action not in READS))
    return (
        f"Make all writes of the request ({listed(writes)}) in one TransactWriteItems, so that all of them happen or none; a "
        "transaction takes one operation on each item, so join those on the same item",
        _OTHER_CODE,
    )


def _changing(words: Words, finding: Finding) -> list[Operation]:
    return [words.execution.operations[at] for at in finding.operations if words.execution.operations[at].changes]


def _one_transaction(words: Words, _finding: Finding, named: Named) -> Advice:
    requests = [words.execution.operations[one.earlier].request for one in named.cycle]
    handlers = dict.fromkeys(words.execution.requests[one].handler for one in requests)
    return (
        f"Make all writes of {listed(handlers)} in one TransactWriteItems each, conditional on what they rely on",
        _OTHER_CODE,
    )


def _missing_check(words: Words, finding: Finding, _named: Named) -> Advice:
    write = words.execution.operations[finding.operations[0]]
    how = failed(words, finding, write.request, "fails")
    return f"Make the {write.action} conditional on the owner; {how}", "the model does not say which attribute that is"


def _alone(words: Words, finding: Finding, _named: Named) -> Advice:
    text = remedy_alone(words, finding)
    return text[:1].upper() + text[1:], _OTHER_CODE


def _by_itself(_words: Words, finding: Finding, _named: Named) -> Advice:
    return (
        f"This does not depend on another request, so no condition will help: correct what the handler does alone, or what "
        f"{finding.oracle} expects of it",
        _OTHER_CODE,
    )


def _once(words: Words, finding: Finding) -> Advice:
    elsewhere = list(dict.fromkeys(one.action for one in _changing(words, finding) if not is_call(one)))
    return (
        f"No transaction covers {listed(elsewhere) or 'the effect'}: store what identifies the event first, conditionally, and "
        "make the call repeatable; or wrap what processes it in the idempotency of Powertools for AWS Lambda, which stores that "
        "identifier first",
        _OTHER_SERVICE,
    )


_SPECIAL: Mapping[str, Callable[[Words, Finding, Named], Advice]] = {
    "stale_read": _stale,
    "partial_effect": _all_or_nothing,
    "aba": _aba,
    "missing_check": _missing_check,
    "dirty_write": _one_transaction,
    "dirty_read": _read_together,
    "read_skew": _read_together,
    "non_repeatable_read": _read_together,
    "fails_alone": _alone,
    "not_a_race": _by_itself,
}
"""Anomalies that need something other than a condition on what was read."""
