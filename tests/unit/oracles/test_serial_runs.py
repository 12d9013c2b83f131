"""The same decision without a reference: the handlers' own serial runs are the specification."""

from collections import Counter

import pytest
from history_notation import parse

from toctou.oracles.ignored import Ignored
from toctou.oracles.serial_runs import SerialRuns, same_items
from toctou.oracles.varying import Outcome, Variants

START = "item x n=0\nA alice: increment(item_id='x')\nB bob: increment(item_id='x')\n"


def serial(order):
    """Increment one after the other; answers with the sum."""
    events = " ".join(f"{'AB'[who]}.set(x.n={turn + 1}) {'AB'[who]}=200({turn + 1})" for turn, who in enumerate(order))
    run = parse(START + events)
    return tuple(run.responses[who] for who in order), run.final


@pytest.mark.parametrize(
    "events",
    [
        "A.get(x) A.set(x.n=1) A=200(1) B.get(x) B.set(x.n=2) B=200(2)",
        "A.get(x) B.get(x) B.set(x.n=1) B=200(1) A.set(x.n=2) A=200(2)",
        "A.get(x) B.get(x) B.set(x.n=1) B=200(1) A.set(x.n=2 if n=0)! A=409",
        "A.get(x) A=409 B.get(x) B=409",
    ],
    ids=["serial", "other_order", "refusal_excluded", "all_refused"],
)
def test_accepts(events):
    assert list(SerialRuns(serial).judge(parse(START + events))) == []


@pytest.mark.parametrize(
    ("events", "explained", "contradiction"),
    [
        (
            "A.get(x) B.get(x) A.set(x.n=1) A=200(1) B.set(x.n=1) B=200(1)",
            1,
            "bob's increment answered 200 1, but after alice's increment it would have answered 200 2",
        ),
        (
            "A.get(x) B.get(x) A.set(x.n=1) A=200(1) B.set(x.n=1) B=200(2)",
            2,
            "after alice's increment, then bob's increment, Items would hold item_id='x', n=2, "
            "but it holds item_id='x', n=1",
        ),
        (
            "A.set(x.n=1) A=200(2) B.set(x.n=2) B=200(1)",
            0,
            "alice's increment answered 200 2, but run first it would have answered 200 1",
        ),
        (
            "A.delete(x) A=200(1) B.get(x) B=409",
            1,
            "after alice's increment, Items would hold item_id='x', n=1, but is missing",
        ),
        (
            "A.put(y n=1) A=409 B.get(x) B=409",
            0,
            "alice's increment answered 409, but run first it would have answered 200 1",
        ),
    ],
    ids=["lost_update", "state_only", "real_time", "missing", "refusal_with_effect"],
)
def test_rejects(events, explained, contradiction):
    (finding,) = SerialRuns(serial).judge(parse(START + events))
    assert finding.oracle == "linearizability"
    assert finding.closest.explained == explained
    assert finding.closest.contradiction == contradiction


def test_a_surplus_item_is_named():
    (finding,) = SerialRuns(serial).judge(parse(START + "A.set(x.n=1) A.put(y n=7) A=200(1) B.get(x) B=409"))
    assert (
        finding.closest.contradiction == "after alice's increment, Items would not hold item_id='y', n=7, but it does"
    )


def test_of_several_tables_the_first_that_differs_is_named():
    start = "table Items(item_id)\ntable Also(item_id)\nitem x n=0\nitem Also/z n=0\n"
    run = parse(start + "A.set(x.n=1) A=200")
    wrong = parse(start + "A.set(x.n=2) A.set(Also/z.n=1) A=200")
    (finding,) = SerialRuns(lambda order: (run.responses[: len(order)], run.final)).judge(wrong)
    assert "Also would hold item_id='z', n=0, but it holds item_id='z', n=1" in finding.closest.contradiction
    assert same_items(run.final, run.final)
    assert not same_items(run.final, wrong.final)
    assert not same_items(run.final, {"Items": run.final["Items"]})
    assert same_items({"Items": []}, {})


