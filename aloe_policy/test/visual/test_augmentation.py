"""Augmented views: moved by what is said, and in another light."""

import torch

from aloe_policy.visual.augmentation import recoloured, shifted
from aloe_policy.visual.places import Places


def test_a_place_that_is_moved_is_told_where_it_was():
    frames = torch.zeros(8, 2, 3, 16, 24)
    frames[..., 8, 12] = 1.0
    torch.manual_seed(0)
    moved_frames, moved = shifted(frames, 3)
    places = Places(cameras=2, places=1, channels=3, content=1, text=4)
    torch.nn.init.constant_(places.query, 100.0)  # looks for what is bright
    text = torch.zeros(8, 4)
    where, _ = places(frames, text)
    again, _ = places(moved_frames, text, moved)
    torch.testing.assert_close(again, where, atol=1e-4, rtol=0)
    assert moved.abs().amax() > 0.1 and len(moved.flatten(0, 1).unique(dim=0)) > 4


def test_no_shift_moves_nothing():
    frames = torch.rand(2, 3, 3, 16, 16)
    same, moved = shifted(frames, 0)
    assert torch.equal(same, frames) and not moved.any()


def test_every_view_gets_a_light_of_its_own_and_none_at_strength_zero():
    frames = torch.full((4, 2, 3, 8, 8), 0.5)
    torch.manual_seed(0)
    changed = recoloured(frames, 1.0)
    assert len(changed.flatten(0, 1)[:, :, 0, 0].unique(dim=0)) == 8
    assert (changed - frames).abs().max() < 0.5
    assert torch.equal(recoloured(frames, 0.0), frames)
