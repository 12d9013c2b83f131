"""The table of requests says what the service's description of itself says."""

from __future__ import annotations

import botocore.session
import pytest

from toctou.engine.actions import ACTIONS
from toctou.wire import inputs
from toctou.wire.shapes import AttributeValue, Binary, ListOf, MapOf, Structure, Text, Truth, Whole

SERVICE = botocore.session.Session().get_service_model("dynamodb")


def described(shape) -> str:
    """A shape of botocore in the notation of the table."""
    minimum = shape.metadata.get("min")
    end = "" if minimum is None else f">={minimum}"
    if shape.type_name == "list":
        return f"[{described(shape.member)}]{end}"
    if shape.type_name == "map":
        return f"{{{described(shape.value)}}}{end}"
    return (shape.name if shape.type_name == "structure" else shape.type_name) + end


def notation(shape) -> str:
    """A shape of ours in the notation of the table."""
    if isinstance(shape, Structure):
        return shape.name
    end = "" if shape.minimum is None else f">={shape.minimum}"
    match shape:
        case ListOf():
            return f"[{notation(shape.element)}]{end}"
        case MapOf():
            return f"{{{notation(shape.value)}}}{end}"
        case Text():
            return f"string{end}"
        case Truth():
            return f"boolean{end}"
        case Binary():
            return f"blob{end}"
        case Whole():
            return f"{shape.type.lower()}{end}"
    raise AssertionError(shape)


@pytest.mark.parametrize("name", inputs.STRUCTURES)
def test_a_structure_is_as_the_service_describes_it(name):
    ours = inputs.STRUCTURES[name]
    theirs = SERVICE.shape_for(name)
    both = [member for member in ours.members if member in theirs.members]  # an older botocore knows fewer
    assert len(both) >= min(len(ours.members), len(theirs.members))
    assert {member: notation(ours.members[member]) for member in both} == {
        member: described(theirs.members[member]) for member in both
    }
    assert set(ours.required) == set(theirs.required_members)


def test_every_action_of_the_engine_has_its_input():
    assert set(ACTIONS) <= set(inputs.INPUTS)


@pytest.mark.parametrize("action", inputs.INPUTS)
def test_an_action_takes_what_the_service_says(action):
    assert inputs.INPUTS[action].name == SERVICE.operation_model(action).input_shape.name


def test_values_are_not_searched_for_faults():
    assert isinstance(inputs.STRUCTURES["AttributeValue"], AttributeValue)


def test_a_row_outside_the_notation_is_refused():
    with pytest.raises(ValueError, match="not in the notation"):
        inputs.structures_of("\nA: B=(string)\n")
