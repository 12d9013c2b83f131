"""The commands that the notes on benchmarks print begin as printed, in a checkout whose package is installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPTS = sorted(set(re.findall(r"`python (tests/\S+\.py)", (ROOT / "tests/benchmarks/README.md").read_text("utf-8"))))

STARTED = """
import runpy, sys
from pathlib import Path
searched = sys.path[1:]
for script in sys.argv[1:]:
    sys.path[:] = [str(Path(script).parent.resolve()), *searched]
    known = set(sys.modules)
    runpy.run_path(script, run_name="imported")
    for name in set(sys.modules) - known:
        if name.partition(".")[0] == "models":  # to be found by each of them
            del sys.modules[name]
"""


def test_they_find_what_they_import():
    assert len(SCRIPTS) > 5
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", STARTED, *SCRIPTS], cwd=ROOT, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
