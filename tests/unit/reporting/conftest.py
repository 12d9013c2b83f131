"""The samples as fixtures."""

from __future__ import annotations

import pytest
from sample_reports import make_model, make_run, make_violation

from checker.exploration.result import RunResult, Violation


@pytest.fixture
def violation() -> Violation:
    return make_violation()


@pytest.fixture
def run(violation: Violation) -> RunResult:
    return make_run(make_model(violation), make_model(model="models/as_printed.py:UnaliasedReservedWords"))
