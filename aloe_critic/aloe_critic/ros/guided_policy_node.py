"""guided_policy_node: policy_node with a critic that chooses among several chunks of the policy."""

from dataclasses import dataclass

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor

from aloe_critic.guided import GuidedConfig, GuidedPolicy, load_guided
from aloe_data.config import parameter
from aloe_data.rig import Rig
from aloe_data.ros.convert import diagnostics
from aloe_data.ros.node_main import run_node
from aloe_policy.ros.policy_node import PolicyNode, PolicyNodeConfig


@dataclass(frozen=True)
class GuidedPolicyNodeConfig(PolicyNodeConfig, GuidedConfig):
    """Parameters of guided_policy_node."""

    deadline_s: float = parameter(
        0.0, unit="s", low=0.0, doc="an inference that would take longer goes unjudged; 0: the time between two chunks"
    )


class GuidedPolicyNode(PolicyNode):
    """Publishes the chosen chunks; whatever checkpoint is loaded meets the critic that its folder holds by then."""

    config: GuidedPolicyNodeConfig

    def __init__(self, **node_options: object) -> None:
        super().__init__(self._load_guided, GuidedPolicyNodeConfig, **node_options)
        self._said = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(1.0, self._report_choices)

    def _load_guided(self, path: str, rig: Rig, *, seed: int, device: str) -> GuidedPolicy:
        deadline_s = self.config.deadline_s or self.config.n_action_steps / rig.rate_hz
        return load_guided(path, rig, self.config, seed=seed, device=device, deadline_s=deadline_s)

    def _report_choices(self) -> None:
        policy = self._deploying.active.policy
        values = {name: getattr(policy, name) for name in ("version", "judged", "unjudged", "gain")}
        now_ns = self.get_clock().now().nanoseconds
        self._said.publish(diagnostics(now_ns, "policy_node: guidance", "", values))


def main() -> None:
    # As of policy_node.
    run_node(GuidedPolicyNode, SingleThreadedExecutor)


if __name__ == "__main__":
    main()
