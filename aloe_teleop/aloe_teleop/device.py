"""What a human device is: polled at 50 Hz with a view of the rig, it answers what its operator wants."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from aloe_data.chunk import Chunk
from aloe_data.rig import Arm
from aloe_data.vocabulary import Authority, CommandMode, RequestKind, Verdict

Array = NDArray[np.float64]
TWIST_DIM = 7  # vx vy vz [m/s], wx wy wz [rad/s], gripper rate [m/s]


@dataclass(frozen=True)
class Request:
    """One thing asked for, for the arms named (none: all), with words for the record.

    With `if_held` it is meant only for those of the arms that the operator still has: who lifts a pedal after a fault
    has taken the arm away does not thereby set the policy going.
    """

    kind: RequestKind
    arms: tuple[str, ...] = ()
    reason: str = ""
    if_held: bool = False


@dataclass(frozen=True, eq=False)
class Command:
    """Values for one arm.

    Attributes:
        mode: Meaning of `data`, see aloe_msgs/TeleopCommand.
        data: Joint set points [dof] (gripper last), twist [7] or pose [10] in the rig's frame.
        relative: Whether positions count from where the device was when the arm was taken.
        deadman: Whether the device's own dead man's switch, if it has one, is pressed.
    """

    mode: CommandMode
    data: Array
    relative: bool = False
    deadman: bool = True


@dataclass(frozen=True)
class Sample:
    """What one poll of a device gives.

    Attributes:
        commands: Commands by arm. A healthy device gives one for each of its arms in every poll, taken or not.
        requests: Requests of its operator since the last poll, in order.
        verdict: Verdict on the running episode; NONE where none was given.
        reason: Reason of that verdict, in words.
        problem: "" or what is wrong with the device, with the remedy. Its arms are then let go (HOLD), its commands
            are not sent, and it counts as absent.
    """

    commands: Mapping[str, Command] = field(default_factory=dict)
    requests: tuple[Request, ...] = ()
    verdict: Verdict = Verdict.NONE
    reason: str = ""
    problem: str = ""


@dataclass(frozen=True)
class ArmView:
    """Who holds an arm, as control_node last said; `sender` is the node of the operator who does."""

    authority: Authority = Authority.HOLD
    operator: str = ""
    since_ns: int = 0
    reason: str = ""
    sender: str = ""


@dataclass(frozen=True, eq=False)
class JointReading:
    """A joint state as it came: stamp [ns], names, positions [rad, m]."""

    stamp_ns: int
    names: Sequence[str]
    positions: Sequence[float]


@dataclass(frozen=True)
class TaskView:
    """The simulator's true view of its task; see aloe_msgs/TaskState."""

    stamp_ns: int
    task: str
    progress: float
    success: bool
    failure: str
    trouble: str
    arms: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class View:
    """What a device may know when it is polled; what has not come yet is missing.

    Attributes:
        operator: Name of the operator that this device speaks for.
        armed: Whether motion is enabled.
        estop: Whether the emergency stop is latched.
        fault: "" or what stopped motion.
        arms: Authority over each arm, by its name.
        joints: Newest joint state of each arm, by its name.
        streams: Newest joint state of each stream that the device asks for in `Inputs`, by its name.
        crowded: Reason why a stream cannot be believed, whose topic has more publishers than it should, by its name.
        episode_id: Name of the running episode; "": none runs.
        task: State of the task, for devices that ask for it in `Inputs`.
        expert: Chunk of the expert from the present state, in the rig's action space; likewise.
        sender: Node and incarnation that seals what this device says; tells two operators of one name apart.
    """

    operator: str = "operator"
    armed: bool = False
    estop: bool = False
    fault: str = ""
    arms: Mapping[str, ArmView] = field(default_factory=dict)
    joints: Mapping[str, JointReading] = field(default_factory=dict)
    streams: Mapping[str, JointReading] = field(default_factory=dict)
    crowded: Mapping[str, str] = field(default_factory=dict)
    episode_id: str = ""
    task: TaskView | None = None
    expert: Chunk | None = None
    sender: str = ""

    def holds(self, arm: str) -> bool:
        """Whether the operator has authority over an arm, with this very node."""
        state = self.arms.get(arm, ArmView())
        is_own = (state.operator, state.sender) == (self.operator, self.sender)
        return state.authority is Authority.HUMAN and is_own


@dataclass(frozen=True)
class Inputs:
    """What a device wants to see beyond the rig: joint states of other arms, by a name of its own, and the task.

    `publishers` says by that name how many nodes publish the arm's topic; where it does not: one per arm on it.
    """

    joint_states: Mapping[str, Arm] = field(default_factory=dict)
    publishers: Mapping[str, int] = field(default_factory=dict)
    task: bool = False


class Device(Protocol):
    """A human device. It owns no clock, no thread and no topic, and no call of it may block."""

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that it commands; none for one that only asks (pedals)."""
        ...

    @property
    def asks(self) -> bool:
        """Whether an operator can take, release and stop with it; such a device has a heartbeat."""
        ...

    @property
    def stops(self) -> bool:
        """Whether it has a key of the emergency stop: a real rig's arms do not move while it does not work."""
        ...

    @property
    def inputs(self) -> Inputs:
        """What its view must hold."""
        ...

    def poll(self, now_ns: int, view: View) -> Sample:
        """What happened since the last poll."""
        ...

    def refusal(self, arm: Arm, now_ns: int, view: View) -> str:
        """Why this device could not command one of its arms now (leader not aligned, ...); "" if it could."""
        ...

    def close(self) -> None:
        """Give everything back: files, the terminal's settings."""
        ...


@runtime_checkable
class Waitable(Protocol):
    """A device that need not be asked in vain: what it has to say shows on files."""

    def files(self) -> tuple[int, ...]:
        """File descriptors; when one can be read from, a poll is due at once."""
        ...
