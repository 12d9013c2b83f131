"""What a view of Flask or Django does not handle is told as that, although the framework has answered 500 in its place."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

FLASK = """
import flask
from toctou import Model, Table, route

app = flask.Flask("orders")

@app.post("/orders/<order_id>")
def pay(order_id):
    return {}[order_id]

@app.post("/meant")
def meant():
    return "no", 500

class Orders(Model):
    tables = [Table("Orders", "id")]
    principals = ["alice"]
    app = app
    pay = route("POST /orders/o1")
    meant = route("POST /meant")
"""

DJANGO = """
import django.conf, django.http, django.urls
from django.core.wsgi import get_wsgi_application
from toctou import Model, Table, route

def pay(request):
    return {}["o1"]

def meant(request):
    return django.http.HttpResponse(status=500)

urlpatterns = [django.urls.path("orders/o1", pay), django.urls.path("meant", meant)]
django.conf.settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="k", LOGGING_CONFIG=None)

class Orders(Model):
    tables = [Table("Orders", "id")]
    principals = ["alice"]
    app = get_wsgi_application()
    pay = route("POST /orders/o1")
    meant = route("POST /meant")
"""


DJANGO_BY_ASGI = DJANGO.replace("wsgi", "asgi")


@pytest.mark.parametrize(
    ("model", "isolation"),
    [
        pytest.param(FLASK, "memory", id="flask"),
        pytest.param(FLASK, "processes", id="flask in processes"),
        pytest.param(DJANGO, "memory", id="django"),
        pytest.param(DJANGO, "processes", id="django in processes"),
        pytest.param(DJANGO_BY_ASGI, "processes", id="django by asgi"),  # it starts threads, which need a process
    ],
)
def test_the_exception_is_found_with_its_line(tmp_path: Path, model: str, isolation: str) -> None:
    name = "flask" if model is FLASK else "django"
    pytest.importorskip(name, reason=f"no {name}: `pip install {name}`")
    (tmp_path / "orders_answered.py").write_text(model)
    command = [sys.executable, "-m", "toctou.cli", "check", "orders_answered.py", "--format", "json"]
    command += ["--isolation", isolation, "--requests", "1", "--report", "found"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    (checked,) = json.loads(run.stdout)["models"]
    found = [(one["requests"], one["anomaly"]) for scenario in checked["scenarios"] for one in _found(scenario)]
    assert found == [(["alice: pay()"], "fails_alone")], run.stderr
    report = json.loads(next((tmp_path / "found").glob("*-1.json")).read_text())
    assert report["explanation"]["traceback"][-1]["text"].strip().startswith("return {}[")


def _found(scenario):
    return [{**one, "requests": scenario["requests"]} for one in scenario["violations"]]
