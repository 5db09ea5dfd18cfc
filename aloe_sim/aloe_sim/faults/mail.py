"""Messages between the processes of a rollout, where processes may die or stand still."""

from collections import deque
from collections.abc import Callable
from typing import Final

CONTROL: Final = "control_node"
PROCESSES: Final = ("policy_node", "teleop_node", "sim_node", CONTROL)


class Mail:
    """What was sent to control and has not arrived yet.

    A dead process sends nothing more. What a process that stands still has sent, or what is sent to one, arrives all at
    once when it goes on.

    Attributes:
        dead: Names of the processes that were killed.
        stalled: Names of the processes that stand still.
    """

    def __init__(self) -> None:
        self.dead: set[str] = set()
        self.stalled: set[str] = set()
        self._waiting: dict[str, deque[tuple[int, Callable[[], object]]]] = {name: deque() for name in PROCESSES}

    def runs(self, process: str) -> bool:
        """Whether a process neither is dead nor stands still."""
        return process not in self.dead and process not in self.stalled

    def send(self, process: str, due_ns: int, deliver: Callable[[], object]) -> None:
        """Send a message.

        Args:
            process: Name of the sender.
            due_ns: Time at which the message arrives.
            deliver: Function that gives it to control.
        """
        if process not in self.dead:
            self._waiting[process].append((due_ns, deliver))

    def deliver(self, now_ns: int) -> None:
        """Give control all that is due, in the order in which each process has sent it."""
        for process, waiting in self._waiting.items():
            while waiting and waiting[0][0] <= now_ns and not {process, CONTROL} & self.stalled:
                _, deliver = waiting.popleft()
                deliver()
