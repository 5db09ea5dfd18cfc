"""Foot pedals, or any device with keys: it asks and judges; alone it can only make arms stand still."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from aloe_data.config import parameter
from aloe_data.rig import Arm, Rig
from aloe_data.vocabulary import CommandMode
from aloe_teleop.device import TWIST_DIM, Command, Inputs, Sample, View
from aloe_teleop.devices.input_codes import EV_KEY, codes_of, names_of_codes
from aloe_teleop.devices.input_source import InputSource, Reader, find_device
from aloe_teleop.keys import KeyActions, KeyConfig


@dataclass(frozen=True)
class PedalConfig(KeyConfig):
    """A device with keys; key names are those of the kernel (KEY_A, BTN_0)."""

    device: str = parameter(doc="path, or a part of the name, as `ros2 run aloe_teleop learn_keys` prints them")
    arms: tuple[str, ...] = parameter((), doc="arms that stand still while taken, for want of a device that moves them")
    grab: bool = parameter(True, doc="no other program gets its keys: they would type into the active window")


class Pedals:
    """See `PedalConfig`.

    Args:
        name: Name of the device, for messages and the record.
        connect: Function that opens the device; tests pass their own.
    """

    asks = True
    inputs = Inputs()

    def __init__(self, name: str, config: PedalConfig, rig: Rig, connect: Callable[[], Reader] | None = None) -> None:
        self.arms = tuple(rig.arm(arm).name for arm in config.arms)
        self.stops = bool(config.estop)
        valid = [key for key, (kind, _) in names_of_codes().items() if kind == EV_KEY]
        self._actions = KeyActions(config, rig, valid, name)
        codes = codes_of(config.keys(), name)
        self._name_of = {code: key for key, (_, code) in codes.items()}
        connect = connect or (lambda: find_device(config.device, codes.values(), config.grab))
        urgent = [codes[config.estop][1]] if config.estop else []
        deadman = [codes[key][1] for key in config.deadman_keys()]
        self._source = InputSource(name, connect, urgent=urgent, deadman=deadman)

    def poll(self, now_ns: int, view: View) -> Sample:
        """See `Device.poll`."""
        for event in self._source.read(now_ns):
            if event.kind == EV_KEY and event.code in self._name_of:
                self._actions.feed(self._name_of[event.code], event.value == 1, now_ns)
        requests, verdict = self._actions.poll(now_ns, view)
        if self._source.problem:
            self._actions.forget()
        commands = {arm: Command(CommandMode.EE_TWIST, np.zeros(TWIST_DIM)) for arm in self.arms}
        return Sample(commands, requests, verdict, problem=self._source.problem)

    def refusal(self, arm: Arm, now_ns: int, view: View) -> str:
        """See `Device.refusal`: any arm can stand still."""
        return ""

    def files(self) -> tuple[int, ...]:
        """See `Waitable.files`."""
        return self._source.files()

    def close(self) -> None:
        """See `Device.close`."""
        self._source.close()
