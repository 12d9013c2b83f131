"""Published documents: each loads, and every reference in it resolves.

They are not part of the distribution.  Set ``TOCTOU_OPENAPI`` to a folder that holds ``oai/`` (the examples of
github.com/OAI/learn.openapis.org), ``digitalocean/`` (github.com/digitalocean/openapi) and ``slack/``
(github.com/slackapi/slack-api-specs), or put it at ``../shared/openapi``.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from toctou.openapi.document import opened
from toctou.openapi.operations import Operation, operations

FOLDER = Path(os.environ.get("TOCTOU_OPENAPI", Path(__file__).parents[4] / "shared" / "openapi"))
PARTS = ("Error", "NewPet", "Pet", "parameters")

pytestmark = pytest.mark.skipif(
    not FOLDER.is_dir(), reason=f"there is no {FOLDER}: `TOCTOU_OPENAPI=FOLDER pytest {__file__}`"
)


def examples() -> list[str]:
    found = sorted(FOLDER.glob("oai/**/*.json")) + sorted(FOLDER.glob("oai/**/*.yaml"))
    return [path.relative_to(FOLDER).as_posix() for path in found if path.stem not in PARTS]


@pytest.mark.parametrize("name", examples())
def test_an_example_of_the_initiative(name):
    wider = (FOLDER / name).parents[1] if "petstore-separate" in name else None  # split into sibling folders
    document = opened(FOLDER / name, root_folder=wider)
    assert name.startswith(f"oai/v{document.version}/")
    references = list(document.references())
    assert bool(references) is ('"$ref"' in (FOLDER / name).read_text() or " $ref:" in (FOLDER / name).read_text())
    assert all(isinstance(one, Operation) for one in operations(document))


def test_the_examples_are_there():
    assert len(examples()) == 36


def test_one_api_in_2900_files():
    document = opened(FOLDER / "digitalocean" / "DigitalOcean-public.v2.yaml")
    assert document.library.files == 1  # files are loaded on first use
    found = list(operations(document))
    assert len(found) > 600
    assert document.library.files < 1500  # response schemas are not read
    assert len(list(document.references())) > 9000
    assert document.library.files > 2800


def test_one_large_document_of_2_0():
    document = opened(FOLDER / "slack" / "slack_web_openapi_v2.json")
    assert document.version == "2.0"
    assert len(list(document.references())) > 100
    assert len(list(operations(document))) == 174
