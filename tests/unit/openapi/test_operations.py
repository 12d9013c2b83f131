from __future__ import annotations

import copy

import pytest
from documents import api, written

from toctou.errors import DocumentError
from toctou.openapi.document import taken
from toctou.openapi.operations import Operation, Unusable, operations
from toctou.openapi.request import HttpRequest, made


def only(tmp_path, document) -> Operation:
    (found,) = operations(written(tmp_path, {"api.json": document}))
    assert isinstance(found, Operation), found
    return found


def parameter(name, location, schema=None, **more):
    return {"name": name, "in": location, "required": location == "path", "schema": schema or {}, **more}


def test_an_operation_of_3(tmp_path):
    document = api(
        "3.1",
        {
            "/items/{id}": {
                "parameters": [parameter("id", "path", {"type": "string"}), parameter("trace", "header")],
                "delete": {
                    "operationId": "deleteItem",
                    "parameters": [parameter("trace", "header", {"const": "x"})],
                    "security": [{"key": []}],
                    "responses": {"204": {}, "default": {}},
                },
            }
        },
        servers=[{"url": "https://{host}/v1/", "variables": {"host": {"default": "example.com"}}}],
        components={"securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-User"}}},
    )
    found = only(tmp_path, document)
    assert (found.id, found.name, found.statuses) == ("deleteItem", "DELETE /v1/items/{id}", ("204", "default"))
    assert [(one.name, one.location, one.required) for one in found.parameters] == [
        ("id", "path", True),
        ("trace", "header", False),
    ]
    assert found.parameters[1].schema == {"const": "x"}  # that of the operation, not of the path
    sent_request = made(found, "alice", {"id": "a/b c", "trace": "x"}, {})
    assert sent_request == HttpRequest("DELETE", "/v1/items/a%2Fb%20c", {"X-User": "alice", "trace": "x"})


def test_an_operation_of_2(tmp_path):
    document = api(
        "2.0",
        {
            "/items/{id}": {
                "put": {
                    "parameters": [
                        {"name": "id", "in": "path", "type": "string", "required": True},
                        {"$ref": "#/parameters/tags"},
                        {"name": "item", "in": "body", "schema": {"$ref": "#/definitions/item"}},
                    ],
                    "responses": {},
                }
            }
        },
        basePath="/api",
        consumes=["application/json"],
        parameters={"tags": {"name": "tags", "in": "query", "type": "array", "items": {"type": "string"}}},
        definitions={"item": {"type": "object", "required": ["owner"]}},
        securityDefinitions={"login": {"type": "basic"}},
        security=[{"login": []}],
    )
    found = only(tmp_path, document)
    assert (found.id, found.name) == ("put_items_id", "PUT /api/items/{id}")
    assert found.body.schema["$defs"]["s0"]["required"] == ["owner"]
    sent_request = made(found, "al", {"id": "1", "tags": ["x", "y"], "body": {"owner": "bob"}}, {})
    assert sent_request.path == "/api/items/1?tags=x&tags=y"
    assert sent_request.headers == {"Authorization": "Basic YWw6YWw=", "Content-Type": "application/json"}
    assert sent_request.body == b'{"owner": "bob"}'


def test_a_form_of_2(tmp_path):
    fields = [{"name": "to", "in": "formData", "type": "string", "required": True}]
    found = only(tmp_path, api("2.0", {"/x": {"post": {"parameters": fields, "responses": {}}}}))
    sent_request = made(found, "alice", {"body": {"to": "b ob"}}, {})
    assert (sent_request.headers["Content-Type"], sent_request.body) == (
        "application/x-www-form-urlencoded",
        b"to=b+ob",
    )


def test_a_file_is_a_part_of_its_own(tmp_path):
    body = {"content": {"multipart/form-data": {"schema": {"type": "object"}}}}
    found = only(tmp_path, api("3.0", {"/x": {"post": {"requestBody": body, "responses": {}}}}))
    sent_request = made(found, "alice", {"body": {"a": "1"}}, {})
    assert sent_request.headers["Content-Type"] == "multipart/form-data; boundary=toctou-boundary"
    assert b'name="a"\r\n\r\n1\r\n--toctou-boundary--' in sent_request.body


@pytest.mark.parametrize(
    ("style", "value", "sent"),
    [
        ({}, [1, 2], "p=1&p=2"),
        ({"explode": False}, [1, 2], "p=1%2C2"),
        ({"style": "spaceDelimited", "explode": False}, ["a", "b"], "p=a%20b"),
        ({"style": "pipeDelimited", "explode": False}, ["a", "b"], "p=a%7Cb"),
        ({"style": "deepObject"}, {"a": 1}, "p%5Ba%5D=1"),
        ({}, {"a": 1, "b": True}, "a=1&b=true"),
        ({"content": {"application/json": {"schema": {}}}}, {"a": 1}, "p=%7B%22a%22%3A%201%7D"),
        ({}, "a&b=c", "p=a%26b%3Dc"),
    ],
    ids=str,
)
def test_how_a_query_is_serialised(tmp_path, style, value, sent):
    found = only(
        tmp_path, api("3.0", {"/x": {"get": {"parameters": [parameter("p", "query", **style)], "responses": {}}}})
    )
    assert made(found, "alice", {"p": value}, {}).path == f"/x?{sent}"


