"""The headline of an explanation: one sentence on who did what to whose item, and why it should not have been possible.

One function per anomaly whose story differs; the others share one.  Every function gets the words of the execution
and the cycle, which starts in the request that suffers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from toctou.analysis.accesses import decided
from toctou.analysis.cause import READS
from toctou.analysis.cycles import Cycle
from toctou.analysis.dependencies import Dependency
from toctou.analysis.paths import overwritten, replaces
from toctou.analysis.patterns import came_back
from toctou.analysis.refusals import UNHANDLED_REFUSAL, refused_last
from toctou.analysis.repeated import same_calls
from toctou.analysis.wording import Words
from toctou.history.finding import Finding
from toctou.history.footprint import ALL, EXISTENCE, EdgeKind
from toctou.history.wording import LONGEST_VALUE, attribute_words, change_text, listed, value_text


def headline(key: str, words: Words, cycle: Cycle, finding: Finding) -> str:
    """The sentence; the finding's own statement, if no cycle shows it or an exception is the story."""
    if key == "fails_alone":
        return f"{_first_lines(words, finding)}, with no other request involved"
    if key == UNHANDLED_REFUSAL:
        return _unhandled_refusal(words, finding)
    if not cycle or finding.oracle in {"no_exception", "exactly_once"}:
        return _first_lines(words, finding)
    if key == "toctou":
        return _toctou(words, cycle, finding.attributes)
    return _TEMPLATES.get(key, _interference)(words, cycle)


def _first_lines(words: Words, finding: Finding) -> str:
    """The statement with the first line of each exception's text: some hold whole tracebacks."""
    text = finding.statement
    for request in finding.requests:
        raised = words.execution.responses[request].exception
        if raised is not None and "\n" in raised.message.strip():
            text = text.replace(raised.message, f"{raised.message.strip().partition(chr(10))[0]} …")
    return text


def decided_on(words: Words, one: Dependency, about: tuple[str, ...] = ()) -> str:
    """What a handler relied on that another request then changed: ``owner of Items[x]``, ``existence of Items[x]``.

    Args:
        about: the attributes that the violated property reads; empty if that is not known.
    """
    names = decided(words.execution.operations[one.earlier], one, about)
    if EXISTENCE in names:
        return f"which items {one.range} holds" if one.range else f"existence of {one.item}"
    return f"{listed(attribute_words(names))} of {one.item}" if names else f"{one.item}"


def _toctou(words: Words, cycle: Cycle, about: tuple[str, ...]) -> str:
    first, last = cycle[0], cycle[-1]
    victim = words.execution.operations[first.earlier].request
    other = words.execution.operations[first.later].request
    handler = words.execution.requests[victim].handler
    acted = f"{words.who(victim)} {words.did(last.later)} although {_by_then(words, first, last, about)}"
    if first.range is not None:
        return f"{acted}: {handler} had queried {first.range} before that"
    change = f"{words.short(other)}'s {words.execution.requests[other].handler}"
    return f"{acted}: {handler} checked {decided_on(words, first, about)} before {change}, and did not check again"


def _by_then(words: Words, first: Dependency, last: Dependency, about: tuple[str, ...]) -> str:
    """What had become of the thing decided on when the victim acted."""
    item = first.item
    same = item == last.item
    image = None if item is None else words.versions.at(item, last.later)
    if image is None:
        return f"{'it' if same else item} no longer existed by then"
    names = sorted((first.changed or first.attributes) - {EXISTENCE, ALL})
    names = sorted({*names} & {*about}) or names
    if EXISTENCE in first.changed or not names:
        did = "created" if EXISTENCE in first.changed else "written"
        return f"{words.actor(first.later)} had {did} {'it' if same else item} by then"
    values = [f"{name} was {value_text(image.get(name))}" for name in names[:2]]
    return f"{'its' if same else f'in {item}'} {listed(values)} by then"


def _lost_update(words: Words, cycle: Cycle) -> str:
    first, last = cycle[0], cycle[-1]
    victim, other = (words.execution.operations[at].request for at in (first.earlier, first.later))
    return (
        f"{words.handler(victim)} overwrote what {words.handler(other)} had written: {words.short(other)} "
        f"{words.written(first.later, first)}, then {words.short(victim)} stored{_value_written(words, first, last)}, having "
        f"{'read the older value' if first.range is None else f'queried {first.range} before that'}"
    )


def _value_written(words: Words, first: Dependency, last: Dependency) -> str:
    """What the victim stored in place of what it had missed."""
    item, names = last.item, overwritten(words.execution, first, last)
    image = None if item is None else words.versions.at(item, last.later + 1)
    text = words.values(image, last._replace(attributes=names, changed=names))
    return f" {text}" if 0 < len(text) <= LONGEST_VALUE else ""


def _write_skew(words: Words, cycle: Cycle) -> str:
    pairs = [
        f"{words.who(words.execution.operations[one.earlier].request)} on {decided_on(words, one)}"
        for one in cycle
        if one.item
    ]
    return f"each request changed what the other relied on, and neither saw the change: {listed(pairs)}"


