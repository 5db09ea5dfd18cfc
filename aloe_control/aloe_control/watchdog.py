"""Health of every stream that motion depends on: silence, bad data and clocks that disagree, each by name."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from aloe_data.rig import Rig
from aloe_data.vocabulary import NS

_OTHER_CLOCK_S: Final = 3600.0  # no stream was silent for so long: its stamps are from another clock, or zero
_SYNCHRONISE: Final = (
    "stamp messages with the time of measurement, synchronise the machines, and give all nodes the same use_sim_time"
)


@dataclass(frozen=True)
class Stream:
    """A stream that must be healthy.

    Attributes:
        name: Name for people, such as "camera 'head'".
        limit_s: Age of the newest sample from which on the stream counts as silent.
        remedy: Words for what to do about it.
    """

    name: str
    limit_s: float
    remedy: str


class Watchdog:
    """Knows the newest stamp of every required stream and says which of them are unhealthy, and why.

    A sample's age counts from its stamp or its arrival, whichever is earlier: a sender whose clock runs ahead gains no
    time.

    Args:
        streams: Streams that must be healthy.
        ahead_ns: How far in the future a stamp may lie.
    """

    def __init__(self, streams: Iterable[Stream], ahead_ns: int) -> None:
        self._streams = {stream.name: stream for stream in streams}
        self._ahead_ns = ahead_ns
        self._newest: dict[str, int] = {}  # stamps
        self._alive_ns: dict[str, int] = {}  # the same, but never later than the sample's arrival
        self._back_ns: dict[str, int] = {}  # how far the newest samples lie behind the newest stamp
        self._spoilt: dict[str, str] = {}
        self._content: dict[str, int] = {}
        self._frozen: set[str] = set()

    def seen(self, name: str, stamp_ns: int, content: int | None = None, now_ns: int | None = None) -> bool:
        """A good sample; returns False, and it does not count, if it is not newer than the newest one.

        Args:
            name: Name of the stream.
            stamp_ns: Stamp of the sample [ns].
            content: Checksum of its data; a sample whose data is the same as the last one's is no news.
            now_ns: Time of its arrival [ns]; None: that of its stamp.
        """
        if now_ns is not None and stamp_ns - now_ns > self._ahead_ns:
            self.spoil(name, future_stamp(stamp_ns, now_ns))
            return False
        newest = self._newest.get(name, -1)
        if stamp_ns <= newest:
            self._back_ns[name] = newest - stamp_ns
            return False
        if content is not None and self._content.get(name) == content:
            self._frozen.add(name)
            return False
        if content is not None:
            self._content[name] = content
            self._frozen.discard(name)
        self._newest[name] = stamp_ns
        self._alive_ns[name] = stamp_ns if now_ns is None else min(stamp_ns, now_ns)
        self._spoilt.pop(name, None)
        self._back_ns.pop(name, None)
        return True

    def spoil(self, name: str, problem: str) -> None:
        """A bad sample: the stream is unhealthy until the next good one."""
        self._spoilt[name] = problem

    def forget(self) -> None:
        """Start anew, as after a jump of the clock."""
        self._newest.clear()
        self._alive_ns.clear()
        self._back_ns.clear()
        self._spoilt.clear()
        self._content.clear()
        self._frozen.clear()

    def problems(self, now_ns: int) -> list[str]:
        """One sentence per unhealthy stream, with age, limit and remedy."""
        found = (self._problem(stream, now_ns) for stream in self._streams.values())
        return [problem for problem in found if problem]

    def _problem(self, stream: Stream, now_ns: int) -> str:
        if stream.name in self._spoilt:
            return f"{stream.name}: {self._spoilt[stream.name]}; {stream.remedy}"
        if stream.name not in self._newest:
            return f"{stream.name} has never published (limit {stream.limit_s:g} s); {stream.remedy}"
        newest = self._newest[stream.name]
        if newest - now_ns > self._ahead_ns:
            self._newest.pop(stream.name)  # one such stamp must not make all good ones after it look old
            self._spoilt[stream.name] = future_stamp(newest, now_ns)
            return self._problem(stream, now_ns)
        age_s = (now_ns - self._alive_ns[stream.name]) / NS
        if age_s > _OTHER_CLOCK_S:
            return f"{stream.name}: stamps are {age_s:.3f} s behind this node's clock; {_SYNCHRONISE}"
        back_s = self._back_ns.get(stream.name, 0) / NS
        if age_s > stream.limit_s and back_s > stream.limit_s:
            return f"{stream.name}: stamps went back by {back_s:.3f} s; {_SYNCHRONISE}"
        if age_s > stream.limit_s:
            what = "is frozen, the same data" if stream.name in self._frozen else "is silent"
            return f"{stream.name} {what} for {age_s:.3f} s (limit {stream.limit_s:g} s); {stream.remedy}"
        return ""


def future_stamp(stamp_ns: int, now_ns: int) -> str:
    """What is wrong with a stamp that lies in the future, and what to do about it."""
    return f"stamps are {(stamp_ns - now_ns) / NS:.3f} s in the future by this node's clock; {_SYNCHRONISE}"


class PolicyWatch:
    """How long the policy may be silent in its turn: longer before its first chunk than between two.

    Args:
        grace_s: Time for the first chunk of a turn [s].
        max_age_s: Age of the newest chunk's observation from which on the policy counts as silent.
    """

    def __init__(self, grace_s: float, max_age_s: float) -> None:
        self._grace_s = grace_s
        self._max_age_s = max_age_s
        self._since_ns = 0

    def begin(self, now_ns: int) -> None:
        """Its turn begins: motion was enabled, or an arm was handed back."""
        self._since_ns = now_ns

    def problem(self, now_ns: int, newest_ns: int | None, refusal: str) -> str:
        """ "" or what is wrong.

        Args:
            now_ns: Time of the tick.
            newest_ns: Stamp of the newest chunk that was accepted; None for none.
            refusal: Reason why the last chunk that was refused was; "": none was.
        """
        fresh_ns = newest_ns if newest_ns is not None and newest_ns >= self._since_ns else None
        limit_s = self._grace_s if fresh_ns is None else self._max_age_s
        age_s = (now_ns - (self._since_ns if fresh_ns is None else fresh_ns)) / NS
        if age_s <= limit_s:
            return ""
        since = "sent no chunk since its turn began" if fresh_ns is None else "chunks stopped: newest observation"
        refused = f" (last chunk refused: {refusal})" if refusal else ""
        return f"policy {since} {age_s:.3f} s ago (limit {limit_s:g} s){refused}; check policy_node"


def camera_stream(name: str) -> str:
    """Name of a camera's stream."""
    return f"camera '{name}'"


