"""Decides what is said of a file that cannot be imported: where that comes from, and which line the model's file needs.

A module that is imported here for the first time usually misses what it has where it is deployed: environment variables, a place
on ``sys.path``, secrets, tables.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from toctou.client.escapes import error_of_aws
from toctou.client.services_at_import import refused_call
from toctou.client.while_importing import Note
from toctou.declaration.wrong_calls import how_to_call
from toctou.errors import TargetError, ToctouError
from toctou.oracles.absent import is_missing, making
from toctou.scheduling.origin import is_handlers_file

_ABOVE = "at the top of the model's file, above the import"
_REQUIRED = re.compile(r"environ\[\s*[\"'](\w+)[\"']\s*\](?!\s*=[^=])")
_OPTIONAL = re.compile(r"(?:environ\.get|getenv)\(\s*[\"'](\w+)[\"']\s*\)")
_NO_TABLE = re.compile(r"Table: ([\w.-]+) not found")
_MOST = 8
_SKIPPED = frozenset({"site-packages", "node_modules", "venv", ".venv", "__pycache__", ".git"})


class Advice(NamedTuple):
    """What a broken import comes from; ``certain`` if that is so with other items stored as well."""

    expected: str
    cause: str
    remedy: str
    certain: bool = True


def broken_import(
    dotted: str, file: Path | None, broken: BaseException, empty: Sequence[Note] = (), *, known: bool = True
) -> tuple[TargetError, bool]:
    """The error for a module that raises while it is imported, and whether its remedy is certain.

    Args:
        dotted, file: the module.
        broken: what it raised.
        empty: calls that were answered as empty meanwhile.
        known: whether what the models declare was known then.
    """
    steps = traceback.extract_tb(broken.__traceback__)
    users = [step for step in steps if is_handlers_file(step.filename)]
    ours = users or [step for step in steps if "importlib" not in step.filename and "<" not in step.filename]
    place = f" at {shown(Path(ours[-1].filename))}:{ours[-1].lineno}: {ours[-1].line}" if ours else ""
    if isinstance(broken, SyntaxError) and broken.filename:
        place = f" at {shown(Path(broken.filename))}:{broken.lineno}"
    where = f"{shown(file) if file else dotted} cannot be imported: {type(broken).__name__}"
    if isinstance(broken, ToctouError):  # a declaration that cannot be used, which knows what is wrong
        return TargetError(
            f"{where}: {broken.observed}{place}", expected=broken.expected, cause=broken.cause, remedy=broken.remedy
        ), True
    if remedy := how_to_call(broken):
        return TargetError(f"{where}: {broken}{place}", expected="arguments that it takes", remedy=remedy), True
    line = (ours[-1].line or "") if ours else ""
    found = (
        _of_environment(broken, ours[-1].filename if ours else "", line)
        or _of_aws(broken)
        or _of_path(broken, file)
        or _of_tables(empty, known=known)
        or Advice(
            "a module that can be imported from here",
            "the code that runs when the module is imported",
            f"correct it, or make what it needs {_ABOVE}",
            certain=False,
        )
    )
    error = TargetError(f"{where}: {broken}{place}", expected=found.expected, cause=found.cause, remedy=found.remedy)
    return error, found.certain


def _causes(broken: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = broken
    for _ in range(_MOST):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__


def _of_environment(broken: BaseException, file: str, line: str) -> Advice | None:
    names = [
        str(one.args[0]) for one in _causes(broken) if isinstance(one, KeyError) and _in_environ(one.__traceback__)
    ]
    if not names and isinstance(broken, TypeError | ValueError | AttributeError):
        names = [one for one in _OPTIONAL.findall(line) if one not in os.environ]
    if not names and callable(errors := getattr(broken, "errors", None)) and "ettings" in getattr(broken, "title", ""):
        names = [str(one["loc"][-1]).upper() for one in errors() if one.get("type") == "missing" and one.get("loc")]
    if not names:
        return None
    # All that the file asks for, so that they need not be found out one by one.
    with suppress(OSError, ValueError):
        names += [one for one in _REQUIRED.findall(Path(file).read_text(encoding="utf-8")) if one not in os.environ]
    named = list(dict.fromkeys(names))[:_MOST]
    return Advice(
        "the environment variables that the module has where it is deployed",
        f"{', '.join(named)} {'is' if len(named) == 1 else 'are'} not set here",
        f"set {'it' if len(named) == 1 else 'them'} {_ABOVE}:\n"
        + "\n".join(f'os.environ["{one}"] = "…"' for one in named),
    )


def _in_environ(trace: TracebackType | None) -> bool:
    return any(one.f_globals.get("__name__") == "os" for one, _ in traceback.walk_tb(trace))


def _of_aws(broken: BaseException) -> Advice | None:
    refused, text = next(((error, str(one)) for one in _causes(broken) if (error := error_of_aws(one))), (None, ""))
    if refused is None:
        return None
    expected = "modules that find what they ask AWS for when they are imported; nothing is sent"
    if not is_missing(refused.code):
        return Advice(expected, "the call, or what was made before it", f"correct it, or what is made {_ABOVE}")
    cause = "what exists where the module is deployed, and not here"
    if table := _NO_TABLE.search(text):
        return Advice(expected, cause, f'add Table("{table[1]}", "<its key>") to `tables`')
    call = refused_call(refused.operation)
    if call is not None and (line := making(*call, getattr(call[0], "region", ""))):
        return Advice(expected, cause, f"make it {_ABOVE}:\n{line}")
    return Advice(expected, cause, f"make it by calls of boto3 {_ABOVE}; tables and items are declared in the model")


def _of_path(broken: BaseException, file: Path | None) -> Advice | None:
    if not isinstance(broken, ModuleNotFoundError) or not broken.name:
        return None
    top = broken.name.partition(".")[0]
    expected = f"a module {broken.name} that can be imported from here"
    folder = file.parent if file is not None else Path.cwd()
    if (found := _found(top, folder)) is not None:
        inside = Path(os.path.relpath(found, folder)).as_posix()
        project = next((one for one in (found, *found.parents[:2]) if (one / "pyproject.toml").exists()), None)
        install = f"\nor install the project: pip install -e {shown(project)}" if project is not None else ""
        return Advice(
            expected,
            f"{top} is in {shown(found)}, where Python does not look",
            f"say so {_ABOVE}:\nimport sys; from pathlib import Path\n"
            f'sys.path.insert(0, str(Path(__file__).parent / "{inside}"))' + install,
        )
    return Advice(
        expected,
        f"a package that is not installed in this environment, {sys.prefix}, or a folder that is not on sys.path",
        f"install the package that has {top} beside toctou: {sys.executable} -m pip install …; or add its folder to sys.path "
        f"{_ABOVE}",
    )


def _found(top: str, folder: Path) -> Path | None:
    """A folder near the model, or the command, that holds this module."""
    for base in dict.fromkeys((Path.cwd(), folder, folder.parent)):
        with suppress(OSError):  # a folder that may not be read
            below = sorted(one for one in base.iterdir() if one.is_dir() and one.name not in _SKIPPED)
            for one in (base, *below, *(each / "src" for each in below)):
                if (one / f"{top}.py").is_file() or any((one / top).glob("*.py")):
                    return one
    return None


def _of_tables(empty: Sequence[Note], *, known: bool) -> Advice | None:
    if not empty:
        return None
    first = empty[0]
    expected = "tables and items that a module reads when it is imported"
    if known:
        return Advice(
            expected,
            first.text,
            f"add {first.declaration} to `tables`, and to `items` what it reads there",
            certain=False,
        )
    return Advice(
        expected,
        f"{first.text}; what is declared below the import is not known, since the import fails without it",
        f"declare it above the import, in a class from which the model derives:\nclass Stored(Model):\n"
        f"    tables = [{first.declaration}]\n    items = {{…}}",
        certain=False,
    )


def shown(file: Path) -> str:
    """A file as it is shown, relative to the working directory if it is in there."""
    try:
        return file.resolve().relative_to(Path.cwd()).as_posix()
    except ValueError:
        return file.as_posix()
