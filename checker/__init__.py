"""toctou: a model-based concurrency checker for request handlers that keep their data in DynamoDB.

    from checker import Model, Table, check, handler

Declare a :class:`Model` and run ``toctou check FILE``, use the ``toctou`` fixture in a pytest test,
or call :func:`check`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from checker.exploration.model import Handler, Model, handler, invariant
from checker.exploration.route import route
from checker.exploration.table import Table
from checker.gate.service import HttpCall, Service
from checker.history.item import plain
from checker.history.request import Request, Response
from checker.specification import Specification, StoredItems
from checker.verdict import StopReason, Verdict

if TYPE_CHECKING:
    from checker.exploration.app import App
    from checker.exploration.check import check_model as check
    from checker.reporting.regression import assert_race_is_gone

__all__ = [
    "App",
    "Handler",
    "HttpCall",
    "Model",
    "Request",
    "Response",
    "Service",
    "Specification",
    "StopReason",
    "StoredItems",
    "Table",
    "Verdict",
    "assert_race_is_gone",
    "check",
    "handler",
    "invariant",
    "plain",
    "route",
]

_LOADED_WHEN_ASKED_FOR = {
    "App": ("checker.exploration.app", "App"),
    "assert_race_is_gone": ("checker.reporting.regression", "assert_race_is_gone"),
    "check": ("checker.exploration.check", "check_model"),
}
"""What needs the whole checker: the pytest plugin is loaded in every pytest run, and with it this package."""


def __getattr__(name: str) -> Any:
    if name not in _LOADED_WHEN_ASKED_FOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _LOADED_WHEN_ASKED_FOR[name]
    return getattr(import_module(module), attribute)
