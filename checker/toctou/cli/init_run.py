"""What ``toctou init`` does, apart from its command line, which every ``toctou`` command loads."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any

from toctou.cli import check
from toctou.cli.standard_output import standard_output
from toctou.drafting.composing import sketch_of
from toctou.drafting.model_file import model_file
from toctou.drafting.running_tests import sketch_of_tests
from toctou.drafting.sketch import Sketch, Table
from toctou.drafting.sources import are_tests, material_of
from toctou.errors import BadInput

_INCONCLUSIVE = 3
_LACKS = "Not drafted"


def run(arguments: argparse.Namespace) -> int:
    """Draft, write, check; returns the exit status."""
    output: Path = arguments.output
    _refuse_to_overwrite(output)
    sketch = _sketch(arguments)
    _refuse_name_of_a_module(output, sketch)
    text = model_file(sketch)
    try:
        with output.open("x", encoding="utf-8") as file:  # not even if it was made meanwhile
            file.write(text)
    except OSError as fault:
        raise BadInput(
            f"{output} cannot be written: {fault.strerror}", remedy="name another file: --output FILE"
        ) from None
    print(f"toctou: wrote {output}: {_contents(sketch)}", file=sys.stderr)
    try:
        return 0 if arguments.no_check else _checked(output) if sketch.handlers else _INCONCLUSIVE
    finally:
        _report_what_is_left(output, text, sketch)


def _sketch(arguments: argparse.Namespace) -> Sketch:
    targets: list[Path] = arguments.targets or ([] if arguments.openapi is not None else [Path()])
    if targets and all(are_tests(one) for one in targets):
        return sketch_of_tests(targets, arguments.output)
    material = material_of([*targets, *([arguments.openapi] if arguments.openapi is not None else [])])
    given = [_table(one) for one in arguments.tables]
    material.tables = [*given, *(one for one in material.tables if one.name not in {table.name for table in given})]
    service = None if arguments.service is None else _service(arguments.service, arguments.output)
    if service is None and material.operations and not material.functions and material.application is None:
        raise BadInput(
            f"{material.origins[0]} says which requests there are, but not what serves them",
            expected="an application, functions or a service beside an OpenAPI document",
            remedy="toctou init openapi.yaml app.py; or template.yaml; or --service COMMAND",
        )
    if not (material.operations or material.routes or material.events or material.application):
        raise BadInput(
            f"{material.origins[0]} names no function that a model can be drafted from"
            + "".join(f"\n  {one}" for one in material.notes),
            expected="functions in Python with events, or else routes of an OpenAPI document and a --service",
            remedy='for example toctou init --service "node server.js" --openapi openapi.yaml',
        )
    return sketch_of(material, arguments.output, service)


def _table(text: str) -> Table:
    name, *parts = text.split(":")
    keys: list[str] = []
    for part in parts:
        if keys and part in ("S", "N", "B"):
            keys[-1] += f":{part}"
        else:
            keys.append(part)
    if not name or len(keys) not in (1, 2) or not all(keys):
        raise BadInput(
            f"--table {text} is no table",
            expected="its name, its partition key and, if it has one, its sort key",
            remedy="for example --table Orders:order_id, or --table Events:stream:position:N",
        )
    return Table.keyed(name, keys)


def _service(command: str, output: Path) -> dict[str, Any]:
    """The arguments of a service that is started here, wherever the model's file is."""
    words = shlex.split(command)
    folder = Path(os.path.relpath(Path.cwd(), output.absolute().parent)).as_posix()
    given: dict[str, Any] = {"command": words}
    if folder != ".":
        given["folder"] = folder
    if not any("{port}" in one for one in words):
        given["environment"] = {"PORT": "{port}"}
    return given


def _refuse_to_overwrite(output: Path) -> None:
    if output.exists():
        raise BadInput(
            f"{output} exists already",
            expected="a file that does not exist, since a draft overwrites nothing",
            remedy=f"name another one: --output {output.with_name('drafted_' + output.name)}",
        )
    if output.suffix != ".py" or not output.stem.isidentifier():
        raise BadInput(
            f"--output {output} is no Python file that can be imported",
            expected="a name such as toctou_model.py",
            remedy=f"--output {re.sub(r'[^a-z0-9_]', '_', output.stem.lower()) or 'toctou_model'}.py",
        )
    if not output.absolute().parent.is_dir():
        raise BadInput(
            f"there is no folder {output.parent}", remedy="make it first, or name another file: --output FILE"
        )


def _refuse_name_of_a_module(output: Path, sketch: Sketch) -> None:
    modules = {line.removeprefix("import ").split(".")[0].strip() for line in sketch.imports}
    if output.stem in modules:
        raise BadInput(
            f"--output {output} has the name of a module that it imports",
            expected="a name that no module of the handlers has",
            remedy=f"--output {output.with_name(output.stem + '_model.py')}",
        )


def _contents(sketch: Sketch) -> str:
    parts = [(len(sketch.tables), "table"), (len(sketch.handlers), "handler")]
    return ", ".join(f"{count} {what}{'' if count == 1 else 's'}" for count, what in parts)


def _checked(output: Path) -> int:
    """What ``toctou check`` does with the file."""
    parser = argparse.ArgumentParser(prog="toctou")
    check.add(parser.add_subparsers())
    return check.run(parser.parse_args(["check", str(output)]))


def _report_what_is_left(output: Path, text: str, sketch: Sketch) -> None:
    """List what the draft lacks, and what it leaves to a person, by line."""
    standard_output().flush()
    left = dict[int, str]()
    lines = text.split("\n")
    for note in (one for notes in sketch.notes.values() for one in notes):
        begins = "# " + " ".join(note.split()[:3])  # a comment breaks later than that
        free = (at for at, line in enumerate(lines, 1) if line.lstrip().startswith(begins) and at not in left)
        left[next(free, len(lines) + len(left))] = note
    left |= {at: line for at, line in enumerate(lines, 1) if line.startswith("os.environ") and '"TODO"' in line}
    for at, note in sorted(left.items()):
        if note.startswith(_LACKS):
            print(f"toctou: {note.replace(_LACKS, 'not drafted', 1)}", file=sys.stderr)
        elif "TODO" in note:
            print(f"toctou: to complete: {output}:{at}: {note.removeprefix('TODO: ')}", file=sys.stderr)
    if not any("TODO" in note for note in left.values()):
        print(f"toctou: nothing is left open in {output}; look at its items, and at who calls", file=sys.stderr)
