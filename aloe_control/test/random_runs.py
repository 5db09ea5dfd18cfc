"""Random sequences of all that may happen to a control loop: people, policies, clocks, streams and drives at once.

Everything comes from one seed. The arms go where they are sent, unless their drives are off or something blocks them.
Times are true to scale; by the steady clock they only rise, while the clock of the stamps may be set.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from aloe_control.audited_loop import AuditedLoop
from aloe_control.human_commands import HumanCommand
from aloe_control.operator_requests import Request
from aloe_control.tick import ControlConfig
from aloe_data.chunk import Chunk
from aloe_data.kinematics import ArmKinematics, rotation_to_6d
from aloe_data.rig import Rig
from aloe_data.vocabulary import NS, CommandMode, RequestKind

HORIZON = 50
PEOPLE = (("pedals-1", "ana"), ("pedals-2", "ana"), ("leader-3", "bob"))  # sender and operator: two share a name
POLICIES = ("policy-1", "policy-2")
HUGE = (1e16, -1e16, 1e300, np.inf, -np.inf, np.nan, 20.0, -3.0)
ASKED = (RequestKind.TAKE,) * 6 + (RequestKind.RELEASE,) * 3 + tuple(RequestKind)
SOON = 1 / 6  # how often the next of two things happens, per tick


@dataclass
class Hand:
    """A device that a person holds: what it sends, and for which arms."""

    sender: str
    operator: str
    mode: CommandMode = CommandMode.JOINT_POSITION
    relative: bool = False
    arms: tuple[str, ...] = ()
    held: bool = True
    sequence: int = 0


@dataclass
class Robot:
    """What is true of the arms, whatever they are told."""

    joints: np.ndarray
    stuck: set[str] = field(default_factory=set)  # drives that are off, and arms that something blocks
    silent: set[str] = field(default_factory=set)
    frozen: set[str] = field(default_factory=set)
    spoilt: set[str] = field(default_factory=set)


class RandomRun:
    """One sequence.

    Args:
        rig: Rig whose loop it happens to.
        seed: Of everything.
    """

    def __init__(self, rig: Rig, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        others = str(self.rng.choice(["continue", "hold"]))
        space = "ee_pose" if self.chance(0.25) else "joint_position"
        takeover = replace(rig.takeover, other_arms=others)
        self.rig = replace(rig, simulated=self.chance(0.5), action_space=space, takeover=takeover)
        self.config = ControlConfig(takeovers=self.chance(0.85))
        self.loop = AuditedLoop(self.rig, self.config)
        self.period_ns = round(NS / rig.rate_hz)
        self.now_ns = 1000 * NS + int(self.rng.integers(NS))
        self.steady_ns = 7 * NS + int(self.rng.integers(NS))
        self.robot = Robot(np.concatenate([arm.home for arm in rig.arms]))
        self.kinematics = {arm.name: ArmKinematics(arm) for arm in rig.arms}
        self.hands = [Hand(sender, operator) for sender, operator in PEOPLE]
        self.hands[0].arms = tuple(arm.name for arm in rig.arms)  # a real rig wants to hear of a device for each arm
        self.chunk_id = 0
        self.images = 0
        self.ticks = 0
        self.phase = self.rng.uniform(0.0, 6.0, rig.state_dim)
        self.reach_rad = float(self.rng.choice([0.3, 0.6, 1.0, 1.5]))  # the policy's: into boxes and arms
        self.told: list[str] = []  # what happened, for people to read
        self.last: dict[str, Request | HumanCommand | Chunk] = {}
        self.events: Sequence[tuple[float, Callable[[], None]]] = (
            (0.06, self.ask),
            (0.03 if self.rig.simulated else 0.1, self.get_ready),
            (0.02, self.change_hand),
            (0.02, self.lose_a_stream),
            (0.08, self.mend_the_streams),
            (0.01, self.block),
            (0.06, self.free),
            (0.01, self.push),
            (0.02, self.stand_still),
            (0.03, self.hurry),
            (0.004, self.set_the_clock),
            (0.01, self.disarm),
            (0.02, self.offer_a_chunk),
            (0.01, self.repeat),
            (0.004, self.stop),
        )

    def run(self, ticks: int) -> list[str]:
        """Let everything happen for some ticks; returns what the auditor says."""
        for _ in range(ticks):
            self.pass_time(self.period_ns + round(self.rng.normal(0.0, 2e5)))
            for odds, event in self.events:
                if self.chance(odds):
                    event()
            self.measure()
            self.command()
            self.think()
            if not self.loop.armed and self.chance(SOON):
                self.arm()
            self.tick()
            if self.loop.audit.unsafe:
                return [str(unsafe) for unsafe in self.loop.audit.unsafe]
        return []

    def tick(self) -> None:
        result = self.loop.tick(self.now_ns, self.steady_ns)
        self.ticks += 1
        for name, positions in result.commands.items():
            if name not in self.robot.stuck:
                self.robot.joints[self.rig.state_slice(name)] = positions

    def pass_time(self, ns: int) -> None:
        self.now_ns += ns
        self.steady_ns += ns

    def chance(self, odds: float) -> bool:
        return bool(self.rng.random() < odds)

    def some_arms(self) -> tuple[str, ...]:
        return tuple(arm.name for arm in self.rig.arms if self.chance(0.5))

    def some_stamp_ns(self) -> int:
        """A time at which something is said to have happened: mostly just now."""
        kind = self.rng.random()
        if kind < 0.8:
            return self.now_ns - int(self.rng.integers(0, self.period_ns))
        if kind < 0.9:
            return self.now_ns - int(self.rng.integers(0, NS))
        return self.now_ns + int(self.rng.integers(0, 10 * self.period_ns))

    def tell(self, words: str) -> None:
        self.told.append(f"tick {self.ticks}: {words}")

    # People

    def request(self, kind: RequestKind, hand: Hand, arms: tuple[str, ...], stamp_ns: int) -> None:
        request = Request(kind, arms, stamp_ns, hand.operator, hand.operator, "", hand.sender)
        refusal = self.loop.request(request, self.now_ns)
        self.last["request"] = request
        age = (self.now_ns - stamp_ns) / NS
        self.tell(f"{hand.sender} {kind.name} {arms or 'all'}, {age:.3f} s old: {refusal or 'done'}")

    def ask(self) -> None:
        hand = self.hands[int(self.rng.integers(len(self.hands)))]
        kind = ASKED[int(self.rng.integers(len(ASKED)))]
        self.request(kind, hand, self.some_arms(), self.some_stamp_ns())

    def get_ready(self) -> None:
        """A person tries the stop, resets it, and says that all is ready; or does some of it."""
        hand = self.hands[int(self.rng.integers(2))]
        for kind in (RequestKind.ESTOP, RequestKind.RESET, RequestKind.READY):
            if self.loop.armed and kind is RequestKind.ESTOP:
                continue
            if self.chance(0.9):
                self.now_ns += 1000  # no two at one time
                self.steady_ns += 1000
                self.request(kind, hand, (), self.now_ns)

    def stop(self) -> None:
        self.request(RequestKind.ESTOP, self.hands[int(self.rng.integers(3))], (), self.some_stamp_ns())

    def change_hand(self) -> None:
        hand = self.hands[int(self.rng.integers(len(self.hands)))]
        hand.mode = CommandMode(int(self.rng.integers(3)))
        hand.relative = self.chance(0.5)
        if hand is not self.hands[0] or self.chance(0.2):
            hand.arms = self.some_arms()
        hand.held = self.chance(0.8)
        if self.chance(0.1):
            hand.sequence = 0
        if self.chance(0.05):
            hand.operator = "eve"

    def command(self) -> None:
        if self.ticks % 5 == 0:
            for hand in self.hands:
                if self.chance(0.9):
                    self.loop.request(
                        Request(RequestKind.ALIVE, (), self.now_ns, hand.operator, hand.operator, "", hand.sender),
                        self.now_ns,
                    )
        for hand in self.hands:
            for arm in hand.arms:
                if self.chance(0.9):
                    self.send(hand, arm)

    def send(self, hand: Hand, arm: str) -> None:
        hand.sequence += 1
        stamp_ns = self.now_ns if self.chance(0.95) else self.some_stamp_ns()
        data = self.hand_values(hand.mode, arm)
        if self.chance(0.01):
            data[int(self.rng.integers(len(data)))] = self.rng.choice(HUGE)
        command = HumanCommand(
            arm, stamp_ns, hand.sequence, hand.operator, hand.mode, hand.relative, hand.held, data, "", hand.sender
        )
        self.last["command"] = command
        self.loop.set_human(command, self.now_ns)

    def hand_values(self, mode: CommandMode, arm: str) -> np.ndarray:
        time_s = self.now_ns / NS
        wave = np.sin(1.5 * time_s + self.phase[self.rig.state_slice(arm)])
        if mode is CommandMode.EE_TWIST:
            return 0.3 * wave
        if mode is CommandMode.EE_POSE:
            angle = 0.3 * wave[0]
            turned = [np.cos(angle), np.sin(angle), 0.0, -np.sin(angle), np.cos(angle), 0.0]
            return np.array([0.3 + 0.1 * wave[0], 0.1 * wave[1], 0.3 + 0.1 * wave[2], *turned, 0.02])
        values = np.array(self.rig.arm(arm).home)
        values[:-1] += 0.5 * wave[:-1]
        return values

    # Policies

    def think(self) -> None:
        if self.ticks % 8 == 0 and self.chance(0.9):
            self.offer(POLICIES[0], self.now_ns - int(self.rng.integers(0, 6)) * self.period_ns, self.reach_rad)

    def offer_a_chunk(self) -> None:
        self.offer(str(self.rng.choice(POLICIES)), self.some_stamp_ns(), self.rng.choice([0.3, 1.0, 3.0]))

    def offer(self, sender: str, stamp_ns: int, reach: float) -> None:
        self.chunk_id += 1
        times = stamp_ns / NS + np.arange(HORIZON) / self.rig.rate_hz
        home = np.concatenate([arm.home for arm in self.rig.arms])
        rigid = np.concatenate([np.append(np.ones(arm.dof - 1), 0.0) for arm in self.rig.arms])
        rows = home + reach * rigid * np.sin(1.5 * times[:, None] + self.phase)
        rows = rows + np.linspace(1.0, 0.0, HORIZON)[:, None] ** 2 * (self.robot.joints - rows[0])
        if self.rig.action_space == "ee_pose":
            rows = self.poses(rows)
        if self.chance(0.03):
            rows[int(self.rng.integers(HORIZON)), int(self.rng.integers(rows.shape[1]))] = self.rng.choice(HUGE)
        with np.errstate(over="ignore"):
            chunk = Chunk(stamp_ns, self.chunk_id, rows.astype(np.float32), "v", self.chunk_id, self.rig.rate_hz)
        self.last["chunk"] = chunk
        refusal = self.loop.set_chunk(chunk, sender, self.now_ns)
        self.tell(f"{sender} offers chunk {self.chunk_id}: {refusal or 'taken'}")

    def poses(self, rows: np.ndarray) -> np.ndarray:
        """The rows of poses [H, 10 per arm] at joint positions [H, S]."""
        parts = []
        for arm, kinematics in self.kinematics.items():
            joints = rows[:, self.rig.state_slice(arm)]
            xyz, rotation = kinematics.forward(joints[:, :-1])
            parts += [xyz, rotation_to_6d(rotation), joints[:, -1:]]
        return np.concatenate(parts, axis=1)

    def repeat(self) -> None:
        """Something that was said is said again."""
        if "request" in self.last:
            self.loop.request(self.last["request"], self.now_ns)
        if "command" in self.last:
            self.loop.set_human(self.last["command"], self.now_ns)
        if "chunk" in self.last:
            self.loop.set_chunk(self.last["chunk"], str(self.rng.choice(POLICIES)), self.now_ns)
        self.tell("the last request, command and chunk are repeated")

    # Streams, drives and clocks

    def measure(self) -> None:
        for arm in self.rig.arms:
            if arm.name in self.robot.silent:
                continue
            joints = self.robot.joints[self.rig.state_slice(arm.name)].copy()
            if arm.name in self.robot.spoilt:
                joints[0] = np.nan
            stamp_ns = self.now_ns if self.chance(0.99) else self.some_stamp_ns()
            self.loop.set_joint_state(arm.name, stamp_ns, joints, self.now_ns)
        for camera in self.rig.cameras:
            if camera.name in self.robot.silent or self.chance(0.3):
                continue
            self.images += camera.name not in self.robot.frozen
            stamp_ns = self.now_ns - 1_000_000 if self.chance(0.99) else self.some_stamp_ns()
            self.loop.set_camera_stamp(camera.name, stamp_ns, self.images, self.now_ns)

    def lose_a_stream(self) -> None:
        streams = [arm.name for arm in self.rig.arms] + [camera.name for camera in self.rig.cameras]
        name = str(self.rng.choice(streams))
        how = str(self.rng.choice(["silent", "frozen", "spoilt"]))
        getattr(self.robot, how).add(name)
        self.tell(f"{name} is {how}")

    def mend_the_streams(self) -> None:
        for names in (self.robot.silent, self.robot.frozen, self.robot.spoilt):
            names.clear()

    def block(self) -> None:
        arm = str(self.rng.choice([arm.name for arm in self.rig.arms]))
        self.robot.stuck.add(arm)
        self.tell(f"{arm} is blocked")

    def free(self) -> None:
        self.robot.stuck.clear()

    def push(self) -> None:
        """Somebody moves an arm whose drives are off."""
        for arm in self.robot.stuck:
            joints = self.rig.state_slice(arm)
            self.robot.joints[joints][:-1] += self.rng.normal(0.0, 0.1, joints.stop - joints.start - 1)
            self.tell(f"{arm} is pushed")

    def stand_still(self) -> None:
        late = float(self.rng.choice([0.9, 1.1, 2.0, 3.0, 6.0, 60.0])) * self.rng.uniform(0.5, 1.5)
        self.pass_time(round(late * self.period_ns))
        self.tell(f"everything stands still for {late:.2f} more periods")

    def hurry(self) -> None:
        """The next tick comes early, as one does after a late one."""
        early = self.rng.uniform(0.2, 0.9)
        self.pass_time(-round(early * self.period_ns))
        self.tell(f"the tick comes {early:.2f} periods early")

    def set_the_clock(self) -> None:
        step_s = float(self.rng.choice([-3600.0, -1.0, -0.03, 0.03, 1.0, 3600.0])) * self.rng.uniform(0.2, 1.0)
        self.now_ns += round(step_s * NS)
        self.tell(f"the clock is set by {step_s:.3f} s")

    def arm(self) -> None:
        done, words = self.loop.arm(self.now_ns)
        self.tell(f"arming: {words}" if not done else "armed")

    def disarm(self) -> None:
        self.loop.disarm("enough")
        self.tell("disarmed")
