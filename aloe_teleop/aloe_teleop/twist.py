"""Deflections of sticks, or keys, as a twist of the tools in the rig's frame."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from aloe_data.config import ConfigError, parameter
from aloe_data.rig import Rig
from aloe_data.vocabulary import CommandMode
from aloe_teleop.device import Command
from aloe_teleop.keys import KeyConfig

DIRECTIONS = ("x", "y", "z", "roll", "pitch", "yaw", "gripper")
_axis = partial(parameter, "")


@dataclass(frozen=True)
class TwistConfig(KeyConfig):
    """What drives what: an axis ("ABS_X"), a reversed one ("-ABS_Y"), or two keys, forth and back ("BTN_TR-BTN_TL")."""

    arms: tuple[str, ...] = parameter((), doc="arms that it may drive, none named: all; taken ones move alike")
    x: str = _axis(doc="moves along x of the rig's frame")
    y: str = _axis(doc="moves along y of the rig's frame")
    z: str = _axis(doc="moves up")
    roll: str = _axis(doc="turns about x of the rig's frame")
    pitch: str = _axis(doc="turns about y of the rig's frame")
    yaw: str = _axis(doc="turns about z of the rig's frame")
    gripper: str = _axis(doc="opens the gripper")
    speed_m_s: float = parameter(0.15, unit="m/s", low=0.0, high=1.0, doc="at full deflection")
    turn_rad_s: float = parameter(0.8, unit="rad/s", low=0.0, high=4.0, doc="at full deflection")
    gripper_m_s: float = parameter(0.05, unit="m/s", low=0.0, high=0.5, doc="at full deflection")


class Twister:
    """Makes commands of what axes say.

    Args:
        config: Mapping of axes or keys to directions.
        rig: Rig that names the arms.
        source: Name of the device, for messages.

    Attributes:
        arms: Names of the arms to drive.
        pairs: Axis or key that drives each direction, and the one that drives it backwards; "": none.

    Raises:
        ConfigError: no direction has an axis, or it cannot be read.
    """

    def __init__(self, config: TwistConfig, rig: Rig, source: str) -> None:
        self.arms = tuple(rig.arm(name).name for name in config.arms) or tuple(arm.name for arm in rig.arms)
        self.pairs = tuple(_pair(getattr(config, name), name, source) for name in DIRECTIONS)
        if not self.names:
            raise ConfigError(f"{source}: nothing drives the arms; give some of {', '.join(DIRECTIONS)} an axis")
        speeds = [config.speed_m_s] * 3 + [config.turn_rad_s] * 3 + [config.gripper_m_s]
        self._speeds = np.array(speeds)

    @property
    def names(self) -> tuple[str, ...]:
        """All axes and keys that have a meaning, each once."""
        return tuple(dict.fromkeys(name for pair in self.pairs for name in pair if name))

    def commands(self, deflection: Callable[[str, bool], float]) -> dict[str, Command]:
        """A command for each arm.

        Args:
            deflection: Function that gives the deflection of an axis or key; -1 to 1 if the second argument is true,
                else 0 to 1 (one of a pair).
        """
        values = []
        for plus, minus in self.pairs:
            alone = not (plus and minus)
            forth, back = (deflection(name, alone) if name else 0.0 for name in (plus, minus))
            values.append(forth - back)
        return {arm: Command(CommandMode.EE_TWIST, self._speeds * values) for arm in self.arms}


def _pair(text: str, direction: str, source: str) -> tuple[str, str]:
    parts = text.split("-")
    if len(parts) > 2 or (len(parts) == 2 and not parts[1]):
        raise ConfigError(f"{source}: {direction}: '{text}' is no axis; write NAME, -NAME or FORTH-BACK")
    return parts[0], parts[1] if len(parts) == 2 else ""
