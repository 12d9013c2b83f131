"""Decides whether no more than a request's answer is wrong: what is stored is as some serial order leaves it.

Its guard may have refused its write; or it found gone what it was to delete.  A request that reads an old version of what it has
itself written needs no other request for that.
"""

from __future__ import annotations

from toctou.analysis.patterns import Scene, conditional
from toctou.analysis.refusals import refused_last
from toctou.analysis.wording import acts


def refused_unhandled(scene: Scene) -> bool:
    """A request whose guarded write was refused ended in an error, and at most one other request changed anything."""
    execution = scene.execution
    at = refused_last(execution, scene.finding)
    if at is None:
        return False
    refused = execution.operations[at].request
    if scene.cycle and execution.operations[scene.first.earlier].request != refused:
        return False
    changed = [execution.operations[one] for one in execution.of_request(refused) if execution.operations[one].changes]
    if scene.finding.oracle == "no_exception":
        return all(map(conditional, changed))  # else it may have overwritten something
    others = {one.request for one in execution.operations if one.changes} - {refused}
    return not changed and len(others) <= 1


def nothing_left_to_do(scene: Scene) -> bool:
    """What the victim was to delete was gone already, and it changed nothing else."""
    execution, last = scene.execution, scene.last
    own = execution.of_request(execution.operations[scene.first.earlier].request)
    gone = last.item is not None and scene.versions.at(last.item, last.later + 1) is None
    return gone and acts(scene.operation(last.later)) and not any(execution.operations[at].changes for at in own)


def missed_its_own(scene: Scene) -> bool:
    """The victim's read returned an old version of what the victim itself had written."""
    first = scene.first
    return first.stale and scene.operation(first.earlier).request == scene.operation(first.later).request