def _phantom(words: Words, cycle: Cycle) -> str:
    first = cycle[0]
    victim = words.execution.operations[first.earlier].request
    ranges = words.execution.operations[first.earlier].footprint.ranges
    if len(cycle) > 1 and all(one.kind is EdgeKind.RW and one.range is not None for one in cycle):
        readers = [words.handler(words.execution.operations[one.earlier].request) for one in cycle]
        did = [
            f"{words.short(words.execution.operations[at].request)} {words.did(at)}"
            for at in sorted({one.later for one in cycle})
        ]
        through = listed(dict.fromkeys(str(one.range) for one in cycle))
        return f"{listed(readers)} queried {through} before either had written: then {listed(did)}"
    return (
        f"{words.handler(victim)} relied on what it found in {listed(map(str, ranges))}, but meanwhile "
        f"{words.actor(first.later)} {words.written(first.later, first)}"
    )


def _resurrection(words: Words, cycle: Cycle) -> str:
    first, last = cycle[0], cycle[-1]
    return (
        f"{words.operation(last.later)} created {first.item} again: {words.actor(first.later)} had removed it after "
        f"{words.operation(first.earlier)} had read it"
    )


def _outdated_answer(words: Words, cycle: Cycle) -> str:
    first, last = cycle[0], cycle[-1]
    victim = words.execution.operations[first.earlier].request
    answered = words.execution.responses[victim].status
    return (
        f"{words.handler(victim)} answered {answered} from what it had read, although {words.actor(last.earlier)} had removed "
        f"{last.item} by then: its own {words.execution.operations[last.later].action} changed nothing"
    )


def _unhandled_refusal(words: Words, finding: Finding) -> str:
    at = refused_last(words.execution, finding)
    if at is None:
        return finding.statement
    operation = words.execution.operations[at]
    response = words.execution.responses[operation.request]
    raised = response.exception
    ended = f"raised {raised.type}" if raised is not None else f"answered {response.status}"
    own = words.execution.of_request(operation.request)
    changed = any(words.execution.operations[one].changes for one in own)
    handler = words.execution.requests[operation.request].handler
    right = "nothing was overwritten" if changed else "what is stored is right"
    return (
        f"a condition refused {words.operation(at)}, so that {right}; but {handler} does not handle that, and {ended}"
    )


def _aba(words: Words, cycle: Cycle) -> str:
    first, last = cycle[0], cycle[-1]
    victim, other = (words.execution.operations[at].request for at in (first.earlier, last.earlier))
    change = words.change(last.later, first.item)
    gone = change is not None and change.after is None
    did = "removed" if gone else "overwrote" if replaces(words.versions, last) else "created again"
    seen = f"the same as before {words.short(other)} {words.written(first.later, first)}"
    return (
        f"{words.handler(victim)} {did} what {words.handler(other)} had written: its "
        f"condition found {condition_of(words, cycle)}, {seen}"
    )


def condition_of(words: Words, cycle: Cycle) -> str:
    """What the condition compared although it could not distinguish an old item from a new one: ``version 1 of Items[x]``."""
    item, names = cycle[0].item, came_back(words.versions, cycle)
    image = None if item is None else words.versions.at(item, cycle[-1].later)
    if image is None or not names <= image.keys():
        return f"{item} without {listed(attribute_words(names - {*(image or ())}))}"
    return f"{listed(f'{name} {value_text(image[name])}' for name in sorted(names))} of {item}"


def _stale_read(words: Words, cycle: Cycle) -> str:
    first = cycle[0]
    return (
        f"{words.operation(first.earlier)} returned an old version of {first.item}: {words.operation(first.later)} had "
        f"already {words.written(first.later, first)}"
    )


def _read_skew(words: Words, cycle: Cycle) -> str:
    first, last = cycle[0], cycle[-1]
    victim, other = (words.execution.operations[at].request for at in (first.earlier, first.later))
    return (
        f"{words.handler(victim)} saw only part of what {words.handler(other)} did: it found {last.item} as "
        f"{words.short(other)} had left it, but not that {words.short(other)} {words.written(first.later, first)}"
    )


def _non_repeatable_read(words: Words, cycle: Cycle) -> str:
    first, again = cycle[0], words.execution.operations[cycle[-1].later]
    read = words.execution.operations[first.earlier]
    victim = read.request
    if again.action not in READS:
        return (
            f"{words.handler(victim)} met {first.item} in two different states, by its {read.action} and by its "
            f"{again.action}: in between {words.operation(first.later)} {words.written(first.later, first)}"
        )
    return (
        f"{words.handler(victim)} read {first.item} twice with two different results: in between "
        f"{words.operation(first.later)} {words.written(first.later, first)}"
    )


def _duplicate(words: Words, cycle: Cycle) -> str:
    first = cycle[0]
    victim, other = (words.execution.operations[at].request for at in (first.earlier, first.later))
    repeated = same_calls(words.execution, victim, other)
    effects = [change_text(change) for at in repeated for change in words.execution.operations[at].changes]
    return (
        f"{words.handler(victim)} {listed(effects[:2])} although {words.handler(other)} had done the same: it relied on "
        f"{decided_on(words, first)}, read before that"
    )


def _interference(words: Words, cycle: Cycle) -> str:
    requests = [words.execution.operations[one.earlier].request for one in cycle]
    return f"{listed(map(words.handler, requests))} interfered with each other: {words.reason(cycle[0])}"


_TEMPLATES: Mapping[str, Callable[[Words, Cycle], str]] = {
    "lost_update": _lost_update,
    "write_skew": _write_skew,
    "phantom": _phantom,
    "resurrection": _resurrection,
    "aba": _aba,
    "outdated_answer": _outdated_answer,
    "stale_read": _stale_read,
    "read_skew": _read_skew,
    "dirty_read": _read_skew,
    "non_repeatable_read": _non_repeatable_read,
    "duplicate_effect": _duplicate,
}
