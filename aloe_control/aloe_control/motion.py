"""From what is asked of every arm in a tick to the joint positions that are commanded."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aloe_control.following import Following, Reading
from aloe_control.joint_requests import RequestSolver
from aloe_control.joints import make_limiter
from aloe_control.tick import ControlConfig
from aloe_control.tick_clock import Beat
from aloe_control.world_guard import WorldGuard
from aloe_data.rig import Rig
from aloe_data.vocabulary import CommandMode

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Commanded:
    """What the arms are told in a tick.

    Attributes:
        requested: Joint positions [S] that were asked for.
        positions: Joint positions [S] that are commanded.
        reasons: Per arm, which limits stand between the two.
        held: Names of arms that are to hold where they are measured, which is what their positions say.
    """

    requested: Array
    positions: Array
    reasons: tuple[str, ...]
    held: Collection[str] = ()


class Motion:
    """Inverse kinematics, then limits of joints and of the world; and whether the arms do what they are told.

    Args:
        rig: Rig whose arms are moved.
        config: Parameters of the control loop.
    """

    def __init__(self, rig: Rig, config: ControlConfig) -> None:
        self._rig = rig
        self.solver = RequestSolver(rig, config.ik_iterations)
        self._guard = WorldGuard(rig)
        self._limiter = make_limiter(rig, self._guard)
        self._following = Following(rig, config.follow_rad, config.follow_m, config.follow_s)
        self._held: set[str] = set()  # arms that are not where they were commanded, until motion begins anew
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
        self._held.clear()

    def begin(self) -> None:
        """A new tick: nothing is asked of the `solver` yet."""
        self.solver.begin(self._limiter.positions)

    def solve(self) -> tuple[Array, tuple[str, ...]]:
        """Joint positions [S] that are asked for (NaN: hold), and per arm "" or why they are not what was asked."""
        return self.solver.solve()

    def advance(self, now_ns: int, requested: Array, reasons: tuple[str, ...], beat: Beat) -> Commanded:
        """Command what the limits leave of a request.

        Args:
            now_ns: Time of the tick.
            requested: Joint positions [S]; joints whose request is NaN hold.
            reasons: Per arm, what has changed the request so far.
            beat: Whether this tick came in time for a step.
        """
        if beat.jumped:
            self._following.start()  # nothing is known of the times of commands any more
        if beat.restarts:
            # The arms have come to their last set points, or must not leave them yet: a step in the rhythm of before
            # would be taken in another time, and faster than the limits.
            self._limiter.reset(self._limiter.positions)
        limited = self._limiter.step(np.full_like(requested, np.nan) if beat.early else requested)
        self._following.commanded(now_ns, limited.positions)
        requested = np.where(np.isfinite(requested), requested, limited.positions)
        untimely = "time" if beat.restarts else ""
        told = []
        for arm, reason in zip(self._rig.arms, reasons, strict=True):
            clipped = limited.reason(self._rig.state_slice(arm.name))
            texts = [reason, clipped, self._guard.reason(arm.name), untimely]
            names = [name for text in texts if text for name in text.split(",")]
            told.append(",".join(dict.fromkeys(names)))  # a wall may be met twice: by a pose, and by a stop
        return Commanded(requested, limited.positions, tuple(told), frozenset(self._held))

    def not_following(self, measured: Array, readings: Mapping[str, Reading]) -> dict[str, str]:
        """One sentence per arm that does not follow its commands, see `Following.problems`."""
        return self._following.problems(measured, readings)

    def hold_lost_arms(self, measured: Array, newest: Array, readings: Mapping[str, Reading], beat: Beat) -> None:
        """While motion ends: no set point may wait for an arm that is not where it was commanded to come free.

        Args:
            measured: Joint positions [S] of all arms, as far as they are believed.
            newest: The same, believed or not: what was believed last may be from long before.
            readings: When each arm was measured.
            beat: After a stall driver relays have let go of all arms.
        """
        lost = self.not_following(measured, readings)
        for arm in self._rig.arms:
            if (beat.stalled or arm.name in lost) and arm.name not in self._held:
                self._held.add(arm.name)
                joints = self._rig.state_slice(arm.name)
                self._limiter.restart(joints, newest[joints])

    def out_of_place(self, measured: Array) -> list[str]:
        """One sentence per limit of the world model that measured positions [S] break, see `WorldGuard.problems`."""
        return self._guard.problems(measured)

    def _warm_up(self) -> None:
        """First calls import and allocate: not in a tick."""
        home = np.concatenate([arm.home for arm in self._rig.arms])
        self._limiter.reset(home)
        self._limiter.step(home + 1.0)
        self.solver.begin(home)
        for arm in self._rig.arms:
            self.solver.ask(arm.name, CommandMode.EE_POSE, self.solver.here(arm.name)[1])
        self.solver.solve()
