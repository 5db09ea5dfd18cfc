"""Training rows: the chunk that followed an observation, padded and marked past the episode's end."""

from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.rig import load_rig
from aloe_policy.actions import ActionSpace
from aloe_policy.dataset import Demonstration, build, chunk_windows, encode_frames
from aloe_policy.encoder import ImageEncoder

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")


@given(st.integers(1, 30), st.integers(1, 12), st.data())
def test_chunks_are_the_next_rows_as_a_plain_loop_says(length: int, horizon: int, data: st.DataObject) -> None:
    rows = np.arange(length, dtype=np.float32)[:, None]
    ticks = np.array(data.draw(st.lists(st.integers(0, length - 1), min_size=1, max_size=5)))
    chunks, valid = chunk_windows(rows, ticks, horizon)
    for n, tick in enumerate(ticks):
        for k in range(horizon):
            inside = tick + k < length
            assert valid[n, k] == inside
            assert chunks[n, k, 0] == (tick + k if inside else length - 1)


def test_an_episode_becomes_rows_with_one_chunk_per_observation() -> None:
    rng = np.random.default_rng(0)
    home = np.concatenate([arm.home for arm in RIG.arms]).astype(np.float32)
    joints = home + 0.01 * rng.normal(size=(40, RIG.state_dim)).astype(np.float32)
    ticks = np.array([0, 10, 39])
    images = rng.integers(0, 255, (3, 3, 32, 48, 3), dtype=np.uint8)
    encoder = ImageEncoder(("a", "b", "c", "d", "e"))
    tokens = encode_frames(encoder, images.reshape(9, 32, 48, 3), batch=4)
    assert tokens.shape == (9, 5, 3)
    demo = Demonstration("put the red cube left", ticks, tokens.reshape(3, 3, 5, 3), joints, joints)
    data, _ = build([demo], ActionSpace(RIG), horizon=20)
    assert len(data) == 3
    assert data.chunks.shape == (3, 20, RIG.action_dim)
    assert data.valid.sum(1).tolist() == [20.0, 20.0, 1.0]
    batch = data.batch(np.array([1, 2]), torch.device("cpu"))
    assert batch["tokens"].dtype == torch.float32
    assert len(batch["states"]) == 2
