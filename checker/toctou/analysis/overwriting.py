"""Decides whether a write replaced what another one had stored; to write to the same attribute later is not yet that."""

from __future__ import annotations

from toctou.analysis.paths import overwritten, replaces
from toctou.analysis.patterns import Scene, in_time, same_item


def overwrites_what_it_missed(scene: Scene) -> bool:
    """The victim writes a value over a change that its read had not seen, and leaves the item in place."""
    item, at = scene.last.item, scene.last.later
    if item is None or not same_item(scene) or not in_time(scene):
        return False
    versions = scene.versions
    stays = versions.at(item, at) is not None and versions.at(item, at + 1) is not None
    return stays and bool(overwritten(scene.execution, scene.first, scene.last))


def both_replace(scene: Scene) -> bool:
    """Each of the later writes replaced, or removed, what the earlier one had stored."""
    return all(replaces(scene.versions, one) for one in scene.cycle)
