"""Where a model stands, and the service that is found from there."""

from __future__ import annotations

import inspect
from pathlib import Path

from checker.errors import ToolMissing
from checker.exploration.elsewhere import Elsewhere
from checker.exploration.model import Model
from checker.gate.building import tool_missing
from checker.gate.under_test import ServiceUnderTest


def missing_tool(model: type[Model]) -> ToolMissing | None:
    """The fault, if what the model's service is built or run with is not installed."""
    return None if model.service is None else tool_missing(model.service)


def under_test(model: type[Model]) -> Elsewhere | None:
    """What serves the requests of a model, if it has a service; folders are relative to the file that declares it."""
    if model.service is None:
        return None
    declaring = next(base for base in model.__mro__ if "service" in vars(base))
    return ServiceUnderTest(model.service, Path(inspect.getfile(declaring)).resolve())
