"""Whose turn it is on every arm, and what that one asks for in a tick."""

import numpy as np
import numpy.typing as npt

from aloe_control.chunk_executor import Planned
from aloe_control.motion import Commanded, Motion
from aloe_control.policy_input import PolicyInput
from aloe_control.takeover import Takeover
from aloe_control.tick import ArmTick
from aloe_data.rig import Rig
from aloe_data.vocabulary import Authority

Array = npt.NDArray[np.float64]


class Turns:
    """Asks the arms for what policy or human want, by authority per arm; an arm that nobody holds is not asked.

    Args:
        rig: Rig whose arms are asked.
        takeover: Authority over every arm, and targets of people.
        policy: Chunks of the policy.
        motion: Where the requests go.
    """

    def __init__(self, rig: Rig, takeover: Takeover, policy: PolicyInput, motion: Motion) -> None:
        self._rig = rig
        self._takeover = takeover
        self._policy = policy
        self._motion = motion

    def ask(self, now_ns: int, is_stopping: bool) -> Planned | None:
        """Ask every arm for this tick; returns the row of the policy's chunk, None where there is none.

        Args:
            now_ns: Time of the tick.
            is_stopping: Whether motion ends: then no arm is asked for anything.
        """
        planned = None
        if not is_stopping:
            self._takeover.check(now_ns)
            planned = self._policy.next(now_ns)
        self._motion.begin()
        for arm in self._rig.arms:
            row = None if planned is None else planned.action[self._rig.action_slice(arm.name)]
            self._ask_arm(arm.name, row, now_ns)
        return planned

    def _ask_arm(self, arm: str, row: Array | None, now_ns: int) -> None:
        is_ready = row is not None and bool(np.isfinite(row).all())
        self._takeover.policy(arm, is_ready, now_ns)
        authority = self._takeover.status(arm).authority
        solver = self._motion.solver
        if authority is Authority.POLICY and row is not None:
            solver.ask_action(arm, row)
        elif authority is Authority.HUMAN:
            target = self._takeover.target(arm, *solver.here(arm))
            if target is not None:
                solver.ask(arm, *target)

    def told(self, commanded: Commanded) -> tuple[ArmTick, ...]:
        """What every arm was asked and told, and by whom."""
        arms = []
        for arm, clip_reason in zip(self._rig.arms, commanded.reasons, strict=True):
            joints = self._rig.state_slice(arm.name)
            status = self._takeover.status(arm.name)
            requested = commanded.requested[joints]
            executed = commanded.positions[joints]
            arms.append(
                ArmTick(
                    arm=arm.name,
                    source=status.authority,
                    requested=requested,
                    executed=executed,
                    clip_reason=clip_reason,
                    operator=status.operator,
                    reason=status.reason,
                    hold=arm.name in commanded.held,
                )
            )
        return tuple(arms)
