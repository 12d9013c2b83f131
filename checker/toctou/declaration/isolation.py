"""Decides where concurrent requests run: in the memory of one process, or each in a process of its own."""

from __future__ import annotations

import os
from typing import Any, Literal, get_args

from toctou.declaration.served import serves_functions
from toctou.errors import BadInput

Isolation = Literal["auto", "memory", "processes"]
"""``auto`` begins in memory, and separates requests once they are seen to share it."""

ISOLATIONS: tuple[str, ...] = get_args(Isolation)


def check_isolation(isolation: str) -> None:
    """Check where the user asks requests to run.

    Raises:
        BadInput: it is none of :data:`ISOLATIONS`.
    """
    if isolation not in ISOLATIONS:
        raise BadInput(
            f"{isolation!r} is no isolation",
            expected=f"one of {', '.join(ISOLATIONS)}, for --isolation and in the model",
            remedy="leave it out: requests get processes of their own once they are seen to share memory",
        )


def isolation_of(model: type[Any], asked: str) -> str:
    """Where the requests of a model run, by what it declares, and by what the user has asked for, which counts more.

    An instance of a Lambda function serves one request at a time, so concurrent ones never share memory; and libraries for
    such functions keep the current request in a global variable, since they may.

    Raises:
        BadInput: in processes, which cannot be forked here.
    """
    chosen = str(model.isolation) if asked == "auto" else asked
    if chosen == "auto" and serves_functions(model) and hasattr(os, "fork"):
        return "processes"
    if chosen == "processes" and not hasattr(os, "fork"):
        raise BadInput(
            "processes cannot be forked here, so requests cannot have processes of their own",
            expected="an operating system with fork, such as Linux or macOS",
            remedy="leave --isolation out, or check in WSL or a container",
        )
    return chosen


def isolation_name(*, isolated: bool) -> Isolation:
    """What isolation is called."""
    return "processes" if isolated else "memory"
