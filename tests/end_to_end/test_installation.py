"""What comes with an installation: the package ``toctou``, its command and its plugin, and nothing else.

An installed name is in the way of everybody's own: a ``checker`` of ours was once imported in place of a project's, and pytest
could not start there.  So a project has all the names here that this repository has used for folders.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OURS = ROOT / "checker" / "toctou"

pytestmark = pytest.mark.skipif(
    find_spec("hatchling") is None or find_spec("pip") is None,
    reason="no pip or no hatchling: `python -m ensurepip && python -m pip install -e '.[test]'`",
)

# What pip does, it does with what is here already: nothing is fetched.
OFFLINE = ["--quiet", "--disable-pip-version-check", "--no-index", "--no-deps", "--no-build-isolation"]


def pip(*arguments: object) -> None:
    command = [sys.executable, "-m", "pip", *map(str, arguments)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr


def environment() -> dict[str, str]:
    """Without what the shell, or the session of pytest-xdist around this test, has set up for Python and pytest."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST_", "AWS_"))}


class Installed:
    """A virtual environment of its own, with what is installed there; the dependencies are those of this environment."""

    def __init__(self, folder: Path) -> None:
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True, timeout=300)
        self.python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        self.packages = Path(self.run("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").stdout.strip())
        # A folder named in a .pth is searched behind the environment's own, and the .pth files within it are not read: an
        # editable installation here is not one there.
        dependencies = [path for path in sys.path if Path(path).name in ("site-packages", "dist-packages")]
        (self.packages / "dependencies.pth").write_text("\n".join(dependencies), encoding="utf-8")

    def run(self, *arguments: object, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.python), *map(str, arguments)],
            cwd=cwd, env=environment(), capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    @property
    def command(self) -> Path:
        (found,) = self.python.parent.glob("toctou*")
        return found


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip("wheel", *OFFLINE, "--wheel-dir", folder, ROOT)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module", params=["wheel", "editable"])
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    made = Installed(tmp_path_factory.mktemp(request.param) / "environment")
    what = ["-e", ROOT] if request.param == "editable" else [request.getfixturevalue("wheel")]
    pip("--python", made.python, "install", *OFFLINE, *what)
    home = made.run("-c", "import toctou; print(toctou.__file__)").stdout
    assert Path(home.strip()).is_relative_to(ROOT if request.param == "editable" else made.packages), home
    return made


def test_the_wheel_holds_the_package_with_its_templates_and_nothing_else(wheel: Path):
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if ".dist-info/" not in name]
    here = {path.relative_to(OURS.parent).as_posix() for path in OURS.rglob("*") if path.is_file()}
    assert set(names) == {name for name in here if "__pycache__" not in name}
    assert "toctou/py.typed" in names
    assert any(name.endswith((".html", ".j2", ".jinja")) for name in names)
    texts = [name for name in names if name.endswith(".md")]
    assert texts == ["toctou/reporting/patterns.md"], "notes on the design are for those who have the repository"


IMPORTABLE = """
import json, pkgutil, sys
print(json.dumps(sorted({one.name for one in pkgutil.iter_modules([path for path in sys.path if path not in sys.argv])})))
"""


def test_nothing_but_toctou_can_be_imported_from_it(installed: Installed, tmp_path: Path):
    apart = [*(installed.packages / "dependencies.pth").read_text(encoding="utf-8").splitlines(), str(tmp_path)]
    with_it = set(json.loads(installed.run("-c", IMPORTABLE, *apart, cwd=tmp_path).stdout))
    without = set(json.loads(installed.run("-S", "-c", IMPORTABLE, cwd=tmp_path).stdout))
    assert with_it - without == {"toctou"}
    for name in (
        "checker",
        "models",
        "tests",
    ):  # folders without an __init__.py are importable too, and not listed above
        assert "ModuleNotFoundError" in installed.run("-c", f"import {name}", cwd=tmp_path).stderr


TEST = """
from pathlib import Path
import checker, models, tests.helping

def test_they_are_ours(pytestconfig):
    for one in (checker, models, tests.helping):
        assert Path(one.__file__).is_relative_to(Path(__file__).parents[1]), one.__file__
    assert (checker.WHOSE, models.WHOSE, tests.helping.WHOSE) == ("ours",) * 3
    assert pytestconfig.pluginmanager.hasplugin("toctou")

def test_the_fixture_is_there(toctou):
    assert toctou.check
"""


@pytest.mark.parametrize("checker", ["checker.py", "checker/__init__.py"])
def test_a_project_with_our_names_has_its_own_and_pytest_starts(installed: Installed, tmp_path: Path, checker: str):
    for name in (checker, "models/__init__.py", "tests/helping.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("WHOSE = 'ours'\n", encoding="utf-8")
    (tmp_path / "tests/__init__.py").touch()
    (tmp_path / "tests/test_names.py").write_text(TEST, encoding="utf-8")
    (tmp_path / "conftest.py").write_text("import checker, models\n", encoding="utf-8")
    done = installed.run("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=tmp_path)
    assert "2 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize("installed", ["wheel"], indirect=True)
def test_the_command_finds_what_it_should_in_a_copy_of_our_models(installed: Installed, tmp_path: Path):
    """From outside of the checkout, with the reports that the templates make."""
    shutil.copytree(ROOT / "models", tmp_path / "models", ignore=shutil.ignore_patterns("__pycache__"))
    expected = json.loads((ROOT / "models/expected.json").read_text(encoding="utf-8"))
    files = ("models/counter.py", "models/transfer.py")
    expected = {name: verdict for name, verdict in expected.items() if name.startswith(files)}
    (tmp_path / "expected.json").write_text(json.dumps(expected), encoding="utf-8")
    done = subprocess.run(
        [str(installed.command), "check", *files, "--expect", "expected.json"],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "</html>" in (tmp_path / "reports/latest/index.html").read_text(encoding="utf-8")
    assert (tmp_path / "reports/latest/run.json").is_file()
