"""What goes wrong in an episode without the policy's doing: a pushed object, a bumped arm, a grasp that slips."""

from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from aloe_data.rig import Rig
from aloe_sim.tasks.variation import Variation

START_S = (0.5, 6.0)  # after the reset
PUSH_S = 0.05  # in which a push slides an object by some centimetres
PUSH_M_S2 = 25.0
BUMP_S = 0.12
BUMP_N = 40.0
HELD_S = (0.3, 1.5)  # after which a grasp slips
SLIP_S = 0.15  # for so long fingers give way
SLACK_M = 0.045  # this far beyond where they should be
SQUEEZE_M = 0.003  # fingers that are so much farther open than they should be hold something


@dataclass(frozen=True, eq=False)
class Shove:
    """A force [3] in N on a body, from `start_s` to `end_s` after the reset."""

    body: int
    force: NDArray[np.float64]
    start_s: float
    end_s: float
    text: str


class Disturber:
    """Disturbs one episode after the other, each by its own draw.

    Args:
        rig: Description of the rig, with the names of its arms.
        model: MuJoCo's model of the scene.
        variation: How likely each disturbance is.

    Attributes:
        happened: What was done in this episode, in words.
    """

    def __init__(self, rig: Rig, model: mujoco.MjModel, variation: Variation) -> None:
        self._rig = rig
        self._model = model
        self._variation = variation
        loose = model.jnt_bodyid[model.jnt_type == mujoco.mjtJoint.mjJNT_FREE]
        self._loose = [int(body) for body in loose]
        self.happened: list[str] = []
        self._shoves: list[Shove] = []
        self._slip_after_s = np.inf
        self._chance = 0.0
        self._held_since_s = np.inf
        self._slipping = ("", 0.0)

    def plan(self, rng: np.random.Generator) -> None:
        """Draw what will happen in a new episode."""
        v = self._variation
        happens = rng.random(3) < (v.push, v.bump, v.slip)
        starts = rng.uniform(*START_S, 2)
        which = rng.random(3)
        angles = rng.uniform(-np.pi, np.pi, 2)
        directions = np.stack([np.cos(angles), np.sin(angles), np.zeros(2)], axis=1)
        held_s = rng.uniform(*HELD_S)
        self.happened = []
        self._shoves = []
        self._slip_after_s = held_s if happens[2] else np.inf
        self._chance = which[2]
        self._held_since_s = np.inf
        self._slipping = ("", 0.0)
        if happens[0] and self._loose:
            body = self._loose[int(which[0] * len(self._loose))]
            force = self._model.body_subtreemass[body] * PUSH_M_S2 * directions[0]
            text = f"the {self._model.body(body).name} was pushed"
            self._shoves.append(Shove(body, force, starts[0], starts[0] + PUSH_S, text))
        if happens[1]:
            arm = self._rig.arms[int(which[1] * len(self._rig.arms))].name
            link = self._model.body(f"{arm}/link5").id
            self._shoves.append(Shove(link, BUMP_N * directions[1], starts[1], starts[1] + BUMP_S, f"{arm} was bumped"))

    def act(self, data: mujoco.MjData, elapsed_s: float) -> None:
        """Apply the forces that are due `elapsed_s` after the reset."""
        for shove in list(self._shoves):
            if elapsed_s < shove.start_s:
                continue
            data.xfrc_applied[shove.body, :3] = shove.force
            if shove.text not in self.happened:
                self.happened.append(shove.text)
            if elapsed_s >= shove.end_s:
                data.xfrc_applied[shove.body, :3] = 0.0
                self._shoves.remove(shove)

    def slack_m(self, fingers: Mapping[str, tuple[float, float]], elapsed_s: float) -> dict[str, float]:
        """By how much the fingers of each arm give way now.

        Args:
            fingers: How far the fingers are open [m] and how far they should be [m], by the name of the arm.
            elapsed_s: Time since the reset.
        """
        holding = [name for name, (is_m, wanted_m) in fingers.items() if is_m > wanted_m + SQUEEZE_M]
        self._held_since_s = min(self._held_since_s, elapsed_s) if holding else np.inf
        if holding and elapsed_s - self._held_since_s > self._slip_after_s:
            arm = holding[int(self._chance * len(holding))]
            self._slip_after_s = np.inf
            self._slipping = (arm, elapsed_s + SLIP_S)
            self.happened.append(f"the grasp of {arm} slipped")
        arm, end_s = self._slipping
        return {arm: SLACK_M} if elapsed_s < end_s else {}
