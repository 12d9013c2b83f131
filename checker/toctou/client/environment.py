"""The environment that an AWS client needs on a machine without AWS configuration; no call leaves the machine.

With credentials, a client that is not intercepted gets as far as its socket, where it is noticed, and URLs can be signed; and no
other provider of credentials is asked for some, be it a file or the network.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType

import botocore.session
from botocore.exceptions import ProfileNotFound

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
    with _added(CLIENT_ENVIRONMENT), service_descriptions_shared():
        yield


@contextmanager
def environment_of_import() -> Iterator[None]:
    """The same, for modules that other tests of the session may use: a machine with AWS configuration keeps to that.

    What a client finds when it is made it keeps; nothing is sent meanwhile, whatever that is.
    """
    added = dict(CLIENT_ENVIRONMENT)
    session = botocore.session.Session()
    if session.full_config["profiles"]:
        del added["AWS_ACCESS_KEY_ID"], added["AWS_SECRET_ACCESS_KEY"]
        with suppress(ProfileNotFound):  # which whoever makes a client is told
            if session.get_config_variable("region") is not None:
                del added["AWS_DEFAULT_REGION"]
    with _added(added), service_descriptions_shared():
        yield


@contextmanager
def _added(values: Mapping[str, str]) -> Iterator[None]:
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)
