"""Packages of npm for tests, installed once into a cache outside the tree and kept there.

The folder is ``$TOCTOU_TEST_CACHE``, or ``toctou-tests`` in the user's cache; keep it between runs of CI.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

SDK = {"@aws-sdk/client-dynamodb": "3.1162.0", "@aws-sdk/lib-dynamodb": "3.1162.0"}
"""The AWS SDK for JavaScript."""


class NotInstalled(Exception):
    """Packages cannot be had; the text says why, and which command helps."""


def installed(packages: dict[str, str]) -> Path:
    """A folder whose ``node_modules`` holds these packages, by name and version; skips the test if that cannot be."""
    try:
        return folder_of(packages)
    except NotInstalled as reason:
        pytest.skip(str(reason))


def folder_of(packages: dict[str, str]) -> Path:
    """The same; raises ``NotInstalled`` instead."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise NotInstalled("no node or no npm: `apt-get install nodejs npm`")
    manifest = json.dumps({"private": True, "dependencies": packages}, sort_keys=True)
    folder = cache() / f"npm-{hashlib.sha256(manifest.encode()).hexdigest()[:16]}"
    if not folder.exists():
        _install(manifest, folder)
    return folder


def cache() -> Path:
    """Where it is kept."""
    given = os.environ.get("TOCTOU_TEST_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "toctou-tests"


def _install(manifest: str, folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, ignore_cleanup_errors=True) as work:
        made = Path(work) / "made"
        made.mkdir()
        (made / "package.json").write_text(manifest)
        options = ["--no-audit", "--no-fund", "--ignore-scripts", "--no-package-lock", "--loglevel=error"]
        try:
            done = subprocess.run(
                ["npm", "install", *options], cwd=made, capture_output=True, text=True, timeout=240, check=False
            )
        except subprocess.TimeoutExpired:
            raise NotInstalled("npm took too long; again: `python tests/installing/dynamodb_local.py`") from None
        if done.returncode:
            raise NotInstalled(f"`npm install` of {manifest} fails: {done.stderr.strip()[:300]}")
        try:
            made.rename(folder)
        except OSError:  # another test process was faster
            assert folder.exists()
