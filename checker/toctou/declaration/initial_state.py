"""Decides what is stored when a schedule of a model begins, but for what its ``setup`` stores.

Those are the tables and items that the model declares, and after them what was written while the modules were imported that its
code can reach by name.  So of an item that both a model declares and a module stores, the module's remains, as in production; a
condition on the write (``attribute_not_exists``) leaves the model's.
"""

from __future__ import annotations

from collections.abc import Sequence

from toctou.client.outside import Stored, after
from toctou.client.while_importing import IMPORTED
from toctou.declaration.fingerprint import modules_of
from toctou.declaration.items import initial_images
from toctou.declaration.model import Model


def initial_state(model: type[Model]) -> Stored:
    """What is stored at first.

    Raises:
        ModelError: a declared item cannot be stored.
    """
    declared = Stored([table.parameters for table in model.tables], initial_images(model))
    return after(declared, IMPORTED.calls_of(modules_of(model))) if IMPORTED.calls else declared


def has_calls(model: type[Model]) -> bool:
    """Whether something was written while a module of the model was imported."""
    return bool(IMPORTED.calls) and bool(IMPORTED.calls_of(modules_of(model)))


def remarks_on_imports(model: type[Model]) -> Sequence[str]:
    """What a reader of the model's verdict should know of calls while importing, as sentences."""
    return IMPORTED.notes_of(modules_of(model)) if IMPORTED.notes else []