class Clocks:
    """Requests that read their clocks: ``{a}`` and ``{b}`` in texts, and ``{later}``, which B reads when it tries again."""

    START = "item x n=0 at=1\nitem y n=0 at=1\nA alice: act()\nB bob: act()\n"
    USUAL = {"a": 100, "b": 200, "later": 250}
    OTHERS = ({"a": 1_100, "b": 1_207, "later": 1_255}, {"a": 7_100, "b": 7_203, "later": 7_251})

    def __init__(self, serial: dict[tuple[int, ...], str], events: str) -> None:
        self.texts, self.events = serial, events
        self.asked: Counter[tuple[int, ...]] = Counter()

    def run(self, events, clocks=USUAL):
        return parse(self.START + events.format(**clocks))

    def serial(self, order, clocks=USUAL):
        run = self.run(self.texts.get(order, ""), clocks)
        return tuple(run.responses[who] for who in order), run.final

    def order(self, order):
        self.asked[order] += 1
        return Variants(*([Outcome(*self.serial(order, one)) for one in each] for each in (self.OTHERS, [self.USUAL])))

    def execution(self, execution):
        runs = [[self.run(self.events, one) for one in each] for each in (self.OTHERS, [self.USUAL])]
        return Variants(*([Outcome(one.responses, one.final) for one in each] for each in runs))

    def oracle(self, **more):
        return SerialRuns(self.serial, vary=self, **more)

    def judge(self):
        return list(self.oracle().judge(self.run(self.events)))


def one_after_the_other(act):
    """What each order comes to, where A and B do the same in their turns, the first or the second."""
    texts = {}
    for order in ((0,), (1,), (0, 1), (1, 0)):
        texts[order] = " ".join(act("AB"[who], "{ab}"[1 + who], turn) for turn, who in enumerate(order))
    return texts


COUNTING = one_after_the_other(
    lambda who, clock, turn: f"{who}.get(x) {who}.set(x.n={turn + 1},at={{{clock}}}) {who}=200({turn + 1})"
)
SILENT = {order: text.replace("(1) B", " B").replace("(1) A", " A") for order, text in COUNTING.items()}
SILENT = {order: text.removesuffix("(1)").removesuffix("(2)") for order, text in SILENT.items()}


def test_one_that_tried_again_reads_a_later_clock():
    again = Clocks(COUNTING, "A.get(x) B.get(x) A.set(x.n=1,at={a}) A=200(1) B.get(x) B.set(x.n=2,at={later}) B=200(2)")
    oracle = again.oracle()
    for _ in range(2):
        assert list(oracle.judge(again.run(again.events))) == []
    assert [one.partition(" ")[0] for one in oracle.remarks(again.run(again.events))] == ["Items.at"]
    assert set(again.asked.values()) == {1}, "what varies in an order is found out once"
    assert len(list(SerialRuns(again.serial).judge(again.run(again.events)))) == 1, "without other clocks it differs"


def test_where_nothing_could_be_run_again_the_rejection_stands():
    """That nothing is known is no reason to take any value for one that varies."""
    again = Clocks(COUNTING, "A.get(x) B.get(x) A.set(x.n=1,at={a}) A=200(1) B.get(x) B.set(x.n=2,at={later}) B=200(2)")
    again.order = again.execution = lambda _: Variants()
    assert len(again.judge()) == 1


def test_where_serial_runs_fit_as_they_are_nothing_is_run_again():
    again = Clocks(COUNTING, "A.get(x) A.set(x.n=1,at={a}) A=200(1) B.get(x) B.set(x.n=2,at={b}) B=200(2)")
    oracle = again.oracle()
    assert list(oracle.judge(again.run(again.events))) == []
    assert list(oracle.remarks(again.run(again.events))) == []
    assert not again.asked


@pytest.mark.parametrize(
    ("serial", "events", "explained", "contradiction"),
    [
        (
            COUNTING,
            "A.get(x) B.get(x) A.set(x.n=1,at={a}) A=200(1) B.set(x.n=1,at={later}) B=200(1)",
            1,
            "bob's act answered 200 1, but after alice's act it would have answered 200 2",
        ),
        (
            COUNTING,
            "A.get(x) A.set(x.n=5,at={a}) A=200(5) B.get(x) B.set(x.n=6,at={later}) B=200(6)",
            0,
            "alice's act answered 200 5, but run first it would have answered 200 1",
        ),
        (
            SILENT,
            "A.get(x) B.get(x) A.set(x.n=1,at={a}) A=200 B.set(x.n=1,at={later}) B=200",
            2,
            "after alice's act, then bob's act, Items would hold item_id='x', n=2, but it holds item_id='x', n=1",
        ),
        (
            SILENT,
            "A.get(x) A.set(x.n=1,at={a}) A=200 B.get(x) B.set(x.n=2,at=1) B=200",
            2,
            "after alice's act, then bob's act, Items would hold at=200, item_id='x', n=2, but it holds at=1, item_id='x', n=2",
        ),
    ],
    ids=["by_an_answer", "by_the_first_answer", "stored", "by_the_first_time_only"],
)
def test_what_varies_hides_nothing_else_and_is_no_reason(serial, events, explained, contradiction):
    (finding,) = Clocks(serial, events).judge()
    assert finding.closest.explained == explained
    assert finding.closest.contradiction == contradiction


