"""Decides how a model file imports a team's code: its folders on ``sys.path``, its lines, what things are called.

Lambda functions are imported from the folder of their code.  Where several have a module of one name, they are imported from the
folder that holds all of them.
"""

from __future__ import annotations

import keyword
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from toctou.drafting.code_files import imported_by
from toctou.drafting.material import Imported
from toctou.drafting.python_text import Call, assignment
from toctou.drafting.sketch import Code


@dataclass(frozen=True, slots=True)
class Imports:
    """Folders relative to the model file, lines, and the expression of each thing that is imported."""

    folders: Sequence[str]
    lines: Sequence[str]
    code: Mapping[Imported, Code]


def imports_of(things: Sequence[Imported], output: Path) -> Imports:
    """How a file imports these."""
    homes = dict[str, set[Path]]()
    for one in things:
        homes.setdefault(one.module.partition(".")[0], set()).add(one.folder)
    ambiguous = {one for one in things if len(homes[one.module.partition(".")[0]]) > 1}
    root = Path(os.path.commonpath([one.folder for one in ambiguous])) if ambiguous else output.parent
    folders, lines, code = list[Path](), list[str](), dict[Imported, Code]()
    for one in things:
        module = one.module
        if one in ambiguous:
            module = ".".join([*one.folder.relative_to(root).parts, module])
            folders += [root] + [one.folder] * _imports_neighbours(one)
        else:
            folders.append(one.folder)
        folders += one.libraries
        if all(part.isidentifier() and not keyword.iskeyword(part) for part in module.split(".")):
            lines.append(f"import {module}")
            code[one] = Code(f"{module}.{one.attribute}")
        else:  # a folder such as `create-order`
            name = re.sub(r"\W|^(?=\d)", "_", module)
            lines.append(assignment(name, Call("import_module", [module])))
            code[one] = Code(f"{name}.{one.attribute}")
    known = _known_folder(output)
    needed = [one for one in dict.fromkeys(each.resolve() for each in folders) if one != known]
    # The last line on sys.path is looked in first, and functions come before libraries.
    relative = [Path(os.path.relpath(one, output.resolve().parent)).as_posix() for one in reversed(needed)]
    return Imports(relative, sorted(set(lines), key=lambda line: (not line.startswith("import"), line)), code)


def _known_folder(output: Path) -> Path:
    """The folder that loading the model file puts on ``sys.path``."""
    folder = output.resolve().parent
    while (folder / "__init__.py").exists():
        folder = folder.parent
    return folder


def _imports_neighbours(one: Imported) -> bool:
    """Whether a module imports others of its folder, as it may where that is what is deployed."""
    tops = {name.partition(".")[0] for name in imported_by(one.file, one.folder)} if one.file is not None else set()
    return any((one.folder / f"{top}.py").is_file() or (one.folder / top).is_dir() for top in tops if top)
