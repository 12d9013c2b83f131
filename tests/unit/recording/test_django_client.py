"""Django is configured once in a process, so that what is tested runs in one of its own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("django", reason="no Django: `pip install django`")

SETTINGS = """
import django, pytest
from django.conf import settings
from django.test import utils

settings.configure(
    ROOT_URLCONF="shop_urls", SECRET_KEY="s3cret", USE_TZ=True,
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sessions"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware", "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware", "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()

@pytest.fixture
def recorder(monkeypatch):
    "Requests of a test of Django, after which nothing of its database and of its environment is left."
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from recorded_sessions import recorded_session

    utils.setup_test_environment()
    call_command("migrate", verbosity=0)
    for name in ("alice", "bob"):
        User.objects.create_user(name)
    with recorded_session(monkeypatch) as recorder:
        def ended():
            recorder.test = ""
            call_command("flush", verbosity=0, interactive=False)
            utils.teardown_test_environment()
        recorder.ended = ended
        yield recorder
"""

URLS = """
import json
from django.conf import settings
from django.core.mail import send_mail
from django.http import HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import include, path, re_path
from recorded_sessions import orders

def one(request, order_id):
    item = orders().get_item(Key={"order_id": order_id}).get("Item")
    if item is None:
        return JsonResponse({"error": "no such order"}, status=404)
    if request.method == "DELETE":
        if item["owner"] != (request.user.get_username() or request.headers.get("X-User")):
            return HttpResponse(status=403)
        orders().delete_item(Key={"order_id": order_id})
        return HttpResponse(status=204)
    return JsonResponse(item)

def create(request):
    given = json.loads(request.body) if request.content_type == "application/json" else request.POST
    orders().put_item(Item={"order_id": given["id"], "owner": given.get("owner", "nobody")})
    send_mail("created", given["id"], None, ["owner@example.com"])
    answer = JsonResponse({"created": given["id"], "max": getattr(settings, "MOST_ORDERS", None)}, status=201)
    answer.set_cookie("last", given["id"])
    return answer

def export(request):
    return StreamingHttpResponse(
        (orders().get_item(Key={"order_id": one})["Item"]["owner"] + "\\n" for one in ("o1", "o2")), content_type="text/plain"
    )

async def awaited(request, order_id):
    item = orders().get_item(Key={"order_id": order_id})["Item"]
    return JsonResponse({"method": request.method, "body": request.body.decode(), **item})

def fail(request):
    raise KeyError("status")

urlpatterns = [
    path("orders", create),
    path("orders/<str:order_id>", one),
    re_path(r"^archive/(?P<order_id>[^/.(]+(?:x|y)?)/?$", one),
    path("v2/", include([path("orders/<slug:order_id>/", awaited)])),
    path("export", export),
    path("fails", fail),
]
"""

TESTS = """
import asyncio
import pytest
from django.contrib.auth.models import User
from django.test import AsyncClient, Client, override_settings
from recorded_sessions import ORDERS, actions, alone, orders

def answers(recorder):
    recorder.ended()
    return [alone(one) for one in recorder.requests], [one.raised or one.returned for one in recorder.requests]

def test_requests_are_recorded_and_performed_again(recorder):
    client = Client()
    assert client.get("/orders/o1?why=a%20b", headers={"X-User": "alice"}).json() == ORDERS["o1"]
    orders().scan()
    assert client.delete("/orders/o2", HTTP_X_USER="alice").status_code == 403
    shown, refused = recorder.requests
    assert (shown.entry.kind, shown.entry.name) == ("http", "shop_urls:urlpatterns")
    assert shown.arguments["query"] == "why=a%20b"
    assert shown.arguments["headers"]["x-user"] == "alice"
    assert shown.entry.route(shown.arguments) == "GET /orders/o1"
    assert shown.entry.template(shown.arguments) == "GET /orders/{order_id}"
    for path, template in [("archive/o1", "archive/{order_id}/"), ("v2/orders/o1/", "v2/orders/{order_id}/"), ("nothing", "")]:
        assert shown.entry.template({**shown.arguments, "path": "/" + path}) == (template and "GET /" + template)
    assert [actions(recorder, one) for one in (shown, refused, None)] == [["GetItem"], ["GetItem"], ["Scan"]]
    again, before = answers(recorder)
    assert again == before
    assert alone(refused, path="/orders/o1").status == 204

def test_bodies_cookies_and_mail(recorder):
    from django.core import mail

    client = Client()
    client.post("/orders", {"id": "o3"}, content_type="application/json")
    assert len(mail.outbox) == 1
    client.post("/orders", "id=o4&owner=carol%40example.com", content_type="application/x-www-form-urlencoded")
    client.post("/orders", {"id": "o5"})
    as_json, as_form, in_parts = recorder.requests
    assert as_json.arguments["body"] == {"id": "o3"}
    assert as_form.arguments["form"] == {"id": "o4", "owner": "carol@example.com"}
    assert as_form.arguments["headers"]["cookie"] == "last=o3"
    assert b"o5" in in_parts.arguments["body"]
    again, before = answers(recorder)
    assert [one.status for one in before] == [201, 201, 201]
    assert again == before

def test_no_token_is_asked_for_unless_the_client_asks_for_it(recorder):
    for client in (Client(), Client(enforce_csrf_checks=True)):
        client.post("/orders", {"id": "o3"})
    again, before = answers(recorder)
    assert [one.status for one in before] == [201, 403]
    assert again == before

def test_who_is_signed_in_is_so_again_without_the_database(recorder):
    client = Client()
    for name in ("alice", "bob"):
        client.force_login(User.objects.get(username=name))
        client.delete("/orders/o2")
    again, before = answers(recorder)
    assert [one.status for one in before] == [403, 204]
    assert again == before
    user = recorder.requests[0].arguments["user"]
    assert user["username"] == "alice"
    assert alone(recorder.requests[0], user={**user, "username": "bob"}).status == 204

def test_settings_of_a_test_are_those_of_its_requests(recorder):
    with override_settings(MOST_ORDERS=3):
        Client().post("/orders", {"id": "o3"})
    Client().post("/orders", {"id": "o3"})
    again, before = answers(recorder)
    assert [one.body["max"] for one in before] == [3, None]
    assert again == before
    first, second = recorder.requests
    assert first.surroundings.clash(second.surroundings) == ""
    assert second.surroundings.clash(first.surroundings) == ""

def test_an_exception_is_the_answer_whoever_sees_it(recorder):
    with pytest.raises(KeyError):
        Client().get("/fails")
    assert Client(raise_request_exception=False).get("/fails").status_code == 500
    again, before = answers(recorder)
    assert [one.exception.type for one in before] == ["KeyError", "KeyError"]
    assert again == before

def test_the_calls_of_a_stream_are_those_of_its_request(recorder):
    client = Client()
    answer = client.get("/export")
    client.get("/orders/o1")
    assert answer.getvalue() == b"alice\\nbob\\n"
    assert [actions(recorder, one) for one in recorder.requests] == [["GetItem", "GetItem"], ["GetItem"]]
    again, before = answers(recorder)
    assert before[0].body == "alice\\nbob\\n"
    assert again == before

def test_an_awaited_client(recorder):
    async def test():
        client = AsyncClient()
        answer = await client.post("/v2/orders/o1/?q=1", {"a": 1}, content_type="application/json")
        assert answer.json()["owner"] == "alice"
        return await asyncio.gather(client.get("/v2/orders/o1/"), client.get("/orders/o2"))

    asyncio.run(test())
    first, second, third = recorder.requests
    assert first.arguments["body"] == {"a": 1}
    assert first.arguments["query"] == "q=1"
    assert first.entry.template(first.arguments) == "POST /v2/orders/{order_id}/"
    assert [actions(recorder, one) for one in recorder.requests] == [["GetItem"]] * 3
    again, before = answers(recorder)
    assert [one.status for one in before] == [200] * 3
    assert again == before
"""

REST = """
import pytest
from django.contrib.auth.models import User
from django.test import override_settings
from django.urls import include, path
from recorded_sessions import actions, alone, orders
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.routers import DefaultRouter
from rest_framework.test import APIClient
from rest_framework.viewsets import ViewSet

class Orders(ViewSet):
    permission_classes = [IsAuthenticated]

    def destroy(self, request, pk):
        if orders().get_item(Key={"order_id": pk})["Item"]["owner"] != request.user.get_username():
            return Response({"error": "not yours"}, status=403)
        orders().delete_item(Key={"order_id": pk})
        return Response(status=204)

    def update(self, request, pk):
        orders().put_item(Item={"order_id": pk, **request.data})
        return Response({"by": request.user.get_username(), "token": request.auth, "data": request.data})

router = DefaultRouter()
router.register("orders", Orders, basename="order")
urlpatterns = [path("api/", include(router.urls))]

@override_settings(ROOT_URLCONF=__name__)
def test_who_is_signed_in_by_force(recorder):
    client = APIClient()
    assert client.delete("/api/orders/o1/").status_code == 403
    for name in ("alice", "bob"):
        client.force_authenticate(User(username=name), token=name[0])
        client.put("/api/orders/o9/", {"state": "paid"}, format="json")
        client.delete("/api/orders/o2/")
    client.force_authenticate()
    client.force_login(User.objects.get(username="bob"))
    client.delete("/api/orders/o1/")
    recorder.ended()
    first = recorder.requests[0]
    assert first.entry.name == "test_rest:urlpatterns"
    assert first.entry.template(first.arguments) == "DELETE /api/orders/{pk}/"
    before = [one.returned for one in recorder.requests]
    assert [one.status for one in before] == [403, 200, 403, 200, 204, 403]
    assert before[3].body == {"by": "bob", "token": "b", "data": {"state": "paid"}}
    assert [alone(one) for one in recorder.requests] == before
    names = [one.arguments.get("user", {}).get("username") for one in recorder.requests]
    assert names == [None, "alice", "alice", "bob", "bob", "bob"]
    assert alone(recorder.requests[2], user={"username": "bob"}).status == 204
"""


def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, **files: str) -> None:
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", ""), "."])
    )
    pytester.makeconftest(SETTINGS)
    pytester.makepyfile(shop_urls=URLS, **files)
    tests = sum(text.count("\ndef test_") for text in files.values())
    pytester.runpytest_subprocess("-q", "-p", "no:cacheprovider").assert_outcomes(passed=tests)


def test_requests_of_django_s_test_clients(pytester, monkeypatch, not_a_worker):
    run(pytester, monkeypatch, test_shop=TESTS)


def test_requests_of_the_test_client_of_django_rest_framework(pytester, monkeypatch, not_a_worker):
    pytest.importorskip("rest_framework", reason="no Django REST framework: `pip install djangorestframework`")
    run(pytester, monkeypatch, test_rest=REST)
