"""The second opinion that is always at hand: moto, in this process."""

from __future__ import annotations

from moto import mock_aws

from checker.client.endpoint import EndpointBackend


class MotoBackend(EndpointBackend):
    """Performs operations on moto's DynamoDB; no socket is opened."""

    def __init__(self) -> None:
        self._moto = mock_aws()
        self._moto.start(reset=True)
        super().__init__("https://dynamodb.us-east-1.amazonaws.com")
        self.name = "moto"

    def close(self) -> None:
        """Put back what moto replaced."""
        self._moto.stop()
