"""Decides which fix to suggest for a violation: concrete as far as one execution shows it, and never a promise.

A suggestion names the write and what its condition has to compare: the attributes that were relied on, with the values that
were read.  Whether that is enough is for ``toctou check`` to say, after the change.

Sources: Amazon DynamoDB Developer Guide, condition expressions, transactions and read consistency,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.ConditionExpressions.html.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from toctou.analysis.accesses import decided, decisive, parts
from toctou.analysis.alone import remedy_alone
from toctou.analysis.anomalies import Named
from toctou.analysis.cause import READS, guarded_write
from toctou.analysis.dependencies import Dependency
from toctou.analysis.patterns import came_back, conditional
from toctou.analysis.wording import Words, acts
from toctou.history.finding import Finding
from toctou.history.footprint import ALL, EXISTENCE, EdgeKind
from toctou.history.item import ItemId
from toctou.history.operation import Operation
from toctou.history.request import ThreadOf
from toctou.history.wording import listed, value_text

MOST_TERMS = 3


def remedy(words: Words, finding: Finding, named: Named) -> str:
    """The suggested fix, in a sentence or two; ``""`` where there is none."""
    if finding.oracle == "exactly_once":
        return _once(words, finding)
    special = _SPECIAL.get(named.anomaly.key)
    if special is not None:
        return special(words, finding, named)
    if finding.oracle == "no_exception":
        return _answer_instead(words, finding, named)
    return _guard(words, finding, named)


def _failed(
    words: Words, finding: Finding, request: int, how: str = "fails with ConditionalCheckFailedException"
) -> str:
    """What to do once the condition does not hold: the answer that the request gives in the closest serial order."""
    closest, answered = finding.closest, words.execution.responses[request].status
    other = closest is not None and closest.answer not in {None, answered}
    fits = closest is not None and other and closest.requests[closest.explained] == request
    alone = ", as it does when the requests run one after the other"
    instead = f"answer {closest.answer}{alone}" if closest is not None and fits else "answer 409"
    winner = "thread" if isinstance(words.execution.requests[request], ThreadOf) else "request"
    return f"if that {how}, another {winner} won the race: re-read and retry, or {instead}"


def _guard(words: Words, finding: Finding, named: Named) -> str:
    """Make the write conditional on what was relied on."""
    cycle, execution = named.cycle, words.execution
    if not cycle or cycle[0].kind is not EdgeKind.RW or cycle[0].item is None:
        return ""
    first = cycle[0]
    at = guarded_write(execution, finding, first.earlier, cycle[-1].later)
    if at is None:
        return _read_together(words, finding, named)
    write, item = execution.operations[at], cycle[0].item
    if item.service or _is_of_service(write):
        return _in_other_service(write, item, _failed(words, finding, write.request, "fails"))
    condition = _condition(words, first, item, finding)
    cancelled = _failed(words, finding, write.request, "is cancelled")
    if item in _written(write) and write.action != "BatchWriteItem":
        request = execution.of_request(write.request)
        others = [
            execution.operations[one].action
            for one in request
            if execution.operations[one].changes and one != at and not _is_of_service(execution.operations[one])
        ]
        if others:
            writes = ", ".join(dict.fromkeys([*others, write.action]))
            return (
                f"make the request's writes ({writes}) in one TransactWriteItems, the one to {item} with "
                f"ConditionExpression={condition}; {cancelled}"
            )
        guarded = f"{_put_into(write)}: ConditionExpression={condition}; {_failed(words, finding, write.request)}"
        name = _counted(words, named, item)
        if not name:
            return guarded
        return (
            f"if {name} is only incremented or decremented, use UpdateExpression='ADD #{name} :change', which needs neither "
            f"a read nor a condition.  Otherwise {guarded}"
        )
    if first.range is not None:
        return (
            f"no condition covers a range such as {first.range}: keep what the request relies on (a count, a limit, the "
            f"next number) in an item of its own, and update it conditionally in one TransactWriteItems with the {write.action}; "
            f"{cancelled}"
        )
    return (
        f"make the {write.action} in one TransactWriteItems with a ConditionCheck of {item}: "
        f"ConditionExpression={condition}; {cancelled}"
    )


def _in_other_service(write: Operation, item: ItemId, failed: str) -> str:
    """What to do where no transaction covers both the decision and the write."""
    if item.service == "s3" and item in _written(write):
        return (
            f"make the {write.action} conditional: IfMatch=<the ETag that was read>, or IfNoneMatch='*' where there was no "
            f"object; {failed}"
        )
    if item.service:
        return (
            f"no condition of the {write.action} covers {item}: keep what the request relies on in an item of DynamoDB, and make "
            f"the write conditional on it; {failed}"
        )
    return f"{_after_writes([write.action])}, of which one has to be conditional on {item}; {failed}"


def _after_writes(actions: Sequence[str]) -> str:
    return (
        f"make the {listed(actions)} only once the writes that may fail have succeeded, or store with these, in one "
        "TransactWriteItems, what is to be sent (a transactional outbox)"
    )


def _is_of_service(operation: Operation) -> bool:
    """Whether an operation is a call to another AWS service than DynamoDB."""
    return "." in operation.action


def _written(write: Operation) -> set[ItemId]:
    return {*write.footprint.writes, *write.footprint.increments, *(change.item for change in write.changes)}


def _put_into(write: Operation) -> str:
    has_one = conditional(write)
    return f"extend the condition of the {write.action}" if has_one else f"make the {write.action} conditional"


def _counted(words: Words, named: Named, item: ItemId) -> str:
    """Of an update that was lost, the attribute that is a number and so need not be read before it is written."""
    name = next(iter(sorted(named.cycle[0].changed - {EXISTENCE, ALL})), "")
    image = words.versions.at(item, named.cycle[0].earlier) or {}
    if named.anomaly.key != "lost_update" or "N" not in image.get(name, ()):
        return ""
    return name


def _condition(words: Words, first: Dependency, item: ItemId, finding: Finding) -> str:
    """A condition expression that holds only while what was read is unchanged, with the meaning of its placeholders."""
    read, image = words.execution.operations[first.earlier], words.versions.at(item, first.earlier)
    if image is None:
        return f"'attribute_not_exists({_key_name(words, item)})'"
    names, seen = decided(read, first, finding.attributes), decisive(read, item)
    if EXISTENCE in names and (seen is None or ALL in seen):
        names = frozenset()  # everything was taken along, and that it is there is what matters
    asked = sorted(name for name in names - {EXISTENCE, ALL} if name not in image or not _in_key(item, image[name]))
    if not asked:
        return f"'attribute_exists({_key_name(words, item)})'"
    principal = words.execution.requests[words.execution.operations[first.earlier].request].principal
    absent = [name for name in asked[:MOST_TERMS] if name not in image]
    of_caller = [name for name in asked[:MOST_TERMS] if image.get(name) == {"S": principal}]
    as_read = [f":{name}" for name in asked[:MOST_TERMS] if name not in {*absent, *of_caller}]
    terms = [
        f"attribute_not_exists(#{name})"
        if name in absent
        else f"#{name} = {':caller' if name in of_caller else f':{name}'}"
        for name in asked[:MOST_TERMS]
    ]
    meanings = [":caller is the principal"] if of_caller else []
    if as_read:
        meanings.append(
            f"{listed(as_read)} {'is the value that was' if len(as_read) == 1 else 'are the values that were'} read"
        )
    if len(asked) == 1:
        names_given = f"'{terms[0]}', ExpressionAttributeNames={{'#{asked[0]}': '{asked[0]}'}}"
        if absent:
            return names_given
        meaning = "the principal" if of_caller else "the value that was read"
        (placeholder,) = [":caller"] if of_caller else as_read
        return f"{names_given}, ExpressionAttributeValues={{'{placeholder}': <{meaning}>}}"
    more = " and so on" if len(asked) > MOST_TERMS else ""
    where = f", where {listed(meanings)}" if meanings else ""
    return f"'{' AND '.join(terms)}'{more}{where}"


def _in_key(item: ItemId, value: Mapping[str, object]) -> bool:
    return any(value == {kind: part} for kind, part in item.key)


def _key_name(words: Words, item: ItemId) -> str:
    """The name of the item's partition key, as some operation wrote it."""
    kind, value = item.key[0]
    for operation in words.execution.operations:
        for part in parts(operation.parameters):
            for name, written in {**(part.get("Item") or {}), **(part.get("Key") or {})}.items():
                if written == {kind: value} and part.get("TableName") == item.table:
                    return str(name)
    return "the partition key"


