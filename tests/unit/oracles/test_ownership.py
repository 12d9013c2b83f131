"""Ownership: a write is judged by who owned the item at the instant at which it took effect."""

from dataclasses import replace

import pytest
from history_notation import parse

from toctou import Model, Table
from toctou.errors import ModelError
from toctou.execution.judging import oracles_of
from toctou.history.footprint import ALL, EXISTENCE
from toctou.history.item import typed_value
from toctou.oracles.ownership import Ownership

START = """
item x owner=alice
A alice: delete_item(item_id='x')
B alice: transfer_item(item_id='x', to='bob')
"""
ORACLE = Ownership(lambda principal, item: item.get("owner") == principal, owner="owner")


@pytest.mark.parametrize(
    "events",
    [
        "A.get(x) B.get(x) A.delete(x) A=204 B.set(x.owner=bob if exists)! B=404",
        "A.get(x) B.set(x.owner=bob) A.delete(x if owner=alice)! A=409",
        "B.set(x.owner=bob) A.put(y owner=bob)",
        "B.set(x.owner=bob) A.set(x.owner=bob)",
    ],
    ids=["deleted_before_the_transfer", "condition_binds_the_owner", "creation_is_allowed", "changed_nothing"],
)
def test_accepts(events):
    assert list(ORACLE.judge(parse(START + events))) == []


def test_rejects_a_write_to_what_another_principal_owns_by_then():
    (finding,) = ORACLE.judge(parse(START + "A.get(x) B.set(x.owner=bob) A.delete(x)"))
    assert finding.oracle == "ownership"
    assert (finding.requests, finding.operations) == ((0,), (2,))
    assert finding.statement == "A (alice)'s DeleteItem removed Items[x], which belonged to 'bob' at that instant"


def test_each_wrong_change_of_a_transaction_is_a_finding():
    history = "item y owner=bob\nitem x owner=alice\nitem z owner=bob\nA.transact(delete y; delete x; set z.n=1)"
    first, second = ORACLE.judge(parse(history))
    assert "Items[y]" in first.statement
    assert (
        second.statement == "alice's TransactWriteItems set n of Items[z] to 1, which belonged to 'bob' at that instant"
    )


def test_without_an_owner_attribute_the_statement_names_the_principal():
    oracle = Ownership(lambda _principal, item: "locked" not in item)
    (finding,) = oracle.judge(parse("item x locked=1\nA.set(x.n=1)"))
    assert finding.statement.endswith("which was not alice's at that instant")


def test_a_rule_that_raises_is_the_models_fault():
    with pytest.raises(ModelError, match=r"`owns` of the ownership oracle raised KeyError"):
        list(Ownership(lambda _principal, item: item["owner"]).judge(parse("item x n=1\nA.delete(x)")))


BY_OWNER = Ownership(lambda principal, item: item.get("owner", principal) == principal, owner="owner", by_owner=True)


@pytest.mark.parametrize(
    ("events", "wrong"),
    [
        ("A.set(x.owner=bob) A.set(x.note=1)", []),
        ("A.set(x.owner=bob) A.set(x.note=1) A.set(x.note=2)", []),
        ("A.set(x.owner=bob) A.delete(x)", []),
        ("A.set(x.owner=bob) B.set(x.n=1) A.set(x.note=1)", []),
        ("item y owner=bob\nA.set(x.owner=bob) B.set(y.owner=carol) A.set(x.note=1)", []),
        ("item y owner=bob\nB.set(y.n=1) A.set(x.owner=bob) A.set(x.note=1)", []),
        ("item y owner=alice\nA.transact(set y.owner=bob; set x.owner=bob) A.set(x.note=1)", []),
        ("A.set(x.owner=bob) B.set(x.owner=carol) A.set(x.note=1)", [2]),
        ("A.set(x.owner=bob) B.delete(x) B.put(x owner=bob) A.set(x.note=1)", [3]),
        ("A.set(x.owner=bob) A.delete(x) B.put(x owner=carol) A.set(x.note=1)", [3]),
        ("A.put(y owner=bob) A.set(y.note=1)", []),
        ("A.delete(x) A.put(x owner=bob) A.set(x.note=1)", []),
        ("A.put(y owner=bob) B.set(y.owner=carol) A.set(y.note=1)", [2]),
        ("A.set(x.n=1) B.set(x.owner=bob) A.set(x.note=1)", [1, 2]),
        ("A.get(x) B.set(x.owner=bob) A.set(x.owner=carol) A.set(x.note=1)", [1, 2, 3]),
    ],
    ids=[
        "noted_after_it",
        "noted_twice",
        "deleted_after_it",
        "changed_by_its_new_owner_meanwhile",
        "another_item_was_handed_on",
        "another_item_was_changed_before",
        "handed_over_with_another",
        "handed_on_meanwhile",
        "made_anew_meanwhile",
        "deleted_by_itself_and_made_anew_by_another",
        "made_for_another",
        "deleted_and_made_anew_for_another",
        "made_for_another_who_handed_it_on",
        "changed_while_it_was_its_own_is_none",
        "taken_from_its_owner_is_none",
    ],
)
def test_a_request_may_change_what_it_has_just_handed_over(events, wrong):
    """Its own transfer is no race: a sequential run does the same."""
    assert [one.operations[0] for one in BY_OWNER.judge(parse("item x owner=alice\n" + events))] == wrong