@pytest.mark.parametrize(("style", "sent"), [("simple", "/x/a,b"), ("label", "/x/.a,b"), ("matrix", "/x/;p=a,b")])
def test_how_a_path_is_serialised(tmp_path, style, sent):
    parameters = [parameter("p", "path", style=style)]
    found = only(tmp_path, api("3.0", {"/x/{p}": {"get": {"parameters": parameters, "responses": {}}}}))
    assert made(found, "alice", {"p": ["a", "b"]}, {}).path == sent


@pytest.mark.parametrize(
    ("scheme", "path", "headers"),
    [
        ({"type": "http", "scheme": "bearer"}, "/x", {"Authorization": "Bearer alice"}),
        ({"type": "http", "scheme": "basic"}, "/x", {"Authorization": "Basic YWxpY2U6YWxpY2U="}),
        ({"type": "oauth2", "flows": {}}, "/x", {"Authorization": "Bearer alice"}),
        ({"type": "apiKey", "in": "cookie", "name": "user"}, "/x", {"Cookie": "user=alice"}),
        ({"type": "apiKey", "in": "query", "name": "user"}, "/x?user=alice", {}),
        ({"type": "mutualTLS"}, "/x", {}),
    ],
    ids=str,
)
def test_how_a_principal_authenticates(tmp_path, scheme, path, headers):
    document = api(
        "3.0",
        {"/x": {"get": {"responses": {}}}},
        components={"securitySchemes": {"s": scheme}},
        security=[{"s": []}],
    )
    found = only(tmp_path, document)
    sent_request = made(found, "alice", {}, {})
    assert (sent_request.path, sent_request.headers) == (path, headers)
    assert made(found, "alice", {}, {"X-Me": "a"}).headers == {"X-Me": "a"}  # the model's headers win


def test_an_operation_without_authentication(tmp_path):
    document = api("3.0", {"/x": {"get": {"responses": {}, "security": []}}}, security=[{"s": []}])
    assert only(tmp_path, document).security == ()


def test_methods_of_3_2(tmp_path):
    item = {"query": {"responses": {}}, "additionalOperations": {"LINK": {"responses": {}}}}
    found = list(operations(written(tmp_path, {"api.json": api("3.2", {"/x": item})})))
    assert [one.name for one in found] == ["QUERY /x", "LINK /x"]


def test_operations_without_a_possible_request(tmp_path):
    binary = {"requestBody": {"content": {"application/octet-stream": {}}}, "responses": {}}
    found = list(operations(written(tmp_path, {"api.json": api("3.0", {"/x": {"put": binary}, "/{y}": {"get": {}}})})))
    assert all(isinstance(one, Unusable) for one in found)
    assert "application/octet-stream" in found[0].reason
    assert found[1].reason == "the document does not define the path parameter y"


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        (
            {"/x": {"get": {"operationId": "a", "responses": {}}, "put": {"operationId": "a", "responses": {}}}},
            "the operationId 'a' is used twice",
        ),
        ({"/x": {"get": {"parameters": [{"name": "p"}]}}}, "has no 'in'"),
        (
            {"/x": {"get": {"parameters": [{"name": "p", "in": "query", "schema": 3}]}}},
            "contains 3, which is not a schema",
        ),
        ({"/x": {"$ref": "#/paths/nothing"}}, "leads nowhere"),
        ({"/x": None}, "contains nothing"),
        ({"/x": {"get": None}}, "contains nothing"),
        ({"/x": {"get": {"$ref": "#/paths/nothing"}}}, "leads nowhere"),
    ],
    ids=range(7),
)
def test_an_operation_that_violates_the_standard_does_not_hide_the_others(tmp_path, paths, said):
    found = list(operations(written(tmp_path, {"api.json": api("3.0", {**paths, "/other": {"get": {}}})})))
    (bad,) = (one for one in found if isinstance(one, Unusable))
    assert isinstance(bad.fault, DocumentError)
    assert said in bad.reason
    assert "api.json#/paths" in bad.reason
    assert found[-1].name == "GET /other"


@pytest.mark.parametrize("paths", [[], "x", 3, None])
def test_paths_that_are_no_object(tmp_path, paths):
    with pytest.raises(DocumentError, match=r"api\.json#/paths contains"):
        list(operations(written(tmp_path, {"api.json": api("3.0") | {"paths": paths}})))


BODY = {"type": "object", "required": ["a"], "properties": {"a": {"$ref": "#/components/schemas/A"}}}
WHOLE = api(
    "3.1",
    {
        "/x/{p}": {
            "parameters": [parameter("p", "path", {"type": "string"})],
            "put": {
                "operationId": "put",
                "parameters": [parameter("q", "query", content={"application/json": {"schema": {}}}, examples={})],
                "requestBody": {"content": {"application/json": {"schema": BODY, "examples": {"e": {"value": 1}}}}},
                "responses": {"200": {}},
                "security": [{"key": []}],
            },
        }
    },
    servers=[{"url": "https://{host}/v1", "variables": {"host": {"default": "example.com"}}}],
    components={"schemas": {"A": {"type": "string"}}, "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
)


def places(value, path=()):
    if path:
        yield path
    for key, child in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ()):
        yield from places(child, (*path, key))


@pytest.mark.parametrize("wrong", [None, [], 3, [None], {"a": None}], ids=str)
def test_a_part_of_the_wrong_kind_is_a_fault_of_the_document(wrong):
    for path in places(WHOLE):
        document = copy.deepcopy(WHOLE)
        part = document
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = wrong
        try:
            found = list(operations(taken(document, "api")))
        except DocumentError:
            continue
        assert all(isinstance(one, Operation | Unusable) for one in found)
