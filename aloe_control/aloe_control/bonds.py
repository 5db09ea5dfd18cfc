"""Nodes without which motion must not go on: each says that it works, several times a second. Time is an argument."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

LIMIT_S: Final = 1.0  # 5 heartbeats; recording 83 MB/s beside two busy loops on two cores, the longest pause was 0.44 s
EPISODES: Final = "episode_node"
RUNNING: Final = "RUNNING"  # first word of its state while an episode runs


@dataclass(frozen=True)
class _Heartbeat:
    heard_s: float
    state: str
    problem: str


class Bonds:
    """The newest heartbeat of every bonded node.

    Args:
        nodes: Names of the nodes; none: motion depends on nobody.
        limit_s: Longest time between two heartbeats of a node [s].
    """

    def __init__(self, nodes: Sequence[str], limit_s: float = LIMIT_S) -> None:
        self._nodes = tuple(nodes)
        self._limit_s = limit_s
        self._heartbeats: dict[str, _Heartbeat] = {}

    def heard(self, node: str, state: str, problem: str, now_s: float) -> None:
        """Take a heartbeat; those of nodes that are not bonded count for nothing.

        Args:
            node: Name of the node.
            state: What the node does, in words.
            problem: "" or why motion must end.
            now_s: Time of arrival on a steady clock [s]: no clock that is set can make a node seem alive.
        """
        if node in self._nodes:
            self._heartbeats[node] = _Heartbeat(now_s, state, problem)

    def problems(self, now_s: float) -> list[str]:
        """One sentence per node because of which there must be no motion now [s]."""
        return [problem for node in self._nodes if (problem := self._problem(node, now_s))]

    @property
    def policy_may_act(self) -> bool:
        """Whether an episode runs; always where motion is not bonded to episodes.

        The answer to arming can be lost: until episode_node says that the episode has begun, and so is recorded and
        limited in time, only people move the arms.
        """
        if EPISODES not in self._nodes:
            return True
        last = self._heartbeats.get(EPISODES)
        return last is not None and last.state.partition(":")[0] == RUNNING

    def _problem(self, node: str, now_s: float) -> str:
        last = self._heartbeats.get(node)
        if last is None:
            return f"{node} has not been heard on /heartbeat; is it running, and started by this launch?"
        if last.problem:
            return f"{node}: {last.problem}"
        if now_s - last.heard_s > self._limit_s:
            return f"{node} is silent for more than {self._limit_s:g} s; does it still run, and has it the processor?"
        return ""


def bonded_nodes(text: str) -> tuple[str, ...]:
    """Names of nodes in a comma-separated text."""
    names = (name.strip() for name in text.split(","))
    return tuple(name for name in names if name)
