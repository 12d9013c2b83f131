"""The environment that a boto3 client needs on a machine without AWS configuration; no call leaves the machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

CLIENT_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {"AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
)


@contextmanager
def client_environment() -> Iterator[None]:
    """While inside, clients can be made; variables that are set keep their values."""
    added = {name: value for name, value in CLIENT_ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
