"""A call is told by the handler's own lines and by the library that they call."""

from __future__ import annotations

import json
import os
import sys
import sysconfig

import pytest

from toctou.scheduling import origin
from toctou.scheduling.origin import Site, described, is_of_the_handler, library

STANDARD = sysconfig.get_path("stdlib")


def site(module: str, function: str = "f") -> Site:
    """A place in a module; the project's own are called `shop…`, those of Python are in its library."""
    top = module.partition(".")[0]
    if top == "shop":
        file = f"/home/me/{module}.py"
    else:
        file = f"{STANDARD}/{top}.py" if top in sys.stdlib_module_names else f"/x/site-packages/{module}.py"
    return Site(module, file, 1, function)


@pytest.mark.parametrize(
    ("inwards", "named"),
    [
        (["shop"], ""),
        (["shop", "socket"], "socket"),
        (["shop", "urllib.request", "http.client", "socket"], "urllib.request"),
        (["shop", "requests.api", "urllib3.connection", "socket"], "requests"),
        (["shop", "urllib3.connection", "http.client"], "urllib3"),
        (["shop", "asyncio.tasks", "httpx", "anyio", "asyncio.base_events"], "httpx"),
        (["shop", "botocore.client", "botocore.endpoint", "urllib3"], "botocore"),
        (["shop", "boto3.session", "botocore.client", "urllib3"], "boto3"),
        (["shop", "botocore.client", "aiobotocore.client", "aiohttp"], "aiobotocore"),
        (["shop", "fastapi.routing", "shop.items", "requests"], "requests"),
        (["fastapi.routing", "requests"], "fastapi"),
        (["shop", "botocore.client", ("shop.aws", "Own._make_api_call"), "botocore.endpoint"], "shop.aws.Own._make_api_call"),
        (["shop", ("shop.clients", "Own.send"), "botocore.endpoint"], "botocore"),
        (["shop", "requests", ("shop.clients", "Own.send"), "urllib3"], "urllib3"),
        ([], ""),
    ],
)  # fmt: skip
def test_what_made_the_call(inwards, named):
    called = [site(one) if isinstance(one, str) else site(*one) for one in inwards]
    assert library(called[::-1]) == named


def test_the_checker_s_own_places_are_left_out():
    def handler():
        return origin.sites(sys._getframe())

    first, second, *_ = handler()
    assert (first.function, second.function) == ("handler", "test_the_checker_s_own_places_are_left_out")
    assert str(first).endswith(f"test_origin.py:{first.line} in handler: return origin.sites(sys._getframe())")
    own = compile("sites(frame)", origin.__file__, "eval")
    assert eval(own, {"sites": origin.sites, "frame": sys._getframe()})[0].file == __file__


def test_the_innermost_lines_of_the_handler_are_described():
    called = [site("shop", f"f{number}") for number in range(8)]
    called.insert(3, site("requests"))
    assert described(called) == "\n".join(f"  shop.py:1 in f{number}: " for number in (5, 4, 3, 2, 1, 0))
    assert described([site("requests")]) == "  requests.py:1 in f: "


def test_code_of_python_and_of_libraries_is_not_the_handler_s():
    found = {
        module: Site(module, file, 1, "f") for module, file in (("json", json.__file__), ("pytest", pytest.__file__))
    }
    assert not any(map(is_of_the_handler, found.values()))
    assert not is_of_the_handler(Site("os", "<frozen os>", 1, "f"))
    assert is_of_the_handler(Site("shop", os.path.abspath(__file__), 1, "f"))
