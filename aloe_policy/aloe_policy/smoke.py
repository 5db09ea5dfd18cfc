"""Smoke inference: what a candidate must do before it may drive."""

from aloe_data.rig import Rig
from aloe_policy.checkpoint import CheckpointError
from aloe_policy.planner import ChunkError, ChunkPlanner
from aloe_policy.policy_protocol import ChunkPolicy
from aloe_policy.warm_up import made_up_observation


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
