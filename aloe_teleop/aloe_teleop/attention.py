"""When a patient onlooker steps in: at trouble that can be seen, and when nothing comes of it any more."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from aloe_data.vocabulary import NS
from aloe_teleop.device import Array, TaskView

STILL_M: Final = 0.01  # tools that stay within this stand still
RISE: Final = 1e-3  # of progress; less is noise


class Attention:
    """Watches a task and the tools.

    Too little patience costs episodes that would have succeeded, and labels good actions as failures.

    Args:
        stall_s: Time without progress after which the task stalls, whatever the arms do [s].
        still_s: Time without progress after which it stalls when all tools stand still [s].
    """

    def __init__(self, stall_s: float, still_s: float) -> None:
        self._stall_s = stall_s
        self._still_s = still_s
        self.begin(0)

    def begin(self, now_ns: int) -> None:
        """Be patient anew from now on."""
        self._progress = -1.0
        self._progress_ns = now_ns
        self._tools: dict[str, Array] = {}
        self._tools_ns = now_ns

    def reason(self, now_ns: int, task: TaskView, tools: Mapping[str, Array]) -> str:
        """Why to step in now; "" for no reason.

        Args:
            now_ns: Time of the call [ns], which rises from call to call.
            task: State of the task.
            tools: Position of each arm's tool in the rig's frame [3] [m], by the arm's name.
        """
        if task.progress > self._progress + RISE:
            self._progress = task.progress
            self._progress_ns = now_ns
        if self._moved(tools):
            self._tools = dict(tools)
            self._tools_ns = now_ns
        if task.trouble:
            return task.trouble
        if now_ns - self._progress_ns > self._stall_s * NS:
            return f"no progress for {self._stall_s:g} s"
        if now_ns - self._tools_ns > self._still_s * NS:
            return f"the arms stand still for {self._still_s:g} s"
        return ""

    def _moved(self, tools: Mapping[str, Array]) -> bool:
        if tools.keys() != self._tools.keys():
            return True
        return any(np.linalg.norm(xyz - self._tools[name]) > STILL_M for name, xyz in tools.items())
