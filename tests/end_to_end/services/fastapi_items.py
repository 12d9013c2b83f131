"""A FastAPI service over the item table: endpoints in worker threads and asynchronous ones; it makes its own document."""

import contextlib
import contextvars
from typing import Annotated

import fastapi
import item_table
from pydantic import BaseModel

from toctou import App, Table

current = contextvars.ContextVar[str]("current")


class Change(BaseModel):
    text: str


class Transfer(BaseModel):
    to: str


def create(ways):
    @contextlib.asynccontextmanager
    async def lifespan(app):
        yield {"started": True}

    app = fastapi.FastAPI(lifespan=lifespan)
    scheme = fastapi.security.APIKeyHeader(name="X-User")

    @app.middleware("http")
    async def enable_memoisation(request, call_next):
        current.set(request.headers.get("X-User", ""))
        assert request.state.started
        answer = await call_next(request)
        assert current.get() == request.headers.get("X-User", "")
        return answer

    def caller(user: Annotated[str, fastapi.Depends(scheme)]) -> str:
        assert current.get() == user
        return user

    Principal = Annotated[str, fastapi.Depends(caller)]  # noqa: N806 - a type

    def answered(result):
        status, body = result
        return fastapi.responses.JSONResponse(body, status) if status != 204 else fastapi.Response(status_code=204)

    @app.get("/items/{item_id}", operation_id="getItem")
    async def get_item(item_id: str, user: Principal):
        return answered(item_table.get_item(user, item_id))

    @app.put("/items/{item_id}", operation_id="updateItem")
    async def update_item(item_id: str, change: Change, user: Principal):
        return answered(ways.update(user, item_id, change.text))

    @app.delete("/items/{item_id}", operation_id="deleteItem")
    def delete_item(item_id: str, user: Principal):
        return answered(ways.delete(user, item_id))

    @app.post("/items/{item_id}/transfer", operation_id="transferItem")
    def transfer(item_id: str, asked: Transfer, user: Principal):
        return answered(item_table.transfer(user, item_id, asked.to))

    return app


class Items(App):
    tables = [Table("Items", "item_id")]
    items = {"Items": [{"item_id": "ITEM#i1", "owner": "alice", "text": "hers"}]}
    owner = "owner"


class RacyItems(Items):
    """Reads the owner, then writes."""

    app = create(item_table.Racy())


class FixedItems(Items):
    """The writes check the owner themselves."""

    app = create(item_table.Fixed())
