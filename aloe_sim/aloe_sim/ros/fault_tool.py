"""Carries faults out in the running graph: orders to the simulator, hostile messages, signals to processes."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import rclpy
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.parameter_client import AsyncParameterClient
from std_msgs.msg import String

from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_sim.faults.kinds import Fault, FaultError, Means
from aloe_sim.faults.processes import DOMAIN, node_pids
from aloe_sim.ros.hostile import HostileMessages

SEARCH_S = 5.0
BEAT_S = 0.01


class FaultTool:
    """Carries faults out.

    Raises:
        FaultError: There is no simulator, or a rig that is not simulated.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.rig = simulated_rig(node)
        self._orders = node.create_publisher(String, "/sim/faults", 10)
        self._hostile = HostileMessages(node, self.rig)
        self._stalled: dict[Fault, list[int]] = {}
        self._lasting: list[Fault] = []
        if not spin_until(node, lambda: self._orders.get_subscription_count() > 0):
            raise FaultError("sim_node does not listen to /sim/faults; is it of this version?")

    def carry_out(self, begins: bool, fault: Fault) -> None:
        """Begin or end a fault.

        Raises:
            FaultError: It cannot be carried out.
        """
        order = f"{'begin' if begins else 'end'} {fault}"
        self._node.get_logger().info(order)
        self._lasting = [other for other in self._lasting if other != fault]
        if fault.lasting and begins:
            self._lasting.append(fault)
        if fault.means is Means.SIMULATOR:
            self._orders.publish(String(data=order))
        elif fault.means is Means.PROCESS:
            self._signal(begins, fault)
        elif begins:
            if not spin_until(self._node, lambda: self._hostile.listened_to(fault)):
                raise FaultError(f"nobody listens to what '{fault}' would send; is control_node running?")
            self._hostile.begin(fault)
        else:
            self._hostile.end(fault)

    def close(self) -> None:
        """End whatever lasts, and wait until all that was said has arrived."""
        for fault in list(self._lasting):
            self.carry_out(False, fault)
        self._hostile.flush()
        self._orders.wait_for_all_acked(Duration(seconds=1.0))

    def _signal(self, begins: bool, fault: Fault) -> None:
        if not begins:
            for pid in self._stalled.pop(fault, []):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGCONT)
            return
        pids = self._pids(fault.target)
        if fault.kind == "stall":
            self._stalled[fault] = pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP if fault.kind == "stall" else signal.SIGKILL)

    def _pids(self, target: str) -> list[int]:
        names = [target]
        if target.startswith("/"):
            heard = {info.node_name for info in self._node.get_publishers_info_by_topic(target)}
            names = sorted(heard - {self._node.get_name()})
        pids = sorted({pid for name in names for pid in node_pids(name, os.environ.get(DOMAIN, ""))})
        if not pids:
            raise FaultError(f"no process of '{target}' on this machine, in ROS domain {os.environ.get(DOMAIN, '0')}")
        return pids


def simulated_rig(node: Node) -> Rig:
    """The rig of the running nodes; refuses unless all of them say that it is simulated.

    Raises:
        FaultError: There is no simulator, or the rig is a real one.
    """
    rigs = {}
    if not spin_until(node, lambda: "sim_node" in node.get_node_names()):
        raise FaultError("no sim_node is running: faults are for simulated rigs; start a rollout first")
    for name in sorted({"sim_node", "control_node"} & set(node.get_node_names())):
        rigs[name] = load_rig(_rig_file(node, name))
        if not rigs[name].simulated:
            raise FaultError(f"{name} runs the rig '{rigs[name].name}', which is not simulated; refused")
    return rigs["sim_node"]


def _rig_file(node: Node, name: str) -> Path:
    client = AsyncParameterClient(node, name)
    if not spin_until(node, client.services_are_ready):
        raise FaultError(f"{name} does not answer; which rig it has is not known; refused")
    future = client.get_parameters(["rig"])
    if not spin_until(node, future.done) or not future.result().values:
        raise FaultError(f"{name} does not say which rig it has; refused")
    return Path(future.result().values[0].string_value)


def spin_until(node: Node, condition: Callable[[], bool]) -> bool:
    """Spin until a condition holds; False if it does not within the time of search."""
    deadline_s = time.monotonic() + SEARCH_S
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        rclpy.spin_once(node, timeout_sec=BEAT_S)
    return True
