"""Decides where concurrent requests run: in the memory of one process, or each in a process of its own."""

from __future__ import annotations

import os
from typing import Literal, get_args

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


def isolation_of(declared: Isolation, asked: str) -> str:
    """Where the requests of a model run, by what it declares, and by what the user has asked for, which counts more.

    Raises:
        BadInput: in processes, which cannot be forked here.
    """
    chosen = declared if asked == "auto" else asked
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
