"""Finds the models that a target names.

A target is a folder, a file, ``file.py:Model`` or ``package.module:Model``.  Files are imported the way pytest does by
default: the folder above the outermost package is put on ``sys.path`` and the module gets its dotted name from there.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from toctou.client.environment import CLIENT_ENVIRONMENT
from toctou.client.escapes import calls_at_import_refused
from toctou.client.service_descriptions import service_descriptions_shared
from toctou.client.while_importing import IMPORTED
from toctou.declaration import fingerprint
from toctou.declaration.broken_import import broken_import, shown
from toctou.declaration.foreseeing import Ahead, Describe, calls_performed_at_once
from toctou.declaration.model import Model, undeclared_handlers
from toctou.declaration.own_code import unused_functions
from toctou.declaration.validation import check_members
from toctou.errors import TargetError, ToctouError
from toctou.scheduling import boundary, data_files

_OWN_FOLDER = str(Path(__file__).parents[1])
_DOCUMENTS = (".json", ".yaml", ".yml")
_SKIPPED = ("__pycache__", ".venv", "venv", "node_modules", "site-packages")


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model and how it is named on the command line."""

    name: str
    model: type[Model]


def load(targets: list[str]) -> list[LoadedModel]:
    """The models of all targets, each once, in the order of the targets and of their definition.

    Raises:
        TargetError: a target that cannot be found or imported, or that holds no model.
    """
    for name, value in CLIENT_ENVIRONMENT.items():
        os.environ.setdefault(name, value)  # modules may create clients when they are imported
    data_files.begin(imports=True)
    fingerprint.begin()
    with boundary.reading("import"), service_descriptions_shared():
        return list(_loaded(targets).values())


def _loaded(targets: list[str]) -> dict[str, LoadedModel]:
    found: dict[str, LoadedModel] = {}
    for target in targets:
        name, at, document = target.rpartition("@")
        documented = bool(at) and document.endswith(_DOCUMENTS)
        with calls_at_import_refused():
            models = list(_models(name if documented else target))
        if documented:
            models = [with_document(one, document) for one in models]
        if not models:
            raise TargetError(
                f"{target} holds no model",
                expected="at least one class that derives from toctou.Model and has handlers",
                cause="the models are elsewhere, or they derive from another class",
                remedy="name the file, or file.py:Model",
            )
        found.update({one.name: one for one in models})
    return found


def with_document(loaded: LoadedModel, document: str) -> LoadedModel:
    """The model with the operations of this OpenAPI document, named ``app.py:Shop@api.yaml``.

    Raises:
        BadInput: the model is no :class:`toctou.App`, or the document cannot be used.
    """
    use = getattr(loaded.model, "use_file", None)  # importing toctou.App for isinstance() takes too long
    if use is None:
        raise TargetError(
            f"{loaded.name} is not the model of an application, so {document} says nothing about it",
            expected="a model that derives from toctou.App",
            remedy=f"toctou scan {document} --model {loaded.name}",
        )
    use(Path(document))
    return LoadedModel(f"{loaded.name}@{document}", loaded.model)


def named(model: type[Model]) -> LoadedModel:
    """A model under the name by which the command line loads it; a class inside a function cannot be loaded again."""
    module = sys.modules.get(model.__module__)
    file = getattr(module, "__file__", None)
    return LoadedModel(f"{shown(Path(file)) if file else model.__module__}:{model.__qualname__}", model)


def _models(target: str) -> Iterator[LoadedModel]:
    path_text, _, wanted = target.partition(":")
    path = Path(path_text)
    if path.is_dir():
        if wanted:
            raise TargetError(
                f"{path_text} is a folder, so {wanted!r} cannot be looked up in it", remedy="name the file"
            )
        yield from _of_folder(path)
    elif path.is_file() and path.suffix == ".py":
        yield from _of_file(path, wanted)
    elif path.suffix == ".py" or os.sep in path_text or path.exists():
        raise TargetError(
            f"there is no Python file {path_text!r}",
            expected="a folder, a .py file, file.py:Model or package.module:Model",
            cause=f"a slip in the name, or another working directory than {Path.cwd()}",
            remedy="check the path",
        )
    else:
        yield from _of_module(path_text, wanted)


