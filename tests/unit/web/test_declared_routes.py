"""Which routes an application says it has, and which of them is meant by a path that it does not have."""

from types import SimpleNamespace

import pytest

from toctou.web.declared_routes import Declared, declared_routes, matches, nearest


def test_the_routes_of_applications_and_of_what_is_mounted_in_them():
    rules = [SimpleNamespace(methods={"GET", "HEAD", "OPTIONS"}, rule="/notes/<int:note_id>")]
    flask = SimpleNamespace(url_map=SimpleNamespace(iter_rules=lambda: rules))
    assert [str(one) for one in declared_routes(flask)] == ["GET /notes/<int:note_id>"]
    below = SimpleNamespace(path="/api", routes=[SimpleNamespace(path="/notes/{id}", methods={"PUT"})])
    assert [str(one) for one in declared_routes(SimpleNamespace(routes=[below]))] == ["PUT /api/notes/{id}"]
    chalice = SimpleNamespace(routes={"/notes": {"POST": object()}})
    assert [str(one) for one in declared_routes(chalice)] == ["POST /notes"]


def test_routers_that_fastapi_has_included():
    fastapi = pytest.importorskip("fastapi", reason="no FastAPI: `pip install fastapi`")
    notes, versioned, app = fastapi.APIRouter(prefix="/notes"), fastapi.APIRouter(prefix="/v1"), fastapi.FastAPI()
    notes.delete("/{note_id}")(lambda note_id: note_id)
    versioned.include_router(notes)
    app.include_router(versioned, prefix="/api")
    assert "DELETE /api/v1/notes/{note_id}" in map(str, declared_routes(app))


@pytest.mark.parametrize("application", [None, object(), SimpleNamespace(url_map=3), SimpleNamespace(routes=[3])])
def test_what_says_nothing_of_its_routes_has_none(application):
    assert declared_routes(application) == []


def test_django(monkeypatch):
    django = pytest.importorskip("django", reason="no Django: `pip install django`")
    from django.urls import include, path, re_path  # noqa: PLC0415 - it may not be there
    from django.urls.resolvers import get_resolver  # noqa: PLC0415

    notes = [path("<int:id>/", lambda _: None), re_path(r"^x$", lambda _: None)]
    patterns = [path("notes/", include((notes, "notes")))]
    assert django
    monkeypatch.setattr("django.urls.get_resolver", lambda: get_resolver(tuple(patterns)))
    handler = type("WSGIHandler", (), {"__module__": "django.core.handlers.wsgi"})()
    assert [one.path for one in declared_routes(handler)] == ["/notes/<int:id>/"]


@pytest.mark.parametrize(
    ("template", "path", "same"),
    [
        ("/notes/{id}", "/notes/n1", True),
        ("/notes/<int:id>", "/notes/1/x", False),
        ("/files/<path:name>", "/files/a/b", True),
        ("/files/{name:path}", "/files/a/b", True),
        ("/a.b", "/axb", False),
    ],
)
def test_a_path_is_one_of_a_route(template, path, same):
    assert matches(Declared(frozenset(), template), path) == same


@pytest.mark.parametrize(
    ("method", "path", "near"),
    [
        ("DELETE", "/note/n1", "DELETE /notes/{id}"),
        ("GET", "/note/n1", "GET /notes/{id}"),
        ("POST", "/notes", "POST /notes/"),
        ("POST", "/zzz", None),
    ],
)
def test_the_nearest_route(method, path, near):
    routes = [
        Declared(frozenset([one]), where)
        for one, _, where in (text.partition(" ") for text in ("GET /notes/{id}", "DELETE /notes/{id}", "POST /notes/"))
    ]
    found = nearest(routes, method, path)
    assert (found and str(found)) == near
