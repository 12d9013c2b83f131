"""The samples as fixtures."""

from __future__ import annotations

import pytest
from sample_reports import make_model, make_run, make_violation

from toctou.counterexample.violation import Violation
from toctou.search.result import RunResult


@pytest.fixture
def violation() -> Violation:
    return make_violation()


@pytest.fixture
def run(violation: Violation) -> RunResult:
    return make_run(make_model(violation), make_model(model="models/as_printed.py:UnaliasedReservedWords"))
