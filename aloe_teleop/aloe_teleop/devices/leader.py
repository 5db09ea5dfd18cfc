"""A leader arm: its joint states are set points for a follower."""

from dataclasses import dataclass, replace

import numpy as np

from aloe_data.codecs import CodecError, select_joints
from aloe_data.config import ConfigError, parameter
from aloe_data.rig import Arm, Rig
from aloe_data.vocabulary import NS, CommandMode
from aloe_teleop.device import Array, Command, Inputs, Sample, View

ALIGNED = "aligned"
GRADUAL = "gradual"
RELATIVE = "relative"


@dataclass(frozen=True)
class LeaderConfig:
    """One leader arm and its follower.

    follower position = scale * leader position + offset, joint by joint, gripper last.
    """

    arm: str = parameter(doc="the rig's arm that follows")
    topic: str = parameter(doc="joint states of the leader (sensor_msgs/JointState)")
    joints: tuple[str, ...] = parameter((), doc="the leader's joint names in the follower's order; none: the same")
    scale: tuple[float, ...] = parameter((), doc="per joint, gripper last; none: all 1")
    offset: tuple[float, ...] = parameter((), unit="rad, gripper m", doc="per joint, gripper last; none: all 0")
    engage: str = parameter(
        ALIGNED,
        choices=(ALIGNED, GRADUAL, RELATIVE),
        doc="aligned: the leader must stand as the arm does; gradual: the arm goes to the leader within its speed "
        "limits; relative: the arm keeps its offset from the leader",
    )
    tolerance_rad: float = parameter(0.15, unit="rad", low=0.0, high=1.0, doc="aligned: per turning joint")
    gripper_tolerance_m: float = parameter(
        0.015, unit="m", low=0.0, high=0.2, doc="aligned: of a gripper or joint that slides"
    )
    publishers: int = parameter(
        0, low=0, high=20, doc="how many nodes publish `topic`, beyond which nobody leads; 0: one per leader on it"
    )
    max_age_s: float = parameter(0.1, unit="s", low=0.02, high=1.0, doc="an older joint state is not followed")


class Leader:
    """See `LeaderConfig`. It asks for nothing: a pedal or key takes the arm.

    Raises:
        ConfigError: another number of joints than the follower has.
    """

    asks = False
    stops = False

    def __init__(self, name: str, config: LeaderConfig, rig: Rig) -> None:
        self._name = name
        self._config = config
        self._arm = rig.arm(config.arm)
        self.arms = (self._arm.name,)
        dof = self._arm.dof
        for field in ("joints", "scale", "offset"):
            values = getattr(config, field)
            if values and len(values) != dof:
                raise ConfigError(
                    f"{name}: {field}: {self._arm.name} has {dof} joints, gripper included, not {len(values)}"
                )
        self._scale = np.array(config.scale or [1.0] * dof)
        self._offset = np.array(config.offset or [0.0] * dof)
        by_unit = {"rad": config.tolerance_rad, "m": config.gripper_tolerance_m}
        self._tolerances = np.array([by_unit[joint.unit] for joint in self._arm.all_joints])
        self._as_leader = _renamed(self._arm, name, config)
        publishers = {name: config.publishers} if config.publishers else {}
        self.inputs = Inputs(joint_states={name: self._as_leader}, publishers=publishers)

    def poll(self, now_ns: int, view: View) -> Sample:
        """See `Device.poll`."""
        try:
            positions = self._positions(now_ns, view)
        except CodecError as error:
            return Sample(problem=str(error))
        relative = self._config.engage == RELATIVE
        return Sample({self._arm.name: Command(CommandMode.JOINT_POSITION, positions, relative)})

    def refusal(self, arm: Arm, now_ns: int, view: View) -> str:
        """See `Device.refusal`: how far which joint is off."""
        if self._config.engage != ALIGNED:
            return ""
        if arm.name not in view.joints:
            return f"{self._name}: {arm.name} has published no joint state; its alignment cannot be checked"
        try:
            reading = view.joints[arm.name]
            misses = self._positions(now_ns, view) - select_joints(reading.names, reading.positions, arm)
        except CodecError as error:
            return str(error)
        return self._misalignment(arm, misses)

    def close(self) -> None:
        """See `Device.close`."""

    def _positions(self, now_ns: int, view: View) -> Array:
        where = f"{self._name} ({self._config.topic})"
        reading = view.streams.get(self._name)
        if crowded := view.crowded.get(self._name):
            raise CodecError(f"{where}: {crowded}")
        if reading is None:
            raise CodecError(f"{where}: no joint state yet; start the leader's driver")
        age_s = (now_ns - reading.stamp_ns) / NS
        if age_s > self._config.max_age_s:
            # Not the age itself: the words stay the same while it grows.
            raise CodecError(f"{where}: silent for more than {self._config.max_age_s:g} s; check the leader's driver")
        if age_s < -self._config.max_age_s:
            raise CodecError(f"{where}: its stamps lie in the future; synchronise the clocks of both computers")
        return self._scale * select_joints(reading.names, reading.positions, self._as_leader) + self._offset

    def _misalignment(self, arm: Arm, misses: Array) -> str:
        off = [
            f"{joint.name} is {abs(miss):.2f} {joint.unit} too {'high' if miss > 0 else 'low'} (at most {limit:g})"
            for joint, miss, limit in zip(arm.all_joints, misses, self._tolerances, strict=True)
            if abs(miss) > limit
        ]
        if not off:
            return ""
        return f"{self._name} does not stand as {arm.name} does: {', '.join(off)}; move the leader there and ask again"


def _renamed(arm: Arm, name: str, config: LeaderConfig) -> Arm:
    """The follower's joints under the leader's names."""
    names = config.joints or arm.joint_names
    joints = tuple(replace(joint, name=own) for joint, own in zip(arm.joints, names, strict=False))
    gripper = replace(arm.gripper, name=names[-1])
    return replace(arm, name=name, joint_state_topic=config.topic, joints=joints, gripper=gripper)
