"""Where the requests of a model are served, if not by handlers that run in this process, in greenlets."""

from __future__ import annotations

import inspect
from pathlib import Path

from toctou.declaration.model import Model
from toctou.errors import ToolMissing
from toctou.gate.building import tool_missing
from toctou.gate.under_test import ServiceUnderTest


def missing_tool(model: type[Model]) -> ToolMissing | None:
    """The fault, if a tool that builds or runs the model's service is not installed."""
    return None if model.service is None else tool_missing(model.service)


def under_test(model: type[Model]) -> ServiceUnderTest | None:
    """The service of a model, if it has one; folders are relative to the file that declares it."""
    if model.service is None:
        return None
    declaring = next(base for base in model.__mro__ if "service" in vars(base))
    return ServiceUnderTest(model.service, Path(inspect.getfile(declaring)).resolve())
