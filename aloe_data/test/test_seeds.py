import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.config import ConfigError
from aloe_data.seeds import HELD_OUT, refuse_held_out


@given(st.lists(st.integers(0, HELD_OUT.start - 1), max_size=5), st.sampled_from([HELD_OUT[0], HELD_OUT[-1]]))
def test_a_held_out_seed_among_others_is_refused_by_number(others: list[int], held_out: int) -> None:
    refuse_held_out([*others, HELD_OUT.stop], "demos")
    with pytest.raises(ConfigError, match=f"demos: scene seed {held_out} is held out"):
        refuse_held_out([*others, held_out], "demos")
