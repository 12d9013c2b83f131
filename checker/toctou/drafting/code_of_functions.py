"""Decides where the code of a Lambda function is: its module and attribute from ``Handler``, and the folder of both."""

from __future__ import annotations

import keyword
from pathlib import Path

from toctou.drafting.material import Imported


def is_python(runtime: str | None) -> bool:
    """Whether a function runs here; one without a runtime is taken for one, until its file is not found."""
    return runtime is None or runtime.startswith("python")


def imported(handler: str | None, folder: Path, libraries: tuple[Path, ...] = ()) -> Imported | None:
    """A function by its handler, such as ``orders.cancel`` or ``src/orders.cancel``; ``None`` if that is no handler."""
    module, _, attribute = (handler or "").rpartition(".")
    module = module.strip("./").replace("/", ".")
    if not all(module.split(".")) or not attribute.isidentifier() or keyword.iskeyword(attribute):
        return None
    return Imported(folder.resolve(), module, attribute, libraries)


def not_here(name: str, runtime: str | None) -> str:
    """What is noted of a function that this process cannot run."""
    return (
        f"Not drafted: {name}, which runs on {runtime}. Other languages than Python are checked as a service: "
        "toctou init --service."
    )


def not_invoked(name: str) -> str:
    """What is noted of a function without events."""
    return f"Not drafted: {name}, which no event of the template invokes."


def not_such(name: str, kind: str) -> str:
    """What is noted of an event source that models have no word for."""
    return f"Not drafted: the {kind} event of {name}. A method that makes the event and calls the function may be a handler."
