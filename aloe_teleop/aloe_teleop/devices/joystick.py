"""Gamepads and the SpaceMouse: sticks drive the tools of the arms that are taken."""

from collections.abc import Callable
from dataclasses import dataclass

from aloe_data.config import parameter
from aloe_data.rig import Arm, Rig
from aloe_teleop.device import Inputs, Sample, View
from aloe_teleop.devices.input_codes import EV_ABS, EV_KEY, EV_REL, codes_of, names_of_codes
from aloe_teleop.devices.input_source import InputSource, Reader, find_device
from aloe_teleop.keys import KeyActions
from aloe_teleop.twist import TwistConfig, Twister

_REL_LIFE_NS = 100_000_000  # a relative axis never says that it is back at rest: it falls silent


@dataclass(frozen=True)
class JoystickConfig(TwistConfig):
    """A device with sticks and keys; names are those of the kernel (ABS_X, REL_Z, BTN_SOUTH).

    Its dead man's switch is a take key with `take: while_pressed` and `on_lift: hold`.
    """

    device: str = parameter(doc="path, or a part of the name, as `ros2 run aloe_teleop learn_keys` prints them")
    grab: bool = parameter(False, doc="no other program gets its events")
    dead_zone: float = parameter(0.1, low=0.0, high=0.9, doc="share of a stick's way that counts as rest")
    relative_range: int = parameter(350, low=1, doc="value of a relative axis (REL_X) at full deflection")


class Joystick:
    """See `JoystickConfig`; an axis counts as at rest until it moves.

    Args:
        name: Name of the device, for messages and the record.
        connect: Function that opens the device; tests pass their own.
    """

    asks = True
    inputs = Inputs()

    def __init__(
        self, name: str, config: JoystickConfig, rig: Rig, connect: Callable[[], Reader] | None = None
    ) -> None:
        valid = [key for key, (kind, _) in names_of_codes().items() if kind == EV_KEY]
        self.stops = bool(config.estop)
        self._config = config
        self._actions = KeyActions(config, rig, valid, name)
        self._twister = Twister(config, rig, name)
        self._codes = codes_of((*config.keys(), *self._twister.names), name)
        self._name_of = {code: key for key, code in self._codes.items()}
        self._values: dict[tuple[int, int], tuple[int, int]] = {}  # kind, code: raw value, when it came
        axes = [code for kind, code in self._codes.values() if kind == EV_ABS]
        connect = connect or (lambda: find_device(config.device, self._codes.values(), config.grab))
        urgent = [self._codes[config.estop][1]] if config.estop else []
        deadman = [self._codes[key][1] for key in config.deadman_keys()]
        self._source = InputSource(name, connect, axes, urgent, deadman)

    @property
    def arms(self) -> tuple[str, ...]:
        """See `Device.arms`."""
        return self._twister.arms

    def poll(self, now_ns: int, view: View) -> Sample:
        """See `Device.poll`."""
        for event in self._source.read(now_ns):
            self._values[event.kind, event.code] = event.value, now_ns
            if event.kind == EV_KEY and (event.kind, event.code) in self._name_of:
                self._actions.feed(self._name_of[event.kind, event.code], event.value == 1, now_ns)
        requests, verdict = self._actions.poll(now_ns, view)
        if self._source.problem:
            self._actions.forget()
            self._values.clear()
            return Sample(requests=requests, verdict=verdict, problem=self._source.problem)
        commands = self._twister.commands(lambda name, alone: self._deflection(name, alone, now_ns))
        return Sample(commands, requests, verdict)

    def refusal(self, arm: Arm, now_ns: int, view: View) -> str:
        """See `Device.refusal`: a twist fits any pose."""
        return ""

    def files(self) -> tuple[int, ...]:
        """See `Waitable.files`."""
        return self._source.files()

    def close(self) -> None:
        """See `Device.close`."""
        self._source.close()

    def _deflection(self, name: str, alone: bool, now_ns: int) -> float:
        kind, code = self._codes[name]
        if (kind, code) not in self._values:
            return 0.0
        raw, came_ns = self._values[kind, code]
        if kind == EV_REL:
            value = raw / self._config.relative_range if abs(now_ns - came_ns) < _REL_LIFE_NS else 0.0
        elif kind == EV_ABS:
            fraction = self._source.fraction(code, raw)
            value = 2.0 * fraction - 1.0 if alone else fraction
        else:
            value = float(raw)
        zone = self._config.dead_zone
        beyond = min(max(abs(value) - zone, 0.0) / (1.0 - zone), 1.0)
        return beyond if value > 0 else -beyond
