"""Explains a finding: dependencies, the cycle that contradicts a serial order, its name, and the words for all of it.

The oracle says what is wrong; this module says why.  If no cycle between the requests shows it (a failed request
left a write, a handler raised), the witness is the operations that the finding is about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from toctou.analysis.accesses import decided
from toctou.analysis.alone import traceback_of
from toctou.analysis.anomalies import UNNAMED, Named, name
from toctou.analysis.candidates import remedies
from toctou.analysis.cause import Site, places
from toctou.analysis.cycles import Cycle, cycles
from toctou.analysis.dependencies import Accesses, Dependency
from toctou.analysis.explanation import Edge, Explanation
from toctou.analysis.happens_before import operation_graph, request_graph
from toctou.analysis.headlines import condition_of, decided_on, headline
from toctou.analysis.patterns import came_back
from toctou.analysis.threads import by_thread
from toctou.analysis.versions import Versions
from toctou.analysis.wording import Words, acts
from toctou.history.finding import Finding
from toctou.history.footprint import EXISTENCE, EdgeKind
from toctou.history.operation import Execution
from toctou.history.request import label
from toctou.history.wording import attribute_words, listed

_OURS = ("no ", "afterwards ", "if ", "each ", "a condition ", "the ", "every ", "a failed request ", "in the end ")
"""How sentences of ours begin, if not with a name."""


Identity = tuple[str, str, Site | None, Site | None]
"""The key of an anomaly; the handler, the read and the write of its cause."""


def identities(execution: Execution, findings: Sequence[Finding]) -> list[Identity]:
    """What explanations of an execution would name as anomaly and cause, one for each finding."""
    if not findings:
        return []
    versions = Versions(execution)
    accesses = Accesses(versions)
    found = []
    for one in findings:
        named = _named(versions, one, _dependencies(accesses, one))
        if not named.cycle and (of_threads := _between_threads(execution, one)) is not None:
            named = of_threads[2]
        witness = _witness(execution, one, named.cycle)
        found.append((named.anomaly.key, *places(execution, one, named.cycle, witness, named.anomaly.key)))
    return found


def explain(execution: Execution, finding: Finding) -> Explanation:
    """Why an execution in which an oracle found something should not have been possible."""
    words = Words(execution)
    found = _dependencies(Accesses(words.versions), finding)
    named = _named(words.versions, finding, found)
    if not named.cycle and (of_threads := _between_threads(execution, finding)) is not None:
        execution, finding, named = of_threads
        words = Words(execution)
        found = _dependencies(Accesses(words.versions), finding)
    return Explanation(
        anomaly=named.anomaly.key,
        anomaly_title=named.anomaly.title,
        source=named.anomaly.source,
        headline=_sentence(headline(named.anomaly.key, words, named.cycle, finding)),
        edges=tuple(_edge(words, data) for _, _, data in operation_graph(execution, found).edges(data="dependency")),
        witness=_witness(execution, finding, named.cycle),
        cycle=tuple(_edge(words, one) for one in named.cycle),
        contradiction=_sentence(_contradiction(words, finding, named)),
        decision=_decision(words, finding, named),
        decided=_decided(words, finding, named),
        remedies=remedies(words, finding, named),
        traceback=traceback_of(execution, finding),
    )


def _between_threads(execution: Execution, finding: Finding) -> tuple[Execution, Finding, Named] | None:
    """Execution and finding with threads in the place of requests, if a cycle between threads shows what is wrong."""
    split = by_thread(execution, finding) if finding.oracle == "linearizability" else None
    if split is None:
        return None
    versions = Versions(split[0])
    named = _named(versions, split[1], _dependencies(Accesses(versions), split[1]))
    return (*split, named) if named.cycle else None


def unexplained(execution: Execution, finding: Finding) -> Explanation:
    """What can be said of a finding without an argument: which property, and by which operations."""
    return Explanation(
        anomaly=UNNAMED.key,
        anomaly_title=UNNAMED.title,
        source=UNNAMED.source,
        headline=finding.statement,
        edges=(),
        witness=_witness(execution, finding, ()),
        cycle=(),
        contradiction="",
        decision="",
    )


def _dependencies(accesses: Accesses, finding: Finding) -> tuple[Dependency, ...]:
    return accesses.dependencies(finding.operations if finding.oracle == "ownership" else ())


def _named(versions: Versions, finding: Finding, found: Sequence[Dependency]) -> Named:
    execution = versions.execution
    # Refusals that no serial order has to hold cannot contradict one.
    ordered = finding.requests if finding.oracle == "linearizability" else range(len(execution.requests))
    graph = request_graph(execution, found, ordered)
    between = cycles(graph, finding.operations, finding.requests)
    # A request that misses its own write comes before itself.
    own = [(one,) for one in found if one.stale and one.changed and _within(execution, one) in finding.requests]
    return name(versions, finding, [*between, *own])


def _within(execution: Execution, one: Dependency) -> int | None:
    """The request that both operations belong to; ``None`` if they belong to two."""
    earlier, later = (execution.operations[at].request for at in (one.earlier, one.later))
    return earlier if earlier == later else None


def _sentence(text: str) -> str:
    """Upper case at the start, unless that is a name or code."""
    return text[:1].upper() + text[1:] if text.startswith(_OURS) else text


def _edge(words: Words, one: Dependency) -> Edge:
    return Edge(
        kind=one.kind,
        earlier=one.earlier,
        later=one.later,
        item="" if one.item is None else str(one.item),
        attributes=attribute_words(one.changed or one.attributes),
        reason=words.reason(one),
    )


def _witness(execution: Execution, finding: Finding, cycle: Cycle) -> tuple[int, ...]:
    positions = {at for one in cycle for at in (one.earlier, one.later)} | set(finding.operations)
    if not positions:
        positions = {at for at in _of(execution, finding.requests) if execution.operations[at].changes}
    return tuple(sorted(positions or _of(execution, finding.requests)))


def _of(execution: Execution, requests: Iterable[int]) -> set[int]:
    return {position for request in requests for position in execution.of_request(request)}


def _decision(words: Words, finding: Finding, named: Named) -> str:
    """What the victim relied on: what it read, was then changed by another request, and led to a write of its own."""
    cycle, execution = named.cycle, words.execution
    if not cycle or cycle[0].kind is not EdgeKind.RW:
        return ""
    read = cycle[0].earlier
    request = execution.operations[read].request
    guarded = any(at > read and acts(execution.operations[at]) for at in execution.of_request(request))
    if named.anomaly.key == "aba":
        return f"{condition_of(words, cycle)}: the same when it was read and when the condition was evaluated"
    return decided_on(words, cycle[0], finding.attributes) if guarded else ""


def _decided(words: Words, finding: Finding, named: Named) -> tuple[str, ...]:
    """The attributes that the victim relied on."""
    cycle = named.cycle
    if not cycle or cycle[0].kind is not EdgeKind.RW:
        return ()
    if named.anomaly.key == "aba":
        return attribute_words(came_back(words.versions, cycle))
    if cycle[0].range is not None:
        return ()
    names = decided(words.execution.operations[cycle[0].earlier], cycle[0], finding.attributes)
    return attribute_words({EXISTENCE} if EXISTENCE in names else names)


def _contradiction(words: Words, finding: Finding, named: Named) -> str:
    if named.cycle:
        return words.contradiction(named.cycle)
    execution = words.execution
    if finding.closest is not None and finding.closest.contradiction and finding.oracle == "linearizability":
        order = ", then ".join(label(request) for request in finding.closest.requests)
        return f"the serial order that comes closest is {order}: {finding.closest.contradiction}"
    items = {change.item for at in _witness(execution, finding, ()) for change in execution.operations[at].changes}
    match finding.oracle:
        case "ownership":
            return (
                f"{_requests(words, finding)} relied on nothing that another request changed in the meantime: alone "
                "it would have done the same"
            )
        case "no_partial_effect":
            return f"a failed request must leave no write, yet in the end {words.stored_at_end(items)}"
        case "no_exception":
            return (
                f"{_requests(words, finding)} raised instead of answering, which does not depend on any other request"
                if named.anomaly.key == "fails_alone"
                else f"{_requests(words, finding)} raised instead of answering, after what another request had changed"
            )
    return f"in the end {words.stored_at_end(items)}"


def _requests(words: Words, finding: Finding) -> str:
    return listed(words.handler(request) for request in finding.requests)
