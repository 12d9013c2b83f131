"""The API's actions by name: one module each, which holds the record of its action, and one line here."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from toctou.engine.actions.action import Action, Kind

_MODULES = (
    "batch_execute_statement",
    "batch_get_item",
    "batch_write_item",
    "create_table",
    "delete_item",
    "delete_table",
    "describe_endpoints",
    "describe_limits",
    "describe_table",
    "describe_time_to_live",
    "execute_statement",
    "execute_transaction",
    "get_item",
    "list_tables",
    "list_tags_of_resource",
    "put_item",
    "query",
    "scan",
    "tag_resource",
    "transact_get_items",
    "transact_write_items",
    "untag_resource",
    "update_item",
    "update_table",
    "update_time_to_live",
)

# Imported by name, so that an action's line stands once: as an `import` statement it would need a second one in the table.
_RECORDS: tuple[Action, ...] = tuple(import_module(f"{__name__}.{module}").ACTION for module in _MODULES)

ACTIONS: Mapping[str, Action] = {action.name: action for action in _RECORDS}


def actions_of(*kinds: Kind) -> frozenset[str]:
    """The names of all actions of these kinds."""
    return frozenset(action.name for action in _RECORDS if action.kind in kinds)
