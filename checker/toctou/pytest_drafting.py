"""The plugin with which ``toctou init`` runs a team's tests: it leaves what a model would be made of them in a file."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest

from toctou.drafting.recorded_tests import sketch_of_session
from toctou.pytest_recording import RecordingPlugin

DRAFT, OUTPUT = "TOCTOU_DRAFT", "TOCTOU_DRAFT_OUTPUT"
"""Environment variables: the file that receives the sketch, and the model file that it is for."""

_BEFORE = dict(os.environ)


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Store the sketch, if the session got so far."""
    recording = config.pluginmanager.get_plugin("toctou-recording")
    file = _BEFORE.get(DRAFT)
    if isinstance(recording, RecordingPlugin) and recording.concluded is not None and file:
        sketch = sketch_of_session(recording.concluded, _BEFORE, Path(_BEFORE[OUTPUT]))
        Path(file).write_bytes(pickle.dumps(sketch))
