"""What of a model would be ignored, or never work, is told before anything runs: all of it, a line each with the remedy."""

from __future__ import annotations

import sys
import textwrap
from types import ModuleType

import pytest

import toctou
from toctou import App, Model
from toctou.declaration.mistakes import OF_APPLICATIONS
from toctou.declaration.model import check_model
from toctou.errors import ModelError

HEAD = """
import dataclasses
import boto3
from toctou import App, Model, Table, handler, invariant


class Service:
    def delete(self, principal, item_id):
        return 204

    def close(self, by):
        return 204


def delete(principal, item_id):
    return 204


class Right(Model):
    tables = [Table("Items", "item_id"), Table("Events", "stream", "position:N")]
    items = {"Items": [{"item_id": "i1", "owner": "alice"}], "Events": [{"stream": "s", "position": 1}]}

    @handler(item_id=["i1"])
    def read(self, principal, item_id):
        raise AssertionError("nothing runs")


"""


def written(body: str) -> type[Model]:
    """The last model of a file: a whole class, or the body of one that derives from a right one."""
    text = body if "class Wrong" in body else "class Wrong(Right):\n" + textwrap.indent(body, "    ")
    module = ModuleType("written")
    sys.modules["written"] = module  # where dataclasses look for it
    exec(compile(HEAD + text, "written.py", "exec"), vars(module))
    return vars(module)["Wrong"]