def test_a_hand_over_is_followed_where_steps_that_commute_were_exchanged():
    """What else is stored of an item belongs to the order in which they were run."""
    run = parse("item x owner=alice\nB.set(x.n=1) A.set(x.owner=bob) A.set(x.note=1) B.set(x.m=1) A.set(x.note=2)")
    operations = list(run.operations)
    exchanged = replace(run, operations=(*operations[:2], operations[3], operations[2], operations[4]))
    assert [one.operations[0] for one in BY_OWNER.judge(exchanged)] == [0]


def test_what_is_made_anew_without_an_owner_was_not_handed_over():
    (finding,) = ORACLE.judge(parse("item x owner=alice\nA.delete(x) B.put(x n=1) A.set(x.note=1)"))
    assert finding.operations == (2,)


def test_a_wrong_change_stays_one_whatever_others_will_do():
    execution = parse(START + "B.set(x.owner=bob) A.delete(x)")
    assert len(list(ORACLE.judge_unfinished(execution, {1}))) == 1


def test_without_an_owner_attribute_a_hand_over_ends_when_the_rule_names_others():
    oracle = Ownership(lambda principal, item: item.get("owner") == principal)
    start = "item x owner=alice\nA.set(x.owner=bob) "
    assert list(oracle.judge(parse(start + "A.set(x.note=1)"))) == []
    assert list(oracle.judge(parse(start + "B.set(x.n=1) A.set(x.note=1)"))) == []
    (finding,) = oracle.judge(parse(start + "B.set(x.owner=carol) A.set(x.note=1)"))
    assert finding.operations == (2,)


class Nested(Model):
    """A model's own rule, with the owner within a map."""

    owner = "meta.owner"


def nested(owner):
    image = {"item_id": {"S": "x"}, "meta": {"M": {} if owner is None else {"owner": typed_value(owner)}}}
    return image, {**image, "n": {"N": "1"}}


def changed(before, after):
    """An execution in which alice makes one change."""
    execution = parse("item x n=1\nA alice: act()\nA.set(x.n=2)")
    change = execution.operations[0].changes[0]._replace(before=before, after=after)
    return replace(execution, operations=(replace(execution.operations[0], changes=(change,)),))


def oracle_of(model):
    return next(one for one in oracles_of(model, lambda _: pytest.fail("not asked")) if one.name == "ownership")


def test_the_owner_may_be_at_a_path():
    oracle = oracle_of(Nested)
    assert oracle.observes.changed == {"meta"}  # footprints know whole attributes
    assert list(oracle.judge(changed(*nested("alice")))) == []
    (finding,) = oracle.judge(changed(*nested("bob")))
    assert finding.statement.endswith("which belonged to 'bob' at that instant")
    assert finding.attributes == ("meta",)


def test_an_attribute_of_that_very_name_comes_before_the_path():
    flat = {"item_id": {"S": "x"}, "meta.owner": {"S": "bob"}, "meta": {"M": {"owner": {"S": "alice"}}}}
    assert len(list(oracle_of(Nested).judge(changed(flat, {**flat, "n": {"N": "1"}})))) == 1


@pytest.mark.parametrize(
    ("unowned", "owner", "allowed"),
    [
        (None, "nobody", True),
        (None, "bob", False),
        (["free", "system"], "system", True),
        (["free", "system"], "nobody", False),
        ([], "nobody", False),
    ],
)
def test_values_of_the_owner_that_stand_for_nobody_are_the_models_choice(unowned, owner, allowed):
    model = type("Choosing", (Nested,), {} if unowned is None else {"unowned": unowned})
    assert (list(oracle_of(model).judge(changed(*nested(owner)))) == []) is allowed


