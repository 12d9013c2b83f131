"""Decides whether a declaration was called with other arguments than it takes, and says how it is called."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

from toctou.declaration.event import event
from toctou.declaration.model import handler, invariant
from toctou.declaration.route import route
from toctou.declaration.table import Table
from toctou.errors import nearest
from toctou.gate.service import HttpCall, Service
from toctou.web.callers import authorizer, claims, iam

_DECLARATIONS: dict[str, Callable[..., Any]] = {
    one.__name__: one for one in (Table, handler, invariant, route, event, Service, HttpCall, claims, authorizer, iam)
}

# What Python says: "route() takes 1 positional argument but 2 were given", "Table.__init__() missing 1 required …".
_REFUSED = re.compile(r"(\w+)(?:\.__init__)?\(\) (?:takes|missing|got)\b")
_UNEXPECTED = re.compile(r"unexpected keyword argument '(\w+)'")


def how_to_call(broken: BaseException) -> str:
    """The remedy for a call of a declaration that Python refused; empty for any other exception."""
    found = _REFUSED.match(str(broken)) if isinstance(broken, TypeError) else None
    declaration = _DECLARATIONS.get(found[1]) if found else None
    step = broken.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    # A function of the user's may have such a name, too.
    if found is None or declaration is None or step is None:
        return ""
    if step.tb_frame.f_globals.get(found[1], declaration) is not declaration:
        return ""
    parameters = inspect.signature(declaration).parameters.values()
    plain = inspect.Signature([one.replace(annotation=one.empty) for one in parameters])
    unexpected = _UNEXPECTED.search(str(broken))
    meant = nearest(unexpected[1], [one.name for one in parameters]) if unexpected else None
    return f"{f'did you mean {meant}=…? ' if meant else ''}It is called as {found[1]}{plain}"
