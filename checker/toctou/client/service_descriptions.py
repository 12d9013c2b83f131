"""Shares what botocore reads of its descriptions of services between sessions.

A session of botocore reads them anew, which is nine tenths of what it takes to make one with a client.  A handler may make a
session for each request, and here it serves thousands of requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import boto3
import botocore.session
from botocore.loaders import Loader, create_loader
from botocore.model import ServiceModel

from toctou.client.parts_of_clients import parts_shared

_NAME = "create_loader"
"""What a session makes its loader with."""


class _Paths(list[str]):
    """Folders, each once: every session of boto3 adds its own to those of its loader."""

    def append(self, path: str) -> None:
        if path not in self:
            super().append(path)


class _SharedLoader(Loader):
    def __init__(self, paths: list[str]) -> None:
        super().__init__()
        self._own_paths = _Paths(paths)

    @property
    def search_paths(self) -> list[str]:
        """The folders in which descriptions are looked for."""
        return self._own_paths


@cache
def shared_loader(data_path: str | None = None) -> Loader:
    """A loader for all sessions with this setting of ``data_path``."""
    return _SharedLoader(create_loader(data_path).search_paths)


@cache
def described(service: str) -> ServiceModel:
    """The description of a service."""
    # With the argument that sessions pass, so that it is read once for these and for the handlers' clients.
    return ServiceModel(shared_loader(None).load_service_model(service, "service-2"), service)


@contextmanager
def service_descriptions_shared() -> Iterator[None]:
    """While inside, sessions that are made share a loader, and clients what is made of it."""
    before = getattr(botocore.session, _NAME)
    setattr(botocore.session, _NAME, shared_loader)
    try:
        with parts_shared():
            yield
    finally:
        setattr(botocore.session, _NAME, before)


@cache
def preload() -> None:
    """Read what a client and a resource of DynamoDB need, so that processes that are forked from here find it."""
    with service_descriptions_shared():
        boto3.Session(aws_access_key_id="toctou", aws_secret_access_key="toctou", region_name="us-east-1").resource(  # noqa: S106
            "dynamodb"
        )
