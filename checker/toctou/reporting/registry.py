"""Every renderer there is; ``check``, ``scan`` and ``report`` take their formats from here and nowhere else.

A new format is a module beside this one that holds its ``RENDERERS``, and one line in :data:`_MODULES`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from toctou.errors import InternalError, ReportError
from toctou.reporting.document import RUN, Document
from toctou.reporting.renderer import KINDS, Renderer

# By name rather than by import statements: so a format takes one line here, and not a second one to import it.
_MODULES = (
    "text_report",
    "json_report",
    "html",
    "sarif",
    "github",
    "codequality",
    "csv_report",
    "detail",
    "mermaid",
    "graph",
    "pytest_file",
)

RENDERERS: dict[str, Renderer] = {}
"""All of them by name, in the order in which they are listed to people."""


def register(renderer: Renderer) -> None:
    """Add a renderer, which every command then offers.

    Raises:
        InternalError: its name, or the suffix of its files, is taken.
    """
    for other in RENDERERS.values():
        if renderer.name == other.name or renderer.suffix == other.suffix:
            raise InternalError(f"two renderers are called {renderer.name}, or write {renderer.suffix} files")
    RENDERERS[renderer.name] = renderer


for _module in _MODULES:
    for _renderer in import_module(f"toctou.reporting.{_module}").RENDERERS:
        register(_renderer)


def formats(kind: str = "", *, printed: bool = False) -> list[str]:
    """Names of the formats that render a kind of document (any if ``""``); only those offered for printing if so asked."""
    return [
        one.name for one in RENDERERS.values() if (not kind or kind in one.renders) and (one.printed or not printed)
    ]


def rendered(document: Document, name: str, path: Path | None = None) -> str:
    """A document in the format of that name; ``path`` is where it is stored, for the error.

    Raises:
        ReportError: the format does not render this kind of document.
    """
    kind = document["kind"]
    render = RENDERERS[name].renders.get(kind)
    if render is None:
        named = [one["report"] for one in document.get("findings", ()) if one["report"]]
        raise not_rendered(name, kind, formats(kind), str(path.with_name(named[0])) if path and named else "")
    return render(document)


def not_rendered(name: str, kind: str, instead: list[str], violation: str = "") -> ReportError:
    """The error for a format that does not render, or is not offered for printing, a kind of document.

    Args:
        instead: the formats that would do.
        violation: the file of a violation, if one is known.
    """
    rendering = RENDERERS[name].renders
    files = {"violation": violation or "REPORT.json", "run": RUN, "scan": "scan.json"}
    file = files[kind if kind in rendering else next(iter(rendering))]
    return ReportError(
        f"the format {name} is not offered for printing {KINDS[kind]}"
        if kind in rendering
        else f"the format {name} renders {' or '.join(KINDS[one] for one in rendering)}, not {KINDS[kind]}",
        expected=f"one of the formats {', '.join(instead)}",
        remedy=f"choose one of these, or convert a stored report: toctou report {file} --format {name}",
    )
