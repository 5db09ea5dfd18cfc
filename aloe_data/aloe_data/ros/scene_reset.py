"""The scene of an episode, which a simulator sets up when episode_node asks."""

from aloe_msgs.srv import ResetScene
from rclpy.node import Node

from aloe_data.episode import EpisodeRun
from aloe_data.ros.service_calls import CallError, ServiceCalls


class SceneReset:
    """Asks the simulator for the scene of an episode; a real rig has none.

    Args:
        node: Node that asks.
        calls: Caller of services with time limits.
        service: Name of the simulator's service; "" on a real rig.
        timeout_s: Limit for the simulator to answer [s].
    """

    def __init__(self, node: Node, calls: ServiceCalls, service: str, timeout_s: float) -> None:
        self._calls = calls
        self._timeout_s = timeout_s
        self._client = node.create_client(ResetScene, service) if service else None

    def reset(self, episode: EpisodeRun) -> None:
        """Set the scene up; an episode without a prompt gets that of the task.

        Raises:
            CallError: The simulator is not there, refuses or does not answer; there is no prompt.
        """
        if self._client is not None:
            request = ResetScene.Request(seed=episode.seed, prompt=episode.prompt)
            answer = self._calls.call(self._client, request, "sim_node", self._timeout_s)
            episode.prompt = answer.prompt
        if not episode.prompt:
            raise CallError("no prompt: a real rig has no default task; give one (prompt:='...')")