def test_an_owner_of_null_is_nobody():
    before = {"item_id": {"S": "x"}, "meta": {"M": {"owner": {"NULL": True}}}}
    execution = changed(before, None)
    assert list(oracle_of(Nested).judge(execution)) == []
    assert list(oracle_of(Nested).remarks(execution)) == []  # it says whose it is: nobody's


@pytest.mark.parametrize(("after", "verb"), [("after", "changed"), (None, "removed")])
def test_items_without_an_owner_are_remarked_upon(after, verb):
    before, later = nested(None)
    execution = changed(before, later if after else None)
    oracle = oracle_of(Nested)
    assert list(oracle.judge(execution)) == []
    (remark,) = oracle.remarks(execution)
    assert remark.startswith(f"no rule judged that act {verb} Items[x]: it has no `meta.owner`")


def test_there_is_nothing_to_remark_where_an_item_is_owned_or_new_or_the_rule_is_the_models():
    assert list(oracle_of(Nested).remarks(changed(*nested("bob")))) == []
    assert list(oracle_of(Nested).remarks(changed(None, nested(None)[0]))) == []
    own = type("OwnRule", (Nested,), {"owns": lambda self, principal, item: True})
    assert list(oracle_of(own).remarks(changed(*nested(None)))) == []


class ByFolder(Model):
    """A note belongs to whoever owns its folder, and so does the folder."""

    tables = [Table("Items", "item_id"), Table("Folders", "item_id")]

    def owns(self, principal, item, items):
        folder = item.get("folder", item["item_id"])
        return any(one["owner"] == principal for one in items["Folders"] if one["item_id"] == folder)


FOLDERS = "table Items(item_id)\ntable Folders(item_id)\nitem x folder=f\nitem Folders/f owner=alice\n"


@pytest.mark.parametrize(
    ("events", "wrong"),
    [
        ("A.set(x.n=1)", []),
        ("B.set(x.n=1)", [0]),
        ("C.put(Folders/g owner=bob) B.set(x.n=1) A.set(x.folder=g) B.set(x.n=1)", [1]),
        ("C.put(y folder=f) A.set(y.n=1) B.set(y.n=2)", [2]),
    ],
    ids=["by_the_owner", "by_another", "moved_before", "of_an_item_made_before"],
)
def test_a_rule_may_look_at_all_items_at_that_moment(events, wrong):
    assert [one.operations[0] for one in oracle_of(ByFolder).judge(parse(FOLDERS + events))] == wrong


def test_what_else_a_rule_looks_at_is_observed():
    observes = oracle_of(ByFolder).observes
    assert [table for table, _ in observes.others] == ["Items", "Folders"]
    assert {ALL, EXISTENCE} == observes.changed == observes.others[1][1]
    assert oracle_of(type("Simple", (ByFolder,), {"owns": lambda self, principal, item: True})).observes.others == ()


@pytest.mark.parametrize(
    ("events", "wrong"),
    [
        ("C.put(Folders/g owner=bob) A.set(x.folder=g) B.set(x.n=1) A.set(x.n=2)", []),
        ("A.set(Folders/f.owner=bob) A.set(x.note=1) A.set(Folders/f.note=1)", []),
        ("A.set(Folders/f.owner=bob) B.set(Folders/f.owner=carol) A.set(x.note=1)", [2]),
        ("A.set(Folders/f.owner=bob) B.set(Folders/f.note=1) A.set(x.note=1)", []),
        ("B.set(Folders/f.owner=bob) A.set(x.note=1)", [0, 1]),
        ("A.set(Folders/f.owner=bob) B.put(Folders/g owner=carol) B.set(x.folder=g) A.set(x.note=1)", [3]),
    ],
    ids=["moved", "with_its_folder", "handed_on", "noted_by_its_new_owner", "taken", "moved_on"],
)
def test_an_item_may_be_handed_over_with_another(events, wrong):
    execution = parse("C carol: other()\n" + FOLDERS + events)
    assert [one.operations[0] for one in oracle_of(ByFolder).judge(execution)] == wrong


def test_what_is_memoised_has_a_bound_and_changes_nothing(monkeypatch):
    monkeypatch.setattr("toctou.oracles.ownership.MOST_CHANGES", 1)
    oracle = oracle_of(type("Flat", (Model,), {"owner": "owner"}))
    execution = parse("item x owner=bob\nitem y n=1\nA.set(x.n=1) A.set(y.n=2)")
    for _ in range(2):
        assert [one.operations for one in oracle.judge(execution)] == [(0,)]
        assert len(list(oracle.remarks(execution))) == 1
    assert (len(oracle._known), len(oracle._judged)) == (1, 1)
