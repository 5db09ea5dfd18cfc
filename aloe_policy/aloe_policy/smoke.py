"""Smoke inference: what a candidate must do before it may drive."""

import numpy as np

from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_policy.backend import CheckpointError, ChunkPolicy
from aloe_policy.planner import ChunkError, ChunkPlanner

PROMPT = "smoke test"


def made_up_observation(rig: Rig) -> Observation:
    """Grey views of the rig's sizes, joints in the middle of their ranges."""
    images = {c.name: np.full((c.height, c.width, 3), 127, np.uint8) for c in rig.cameras}
    middle = [0.5 * (joint.lower + joint.upper) for arm in rig.arms for joint in arm.all_joints]
    return Observation(stamp_ns=0, state=np.array(middle, np.float32), images=images, prompt=PROMPT)


def smoke_test(policy: ChunkPolicy, rig: Rig, n_action_steps: int) -> None:
    """Let a policy infer one chunk on a made-up observation, and judge it as every chunk is judged.

    Args:
        policy: to try.
        rig: that it is to drive.
        n_action_steps: steps that will be executed of every chunk.

    Raises:
        CheckpointError: it fails, or its chunk must not reach the robot.
    """
    try:
        ChunkPlanner(rig, policy, n_action_steps).plan(made_up_observation(rig))
    except ChunkError as error:
        raise CheckpointError(f"smoke inference: {error}") from error
