"""The default second backend: moto, in this process."""

from __future__ import annotations

from moto import mock_aws

from toctou.client.endpoint import EndpointBackend

# A region that tests are unlikely to use: moto is global to the process, and may hold tables of theirs with the same names.
_REGION = "il-central-1"


class MotoBackend(EndpointBackend):
    """Performs operations on moto's DynamoDB; no socket is opened."""

    def __init__(self) -> None:
        self._moto = mock_aws()
        self._moto.start(reset=True)
        super().__init__(f"https://dynamodb.{_REGION}.amazonaws.com", _REGION)
        self.name = "moto"

    def close(self) -> None:
        """Remove the tables, which moto keeps while other code uses it, and undo its patches."""
        super().close()
        self._moto.stop()
