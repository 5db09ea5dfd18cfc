"""learner_node: `train_critic` while the robot works: new bags join, /diagnostics says how it goes; deploys nothing.

    ros2 run aloe_critic learner_node --ros-args -p rig:=FILE -p policy:=CKPT -p bags:=DIR -p out:=DIR -p watch_s:=30.0

Its parameters are the arguments of train_critic. SIGINT saves the state, to go on from with `resume:=true`; it ends by
itself after the last step, and leaves the critic.
"""

import os
import signal
import threading
from dataclasses import dataclass, fields
from time import monotonic
from typing import Any

import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from aloe_critic.critic_config import CriticConfig, LearningOptions
from aloe_critic.health import Gates
from aloe_critic.networks import NetworkConfig, NetworkOptions
from aloe_critic.ros.critic_training import CriticTraining, TrainCriticConfig
from aloe_critic.ros.train_critic import reporter
from aloe_data.config import parameter
from aloe_data.ros.convert import diagnostics
from aloe_data.ros.node_main import run_node
from aloe_data.ros.parameters import declare_parameters

NAME = "learner_node"


@dataclass(frozen=True)
class LearnerNodeConfig(TrainCriticConfig, NetworkOptions, LearningOptions):
    """Parameters of learner_node."""

    nice: int = parameter(10, low=0, high=19, doc="by how much it yields to other processes")

    def part(self, cls: type) -> dict[str, Any]:
        """The parameters that one of its parents declares, by name."""
        return {field.name: getattr(self, field.name) for field in fields(cls)}


class LearnerNode(Node):
    """Trains in a thread, and tells."""

    def __init__(self, **node_options: object) -> None:
        super().__init__(NAME, **node_options)
        config = declare_parameters(self, LearnerNodeConfig)
        self.error: BaseException | None = None
        torch.set_num_threads(config.threads)
        self.config = config
        self._training = CriticTraining(
            TrainCriticConfig(**config.part(TrainCriticConfig)),
            NetworkConfig(**config.part(NetworkOptions)),
            CriticConfig(**config.part(LearningOptions)),
        )
        self._ended = ""
        self._metrics: dict[str, float] = {}
        self._before = self._training.learner.steps_done, monotonic()
        self._diagnostics = self.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self.create_timer(1.0, self._report)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._train, name="training", daemon=True)
        self._thread.start()
        self.get_logger().info(f"training from step {self._before[0]} on; writes {config.out}")

    def finish(self) -> None:
        """Save the training's state where it stands."""
        self._stop.set()
        self._thread.join()
        self._report()

    def _train(self) -> None:
        os.nice(self.config.nice)  # on Linux of this thread alone
        try:
            with SummaryWriter(str(self.config.out) + "_logs") as log:
                self._log = reporter(log, tqdm(disable=True))
                outcome = self._training.run(self._note, self._stop.is_set)
            if outcome is None:
                self.get_logger().info(f"stopped at step {self._training.learner.steps_done}; its state is saved")
                return
            judgement = self._training.write(outcome, Gates())
            self._ended = "" if judgement.passed else "; ".join(judgement.sentences)
            self.get_logger().info("; ".join(judgement.sentences))
        except Exception as error:  # told by the main thread, which ends the node
            self.error = error
        os.kill(os.getpid(), signal.SIGTERM)

    def _note(self, step: int, metrics: dict[str, float]) -> None:
        self._log(step, metrics)
        self._metrics = {**self._metrics, **metrics}

    def _report(self) -> None:
        learner = self._training.learner
        data = self._training.data
        (step, then_s) = self._before
        self._before = learner.steps_done, monotonic()
        values = {
            "step": learner.steps_done,
            "steps": learner.config.steps,
            "steps_per_s": f"{(learner.steps_done - step) / max(self._before[1] - then_s, 1e-3):.1f}",
            "episodes": len(data.train.episodes),
            "chunks": len(data.train),
            **{name: f"{value:.4g}" for name, value in self._metrics.items()},
        }
        said = self._ended
        level = DiagnosticStatus.WARN
        if self.error is not None:
            said = str(self.error)
            level = DiagnosticStatus.ERROR
        now_ns = self.get_clock().now().nanoseconds
        self._diagnostics.publish(diagnostics(now_ns, f"{NAME}: critic", said, values, level))


def main() -> None:
    """Entry point of `learner_node`."""
    run_node(LearnerNode)


if __name__ == "__main__":
    main()