def _of_folder(folder: Path) -> Iterator[LoadedModel]:
    """The models in and below a folder."""
    # Building a service may take minutes, so those in folders below are only named.
    to_build: Counter[Path] = Counter()
    for file in sorted(folder.rglob("*.py")):
        if any(part in _SKIPPED or part.startswith(".") for part in file.relative_to(folder).parts):
            continue
        for loaded in _of_file(file, ""):
            if file.parent != folder and loaded.model.service is not None and loaded.model.service.build:
                to_build[file.parent] += 1
            else:
                yield loaded
    for where, count in to_build.items():
        models = f"{count} model{'s' if count > 1 else ''}"
        print(
            f"toctou: not checked: {models} of a service in {shown(where)}, which has to be built first; name that folder",
            file=sys.stderr,
        )


def _of_file(file: Path, wanted: str) -> Iterator[LoadedModel]:
    resolved = file.resolve()
    root = resolved.parent
    while (root / "__init__.py").exists():
        root = root.parent
    parts = resolved.relative_to(root).with_suffix("").parts
    dotted = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    module = _import(dotted, resolved)
    for model in _chosen(module, wanted, str(file)):
        yield LoadedModel(f"{shown(file)}:{model.__name__}", model)


def _of_module(dotted: str, wanted: str) -> Iterator[LoadedModel]:
    if str(Path.cwd()) not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    for model in _chosen(_import(dotted, None), wanted, dotted):
        yield LoadedModel(f"{dotted}:{model.__name__}", model)


def _import(dotted: str, file: Path | None) -> ModuleType:
    """Import a module, under another name if one of another file has its name."""
    known = sys.modules.get(dotted)
    if known is not None and file is not None and Path(getattr(known, "__file__", None) or "").resolve() != file:
        return _import_under_another_name(dotted, file)
    with calls_performed_at_once(describes(dotted, file)):
        return importlib.import_module(dotted)


def _import_under_another_name(dotted: str, file: Path) -> ModuleType:
    name = f"{dotted}__{zlib.crc32(str(file).encode()):x}"
    if name in sys.modules:
        return sys.modules[name]
    specification = importlib.util.spec_from_file_location(name, file)
    assert specification is not None and specification.loader is not None  # noqa: PT018, S101 - it is a .py file
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    try:
        with calls_performed_at_once(describes(dotted, file)):
            specification.loader.exec_module(module)
    except ToctouError:
        del sys.modules[name]
        raise
    return module


def describes(dotted: str, file: Path | None) -> Describe:
    """What says why the import of a module has failed."""

    def describe(ahead: Ahead, broken: BaseException) -> tuple[ToctouError, bool]:
        if isinstance(broken, TargetError) or (file is None and _is_missing(dotted, broken)):
            return _missing(dotted) if not isinstance(broken, TargetError) else broken, True
        return broken_import(dotted, file, broken, IMPORTED.notes[ahead.notes :], known=ahead.known)

    return describe


def _is_missing(dotted: str, broken: BaseException) -> bool:
    # If another module is missing, the target exists but its imports are broken.
    named = broken.name if isinstance(broken, ModuleNotFoundError) else None
    return bool(named) and dotted.split(".", maxsplit=1)[0] == named


def _missing(dotted: str) -> TargetError:
    return TargetError(
        f"there is no module {dotted!r}",
        expected="a folder, a .py file, file.py:Model or package.module:Model",
        cause=f"a slip in the name, or it is not importable from {Path.cwd()}",
        remedy="check the name; install the package into this environment",
    )


def _chosen(module: ModuleType, wanted: str, where: str) -> list[type[Model]]:
    here = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Model) and value.__module__ == module.__name__
    ]
    for model in here:
        check_members(model)
    if not wanted:
        public = [model for model in here if not model.__name__.startswith("_")]
        return [model for model in public if model.handlers() or undeclared_handlers(model) or unused_functions(model)]
    chosen = getattr(module, wanted, None)
    if isinstance(chosen, type) and issubclass(chosen, Model):
        return [chosen]
    names = ", ".join(model.__name__ for model in here) or "none"
    raise TargetError(
        f"{where} has no model {wanted!r}",
        expected=f"one of its models: {names}",
        cause="a slip in the name" if chosen is None else f"{wanted} does not derive from toctou.Model",
    )