STAMPING = one_after_the_other(lambda who, clock, _: f"{who}.get(x) {who}.set(x.at={{{clock}}}) {who}=200")


@pytest.mark.parametrize(
    ("events", "lost"),
    [
        ("A.get(x) B.get(x) A.set(x.at={a}) A=200 B.set(x.at={later}) B=200", True),
        ("A.get(x) B.get(x.at) A.set(x.at={a}) A=200 B.set(x.at={later}) B=200", True),
        (
            "A.get(x) B.get(x) A.set(y.n=0) A.set(x.at={a}) A=200 B.set(y.n=0) B.set(x.n=0) B.set(x.at={later}) B=200",
            True,
        ),
        ("A.get(x) B.get(x) A.set(x.at={a}) A=200 B.set(x.at={later}) B.get(x) B=200", True),
        ("A.get(x) B.get(x.n) A.set(x.at={a}) A=200 B.set(x.at={later}) B=200", False),
        ("A.get(x) B.get(y) A.set(x.at={a}) A=200 B.set(x.at={later}) B=200", False),
        ("A.get(x) B.get(x) A.set(x.at={a}) A=200 B.get(x) B.set(x.at={later}) B=200", False),
        ("A.get(x) A.set(x.at={a}) B.get(x) A=200 B.set(x.at={later}) B=200", False),
        ("A.get(x) A.set(x.at={a}) A=200 B.set(x.at={later}) B.get(x) B=200", False),
        ("A.get(x) A.set(x.at={a}) B.get(x) A=200 B.set(x.at={b}) B.set(x.at={later}) B=200", False),
        ("A.get(x) A.set(x.at={a}) B.get(x) A.set(x.n=0) A=200 B.set(x.at={later}) B=200", False),
        ("A.get(x) A.set(x.at={a}) A=200 B.get(x) B.set(x.at={later} if at={a}) B=200", False),
    ],
    ids=[
        "unread",
        "of_the_attribute_read",
        "with_others_that_change_nothing",
        "read_before_and_afterwards",
        "another_attribute_read",
        "another_item_read",
        "read_again",
        "read_after_it",
        "read_afterwards",
        "its_own",
        "another_attribute_changed",
        "compared",
    ],
)
def test_what_is_computed_from_what_another_has_replaced_is_lost_even_where_it_varies(events, lost):
    assert bool(Clocks(STAMPING, events).judge()) == lost


@pytest.mark.parametrize(
    ("a", "b", "lost"),
    [
        ("A.get(y) A.set(y.at={a}) A=200", "B.get(x) / B.set(x.at={b}) B=200", False),
        ("A.get(x) A.set(x.n=1) A=200", "B.get(x) / B.set(x.at={b}) B=200", False),
        ("A.get(x) A.set(x.n=1) A=200", "B.get(x) / B.set(x.n=2,at={b}) B=200", False),
        ("A.get(x) A.set(x.at={a}) A=200", "B.get(x) / B.set(x.a=2,at={b}) B=200", True),
    ],
    ids=["of_another_item", "another_attribute", "with_what_does_not_vary", "beside_what_does_not_vary"],
)
def test_only_what_varies_in_that_item_is_lost(a, b, lost):
    """What does not vary is compared, so what one writes last may be what it writes alone."""
    alone = b.replace("/ ", "")
    serial = {(0,): a, (1,): alone, (0, 1): f"{a} {alone}", (1, 0): f"{alone} {a}"}
    assert bool(Clocks(serial, b.replace("/", a).replace("{b}", "{later}")).judge()) == lost


def test_a_comparison_by_the_write_itself_is_a_read():
    """B had read before A wrote, and compares with what A has written."""
    events = "A.get(x) B.get(x) A.set(x.at={a}) A=200 B.set(x.at={later} if at={a}) B=200"
    assert Clocks(STAMPING, events).judge() == []


