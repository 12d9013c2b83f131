"""Decides which requests of an execution are deliveries of one event: equal ones, of a handler that is declared redelivered."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from toctou.history.request import Request


def repeated(requests: Sequence[Request], redelivered: Collection[str]) -> Iterator[tuple[int, ...]]:
    """The requests of each event that is delivered several times, by index; ``redelivered`` are handlers."""
    found: list[tuple[Request, list[int]]] = []
    for index, request in enumerate(requests):
        if request.handler not in redelivered:
            continue
        same = next((each for one, each in found if one == request), None)  # arguments may not be hashable
        if same is None:
            found.append((request, [index]))
        else:
            same.append(index)
    return (tuple(each) for _, each in found if len(each) > 1)


def are_all_of_one_event(requests: Sequence[Request], redelivered: Collection[str]) -> bool:
    """Whether there is nothing besides deliveries of one event, several of them."""
    return any(len(each) == len(requests) for each in repeated(requests, redelivered))
