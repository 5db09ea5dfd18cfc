"""Whether what motion depends on is alive: cameras, measured joints, and the nodes that it is bonded to."""

from dataclasses import dataclass

from aloe_data.rig import Rig
from aloe_data.vocabulary import NS

_BOND_NS = NS  # silence of a bonded node in which motion must end


@dataclass(frozen=True)
class _Beat:
    """A heartbeat that was heard at `heard_ns`, with why motion must end, if it must."""

    heard_ns: int
    problem: str


class StreamAudit:
    """Until when each stream may be relied on.

    Args:
        rig: Rig whose cameras and arms are watched.
        bonds: Nodes whose heartbeats are needed.
        ahead_ns: How far in the future a stamp may lie before it is void, ns.
        grace_ns: Time in which a fault of a stream must have led to HOLD, ns.
    """

    def __init__(self, rig: Rig, bonds: tuple[str, ...], ahead_ns: float, grace_ns: float) -> None:
        limits_s = [(c.name, c.max_age_s) for c in rig.cameras] + [(a.name, a.max_age_s) for a in rig.arms]
        self._limits_ns = {name: round(limit_s * NS) for name, limit_s in limits_s}
        self._bonds = bonds
        self._ahead_ns = ahead_ns
        self._grace_ns = grace_ns
        self._good_until_ns: dict[str, int] = {}
        self._newest_ns: dict[str, int] = {}
        self._content: dict[str, int] = {}
        self._beats: dict[str, _Beat] = {}
        self._samples: list[tuple[str, int | None]] = []  # since the last tick: stream, and stamp unless it is spoilt

    def image(self, camera: str, stamp_ns: int, content: int | None) -> None:
        """An image has arrived; one with the content of the last is no sign of life."""
        if content is None or self._content.get(camera) != content:
            self._samples.append((camera, stamp_ns))
        if content is not None:
            self._content[camera] = content

    def joints(self, arm: str, stamp_ns: int, good: bool) -> None:
        """Measured joints have arrived."""
        self._samples.append((arm, stamp_ns if good else None))

    def heartbeat(self, node: str, now_ns: int, problem: str) -> None:
        """A bonded node gave a sign of life, and perhaps says why motion must end."""
        self._beats[node] = _Beat(now_ns, problem)

    def good_until_ns(self, name: str) -> int:
        """Until when what has come from a camera, or of an arm's joints, may be relied on."""
        return self._good_until_ns.get(name, 0)

    def forget(self) -> None:
        """The clock was set: earlier stamps mean nothing."""
        self._newest_ns.clear()
        self._good_until_ns.clear()
        self._beats.clear()

    def take(self, now_ns: int) -> None:
        """Count what has come since the last tick."""
        for name, stamp_ns in self._samples:
            if stamp_ns is None:
                self._good_until_ns[name] = min(self._good_until_ns.get(name, 0), now_ns)
            elif self._newest_ns.get(name, -1) < stamp_ns <= now_ns + self._ahead_ns:
                self._newest_ns[name] = stamp_ns
                self._good_until_ns[name] = stamp_ns + self._limits_ns[name]
        self._samples.clear()

    def problems(self, now_ns: int) -> list[str]:
        """Why nothing may move at this time: one sentence for all streams, one per node."""
        late = [name for name in self._limits_ns if now_ns > self.good_until_ns(name) + self._grace_ns]
        names = ", ".join(f"'{name}'" for name in late)
        found = [f"{names} is silent, frozen or spoilt"] if late else []
        bonds = [self._bond_problem(node, now_ns) for node in self._bonds]
        return [*found, *(words for words in bonds if words)]

    def _bond_problem(self, node: str, now_ns: int) -> str:
        beat = self._beats.get(node)
        if beat is None:
            return f"'{node}' has given no sign of life"
        if now_ns - beat.heard_ns > _BOND_NS + self._grace_ns:
            return f"'{node}' has given no sign of life for {(now_ns - beat.heard_ns) / NS:.2f} s"
        if beat.problem and now_ns - beat.heard_ns > self._grace_ns:
            return f"'{node}' says: {beat.problem}"
        return ""
