"""What the network is told of a keypoint."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from aloe_policy.encoders.keypoint_tokens import LEAST_PRESENCE, place_features

places = st.floats(-1, 1, width=32)


@given(places, places, st.floats(LEAST_PRESENCE, 1))
def test_what_is_half_seen_is_told_of_the_same_place_half_as_loudly(u, v, presence):
    whole = place_features(torch.tensor([u, v, 1.0]))
    part = place_features(torch.tensor([presence * u, presence * v, presence]))
    torch.testing.assert_close(part, presence * whole, rtol=0, atol=1e-4)


def test_of_what_is_not_there_nothing_is_told():
    assert not place_features(torch.zeros(3, 5, 3)).any()
