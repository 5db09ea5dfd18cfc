"""The encoder's tokens say where things are, and pretraining teaches it."""

import numpy as np
import torch

from aloe_policy.encoders.keypoint_training import PretrainConfig, pixel_error, pretrain
from aloe_policy.encoders.keypoints import ImageEncoder, keypoint_loss


def squares(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Views of 48 x 32 px with a red and sometimes a blue square, and their keypoints."""
    rng = np.random.default_rng(0)
    images = np.full((count, 32, 48, 3), 90, np.uint8)
    keypoints = np.zeros((count, 2, 3), np.float32)
    for n in range(count):
        for k, colour in enumerate(((230, 20, 20), (20, 20, 230))):
            if k == 1 and n % 3 == 0:
                continue
            u, v = rng.uniform(4, 44), rng.uniform(4, 14) + 14 * k
            images[n, int(v) - 2 : int(v) + 3, int(u) - 2 : int(u) + 3] = colour
            keypoints[n, k] = (int(u) + 0.5) / 48, (int(v) + 0.5) / 32, 1.0
    return images, keypoints


def test_pretraining_finds_what_is_there_and_where() -> None:
    images, keypoints = squares(160)
    encoder = pretrain(images, keypoints, ("red", "blue"), PretrainConfig(steps=120, batch_size=32, learning_rate=5e-3))
    measures = pixel_error(encoder.eval(), images, keypoints)
    assert measures["recall"] > 0.9
    assert measures["precision"] > 0.9
    assert measures["median_error_px"] < 4.0


def test_tokens_are_bounded_places_with_presence() -> None:
    encoder = ImageEncoder(("a", "b", "c"))
    tokens = encoder(torch.randint(0, 255, (2, 32, 48, 3), dtype=torch.uint8))
    assert tokens.shape == (2, 3, 3)
    assert tokens[..., 2].min() >= 0 and tokens[..., 2].max() <= 1
    assert torch.isfinite(tokens).all()
    assert tokens[..., :2].abs().max() < 2


def test_the_loss_is_small_only_for_the_right_cell_and_offset() -> None:
    keypoints = torch.tensor([[[0.75, 0.25, 1.0]]])  # right column, upper row of a 2 x 2 grid
    logits = torch.full((1, 4, 1), -9.0)
    logits[0, 1, 0] = 9.0
    offsets = torch.full((1, 4, 1, 2), 0.5)
    right = [float(x) for x in keypoint_loss(logits, offsets, keypoints, (2, 2), 2.0)]
    wrong = [float(x) for x in keypoint_loss(logits.flip(1), offsets + 0.3, keypoints, (2, 2), 2.0)]
    assert right[0] < 1e-2 < wrong[0]
    assert right[1] < 1e-6 < wrong[1]


def test_what_is_not_visible_costs_no_offset() -> None:
    keypoints = torch.tensor([[[0.5, 0.5, 0.0]]])
    _, offset = keypoint_loss(torch.zeros(1, 4, 1), torch.randn(1, 4, 1, 2), keypoints, (2, 2), 2.0)
    assert float(offset) == 0.0
