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


def _always(touch: Touch) -> Touch:
    return replace(touch, skippable=False, conditional=False)


def _of_shape(shape: tuple[int, ...]) -> st.SearchStrategy[Program]:
    return st.tuples(*(st.tuples(*([_touches] * steps)) for steps in shape))


static_programs: st.SearchStrategy[Program] = st.sampled_from(SHAPES).flatmap(
    lambda shape: st.tuples(*(st.tuples(*([_touches.map(_always)] * steps)) for steps in shape))
)
"""Programs in which every step does the same in every state."""

programs: st.SearchStrategy[Program] = st.sampled_from(SHAPES).flatmap(_of_shape)

programs_with_twins: st.SearchStrategy[Program] = st.one_of(
    st.sampled_from([1, 2, 3]).flatmap(lambda steps: st.tuples(*([_touches] * steps))).map(lambda one: (one, one)),
    st.sampled_from([1, 2]).flatmap(lambda steps: st.tuples(*([_touches] * steps))).map(lambda one: (one, one, one)),
    st.tuples(st.tuples(_touches, _touches), st.tuples(_touches)).map(lambda pair: (pair[0], pair[1], pair[0])),
    st.tuples(st.tuples(_touches), st.tuples(_touches)).map(lambda pair: (pair[0], pair[1], pair[0], pair[1])),
)
"""Programs some of whose requests have the same steps."""
