"""Tells the threads of a request apart, so that a race between them is explained as one between requests is.

A request with threads is correct if it does what they do one after the other, in some order.  So where no two requests are
in each other's way, each thread of a request is taken for a request of its own, with the name of its thread.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from toctou.history.finding import Finding
from toctou.history.operation import Execution, Operation
from toctou.history.request import Request, ThreadOf, label


def threads(execution: Execution) -> Mapping[int, int]:
    """By position, the number of the thread that performed an operation, where several of the request did.

    0 is the handler's own.  A thread is what would run as a whole if nothing were concurrent, such as a function of a pool.
    """
    numbers: dict[tuple[int, tuple[int, ...]], int] = {}
    for request in range(len(execution.requests)):
        units = sorted({execution.operations[at].unit for at in execution.of_request(request)})
        if len(units) > 1:
            first = 0 if () in units else 1
            numbers.update({(request, unit): number for number, unit in enumerate(units, first)})
    return {
        at: numbers[one.request, one.unit]
        for at, one in enumerate(execution.operations)
        if (one.request, one.unit) in numbers
    }


def by_thread(execution: Execution, finding: Finding) -> tuple[Execution, Finding] | None:
    """The execution and the finding with threads in the place of requests; ``None`` if no request has several."""
    found = threads(execution)
    if not found:
        return None
    requests: list[Request] = []
    of: list[int] = []  # the request that each of these stands for
    places: dict[tuple[int, int], int] = {}
    for index, request in enumerate(execution.requests):
        numbers = sorted({found[at] for at in execution.of_request(index) if at in found}) or [-1]
        for number in numbers:
            places[index, number] = len(requests)
            of.append(index)
            requests.append(request if number < 0 else _thread(request, _name(execution, index, number)))
    operations: list[Operation] = []
    for at, one in enumerate(execution.operations):
        operations.append(replace(one, request=places[one.request, found.get(at, -1)]))
    split = replace(
        execution,
        requests=tuple(requests),
        operations=tuple(operations),
        responses=tuple(execution.responses[index] for index in of),
        # No thread ends before another one of its request begins, as far as real time is concerned.
        endings=tuple(execution.endings[index] for index in of),
    )
    about = tuple(place for place, index in enumerate(of) if index in finding.requests)
    return split, replace(finding, requests=about, closest=None)


def _thread(request: Request, name: str) -> Request:
    return ThreadOf(request.principal, request.handler, request.arguments, name=name)


def _name(execution: Execution, index: int, number: int) -> str:
    whose = "" if len(execution.requests) == 1 else f" of {label(index)}"
    return f"thread {number}{whose}" if number else f"the main thread{whose}"