def test_what_is_ignored_is_left_out_of_serial_runs_and_of_what_varies():
    ignored = Ignored({"Items": ["n"], "body": ["turn"]})
    again = Clocks(COUNTING, "A.get(x) B.get(x) A.set(x.n=1,at={a}) A=200(1) B.get(x) B.set(x.n=7,at={b}) B=200(2)")
    assert list(again.oracle(ignored=ignored).judge(again.run(again.events))) == []
    assert len(again.judge()) == 1
    later = Clocks(COUNTING, again.events.replace("{b}", "{later}"))
    assert list(later.oracle(ignored=ignored).judge(later.run(later.events))) == []
    assert len(later.judge()) == 1
    told = {order: text.replace("=200(1)", "=200({{'turn': 1}})") for order, text in COUNTING.items()}
    told = {order: text.replace("=200(2)", "=200({{'turn': 2}})") for order, text in told.items()}
    last = Clocks(told, later.events.replace("200(1)", "200({{'turn': 8}})").replace("200(2)", "200({{'turn': 9}})"))
    assert list(last.oracle(ignored=ignored).judge(last.run(last.events))) == []
    assert len(last.judge()) == 1


REFUSED = {
    (0,): "A.get(x) A=403",
    (1,): "B.set(x.n=1) B=200",
    (0, 1): "A.get(x) A=403 B.set(x.n=1) B=200",
    (1, 0): "B.set(x.n=1) B=200 A.get(x) A=403",
}


@pytest.mark.parametrize(
    ("serial", "events", "accepted"),
    [
        (REFUSED, "B.set(x.n=1) B=200 A.get(x) A=404", True),
        (REFUSED, "A.get(x) A=404 B.set(x.n=1) B=200", True),
        ({**REFUSED, (1, 0): "B.set(x.n=1) B=200 A.set(y.n=5) A=403"}, "B.set(x.n=1) B=200 A.get(x) A=404", False),
        (
            {**REFUSED, (0,): "A.set(x.n=9) A=403", (0, 1): "A.set(x.n=9) A=403 B.set(x.n=1) B=200"},
            "A.get(x) A=404 B.set(x.n=1) B=200",
            False,
        ),
        ({**REFUSED, (0,): "A.get(x) A=403('gone')"}, "A.get(x) A=403('other') B.set(x.n=1) B=200", False),
        ({**REFUSED, (1, 0): "B.set(x.n=1) B=200 A.get(x) A=200"}, "B.set(x.n=1) B=200 A.get(x) A=404", False),
        ({**REFUSED, (1, 0): "B.set(x.n=1) B=200 A.get(x) A=200"}, "B.set(x.n=1) B=200 A.get(x) A=403", False),
        (REFUSED, "B.set(x.n=1) B=200 A.get(x) A=200", False),
    ],
    ids=[
        "after_another",
        "before_another",
        "with_effect",
        "with_effect_that_was_replaced",
        "other_body",
        "accepted_alone",
        "accepted_alone_otherwise",
        "accepted",
    ],
)
def test_one_refusal_is_as_good_as_another_if_neither_had_an_effect(serial, events, accepted):
    assert (Clocks(serial, events).judge() == []) == accepted
    assert (list(SerialRuns(Clocks(serial, events).serial).judge(parse(Clocks.START + events))) == []) == accepted


@pytest.mark.parametrize(
    ("events", "wrong"),
    [
        ("A.get(x) A.set(x.n=1,at={a}) A=200(1) B.get(x)", False),
        ("A.get(x) B.get(x) B.set(x.n=1,at={b}) A.set(x.n=1,at={a}) A=200(1)", False),
        ("A.get(x) A.set(x.n=2,at={a}) A=200(2) B.get(x)", True),
    ],
    ids=["first", "either", "neither"],
)
def test_what_is_pending_may_have_happened_or_not(events, wrong):
    again = Clocks(COUNTING, events)
    for oracle in (again.oracle(), SerialRuns(again.serial)):
        assert bool(list(oracle.judge_unfinished(again.run(events), {1}))) == wrong


def test_what_is_pending_may_answer_what_varies():
    timed = {order: text.replace("(1)", "({a})").replace("(2)", "({a})") for order, text in COUNTING.items()}
    again = Clocks(timed, "A.get(x) A.set(x.n=1,at={later}) A=200({later}) B.get(x)")
    assert list(again.oracle().judge_unfinished(again.run(again.events), {1})) == []
    assert len(list(SerialRuns(again.serial).judge_unfinished(again.run(again.events), {1}))) == 1
