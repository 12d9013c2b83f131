"""Finds the settings that tests of Django have replaced: by ``override_settings``, and for the time of the whole session.

The latter name a host that only tests have, and keep mail from being sent.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from toctou.recording.surroundings import Patch

_OF_SESSION = ("ALLOWED_HOSTS", "DEBUG", "EMAIL_BACKEND")
"""https://docs.djangoproject.com/en/stable/topics/testing/advanced/#django.test.utils.setup_test_environment."""

_NOT_PUT = frozenset({"INSTALLED_APPS", "default_settings", "_deleted"})
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Setting(Patch):
    """A setting, whose change Django hears of."""

    everywhere: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"the setting {self.name}"

    def now(self) -> Any:
        """What it is now."""
        return getattr(self.target, self.name, _ABSENT)

    def put(self, value: Any) -> None:
        """Set it; nothing if it was not there."""
        if self.now() is value:
            return
        if value is _ABSENT:
            delattr(self.target, self.name)
        else:
            setattr(self.target, self.name, value)
        changed = sys.modules["django.test.signals"].setting_changed
        changed.send_robust(sender=type(self.target), setting=self.name, value=self.now(), enter=True)


def settings_in_force() -> Iterator[Setting]:
    """The settings that are not those of the project."""
    settings: Any = sys.modules["django.conf"].settings
    if not settings.configured:
        return
    names, layer = dict.fromkeys(_OF_SESSION), settings._wrapped
    while (beneath := getattr(layer, "default_settings", None)) is not None and hasattr(beneath, "ALLOWED_HOSTS"):
        names.update(dict.fromkeys(name for name in vars(layer) if name not in _NOT_PUT))
        layer = beneath
    for name in names:
        value = getattr(settings, name, _ABSENT)
        if value is not _ABSENT:
            yield Setting(settings, name, value)
