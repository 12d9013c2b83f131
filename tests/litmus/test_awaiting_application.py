"""A service on FastAPI, whose client is made while it starts, on another loop than those of its requests."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from toctou import Model, Table, check, handler
from toctou.openapi.request import HttpRequest
from toctou.web import asgi

fastapi = pytest.importorskip("fastapi", reason="no FastAPI: `pip install fastapi`")
aiobotocore_session = pytest.importorskip("aiobotocore.session", reason="no aiobotocore: `pip install aiobotocore`")

KEY = {"id": {"S": "n1"}}


@asynccontextmanager
async def lifespan(app):
    async with AsyncExitStack() as stack:
        session = aiobotocore_session.get_session()
        app.state.client = await stack.enter_async_context(
            session.create_client("dynamodb", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        )
        yield


application = fastapi.FastAPI(lifespan=lifespan)


async def read():
    return (await application.state.client.get_item(TableName="Notes", Key=KEY, ConsistentRead=True))["Item"]


@application.post("/notes/n1/claim/{owner}")
async def claim(owner: str):
    if "holder" in await read():
        raise fastapi.HTTPException(409)
    await application.state.client.put_item(TableName="Notes", Item={**KEY, "holder": {"S": owner}})
    return owner


@application.post("/notes/n1/claim-safely/{owner}")
async def claim_safely(owner: str):
    client = application.state.client
    if "holder" in await read():
        raise fastapi.HTTPException(409)
    try:
        await client.put_item(
            TableName="Notes", Item={**KEY, "holder": {"S": owner}}, ConditionExpression="attribute_not_exists(holder)"
        )
    except client.exceptions.ConditionalCheckFailedException:
        raise fastapi.HTTPException(409) from None
    return owner


class Notes(Model):
    tables = [Table("Notes", "id")]
    items = {"Notes": [{"id": "n1"}]}
    started = False
    path = ""

    def setup(self):
        if not Notes.started:
            asgi.started(application)
            Notes.started = True

    @handler
    def claim(self, principal):
        return asgi.answer(application, HttpRequest("POST", f"/notes/n1/{self.path}/{principal}", {}, b""), {})


class Racy(Notes):
    path = "claim"


class Guarded(Notes):
    path = "claim-safely"


@pytest.mark.parametrize("isolation", ["auto", "memory", "processes"])
@pytest.mark.parametrize(("model", "verdict"), [(Racy, "VIOLATED"), (Guarded, "VERIFIED")])
def test_a_service_whose_client_is_made_at_its_start(model, verdict, isolation):
    result = check(model, isolation=isolation)
    assert result.verdict == verdict, result.detail