def arm_stream(name: str) -> str:
    """Name of an arm's joint state stream."""
    return f"joint states of '{name}'"


def command_stream(arm: str) -> str:
    """Name of the stream of human commands for an arm."""
    return f"human commands for '{arm}'"


REQUESTS: Final = "takeover device"


def takeover_streams(rig: Rig, with_commands: bool) -> list[Stream]:
    """What people need to stop the arms, and with commands to take them over."""
    limit_s = rig.takeover.device_max_age_s
    commands = [
        Stream(command_stream(a.name), limit_s, f"start a teleop_node for /teleop/{a.name}/command") for a in rig.arms
    ]
    requests = Stream(REQUESTS, limit_s, "start a teleop_node with a pedal or another device that can stop")
    return [requests, *commands] if with_commands else [requests]


def required_streams(rig: Rig) -> list[Stream]:
    """The streams that the rig's file declares."""
    cameras = [
        Stream(camera_stream(c.name), c.max_age_s, f"check its driver and cable, and that {c.topic} is published")
        for c in rig.cameras
    ]
    arms = [
        Stream(
            arm_stream(a.name), a.max_age_s, f"check the arm's driver and power, and that {a.joint_state_topic} is sent"
        )
        for a in rig.arms
    ]
    return [*arms, *cameras]