ONE_LINE = {
    # names of attributes
    "principal = 'alice'": "the attribute 'principal', which means nothing to the checker; did you mean `principals`?",
    "owners = 'owner'": "the attribute 'owners', which means nothing to the checker; did you mean `owner`?",
    "ignored = {'Items': ['at']}": "'ignored', which means nothing to the checker; did you mean `ignore`?",
    "retriable = {409}": "did you mean `retryable`? If it is for the handlers, name it _retriable",
    "invariants = []": "`invariants` of the model Wrong is []; give the attribute, or the handler, another name",
    "def setUp(self): pass": "the method 'setUp', which means nothing to the checker; did you mean `setup`?",
    "def set_up(self): pass": "the method 'set_up', which means nothing to the checker; did you mean `setup`?",
    "others = Table('Others', 'id')": "the table 'others' of the model Wrong is not in `tables`",
    "document = 'openapi.yaml'": "the attribute 'document', which only models of applications have; class Wrong(App)",
    # attributes of another kind
    "tables = Table('Items', 'item_id')": "`tables` of the model Wrong is Table('Items', 'item_id'); for example tables = [",
    "items = [{'item_id': 'i1'}]": "is [{'item_id': 'i1'}]; for example items = {'Items': [{…}]}",
    "principals = 'alice'": "`principals` of the model Wrong is 'alice'; for example principals =",
    "unowned = 'nobody'": "`unowned` of the model Wrong is 'nobody'; for example unowned =",
    "ignore = {'Items': 'at'}": "`ignore` of the model Wrong holds 'Items': 'at'; for example ignore =",
    "ignore = {'Items': 7}": "`ignore` of the model Wrong holds 'Items': 7; for example ignore =",
    "isolation = ['memory']": "`isolation` of the model Wrong is ['memory']; for example isolation =",
    "retryable = '409'": "`retryable` of the model Wrong is '409'; for example retryable = {409, 503}",
    "async def retryable(self, response): return True": "`retryable` of the model Wrong is a coroutine",
    "class reference:\n    def state_of(self, items): pass\n    def step(self, state, request): pass": (
        "`reference` of the model Wrong is <class 'written.Wrong.reference'>; for example reference = reference()"
    ),
    # tables and items
    "tables = [Table('Items', 'item_id'), Table('Items', 'id')]\nitems = {}": "declares the table 'Items' 2 times; leave one",
    "items = {'Item': [{'item_id': 'i1'}]}": "items of the table 'Item', which `tables` does not declare; did you mean 'Items'?",
    "items = {'Users': [{'id': 'u1'}]}": "of the table 'Users', which `tables` does not declare; add Table('Users', \"…\")",
    "items = {'Items': [{'itemid': 'i1'}]}": "lacks 'item_id', which is a key of the table; did you mean 'item_id' by 'itemid'?",
    "items = {'Items': [{'item_id': 1}]}": (
        "the key 'item_id' of the item {'item_id': 1} of table 'Items' in the model Wrong is of type N, and of type S in "
        "`tables`; give a text, or declare 'item_id:N'"
    ),
    "items = {'Items': ['i1']}": "declares the item 'i1' of table 'Items': it is no mapping; use int",
    "items = {'Items': [{'item_id': {'S': 'i1'}, 'tags': {'SS': ['a']}, 'of': {'M': {'a': {'N': '1'}}}}]}": (
        "has the types of DynamoDB's API; declare it as {'item_id': 'i1', 'of': {'a': 1}, 'tags': frozenset({'a'})}"
    ),
    "items = {'Items': [{'item_id': 'i1', 'price': {'N': '1.5'}}]}": "declare it as {'item_id': 'i1', 'price': Decimal('1.5')}",
    "items = {'Items': [{'item_id': 'i1', 'paid': {'BOOL': True}}]}": "declare it as {'item_id': 'i1', 'paid': True}",
    "items = {'Events': [{'stream': 's', 'position': True}]}": "is of type BOOL, and of type N in `tables`; give a number",
    # methods
    "def setup(self, backend): pass": "`setup` of the model Wrong has other parameters than it is called with: missing",
    "async def setup(self): pass": "`setup` of the model Wrong is a coroutine or a generator, of which no code would run",
    "def owns(self, item): return True": "`owns` of the model Wrong has other parameters than it is called with: too many",
    "def owns(self, item, principal): return True": (
        "`owns` of the model Wrong has other parameters than it is called with: the item before the principal; declare it as"
    ),
    "def owns(self, principal, item): item['owner'] == principal": "`owns` of the model Wrong never returns anything; return the",
    "def retryable(self): return True": "`retryable` of the model Wrong is a function that cannot be called with a response: too",
    "def retryable(self, response, request): return True": "cannot be called with a response: missing a required argument",
    "def retryable(self, response): response.status == 409": "`retryable` of the model Wrong is a function that never returns",
    "@invariant\ndef few(self, items): assert len(items) < 3": "the invariant 'few' of the model Wrong never returns anything",
    "@invariant\ndef few(self, items):\n    if not items:\n        return\n    print(items)": "never returns anything; return",
    "async def owns(self, principal, item): return True": "`owns` of the model Wrong is a coroutine or a generator",
    "def __init__(self, size): pass": "the model Wrong cannot be made without arguments: missing a required argument: 'size'",
    "@dataclasses.dataclass\nclass Wrong(Right):\n    limit: int": "cannot be made without arguments: missing a required",
    "@invariant\nasync def few(self, items): return True": "the invariant 'few' of the model Wrong is a coroutine",
    "@invariant\ndef few(self): return True": "the invariant 'few' of the model Wrong cannot be called with the stored items",
    # handlers
    "delete = delete": "the method 'delete' of the model Wrong takes a principal, but is not declared as a handler",
    "delete = lambda principal: 204": "the method 'delete' of the model Wrong takes a principal, but is not declared",
    "delete = Service().delete": "the method 'delete' of the model Wrong takes a principal, but is not declared",
    "@staticmethod\ndef delete(principal): return 204": "the method 'delete' of the model Wrong takes a principal, but is not",
    "@handler\ndef erase(self, principal, item_id): return 204": (
        "the handler 'erase' of the model Wrong cannot be called with a principal and no arguments: missing a required "
        "argument: 'item_id'; for example @handler(item_id=['i1'])"
    ),
    "@handler(itemid=['i1'])\ndef erase(self, principal, item_id): return 204": "; rename the pool to 'item_id'",
    "@handler(other=['i1'])\ndef erase(self, principal): return 204": "; take 'other' as an argument, or leave its pool out",
    "@handler\ndef erase(principal, self): return 204": "does not take `self` first: (principal, self); def erase(self,",
    "@handler\nasync def erase(self, principal): yield 204": "the handler 'erase' of the model Wrong is a generator",
    "@handler(read_only='yes')\ndef erase(self, principal): return 204": "`read_only` of the handler 'erase' of the model Wrong",
    "@handler(operation=7)\ndef erase(self, principal): return 204": "`operation` of the handler 'erase' of the model Wrong is 7",
    "@handler(principals='alice')\ndef erase(self, principal): return 204": "`principals` of the handler 'erase' of the model",
    "principals = None": '`principals` of the model Wrong is None; for example principals = ("alice", "bob")',
    "tables = [Table('Items', 'item_id', '')]": "declared with the name or the key ''; for example Table(",
    "erase = handler(Right.read)": "is declared as a handler; it is one already: leave out the handler(…) around it",
    "@handler(readonly=True)\ndef erase(self, principal): return 204": (
        "the handler 'erase' of the model Wrong has values of 'readonly', which is no argument of its function; did you mean the "
        "option read_only=…?"
    ),
    "@handler(principal=['alice'])\ndef erase(self, principal): return 204": "did you mean the option principals=…?",
    "@handler(change_owner=[True])\ndef erase(self, principal): return 204": "did you mean the option changes_owner=…?",
    "@handler(redelivered=True)\ndef erase(self, principal): return 204": "route(…, redelivered=True), or event(",
    "@handler(readonly=True)\ndef erase(self, principal, **given): return 204": "is True; for example readonly=['i1']",
    "@handler(retryable=409)\ndef erase(self, principal): return 204": "`retryable` of the handler 'erase' is 409",
}


@pytest.mark.parametrize("body", ONE_LINE)
def test_a_mistake_is_told_in_one_line_with_its_remedy(body):
    with pytest.raises(ModelError) as refused:
        check_model(written(body))
    one = refused.value
    assert ONE_LINE[body] in f"{one.observed}; {one.remedy}"
    assert "\n" not in one.observed + one.remedy
    assert one.remedy


