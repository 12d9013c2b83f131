"""What a renderer is: a name, a file suffix, and a function from a violation's document to text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from toctou.reporting.document import Document


@dataclass(frozen=True, slots=True)
class Renderer:
    """One format of reports.

    Attributes:
        name: as ``--format`` takes it.
        suffix: of the file that holds it, with its dot.
        violation: renders a violation's document.
        run: renders a run's document; ``None`` where the format has nothing to say about a whole run.
        run_file: name of the file that holds a whole run; ``""`` if a run is not stored in this format.
    """

    name: str
    suffix: str
    violation: Callable[[Document], str]
    run: Callable[[Document], str] | None = None
    run_file: str = ""
