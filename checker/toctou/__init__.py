"""toctou: a model-based concurrency checker for request handlers that keep their data in DynamoDB.

    from toctou import Model, Table, check, handler

Declare a :class:`Model` and run ``toctou check FILE``, use the ``toctou`` fixture in a pytest test,
or call :func:`check`.  Everything for users is here; ``checker/guide/reference.md`` describes it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from toctou.declaration.event import event
from toctou.declaration.model import Handler, Model, handler, invariant
from toctou.declaration.route import route
from toctou.declaration.table import Table
from toctou.errors import ToctouError
from toctou.gate.service import HttpCall, Service
from toctou.history.item import plain
from toctou.history.request import Request, Response
from toctou.specification import Specification, StoredItems
from toctou.verdict import StopReason, Verdict
from toctou.web.callers import authorizer, claims, iam

if TYPE_CHECKING:
    from toctou.checking.check import check_model as check
    from toctou.client.no_effect import no_effect
    from toctou.declaration.app import App
    from toctou.reporting.regression import assert_race_is_gone
    from toctou.search.result import ModelResult
    from toctou.stateful.machine import machine

__all__ = [
    "App",
    "Handler",
    "HttpCall",
    "Model",
    "ModelResult",
    "Request",
    "Response",
    "Service",
    "Specification",
    "StopReason",
    "StoredItems",
    "Table",
    "ToctouError",
    "Verdict",
    "assert_race_is_gone",
    "authorizer",
    "check",
    "claims",
    "event",
    "handler",
    "iam",
    "invariant",
    "machine",
    "no_effect",
    "plain",
    "route",
]

_LOADED_WHEN_ASKED_FOR = {
    "App": ("toctou.declaration.app", "App"),
    "ModelResult": ("toctou.search.result", "ModelResult"),
    "assert_race_is_gone": ("toctou.reporting.regression", "assert_race_is_gone"),
    "check": ("toctou.checking.check", "check_model"),
    "machine": ("toctou.stateful.machine", "machine"),
    "no_effect": ("toctou.client.no_effect", "no_effect"),
}
"""What needs the whole checker: the pytest plugin is loaded in every pytest run, and with it this package."""


def __getattr__(name: str) -> Any:
    if name not in _LOADED_WHEN_ASKED_FOR:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _LOADED_WHEN_ASKED_FOR[name]
    return getattr(import_module(module), attribute)