OWN = [
    "items = {'Items': [{'item_id': 'i1', 'sizes': {'S': 'small'}, 'of': {'N': 'north'}, 'at': {'N': 1}, 'more': {'M': 1}}]}",
    "items = {'Items': []}",
    "limit = 3",
    "table = boto3.resource('dynamodb', region_name='us-east-1').Table('Items')",
    "item = {'item_id': 'i1'}",
    "_principal = 'alice'",
    "item_id = 'i1'\nowner_id = 'o1'\nnames = ['a']",
    "def total(self, items): return len(items)\n@invariant\ndef few(self, items): return self.total(items) < 9",
    "def reset(self): pass\ndef item(self): pass\ndef request(self): pass",
    "more = [Table('Others', 'id')]\ntables = [*Right.tables, *more]",
    "def owns(self, principal, item, items): return True",
    "def setup(self, again=False): pass",
    "def retryable(self, response): return True",
    "def owns(self, item, caller): return True",
    "def owns(self, principal, item): raise NotImplementedError",
    "def owns(self, principal, item): return item.get('owner') or None",
    "@invariant\ndef few(self, items):\n    for one in items:\n        return one\n    return None",
    "@invariant\ndef few(self, items):\n    with open('x') as file:\n        return not file",
    "few = invariant(lambda items: len(items) < 9)",
    "ignore = {'Items': ['of_no_item'], 'body': ('at',)}",
    "delete = handler(delete, item_id=['i1'])",
    "@handler\nasync def erase(self, principal): return 204",
    "@handler(readonly=[True])\ndef erase(self, principal, readonly): return 204",
    "@handler(readonly=[True])\ndef erase(self, principal, **given): return 204",
    "class reference_type:\n    pass",
]


@pytest.mark.parametrize("body", OWN)
def test_attributes_and_methods_of_its_own_are_no_mistakes(body):
    check_model(written(body))


def test_a_table_beside_no_tables_is_a_slip():
    model = written(
        "class Wrong(Model):\n    table = [Table('Items', 'item_id')]\n    @handler\n    def read(self, principal): ..."
    )
    with pytest.raises(ModelError, match=r"the attribute 'table'") as refused:
        check_model(model)
    assert refused.value.remedy.startswith("did you mean `tables`?")


def test_base_classes_and_mixins_are_looked_at():
    model = written(
        "class Mixin:\n    principal = 'alice'\n\nclass Base(Right):\n    ignored = {}\n\nclass Wrong(Mixin, Base):\n    pass"
    )
    with pytest.raises(ModelError, match="has 2 mistakes") as refused:
        check_model(model)
    assert "'principal'" in str(refused.value)
    assert "'ignored'" in str(refused.value)


def test_an_attribute_that_a_base_of_ours_declares_later_is_known():
    Model.__annotations__["answers_of_others"] = "int"
    try:
        with pytest.raises(ModelError, match="'answer_of_others'"):
            check_model(written("answer_of_others = 3"))
        check_model(written("answers_of_others = 3"))
    finally:
        del Model.__annotations__["answers_of_others"]


def test_every_attribute_of_applications_is_known_as_such():
    assert {name for name in App.__annotations__ if name[0] != "_"} - Model.__annotations__.keys() <= {*OF_APPLICATIONS}


def test_all_mistakes_are_told_at_once():
    model = written(
        "principal = 'alice'\nowner = 3\nunowned = 'nobody'\ndelete = delete\n@handler\ndef erase(self, principal, item_id): ..."
    )
    with pytest.raises(ModelError) as refused:
        check_model(model)
    head, *lines = refused.value.observed.splitlines()
    assert head == "the model Wrong has 5 mistakes:"
    assert all(line.startswith("  - ") and "; " in line for line in lines)
    for said in ("'delete'", "'principal'", "`owner`", "`unowned`", "'erase'"):
        assert sum(said in line for line in lines) == 1, (said, lines)


def test_a_model_that_makes_its_own_requests_is_looked_at_as_well():
    with pytest.raises(ModelError, match="'principal'"):
        toctou.check(written("principal = 'alice'\n@classmethod\ndef requests(cls): return []"))


def test_an_attribute_whose_methods_fail_is_a_mistake_of_the_model():
    model = written("class Tables(list):\n    def __iter__(self): raise KeyError('x')\ntables = Tables()")
    with pytest.raises(ModelError, match="cannot be read: KeyError"):
        check_model(model)


def test_an_invariant_may_be_a_function_of_the_items_alone():
    put = (
        "@handler\ndef put(self, principal): boto3.resource('dynamodb').Table('Items').put_item(Item={'item_id': 'i2'})"
    )
    model = written(f"few = invariant(lambda items: len(items['Items']) < 2)\nread = None\n{put}")
    assert {one.finding.oracle for one in toctou.check(model, requests=1).violations} == {"few"}
