"""The modules of an application are found through the object that its framework has made of them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import partial, wraps
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import boto3
import pytest

from toctou.declaration import application_code
from toctou.declaration.application_code import modules_of_application
from toctou.declaration.fingerprint import modules_of


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], ModuleType]:
    """Imports a module of this source."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def imported(name: str, source: str) -> ModuleType:
        (tmp_path / f"{name}.py").write_text(source)
        monkeypatch.delitem(sys.modules, name, raising=False)
        made = __import__(name)
        monkeypatch.setitem(sys.modules, name, made)
        return made

    return imported


def test_views_of_flask(module: Callable[[str, str], ModuleType]) -> None:
    pytest.importorskip("flask", reason="no Flask: `pip install flask`")
    module("cancelling", "def cancel_order(order_id):\n    return order_id\n")
    shop = module(
        "shop_in_flask",
        "import flask\n\napp = flask.Flask(__name__)\n\n\ndef routes():\n    from cancelling import cancel_order\n\n"
        "    app.delete('/orders/<order_id>')(cancel_order)\n\n\nroutes()\n",
    )
    assert "cancelling" in modules_of_application(shop.app)


def test_endpoints_and_middleware_of_fastapi(module: Callable[[str, str], ModuleType]) -> None:
    pytest.importorskip("fastapi", reason="no FastAPI: `pip install fastapi`")
    module("counting", "class Counting:\n    def __init__(self, app):\n        self.app = app\n")
    module(
        "ordering",
        "from fastapi import APIRouter\n\nrouter = APIRouter()\n\n\n@router.get('/orders')\ndef orders(): ...\n",
    )
    shop = module(
        "shop_in_fastapi",
        "from fastapi import FastAPI\n\n\ndef made():\n    import counting\n    import ordering\n\n    app = FastAPI()\n"
        "    app.include_router(ordering.router)\n    app.add_middleware(counting.Counting)\n    return app\n",
    )
    assert {"counting", "ordering"} <= modules_of_application(shop.made())


def test_views_of_django(tmp_path: Path) -> None:
    pytest.importorskip("django", reason="no Django: `pip install django`")
    (tmp_path / "shop_urls.py").write_text("urlpatterns = []\n")
    code = (
        "import django\nfrom django.conf import settings\nfrom django.core.wsgi import get_wsgi_application\n"
        "settings.configure(ROOT_URLCONF='shop_urls', ALLOWED_HOSTS=['*'], SECRET_KEY='none')\n"
        "app = get_wsgi_application()\nimport shop_urls\n"
        "from toctou.declaration.application_code import modules_of_application\n"
        "assert 'shop_urls' in modules_of_application(app)\n"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)  # Django is configured once in a process


def test_what_surrounds_an_application_does_not_hide_it() -> None:
    def application(environ: Any, start: Any) -> list[bytes]:
        return []

    @wraps(application)
    def decorated(*arguments: Any) -> Any:
        return application(*arguments)

    class Prefixed:
        def __init__(self, inner: Any) -> None:
            self.inner = inner

    decorated.__module__ = "elsewhere"
    assert __name__ in modules_of_application({"first": [partial(decorated)]})
    assert __name__ in modules_of_application(Prefixed(None))
    assert modules_of_application(None) == set()


def test_the_modules_of_a_model_are_those_of_its_application_too(module: Callable[[str, str], ModuleType]) -> None:
    pytest.importorskip("flask", reason="no Flask: `pip install flask`")
    module(
        "orders_of_flask",
        "import flask\n\napp = flask.Flask(__name__)\nin_flight = set()\n\n\n@app.get('/orders')\ndef orders():\n    return ''\n",
    )
    of_model = module(
        "model_of_flask",
        "from toctou import App\nfrom orders_of_flask import app\n\n\nclass Shop(App):\n    app = app\n"
        "    document = {'openapi': '3.1.0', 'info': {'title': 'Orders', 'version': '1'}, 'paths': {}}\n",
    )
    assert set(modules_of(of_model.Shop)) == {"model_of_flask", "orders_of_flask"}


def test_clients_that_an_application_holds_do_not_hide_it(monkeypatch: pytest.MonkeyPatch) -> None:
    client = boto3.client("dynamodb", region_name="us-east-1")
    deep: Any = test_views_of_flask
    for _ in range(30):
        deep = [deep]
    monkeypatch.setattr(application_code, "MOST", 100)
    assert __name__ in modules_of_application(SimpleNamespace(client=client, routes=deep))
