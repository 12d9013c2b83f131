"""The second opinion that is always at hand: moto, in this process."""

from __future__ import annotations

from moto import mock_aws

from toctou.client.endpoint import EndpointBackend

_REGION = "il-central-1"
"""A region that tests are not likely to use: moto is one for the whole process, and theirs may be active with tables of the same
names."""


class MotoBackend(EndpointBackend):
    """Performs operations on moto's DynamoDB; no socket is opened."""

    def __init__(self) -> None:
        self._moto = mock_aws()
        self._moto.start(reset=True)
        super().__init__(f"https://dynamodb.{_REGION}.amazonaws.com", _REGION)
        self.name = "moto"

    def close(self) -> None:
        """Remove the tables, which moto keeps while other code uses it, and put back what moto replaced."""
        super().close()
        self._moto.stop()
