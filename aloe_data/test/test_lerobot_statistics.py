import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aloe_data.lerobot_statistics import QUANTILES, of_images, of_rows, together


@given(st.lists(st.integers(1, 30), min_size=1, max_size=5), st.integers(0, 100))
def test_episodes_together_are_what_all_their_rows_are(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    episodes = [rng.normal(rng.uniform(-5, 5), 1, (size, 3)) for size in sizes]
    whole, parts = of_rows(np.concatenate(episodes)), together([of_rows(rows) for rows in episodes])
    assert parts.keys() == whole.keys() == {"min", "max", "mean", "std", "count", *QUANTILES}
    for name in ("min", "max", "mean", "std", "count"):
        np.testing.assert_allclose(parts[name], whole[name], atol=1e-9)
    assert all(parts[name].shape == whole[name].shape for name in QUANTILES)


def test_quantiles_of_one_episode_are_those_of_its_rows() -> None:
    found = of_rows(np.arange(101.0))
    assert [found[name].tolist() for name in QUANTILES] == [[1.0], [10.0], [50.0], [90.0], [99.0]]


def test_images_are_measured_per_channel_between_0_and_1_and_counted_as_images() -> None:
    frames = np.zeros((60, 8, 8, 3), np.uint8)
    frames[..., 1], frames[..., 2] = 51, 255
    found = of_images(frames)
    assert found["count"].tolist() == [3], "every 25th"
    assert found["mean"].shape == found["q50"].shape == (3, 1, 1)
    assert found["mean"].ravel() == pytest.approx([0.0, 0.2, 1.0])
    assert together([found, found])["count"].tolist() == [6]
