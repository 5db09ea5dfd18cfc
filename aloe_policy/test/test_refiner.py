"""A second look says where in its patch a keypoint is, looks at the right pixels, and never leaves the patch."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from aloe_data.config import ConfigError
from aloe_policy.encoder import ImageEncoder
from aloe_policy.encoder_file import load_encoder, save_encoder, view_size
from aloe_policy.pretrain import PretrainConfig, pixel_error, pretrain
from aloe_policy.refiner import PATCH, Refiner, cut, pixel

HEIGHT, WIDTH = 64, 96
SIZE = torch.tensor([WIDTH, HEIGHT])


def crosses(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Views with a red and a blue cross of 7 px, and their keypoints."""
    rng = np.random.default_rng(0)
    images = rng.integers(80, 100, (count, HEIGHT, WIDTH, 3), dtype=np.uint8)
    keypoints = np.zeros((count, 2, 3), np.float32)
    for n in range(count):
        for k, colour in enumerate(((230, 20, 20), (20, 20, 230))):
            u, v = rng.integers(8, WIDTH - 8), rng.integers(8, 24) + 32 * k
            images[n, v - 3 : v + 4, u] = images[n, v, u - 3 : u + 4] = colour
            keypoints[n, k] = (u + 0.5) / WIDTH, (v + 0.5) / HEIGHT, 1.0
    return images, keypoints


def test_a_patch_holds_the_pixels_around_its_middle() -> None:
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    views = torch.stack([columns, rows, torch.zeros_like(rows)], dim=-1).to(torch.uint8)[None]
    (patch,) = cut(views, torch.tensor([0]), torch.tensor([[40, 30]]))
    assert patch.shape == (PATCH, PATCH, 3)
    assert patch[0, 0, :2].tolist() == [40 - PATCH // 2, 30 - PATCH // 2]
    assert patch[-1, -1, :2].tolist() == [40 + PATCH // 2 - 1, 30 + PATCH // 2 - 1]
    (corner,) = cut(views, torch.tensor([0]), torch.tensor([[0, 0]]))
    assert corner[0, 0, :2].tolist() == [0, 0], "beyond the border it is as at the border"


@settings(max_examples=30, deadline=None)
@given(place=st.tuples(st.floats(-1.5, 1.5), st.floats(-1.5, 1.5)), seed=st.integers(0, 100))
def test_a_second_look_moves_a_place_by_half_a_patch_at_most(place: tuple[float, float], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    refiner = Refiner(1)
    torch.nn.init.normal_(refiner.head.weight, generator=generator)
    view = torch.randint(0, 255, (1, HEIGHT, WIDTH, 3), dtype=torch.uint8, generator=generator)
    before = torch.tensor([[place]])
    moved = (refiner.refine(view, before) + 1) / 2 * SIZE - pixel(before, SIZE)
    assert moved.abs().max() <= PATCH / 2 + 1e-3


def test_an_untaught_second_look_leaves_places_where_they_are_to_half_a_pixel() -> None:
    view, places = torch.zeros(1, HEIGHT, WIDTH, 3, dtype=torch.uint8), torch.tensor([[[0.3, -0.41], [-0.77, 0.9]]])
    moved = (Refiner(2).refine(view, places) - places) / 2 * SIZE
    assert moved.abs().max() <= 0.5 + 1e-4


def test_a_second_look_is_taught_to_be_more_exact_and_survives_its_file(tmp_path) -> None:
    images, keypoints = crosses(96)
    options = {"steps": 60, "batch_size": 16, "learning_rate": 5e-3}
    config = PretrainConfig(refine_steps=120, refine_batch_size=32, **options)
    encoder = pretrain(images, keypoints, ("red", "blue"), config).eval()
    refined = pixel_error(encoder, images, keypoints)
    save_encoder(encoder, tmp_path / "encoder.safetensors")
    assert pixel_error(load_encoder(tmp_path / "encoder.safetensors"), images, keypoints) == refined
    first = ImageEncoder(("red", "blue"), refined=True).eval()
    first.load_state_dict(encoder.state_dict())
    torch.nn.init.zeros_(first.refiner.head.weight)
    torch.nn.init.zeros_(first.refiner.head.bias)
    assert refined["median_error_px"] < 0.5 * pixel_error(first, images, keypoints)["median_error_px"]


def test_an_encoder_says_which_views_it_is_given_and_refuses_others() -> None:
    plain, refined = ImageEncoder(("a",)), ImageEncoder(("a",), refined=True)
    assert (view_size(plain), view_size(refined)) == ((128, 96), (256, 192))
    assert view_size(refined, 96, 64) == (96, 64)
    with pytest.raises(ConfigError, match="250 x 192 px: width and height must be multiples of 32"):
        view_size(refined, 250)