def _read_together(words: Words, _finding: Finding, named: Named) -> str:
    if not named.cycle:  # what was read has been taken back since, so that nothing leads back to the read
        return ""
    first, last = named.cycle[0], named.cycle[-1]
    reads = [words.execution.operations[at] for at in (first.earlier, last.later)]
    if reads[0] is reads[1] or any(one.action not in READS for one in reads):
        return ""
    if reads[0].action.startswith("Batch") and reads[0].source == reads[1].source:
        return f"read both in one TransactGetItems instead of a {reads[0].action}, which reads each item by itself"
    return f"read both in one TransactGetItems instead of a {reads[0].action} and a {reads[1].action}"


def _stale(words: Words, _finding: Finding, named: Named) -> str:
    read = words.execution.operations[named.cycle[0].earlier]
    own = (words.execution.operations[at] for at in words.execution.of_request(read.request))
    instead = ", or make the write conditional on what it relies on" if any(map(acts, own)) else ""
    if "IndexName" in read.parameters:
        return (
            f"a global secondary index cannot be read consistently: take only keys from the {read.action}, and read the item "
            f"itself with ConsistentRead=True{instead}"
        )
    return f"make the {read.action} with ConsistentRead=True{instead}"


def _aba(words: Words, _finding: Finding, named: Named) -> str:
    item, execution = named.cycle[0].item, words.execution
    names = sorted(came_back(words.versions, named.cycle))
    image = None if item is None else words.versions.at(item, named.cycle[-1].later)
    values = [f"{name} {value_text(image[name])}" if image and name in image else name for name in names]
    last = execution.operations[named.cycle[-1].earlier]
    handler = execution.requests[last.request].handler
    numbers = image is not None and all("N" in image.get(name, ()) for name in names)
    change = "increment it, or store" if numbers and len(names) == 1 else "store"
    return (
        f"the {last.action} of {handler} leaves the item with {listed(values)} again: {change} a new unique value on every "
        "write, also on one that creates the item again, and make the condition compare it"
    )


