"""Commands whose stop stays clear: boxes, the other arm, and the speed of the tool, tick by tick.

A command is admissible only if the stop that could follow it breaks no limit of the world model at any tick. As the
rest of such a stop is again such a stop, an admissible next command always exists: braking. An arm that began a little
inside a limit may only come out: what it has won it keeps.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.stops import Stops
from aloe_control.world_model import ARMS, WORKSPACE, Pair, WorldModel
from aloe_data.rig import Rig

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Choice = list[int]  # for every arm an index of _SHARES

TOOL_SPEED: Final = "tool_speed"
START_MARGIN_M: Final = 0.01  # how far inside a limit an arm may stand when it is armed
_SHARES: Final = np.array([1.0, 0.7, 0.4, 0.0])  # of the wanted acceleration; the last one: the stop law
_PAIR_SHARES: Final = (0, 2)  # of these, what is tried for arms that come too close to each other
_STOP: Final = len(_SHARES) - 1
_TOLERANCE_M: Final = 1e-7  # above rounding, below anything that can be measured on an arm


class WorldGuard:
    """Brakes the arms whose stop would break a limit of the world model; see `stops.Guard`.

    Args:
        rig: Its boxes, distances and tool speeds.

    Raises:
        UrdfError: the shape of an arm cannot be read.
    """

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._model = WorldModel(rig)
        starts = [rig.state_slice(arm.name).start for arm in rig.arms]
        # Grippers move nothing of what is known here: they go on while their arms brake.
        self._joints = [slice(start, start + len(arm.joints)) for start, arm in zip(starts, rig.arms, strict=True)]
        self._largest_step_m = np.array([arm.max_tool_speed_m_s for arm in rig.arms]) / rig.rate_hz
        self._owner = np.array([arm for arm, _ in self._model.constraints])
        self._reasons = {arm.name: "" for arm in rig.arms}
        self.start(np.concatenate([arm.home for arm in rig.arms]))

    def reason(self, arm: str) -> str:
        """Why the last command of an arm is not what its joints alone would have allowed, comma-separated; or ""."""
        return self._reasons[arm]

    def problems(self, positions: Array, margin_m: float = START_MARGIN_M) -> list[str]:
        """Where the arms stand too far inside a limit to be moved.

        Args:
            positions: Joint positions [S]; NaN: never measured, nothing is said of those.
            margin_m: How far inside is still allowed, m.

        Returns:
            One sentence per broken limit, with its remedy.
        """
        if not np.isfinite(positions).all():
            return []
        names = [arm.name for arm in self._rig.arms]
        shape = self._model.shape(positions[None])
        found = []
        for (arm, name), margin in zip(self._model.constraints, self._model.own_margins(shape)[0], strict=True):
            if margin < -margin_m:
                found.append(_outside(names[arm], name, -margin))
        for pair in self._model.pairs:
            margin = self._model.pair_margin(pair, shape, shape)
            if margin < -margin_m:
                apart_m = margin + self._rig.min_arm_distance_m
                found.append(_too_close(names[pair[0]], names[pair[1]], apart_m, self._rig.min_arm_distance_m))
        return found

    def start(self, positions: Array) -> None:
        """Motion begins at rest at these positions [S]; limits that they break are eased as far as that."""
        shape = self._model.shape(positions[None])
        self._own_floor = np.minimum(self._model.own_margins(shape)[0], 0.0)
        self._pair_floor = {pair: min(self._model.pair_margin(pair, shape, shape), 0.0) for pair in self._model.pairs}
        self._reasons = dict.fromkeys(self._reasons, "")

    def shares(self, stops: Stops) -> Array:
        """How much of the wanted acceleration each joint may have in this tick, 0 to 1 [S]."""
        everyone = [0] * len(self._joints)
        if not any(self._reasons.values()):  # an arm that was braked a tick ago mostly is again: all is looked at once
            wanted = _Outlook(self._model, self._joints, stops, _SHARES[:1])
            if self._is_clear(wanted).all() and not self._conflicts(wanted, everyone):
                self._commit(wanted, everyone)
                return np.ones(stops.n_joints)
        outlook = _Outlook(self._model, self._joints, stops, _SHARES)
        choice = self._choose(outlook)
        self._reasons = self._explain(outlook, choice)
        self._commit(outlook, choice)
        shares = np.ones(stops.n_joints)
        for joints, index in zip(self._joints, choice, strict=True):
            shares[joints] = _SHARES[index]
        return shares

    def _is_clear(self, outlook: "_Outlook") -> Mask:
        """Which arms [shares, arms] break no limit of their own."""
        slow = outlook.step_m <= self._largest_step_m + _TOLERANCE_M
        clear = outlook.viable & slow
        broken = outlook.margins < self._own_floor - _TOLERANCE_M
        for column, (arm, _) in enumerate(self._model.constraints):
            clear[:, arm] &= ~broken[:, column]
        return clear

    def _conflicts(self, outlook: "_Outlook", choice: Choice) -> set[int]:
        """The arms that would come too close to another one."""
        close = [
            pair for pair, floor in self._pair_floor.items() if outlook.pair_margin(pair, choice) < floor - _TOLERANCE_M
        ]
        return {arm for pair in close for arm in pair}

    def _choose(self, outlook: "_Outlook") -> Choice:
        """The index of each arm's share: as much of what is wanted as stays clear."""
        clear = self._is_clear(outlook)
        clear[_STOP] = True  # a rest of the stop that was found clear a tick ago
        largest = [int(np.argmax(column)) for column in clear.T]
        concerned = self._conflicts(outlook, largest)
        if not concerned:
            return largest
        for choice in _compromises(clear, largest, concerned):
            if not self._conflicts(outlook, choice):
                return choice
        return [_STOP] * len(largest)

    def _explain(self, outlook: "_Outlook", choice: Choice) -> dict[str, str]:
        """Per arm which limits the wanted accelerations would have broken, where it does not get them."""
        if not any(choice):
            return dict.fromkeys(self._reasons, "")
        conflicts = self._conflicts(outlook, [0] * len(choice))
        reasons: list[list[str]] = [[] for _ in choice]
        for column, (arm, name) in enumerate(self._model.constraints):
            if outlook.margins[0, column] < self._own_floor[column] - _TOLERANCE_M:
                reasons[arm].append(name)
        for arm, step_m in enumerate(outlook.step_m[0]):
            if step_m > self._largest_step_m[arm] + _TOLERANCE_M:
                reasons[arm].append(TOOL_SPEED)
            if arm in conflicts or not reasons[arm]:
                reasons[arm].append(ARMS)
        names = [arm.name for arm in self._rig.arms]
        return {name: ",".join(why) if index else "" for name, why, index in zip(names, reasons, choice, strict=True)}

    def _commit(self, outlook: "_Outlook", choice: Choice) -> None:
        """Limits that were eased become as tight as the stop that may follow now."""
        if (self._own_floor < 0.0).any():
            margins = outlook.margins[np.array(choice)[self._owner], np.arange(len(self._owner))]
            self._own_floor = np.maximum(self._own_floor, np.minimum(margins, 0.0))
        for pair, floor in self._pair_floor.items():
            if floor < 0.0:
                self._pair_floor[pair] = max(floor, min(outlook.pair_margin(pair, choice), 0.0))


