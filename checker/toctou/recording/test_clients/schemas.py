"""Makes other bodies of a request, where its application has a document of itself (FastAPI) that says what bodies are valid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from toctou.errors import DocumentError
from toctou.recording.requested import Arguments
from toctou.recording.test_clients.http_arguments import BODY

_MOST = 4


def bodies(application: Any, template: str, arguments: Arguments) -> Iterator[dict[str, Any]]:
    """The arguments with other valid bodies, simplest first: each has the members of the recorded one, with other values.

    Args:
        application: that may make an OpenAPI document.
        template: ``METHOD /path/{parameter}`` of the request.
        arguments: of the request.
    """
    recorded, make = arguments.get(BODY), getattr(application, "openapi", None)
    if not callable(make) or not isinstance(recorded, Mapping):
        return
    # Hypothesis, which draws the values, takes long to import, and most sessions have no such application.
    from toctou.openapi.document import taken  # noqa: PLC0415
    from toctou.openapi.operations import Operation, operations  # noqa: PLC0415
    from toctou.openapi.values import values  # noqa: PLC0415

    try:
        found = [one for one in operations(taken(make(), "the application's document")) if one.name == template]
        for operation in found:
            if isinstance(operation, Operation) and operation.body is not None:
                for drawn in values(operation.body.schema, _MOST, operation.where):
                    changed = {name: drawn.get(name, value) for name, value in recorded.items()}
                    if changed != recorded:
                        yield {**arguments, BODY: changed}
    except (DocumentError, AttributeError, TypeError, ValueError):  # whatever an application says of itself
        return
