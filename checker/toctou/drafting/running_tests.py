"""Runs a team's tests once, in a process of their own, and takes the sketch that they leave (:mod:`toctou.pytest_drafting`)."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from toctou.drafting.sketch import Sketch
from toctou.errors import BadInput

_OPTIONS = ("--toctou", "--toctou-seconds=0", "-q", "-p", "no:cacheprovider", "-p", "toctou.pytest_drafting")
_NOTHING_RECORDED = BadInput(
    "the tests make no request that calls DynamoDB and is accepted",
    expected="tests that call a Lambda function (event, context), or a test client of an application",
    remedy="name functions that serve requests as toctou_entry in the ini file of pytest; or write the model yourself",
)


def sketch_of_tests(targets: Sequence[Path], output: Path) -> Sketch:
    """The sketch of a model, from a recording of tests.

    Args:
        targets: files and folders of tests.
        output: the model file that it is for.

    Raises:
        BadInput: they do not run, or show no request.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "sketch.pickle")
        environment = {**os.environ, "TOCTOU_DRAFT": str(file), "TOCTOU_DRAFT_OUTPUT": str(output)}
        command = [sys.executable, "-m", "pytest", *_OPTIONS, *map(str, targets)]
        with subprocess.Popen(  # noqa: S603 - the user's own tests
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
        ) as running:
            for line in running.stdout or ():
                sys.stderr.write(line)
        if not file.exists():
            raise BadInput(
                f"pytest ended with status {running.returncode} before anything could be recorded",
                expected="tests that run in this environment",
                remedy="run them with pytest first; what they need must be installed where toctou is",
            )
        sketch: Sketch | None = pickle.loads(file.read_bytes())  # noqa: S301 - we have just had it written
    if sketch is None:
        raise _NOTHING_RECORDED
    return sketch
