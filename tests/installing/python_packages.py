"""Packages of PyPI for tests, installed once into a cache outside the tree and kept there, each set in a folder of its own.

Sets are apart from each other and from the environment of the tests, which some would take back to an older boto3.  A test that
runs a program puts the folder of a set on its ``PYTHONPATH``.  Nothing is installed unasked: run as a script, this installs
every set ahead of the tests, and so does a test where ``CI`` is set.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from node_packages import NotInstalled, cache

APPLICATIONS = (
    "agent-squad==1.1.4",
    "aws-lambda-powertools==3.37.0",
    "backoff==2.2.1",
    "chalice==1.34.0",
    "django-dysession==1.1.1",
    "dynamo-dlm==2.1.0",
    "pynamodb==6.1.0",
)
"""What goes with any boto3, without what the tests' environment has."""

AIOBOTO3 = (
    "aioboto3==15.5.0",
    "aiobotocore==2.25.1",
    "aiofiles==25.1.0",
    "aioitertools==0.13.0",
    "boto3==1.40.61",
    "botocore==1.40.61",
    "s3transfer==0.14.0",
    "wrapt==1.17.3",
)
"""aioboto3, and the boto3 that it asks for; what goes with aiohttp is in the tests' environment."""

SETS = (APPLICATIONS, AIOBOTO3)


def installed(packages: tuple[str, ...]) -> Path:
    """A folder from which these packages, and no others, can be imported; skips the test if it is not there."""
    folder = _folder(packages)
    if not folder.exists() and not os.environ.get("CI"):
        pytest.skip(f"{', '.join(packages)} are not there: `python tests/installing/python_packages.py`")
    try:
        return folder_of(packages)
    except NotInstalled as reason:
        pytest.skip(str(reason))


def folder_of(packages: tuple[str, ...]) -> Path:
    """The same, installed if it is not there; raises ``NotInstalled`` if that cannot be."""
    folder = _folder(packages)
    if not folder.exists():
        _install(packages, folder)
    return folder


def _folder(packages: tuple[str, ...]) -> Path:
    named = hashlib.sha256(repr((sys.version_info[:2], sorted(packages))).encode()).hexdigest()[:16]
    # toctou tells what is installed from what is the user's by this name.
    return cache() / f"pip-{named}" / "site-packages"


def _install(packages: tuple[str, ...], folder: Path) -> None:
    folder.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent.parent, ignore_cleanup_errors=True) as work:
        made = Path(work) / "made"
        options = ["--quiet", "--no-deps", "--disable-pip-version-check", "--target", str(made / folder.name)]
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pip", "install", *options, *packages],
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NotInstalled("pip took too long; again: `python tests/installing/python_packages.py`") from None
        if done.returncode:
            raise NotInstalled(f"`pip install {' '.join(packages)}` fails: {done.stderr.strip()[-300:]}")
        try:
            made.rename(folder.parent)
        except OSError:  # another test process was faster
            assert folder.exists()


if __name__ == "__main__":
    for one_set in SETS:
        try:
            print(folder_of(one_set))
        except NotInstalled as reason:
            sys.exit(f"packages are not at hand: {reason}")
