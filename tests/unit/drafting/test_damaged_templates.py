"""Whatever a template holds, what is drafted from it is a file that Python reads, or an error that says what is wrong."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from drafts import written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_drafts_from_applications import FLASK, document
from test_drafts_from_templates import PLAIN, SAM, SERVERLESS

from toctou.drafting.composing import sketch_of
from toctou.drafting.model_file import model_file
from toctou.drafting.sources import material_of
from toctou.errors import BadInput
from toctou.openapi.reading import Limits, read

JUNK = st.one_of(
    st.none(),
    st.integers(-2, 2),
    st.sampled_from(["", "a.b", "../x", "{id}", "class", '"', "${self:custom}", "/{proxy+}", "ANY", "x y", "é\n"]),
    st.just([]),
    st.just({}),
    st.just([None]),
    st.just({"Ref": "Notes"}),
    st.just({"Fn::GetAtt": ["Notes", "Arn"]}),
    st.just({"Fn::Sub": "${Nothing}"}),
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(one for key, part in inside for one in paths(part, (*path, key)))]


def damaged(data: Any, path: tuple[Any, ...], junk: Any) -> Any:
    if not path:
        return junk
    changed = copy.deepcopy(data)
    at = changed
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = junk
    return changed


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("template.yaml", SAM),
        ("serverless.yml", SERVERLESS),
        ("cdk.out/S.template.json", json.dumps(PLAIN)),
        ("openapi.json", document()),
    ],
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_template_is_drafted_from_or_told(tmp_path: Path, name: str, text: str, data: st.DataObject):
    whole = read(text.encode(), name, Limits(), functions=True)
    changed = whole
    for _ in range(data.draw(st.integers(1, 3))):
        changed = damaged(changed, data.draw(st.sampled_from(paths(changed))), data.draw(JUNK))
    folder = written(tmp_path, {name: json.dumps(changed), "app.py": FLASK, "cdk.out/asset.0123/orders.py": ""})
    targets = [folder / name, folder / "app.py"]
    try:
        sketch = sketch_of(material_of(targets), folder / "toctou_model.py")
    except BadInput:
        return
    compile(model_file(sketch), "model", "exec")
