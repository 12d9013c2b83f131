"""The environment that an AWS client needs on a machine without AWS configuration; no call leaves the machine.

With credentials, a client that is not intercepted gets as far as its socket, where it is noticed, and URLs can be signed; and no
other provider of credentials is asked for some, be it a file or the network.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType

from toctou.client.service_descriptions import service_descriptions_shared

CLIENT_ENVIRONMENT: Mapping[str, str] = MappingProxyType(
    {
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",  # of AWS's documentation
        "AWS_SECRET_ACCESS_KEY": "toctou",
    }
)


@contextmanager
def client_environment() -> Iterator[None]:
    """While inside, clients can be made, and quickly; variables that are set keep their values."""
    added = {name: value for name, value in CLIENT_ENVIRONMENT.items() if name not in os.environ}
    os.environ.update(added)
    try:
        with service_descriptions_shared():
            yield
    finally:
        for name in added:
            os.environ.pop(name, None)
