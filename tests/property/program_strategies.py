"""Random programs for property tests, of a size at which every interleaving can be run."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from synthetic_programs import Program, Touch

SHAPES = [(2, 2), (3, 3), (2, 1, 1), (2, 2, 2), (3, 2, 2), (3, 3, 2), (2, 2, 1, 1), (3, 1, 1, 1)]
"""Steps of each request; 3, 3, 2 has 560 interleavings."""

_cells = st.tuples(st.sampled_from("xy"), st.sampled_from(["owner", "data"]))
_one_or_two = st.lists(_cells, min_size=1, max_size=2, unique=True).map(tuple)
_sometimes = st.sampled_from([False, False, False, True])
_touches = st.one_of(
    st.builds(Touch, reads=_one_or_two, skippable=_sometimes),
    st.builds(Touch, writes=_one_or_two, skippable=_sometimes),
    st.builds(Touch, reads=_one_or_two, writes=_one_or_two, skippable=_sometimes),
    st.builds(Touch, reads=_one_or_two, writes=_one_or_two, conditional=st.just(value=True)),
)
_weak_touches = st.one_of(_touches, st.builds(Touch, reads=_one_or_two, weak=st.just(value=True)))


def always(program: Program) -> Program:
    """The program with every step doing the same in every state."""
    return tuple(tuple(replace(touch, skippable=False, conditional=False) for touch in steps) for steps in program)


def _of_shape(shape: tuple[int, ...]) -> st.SearchStrategy[Program]:
    return st.tuples(*(st.tuples(*([_touches] * steps)) for steps in shape))


programs: st.SearchStrategy[Program] = st.sampled_from(SHAPES).flatmap(_of_shape)

static_programs = programs.map(always)
"""Programs in which every step does the same in every state."""

weak_programs: st.SearchStrategy[Program] = st.sampled_from(
    [(2, 2), (3, 3), (2, 1, 1), (2, 2, 2), (1, 1, 1, 1)]
).flatmap(lambda shape: st.tuples(*(st.tuples(*([_weak_touches] * steps)) for steps in shape)))
"""Programs some of whose steps are weak reads."""


def _steps(count: int, touches: st.SearchStrategy[Touch] = _touches) -> st.SearchStrategy[tuple[Touch, ...]]:
    return st.tuples(*([touches] * count))


programs_with_twins: st.SearchStrategy[Program] = st.one_of(
    st.sampled_from([1, 2, 3]).flatmap(_steps).map(lambda one: (one, one)),
    st.sampled_from([1, 2]).flatmap(_steps).map(lambda one: (one, one, one)),
    st.tuples(_steps(2), _steps(1)).map(lambda pair: (pair[0], pair[1], pair[0])),
    st.tuples(_steps(2), _steps(1)).map(lambda pair: (pair[0], pair[0], pair[1])),
    st.tuples(_steps(1), _steps(1)).map(lambda pair: (pair[0], pair[1], pair[0], pair[1])),
)
"""Programs some of whose requests have the same steps."""

weak_programs_with_twins: st.SearchStrategy[Program] = st.one_of(
    st.sampled_from([1, 2]).flatmap(lambda count: _steps(count, _weak_touches)).map(lambda one: (one, one)),
    st.tuples(_steps(1, _weak_touches), _steps(2)).map(lambda pair: (pair[0], pair[0], pair[1])),
    st.tuples(_steps(2, _weak_touches), _steps(1)).map(lambda pair: (pair[0], pair[1], pair[0])),
    _steps(1, _weak_touches).map(lambda one: (one, one, one)),
)
"""The same with weak reads."""
