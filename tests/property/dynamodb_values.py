"""Attribute values, valid and invalid, for random requests; few enough that requests meet each other's."""

from __future__ import annotations

from hypothesis import strategies as st

STRINGS = ("", "a", "ab", "abc", "b", "é", "\U0001f600")
NUMBERS = ("0", "1", "2", "-1", "1.50", "10", "1e2", "-0.0", "0.001", "1E-130", "9" * 38, "1e125")
BAD_NUMBERS = ("", "x", "1e126", "1e-131", "1" * 39, "NaN", " 1", "0x1")
BINARIES = (b"", b"a", b"ab", b"\x00\xff")

_strings = st.sampled_from(STRINGS)
_numbers = st.sampled_from(NUMBERS)
_binaries = st.sampled_from(BINARIES)
SCALARS = st.one_of(
    _strings.map(lambda s: {"S": s}),
    _numbers.map(lambda n: {"N": n}),
    _binaries.map(lambda b: {"B": b}),
    st.booleans().map(lambda b: {"BOOL": b}),
    st.just({"NULL": True}),
)
SETS = st.one_of(
    st.lists(st.sampled_from(STRINGS), min_size=1, max_size=3, unique=True).map(lambda v: {"SS": v}),
    st.lists(st.sampled_from(("1", "2", "3.0", "-7")), min_size=1, max_size=3, unique=True).map(lambda v: {"NS": v}),
    st.lists(st.sampled_from(BINARIES), min_size=1, max_size=3, unique=True).map(lambda v: {"BS": v}),
)
BAD_VALUES = st.one_of(
    st.sampled_from(BAD_NUMBERS).map(lambda n: {"N": n}),
    st.sampled_from(
        [{"SS": ["a", "a"]}, {"NS": ["1", "1.0"]}, {"BS": [b"a", b"a"]}, {"SS": []}, {"NS": []}, {"BS": []}]
    ),
    st.sampled_from([{"NULL": False}, {"L": [{"N": "x"}]}, {"M": {"": {"S": "a"}}}, {"M": {"a": {"SS": []}}}]),
)
VALUES = st.recursive(
    st.one_of(SCALARS, SCALARS, SETS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda v: {"L": v}),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(lambda v: {"M": v}),
    ),
    max_leaves=4,
)
TYPICAL = {
    "s": st.sampled_from(STRINGS[1:]).map(lambda s: {"S": s}),
    "n": st.sampled_from(("0", "1", "2", "-1", "10")).map(lambda n: {"N": n}),
    "l": st.lists(SCALARS, max_size=3).map(lambda v: {"L": v}),
    "m": st.dictionaries(st.sampled_from("abc"), VALUES, max_size=3).map(lambda v: {"M": v}),
    "t": SETS,
    "b": _binaries.map(lambda b: {"B": b}),
    "owner": st.sampled_from(("alice", "bob")).map(lambda s: {"S": s}),
}
ATTRIBUTES = tuple(TYPICAL)
KEY_CONTENTS = {"S": ("a", "ab"), "N": ("1", "2.0"), "B": (b"a", b"\xff")}