class _Outlook:
    """What would happen at some shares of the wanted acceleration, until all arms are at rest.

    Args:
        model: The world.
        joints: The joints of each arm.
        stops: What may follow.
        shares: To look at [shares].

    Attributes:
        margins: Least margin over time [shares, constraints], m.
        step_m: Largest way of the tool in one tick [shares, arms], m.
        viable: Whether the arm's joints can stop within their position limits [shares, arms].
    """

    def __init__(self, model: WorldModel, joints: list[slice], stops: Stops, shares: Array) -> None:
        self._model = model
        all_shares = np.repeat(shares[:, None], stops.n_joints, axis=1)
        paths = stops.positions(all_shares)
        n_shares, n_ticks, n_joints = paths.shape
        shape = model.shape(paths.reshape(-1, n_joints))
        self._shapes = [shape.rows(slice(i * n_ticks, (i + 1) * n_ticks)) for i in range(n_shares)]
        self.margins = model.own_margins(shape).reshape(n_shares, n_ticks, -1).min(axis=1)
        way = np.diff(shape.tools.reshape(n_shares, n_ticks, -1, 3), axis=1)
        self.step_m = np.sqrt(np.einsum("skai,skai->ska", way, way).max(axis=1))
        self.viable = np.ones((n_shares, len(joints)), bool)
        if n_shares > 1:  # what is wanted, and the stop law, are viable already
            viable = stops.viable(paths[1:-1])
            self.viable[1:-1] = np.stack([viable[:, own].all(axis=1) for own in joints], axis=1)
        self._pair_margins: dict[tuple[Pair, int, int], float] = {}

    def pair_margin(self, pair: Pair, choice: Choice) -> float:
        """Least margin of two arms over time, m, where each has its share."""
        one = choice[pair[0]]
        other = choice[pair[1]]
        key = pair, one, other
        if key not in self._pair_margins:
            self._pair_margins[key] = self._model.pair_margin(pair, self._shapes[one], self._shapes[other])
        return self._pair_margins[key]


def _compromises(clear: Mask, largest: Choice, concerned: set[int]) -> list[Choice]:
    """What arms that come too close to each other may do, most motion first; the last is that they all brake."""
    choices = []
    for index in _PAIR_SHARES:
        shares = [index + int(np.argmax(column[index:])) for column in clear.T]
        groups = [concerned, *({arm} for arm in concerned)]  # together; or one goes on, and the others brake
        for going in groups:
            choice = list(largest)
            for arm in concerned:
                choice[arm] = shares[arm] if arm in going else _STOP
            choices.append(choice)
    brake = [_STOP if arm in concerned else index for arm, index in enumerate(largest)]
    return [*sorted(choices, key=sum), brake]


def home_problems(rig: Rig) -> list[str]:
    """What is wrong with the home pose of a rig, by its own boxes and distances; one sentence each."""
    home = np.concatenate([arm.home for arm in rig.arms])
    return [f"at home {problem}" for problem in WorldGuard(rig).problems(home, margin_m=_TOLERANCE_M)]


def _outside(arm: str, limit: str, by_m: float) -> str:
    if limit == WORKSPACE:
        where = f"the tool of '{arm}' is {by_m:.3f} m outside its workspace"
        return f"{where}; lead it back in by hand, or correct 'workspace' in the rig file"
    where = f"a link of '{arm}' is {by_m:.3f} m inside '{limit.partition(':')[2]}'"
    return f"{where}; move the arm out by hand, or correct 'keep_out' or 'link_radius_m' in the rig file"


def _too_close(arm: str, other: str, apart_m: float, limit_m: float) -> str:
    where = f"'{arm}' and '{other}' are {apart_m:.3f} m apart" if apart_m > 0.0 else f"'{arm}' and '{other}' touch"
    remedy = "'min_arm_distance_m' or 'link_radius_m' in the rig file"
    return f"{where}, closer than {limit_m:g} m; move them apart by hand, or correct {remedy}"
