"""Decides what a target is, by its content: a template, an OpenAPI document, an application, tests; and what a folder holds.

A new kind of document is a file with ``is_…(data)`` and ``read(data, file)``, and a line in :data:`DOCUMENTS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from toctou.drafting import applications, cloudformation, openapi_document, sam, serverless
from toctou.drafting.material import Material
from toctou.errors import BadInput, DocumentError
from toctou.openapi.reading import Limits
from toctou.openapi.reading import read as parsed


class Source(NamedTuple):
    """A kind of document: what it is called, whether a document is one, and what it says."""

    what: str
    is_one: Callable[[Mapping[str, Any]], bool]
    read: Callable[[Mapping[str, Any], Path], Material]


DOCUMENTS: Sequence[Source] = (
    Source("an OpenAPI document", openapi_document.is_document, openapi_document.read),
    Source("a SAM template", sam.is_template, sam.read),
    Source("a serverless.yml", serverless.is_service, serverless.read),
    Source("a CloudFormation template", cloudformation.is_template, cloudformation.read),
)

_EXPECTED = (
    "tests on moto, a SAM, CloudFormation or CDK template, a serverless.yml, an OpenAPI document, a Python file with an "
    "application, or a folder that holds one"
)
_SUFFIXES = (".yaml", ".yml", ".json")
_USUAL = ("template.y*ml", "serverless.y*ml", "cdk.out/*.template.json", "*.template.json", "template.json")
_BELOW = ("*/template.y*ml", "*/serverless.y*ml")
_DOCUMENTS = ("openapi.*", "swagger.*", "*/openapi.*")
_APPLICATIONS = (
    "app.py",
    "application.py",
    "main.py",
    "wsgi.py",
    "asgi.py",
    "*/app.py",
    "*/main.py",
    "*/*/app.py",
    "*/*/main.py",
    "*/__init__.py",
    "*.py",
)


def material_of(targets: Sequence[Path]) -> Material:
    """What all targets say together.

    Raises:
        BadInput: one that is nothing to draft from.
        DocumentError: one that cannot be read.
    """
    found = Material()
    for target in targets:
        for file in _files(target):
            found.add(_read(file))
    return found


def are_tests(target: Path) -> bool:
    """Whether a target is a file of tests, or a folder of nothing else that could be drafted from."""
    if target.is_file():
        return _is_test(target)
    return target.is_dir() and not any(_of_folder(target)) and any(_is_test(one) for one in target.rglob("*.py"))


def _is_test(file: Path) -> bool:
    return file.suffix == ".py" and (file.name.startswith("test_") or file.stem.endswith("_test"))


def _files(target: Path) -> list[Path]:
    if target.is_file():
        return [target]
    if not target.is_dir():
        raise BadInput(f"there is no {str(target)!r}", expected=_EXPECTED, remedy="check the path")
    found = list(_of_folder(target))
    if not found:
        raise BadInput(
            f"{target} holds nothing to draft a model from",
            expected=_EXPECTED,
            cause="a template in a folder below, or one that is made first, as `cdk synth` makes it",
            remedy="name the file; or write the model yourself (“Plugging in” in README.md)",
        )
    return found


def _of_folder(folder: Path) -> Iterator[Path]:
    """The first template there is, and an OpenAPI document beside it; or else an application."""
    templates = next((some for one in _USUAL if (some := _documents(folder, one))), [])
    below = [] if templates else [one for pattern in _BELOW for one in _documents(folder, pattern)]
    templates = templates or (below if len(below) == 1 else [])
    documents = next((some for one in _DOCUMENTS if (some := _documents(folder, one))), [])
    yield from templates
    yield from documents[:1]
    if not templates:
        candidates = (file for one in _APPLICATIONS for file in sorted(folder.glob(one)) if not _is_test(file))
        yield from [file for file in candidates if applications.is_application(file)][:1]


def _documents(folder: Path, pattern: str) -> list[Path]:
    return [
        one
        for one in sorted(folder.glob(pattern))
        if one.suffix in _SUFFIXES and one.is_file() and _kind(one) is not None
    ]


def _kind(file: Path) -> Source | None:
    try:
        return _source(_parsed(file))
    except DocumentError:
        return None


def _read(file: Path) -> Material:
    if file.suffix == ".py":
        if applications.is_application(file):
            return applications.read(file)
        if _is_test(file):
            raise BadInput(
                f"{file} is a file of tests",
                expected=_EXPECTED,
                remedy="name what the tests are about",
            )
        raise BadInput(
            f"{file} holds no application",
            expected="app = Flask(…), FastAPI(…), Chalice(…) or the like, create_app(), or a function of (event, context)",
            remedy="name the file that makes it, or the template that names the functions",
        )
    data = _parsed(file)
    source = _source(data)
    if source is None:
        raise BadInput(
            f"{file} is none of the documents that a model can be drafted from",
            expected=", ".join(one.what for one in DOCUMENTS),
            cause="one part of a document that is split into files, or another kind of file",
            remedy="name the file that has `Resources`, `functions` or `paths`",
        )
    try:
        return source.read(data, file)
    except RecursionError:
        raise DocumentError(
            f"{file} refers to itself in a circle", expected="names that end in values", remedy="correct the document"
        ) from None


def _source(data: Any) -> Source | None:
    return next((one for one in DOCUMENTS if one.is_one(data)), None) if isinstance(data, Mapping) else None


def _parsed(file: Path) -> Any:
    try:
        content = file.read_bytes()
    except OSError as fault:
        raise DocumentError(f"{file} cannot be read: {fault.strerror}", remedy="check the path") from None
    return parsed(content, file.name, Limits(), functions=True)
