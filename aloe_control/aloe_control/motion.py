"""From what is asked of every arm in a tick to the joint positions that are commanded."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aloe_control.following import Following
from aloe_control.human_commands import Mode
from aloe_control.joint_requests import RequestSolver
from aloe_control.joints import make_limiter
from aloe_control.tick import ControlConfig
from aloe_data.rig import Rig

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Commanded:
    """Joint positions of a tick, requested and commanded [S], and per arm which limits stand between the two."""

    requested: Array
    positions: Array
    reasons: tuple[str, ...]


class Motion:
    """Inverse kinematics, then limits; and whether the arms do what they are told.

    Args:
        rig: Rig whose arms are moved.
        config: Parameters of the control loop.
    """

    def __init__(self, rig: Rig, config: ControlConfig) -> None:
        self._rig = rig
        self.solver = RequestSolver(rig, config.ik_iterations)
        self._limiter = make_limiter(rig)
        self._following = Following(rig, config.follow_rad, config.follow_s)
        self._warm_up()

    @property
    def at_rest(self) -> bool:
        """Whether the commands have come to rest."""
        return self._limiter.at_rest

    @property
    def action(self) -> Array:
        """Action row [A] that asks for the last commanded joint positions."""
        return self.solver.action_of(self._limiter.positions)

    def start(self, measured: Array) -> None:
        """Begin at rest where the arms are measured [S]."""
        self._limiter.reset(measured)
        self._following.start()

    def begin(self) -> None:
        """A new tick: nothing is asked of the `solver` yet."""
        self.solver.begin(self._limiter.positions)

    def solve(self) -> tuple[Array, tuple[str, ...]]:
        """Joint positions [S] that are asked for (NaN: hold), and per arm "" or why they are not what was asked."""
        # Between solver and limiter: what must not be asked for, whoever asks, is changed here and told in the reasons.
        return self.solver.solve()

    def advance(self, requested: Array, reasons: tuple[str, ...]) -> Commanded:
        """Command the joint positions that the limits leave of a request [S]; joints whose request is NaN hold."""
        limited = self._limiter.step(requested)
        self._following.commanded(limited.positions)
        requested = np.where(np.isfinite(requested), requested, limited.positions)
        told = []
        for arm, reason in zip(self._rig.arms, reasons, strict=True):
            clipped = limited.reason(self._rig.state_slice(arm.name))
            told.append(",".join(text for text in (reason, clipped) if text))
        return Commanded(requested, limited.positions, tuple(told))

    def not_following(self, measured: Array) -> list[str]:
        """One sentence per arm that does not follow its commands, see `Following.problems`."""
        return self._following.problems(measured)

    def _warm_up(self) -> None:
        """First calls import and allocate: not in a tick."""
        home = np.concatenate([arm.home for arm in self._rig.arms])
        self._limiter.reset(home)
        self._limiter.step(home + 1.0)
        self.solver.begin(home)
        for arm in self._rig.arms:
            self.solver.ask(arm.name, Mode.EE_POSE, self.solver.here(arm.name)[1])
        self.solver.solve()
