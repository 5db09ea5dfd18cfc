"""What writing and reading of LeRobot datasets v3.0 share: places, names and types.

Source: huggingface/lerobot, src/lerobot/datasets (codebase version v3.0).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aloe_data.rig import Rig

VERSION = "v3.0"
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
TASKS = "meta/tasks.parquet"
# Conventions of data with a human in the loop (lerobot/rl/buffer.py, lerobot/scripts/lerobot_eval.py).
REWARD = "next.reward"
DONE = "next.done"
SUCCESS = "next.success"
INTERVENTION = "complementary_info.is_intervention"


class DatasetError(ValueError):
    """A dataset that cannot be written or read; the message names the folder, the fault and the remedy."""


@dataclass(frozen=True, eq=False)
class DatasetEpisode:
    """One episode of a dataset: T ticks of a rig with S joints.

    Attributes:
        prompt: Task in words.
        state, action: Measured and commanded joint positions, float32 [T, S].
        images: Images of each camera by its name [T], as they stand in the data (JPEG or PNG).
        source: Authority over each arm, uint8 [T, A]; None where the dataset does not say.
        facts: Further columns of the episode, such as "verdict".
    """

    prompt: str
    state: NDArray[np.float32]
    action: NDArray[np.float32]
    images: Mapping[str, list[bytes]]
    source: NDArray[np.uint8] | None
    facts: Mapping[str, Any]


def joint_names(rig: Rig) -> list[str]:
    """Names of the S values of states and actions."""
    return [f"{arm.name}.{joint}" for arm in rig.arms for joint in arm.joint_names]


def image_key(camera: str) -> str:
    """The feature that holds a camera's pictures."""
    return f"observation.images.{camera}"
