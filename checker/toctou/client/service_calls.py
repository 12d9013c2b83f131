"""One action of a client of another AWS service, as :mod:`toctou.client.client_method` says.

Files among the parameters are read, and what a service streams can be.  What the user has replaced (a ``Stubber``, a patch of
botocore's own method) stays replaced, and is no operation.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any, cast

from botocore.client import BaseClient
from botocore.response import StreamingBody
from botocore.stub import Stubber

from toctou.client.asynchronous import streaming_body
from toctou.client.backend import Performed
from toctou.client.client_method import ClientMethod
from toctou.client.copying import copied
from toctou.client.other_services import RAISES
from toctou.client.service_names import ServiceCall


class ServiceMethod(ClientMethod):
    """One action of one client."""

    announced_always = (
        True  # botocore's listeners make what the service takes of what callers may pass, such as `CopySource`
    )

    def __init__(self, client: BaseClient, action: str) -> None:
        super().__init__(client, action)
        model = client.meta.service_model
        self.action = ServiceCall(f"{model.service_name}.{action}", client.meta.region_name or "us-east-1")
        mode = self._model.http_checksum.get("requestValidationModeMember")
        self.left_out = frozenset([*self._model.idempotent_members, *([mode] if mode else []), *self._encoding()])
        self._call = f"before-call.{model.service_id.hyphenize()}.{action}"
        output: Any = self._model.output_shape
        self._payload: str = output.serialization.get("payload", "") if self._model.has_streaming_output else ""

    def _encoding(self) -> list[str]:
        """The parameter by which botocore has keys of objects encoded, to decode them itself."""
        shape = self._model.input_shape
        return ["EncodingType"] if shape is not None and "EncodingType" in shape.members else []

    @property
    def stubbed(self) -> bool:
        """Whether a ``Stubber`` of botocore answers the client's calls."""
        return any(isinstance(getattr(one, "__self__", None), Stubber) for one in self._listeners.to(self._call))

    def _valid(self, asked: dict[str, Any]) -> dict[str, Any]:
        self._check(asked)
        shape = self._model.input_shape
        return {} if shape is None else cast("dict[str, Any]", _plain(asked, shape))

    def _parsed(self, performed: Performed) -> tuple[dict[str, Any], dict[str, str]]:
        error = performed.error
        if error is not None and RAISES in (error.fields or {}):
            raise error.fields[RAISES]  # type: ignore[index] # there are some
        about: Mapping[str, Any] = performed.result if error is None else error.fields or {}  # type: ignore[assignment] # there is a result
        parsed: dict[str, Any] = copied(dict(about))
        if error is not None:
            parsed["Error"] = {"Message": error.message, "Code": error.code, **parsed.get("Error", {})}
        if self._payload:
            body = parsed.get(self._payload, b"")
            content = body.encode() if isinstance(body, str) else bytes(body)
            streamed = streaming_body(self._client, content)
            parsed[self._payload] = streamed or StreamingBody(io.BytesIO(content), len(content))
        return parsed, {}


def _plain(value: Any, shape: Any) -> Any:
    """A deep copy of a valid value in plain types, which can be kept and sent to another process."""
    match shape.type_name:
        case "structure" if isinstance(value, Mapping):
            members = shape.members
            return {name: _plain(content, members[name]) for name, content in value.items() if name in members}
        case "map" if isinstance(value, Mapping):
            return {name: _plain(content, shape.value) for name, content in value.items()}
        case "list" if isinstance(value, list | tuple):
            return [_plain(content, shape.member) for content in value]
        case "blob":
            if hasattr(value, "read"):
                value = value.read()
            return value.encode() if isinstance(value, str) else bytes(value)
        case "string" if isinstance(value, str):
            return "".join(value)
        case _:
            return value
