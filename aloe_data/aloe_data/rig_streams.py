"""The streams of a rig, and what was measured of them."""

from dataclasses import dataclass, field

from aloe_data.rig import Arm, Camera, Rig
from aloe_data.vocabulary import NS


@dataclass(frozen=True)
class Stream:
    """What somebody must publish on a topic before an arm may move.

    `rate_hz` 0: at any rate. `camera`: the one whose images these are. `shares_topic`: other arms' joints come on the
    topic as well, perhaps in other messages.
    """

    name: str
    topic: str
    type: str
    max_age_s: float
    rate_hz: float = 0.0
    camera: Camera | None = None
    shares_topic: bool = False

    @property
    def key(self) -> str:
        """What its own messages are measured by."""
        return f"{self.topic} ({self.name})" if self.shares_topic else self.topic


@dataclass(frozen=True)
class Endpoint:
    """A publisher and what it offers, or a subscription and what it asks for."""

    node: str
    type: str
    reliable: bool = True
    latched: bool = False


@dataclass
class Measured:
    """One topic, or the part of it that is one stream's, as it was heard, on the clock that stamps are expected from.

    Attributes:
        publishers, subscriptions: Endpoints that are known, without the doctor's own.
        began_ns, ended_ns: Times at which listening began and ended.
        arrivals_ns, stamps_ns, contents, sizes: Time of arrival, stamp, checksum of what follows the
            stamp, and bytes of every message.
        fault: "" or why a node would refuse what it says.
    """

    publishers: tuple[Endpoint, ...] = ()
    subscriptions: tuple[Endpoint, ...] = ()
    began_ns: int = 0
    ended_ns: int = 0
    arrivals_ns: list[int] = field(default_factory=list)
    stamps_ns: list[int] = field(default_factory=list)
    contents: list[int] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    fault: str = ""

    @property
    def seconds(self) -> float:
        """How long it was listened to."""
        return (self.ended_ns - self.began_ns) / NS

    @property
    def rate_hz(self) -> float:
        """Mean rate of arrival."""
        return len(self.arrivals_ns) / self.seconds if self.seconds else 0.0

    @property
    def bytes_per_s(self) -> float:
        """Data that arrived."""
        return sum(self.sizes) / self.seconds if self.seconds else 0.0


def streams_of(rig: Rig) -> tuple[Stream, ...]:
    """The cameras and joint states of a rig."""
    cameras = [Stream(f"camera {c.name}", c.topic, c.message_type, c.max_age_s, c.rate_hz, c) for c in rig.cameras]
    return (*cameras, *(_arm_stream(rig, arm) for arm in rig.arms))


def _arm_stream(rig: Rig, arm: Arm) -> Stream:
    topic = arm.joint_state_topic
    return Stream(
        arm.name,
        topic,
        "sensor_msgs/msg/JointState",
        arm.max_age_s,
        arm.rate_hz,
        shares_topic=len(rig.arms_on(topic)) > 1,
    )
