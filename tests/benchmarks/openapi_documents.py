"""How long public OpenAPI documents take: to open, to find their operations, to follow every reference, to make values.

    python tests/benchmarks/openapi_documents.py FOLDER

``FOLDER`` holds what ``tests/unit/openapi/test_public_documents.py`` tells.  Seconds, each from the beginning.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from toctou.errors import DocumentError
from toctou.openapi.document import Document, opened
from toctou.openapi.operations import Operation, operations
from toctou.openapi.values import values


def timed(work: Callable[[Document], int], file: Path, root: Path | None) -> tuple[float, int]:
    begun = time.perf_counter()
    count = work(opened(file, root_folder=root))
    return time.perf_counter() - begun, count


def valued(document: Document) -> int:
    usable = [one for one in operations(document) if isinstance(one, Operation)]
    parts = [part for one in usable for part in (*one.parameters, *([one.body] if one.body else []))]
    return sum(bool(values(part.schema, 1, part.where)) for part in parts)


def main(folder: Path) -> None:
    for file in sorted(one for one in folder.rglob("*") if one.suffix in (".json", ".yaml")):
        root = file.parents[1] if "petstore-separate" in file.parts else None
        try:
            document = opened(file, root_folder=root)
        except DocumentError:
            continue  # a part of one
        row = [
            timed(work, file, root)
            for work in (
                lambda one: one.library.files,
                lambda one: sum(1 for _ in operations(one)),
                lambda one: sum(1 for _ in one.references()),
                valued,
            )
        ]
        told = "  ".join(
            f"{what} {count:5} {seconds:7.3f} s"
            for what, (seconds, count) in zip(("open", "operations", "references", "values"), row, strict=True)
        )
        print(f"{file.relative_to(folder).as_posix():45} {document.version}  {told}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