def _all_or_nothing(words: Words, finding: Finding, _named: Named) -> str:
    actions = [words.execution.operations[at].action for at in words.execution.of_request(finding.requests[0])]
    writes = list(dict.fromkeys(action for action in actions if action not in READS))
    if sent := list(dict.fromkeys(one.action for one in _changing(words, finding) if _is_of_service(one))):
        return _after_writes(sent)
    return f"make all writes of the request ({listed(writes)}) in one TransactWriteItems, so that all of them happen or none"


def _changing(words: Words, finding: Finding) -> list[Operation]:
    return [words.execution.operations[at] for at in finding.operations if words.execution.operations[at].changes]


def _one_transaction(words: Words, _finding: Finding, named: Named) -> str:
    requests = [words.execution.operations[one.earlier].request for one in named.cycle]
    handlers = dict.fromkeys(words.execution.requests[one].handler for one in requests)
    return f"make all writes of {listed(handlers)} in one TransactWriteItems each, conditional on what they rely on"


def _missing_check(words: Words, finding: Finding, _named: Named) -> str:
    write = words.execution.operations[finding.operations[0]]
    names = finding.attributes or ("the owner",)
    terms = " AND ".join(f"#{name} = :caller" for name in names)
    condition = f": ConditionExpression='{terms}', where :caller is the principal" if finding.attributes else ""
    return f"{_put_into(write)}{condition}; {_failed(words, finding, write.request)}"


def _answer_instead(words: Words, finding: Finding, _named: Named) -> str:
    raised = [words.execution.responses[request].exception for request in finding.requests]
    kinds = listed(dict.fromkeys(one.type for one in raised if one is not None) or ["the exception"])
    return f"handle {kinds}: an item may have been deleted or changed between the two calls; answer 404 or 409 then"


def _by_itself(_words: Words, finding: Finding, _named: Named) -> str:
    return (
        f"this does not depend on another request, so no condition will help: correct what the handler does alone, or what "
        f"{finding.oracle} expects of it"
    )


def _once(words: Words, finding: Finding) -> str:
    """Make all deliveries of an event but one find out that it has been processed."""
    writes = list(dict.fromkeys(one.action for one in _changing(words, finding)))
    elsewhere = [one for one in writes if "." in one]
    effects = [one for one in writes if "." not in one] or ["effect"]
    sent = f"; no transaction covers {listed(elsewhere)}, so make it repeatable" if elsewhere else ""
    return (
        f"make the {listed(effects)} in one TransactWriteItems with a Put of what identifies the event (messageId, eventID, "
        "id, or a client's idempotency key), ConditionExpression='attribute_not_exists(<its key>)'; if that is cancelled, the "
        "event has been processed: return without an error; or wrap what processes it in the idempotency of Powertools for "
        f"AWS Lambda, which stores that identifier first{sent}"
    )


_SPECIAL: Mapping[str, Callable[[Words, Finding, Named], str]] = {
    "stale_read": _stale,
    "partial_effect": _all_or_nothing,
    "aba": _aba,
    "missing_check": _missing_check,
    "dirty_write": _one_transaction,
    "dirty_read": _read_together,
    "read_skew": _read_together,
    "non_repeatable_read": _read_together,
    "fails_alone": lambda words, finding, _named: remedy_alone(words, finding),
    "unhandled_exception": _answer_instead,
    "not_a_race": _by_itself,
}
"""Anomalies that need something other than a condition on what was read."""
