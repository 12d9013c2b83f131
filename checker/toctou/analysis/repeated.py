"""Decides whether one effect occurred twice: by two requests that missed each other, or by two deliveries of one event."""

from __future__ import annotations

from itertools import pairwise

from toctou.analysis.paths import replaced
from toctou.analysis.patterns import Scene
from toctou.history.footprint import EXISTENCE
from toctou.history.item import PLACES, TIMES
from toctou.history.operation import Execution, Operation


def effect_twice(scene: Scene) -> bool:
    """Two requests with the same handler and arguments made the same write, and both times it changed something."""
    left, right = (scene.operation(position).request for position in (scene.first.earlier, scene.first.later))
    one, other = (scene.execution.requests[index] for index in (left, right))
    if (one.handler, one.arguments) != (other.handler, other.arguments) or _only_added(scene):
        return False
    return bool(same_calls(scene.execution, left, right))


def same_calls(execution: Execution, one: int, other: int) -> list[int]:
    """The positions of a request's calls that changed something, and that another request made as well, to some effect."""
    operations = execution.operations
    effects = [[at for at in execution.of_request(request) if _adds_up(operations[at])] for request in (one, other)]
    return [at for at in effects[0] if any(_same_call(operations[at], operations[each]) for each in effects[1])]


def _adds_up(operation: Operation) -> bool:
    """Whether an operation had an effect that counts each time; the same object, put once more into a bucket, is there once."""
    counted = "." not in operation.action
    return any(counted or change.after is None or {TIMES, PLACES} & {*change.after} for change in operation.changes)


def _only_added(scene: Scene) -> bool:
    """All that was missed is a number or a set that the other request's write added to: a balance, not a mark that it is done."""
    first = scene.first
    if first.item is None or EXISTENCE in first.changed:
        return False
    writer = scene.operation(first.later)
    return not replaced(writer, writer, first.item, first.changed)


def repeated_by_itself(scene: Scene) -> bool:
    """A request made the same call twice in a row, and both times it changed something."""
    return any(
        scene.operation(first).changes
        and scene.operation(second).changes
        and _same_call(scene.operation(first), scene.operation(second))
        for request in scene.finding.requests
        for first, second in pairwise(scene.execution.of_request(request))
    )


def delivered_twice(scene: Scene) -> bool:
    """More than one delivery of an event changed something, although it has to take effect once."""
    if scene.finding.oracle != "exactly_once":
        return False
    changing = {scene.operation(at).request for at in scene.finding.operations}
    return len(changing) > len({scene.execution.requests[one] for one in changing})


def _same_call(one: Operation, other: Operation) -> bool:
    return one.action == other.action and one.parameters == other.parameters
