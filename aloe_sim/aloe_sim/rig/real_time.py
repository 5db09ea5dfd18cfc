"""A simulated rig that follows a wall clock and may be used from several threads."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import mujoco

from aloe_control.driver_relay import TIMEOUT_NS
from aloe_control.relay_commands import Command, Refusal
from aloe_data.joint_track import memory_ns
from aloe_sim.rig.sim_relay import SimRelays
from aloe_sim.rig.sim_rig import SimRig

T = TypeVar("T")
SLICE_NS = 4_000_000  # physics advances in pieces of this; commands take effect and samples are taken between pieces
SEEN_NS = 100_000_000  # in which arms are seen to stand still: over so long their speed is measured
MAX_LAG_NS = 100_000_000  # a machine that falls further behind lets simulated time slip instead of rushing after it


class Metronome:
    """Says when something periodic is due, by stamps; never drifts and never makes up for missed beats."""

    def __init__(self, rate_hz: float) -> None:
        self._rate_hz = rate_hz
        self._beat: int | None = None

    def due(self, stamp_ns: int) -> bool:
        """Whether a beat lies at or before `stamp_ns` that has not been reported yet."""
        beat = int(stamp_ns * self._rate_hz // 1_000_000_000)
        if beat == self._beat:
            return False
        self._beat = beat
        return True


@dataclass(frozen=True)
class Timing:
    """How simulated time relates to the wall clock.

    Attributes:
        real_time_factor: Simulated seconds per second of the wall clock.
        follow_wall: Whether stamps are wall time (then the factor is 1); else they are simulated time, for `/clock`.
    """

    real_time_factor: float = 1.0
    follow_wall: bool = True

    def __post_init__(self) -> None:
        if self.follow_wall and self.real_time_factor != 1.0:
            raise ValueError("a real_time_factor other than 1 needs use_sim_time, so that all nodes follow /clock")


class RealTimeSim:
    """Keeps a `SimRig` abreast of the wall clock. All methods may be called from any thread.

    Args:
        sim: The simulation; used by nobody else from now on.
        timing: How simulated time relates to the wall clock.
        wall_ns: Time of the wall clock now.
        on_slice: Function that is called with the stamp [ns] after every piece of physics, in the thread of `catch_up`
            and with the lock held: samples that it takes are of exactly that time.
    """

    def __init__(self, sim: SimRig, timing: Timing, wall_ns: int, on_slice: Callable[[int], None]) -> None:
        self.sim = sim
        self.timing = timing
        self.lock = threading.RLock()
        self.slips = 0
        self._on_slice = on_slice
        self._advanced = threading.Condition(self.lock)
        self._placed_ns = 0
        # Where nobody hears of an arm for so long, nobody wonders how it got to where it is.
        self._placing_ns = max(memory_ns(arm) for arm in sim.rig.arms) + SLICE_NS
        # The first joint state comes a period later at most, and the last one is a period old.
        self._seen_ns = SEEN_NS + round(2e9 / min(arm.rate_hz for arm in sim.rig.arms))
        # The time-out of the relays is one of wall time, also where simulated time runs faster.
        self._relays = SimRelays(sim, round(TIMEOUT_NS * max(1.0, timing.real_time_factor)))
        self._stamp_ns = wall_ns if timing.follow_wall else 1_000_000_000  # 0 means "no time yet" in ROS
        self._anchor_wall_ns = wall_ns
        self._anchor_stamp_ns = self._stamp_ns

    def begin(self, wall_ns: int) -> None:
        """Let time run from now on."""
        if self.timing.follow_wall:
            self._stamp_ns = wall_ns
        self._anchor_wall_ns = wall_ns
        self._anchor_stamp_ns = self._stamp_ns

    @property
    def stamp_ns(self) -> int:
        """Time of the present state, ns."""
        return self._stamp_ns

    @property
    def is_placing(self) -> bool:
        """Whether the scene is being set: the arms are put where they cannot get to so fast, and not measured."""
        return self._stamp_ns < self._placed_ns

    def wait_until_seen(self, timeout_s: float) -> None:
        """Wait until the arms of a scene that was set anew have been measured for long enough to see them stand still.

        Args:
            timeout_s: Wall time after which to give up, should no other thread let time run [s].
        """
        with self._advanced:
            self._advanced.wait_for(lambda: self._stamp_ns >= self._placed_ns + self._seen_ns, timeout_s)

    def catch_up(self, wall_ns: int) -> None:
        """Advance to the time that belongs to `wall_ns`, piece by piece.

        Raises:
            UnstablePhysicsError: the scene has to be reset.
        """
        with self.lock:
            self._slip_if_late(wall_ns)
            while self._stamp_ns + SLICE_NS <= self._target_ns(wall_ns):
                self._relays.step(self._steady_ns())
                self.sim.advance(SLICE_NS / 1e9)
                self._stamp_ns += SLICE_NS
                self._on_slice(self._stamp_ns)
            self._advanced.notify_all()

    def wait_s(self, wall_ns: int) -> float:
        """Wall time until the next piece of physics is due, s."""
        ahead_ns = self._stamp_ns + SLICE_NS - self._target_ns(wall_ns)
        return max(0.0, ahead_ns / self.timing.real_time_factor / 1e9)

    def reset(self, seed: int, prompt: str) -> str:
        """Start the scene of `seed`; stamps go on without a jump. Raises ValueError for an impossible prompt."""
        with self.lock:
            words = self.sim.reset(seed, prompt)
            self._relays.restart()
            self._placed_ns = self._stamp_ns + self._placing_ns
            return words

    def command(self, arm: str, command: Command) -> Refusal | None:
        """Take a command for one arm; None where it is obeyed."""
        with self.lock:
            return self._relays.command(arm, command, self._steady_ns())

    def copy_state(self, target: mujoco.MjData) -> int:
        """Copy the present state into `target`, for a thread of its own; returns the stamp."""
        with self.lock:
            mujoco.mj_copyData(target, self.sim.model, self.sim.data)
            return self._stamp_ns

    def _steady_ns(self) -> int:
        """Time that no clock step changes, as fast as simulated time."""
        return round(time.monotonic_ns() * self.timing.real_time_factor)

    def _target_ns(self, wall_ns: int) -> int:
        return self._anchor_stamp_ns + int((wall_ns - self._anchor_wall_ns) * self.timing.real_time_factor)

    def _slip_if_late(self, wall_ns: int) -> None:
        """Give up time that cannot be caught up (or a wall clock that was set back) rather than simulate in a rush."""
        lag_ns = self._target_ns(wall_ns) - self._stamp_ns
        if -MAX_LAG_NS <= lag_ns <= MAX_LAG_NS * max(1.0, self.timing.real_time_factor):
            return
        self.slips += 1
        self.begin(wall_ns)


class SnapshotWorker(Generic[T]):
    """A thread that works on copies of the simulated state; while it is busy, further copies are dropped and counted.

    Args:
        name: Name of the thread.
        copy: Function that takes a copy of the state and returns its stamp [ns]; the offering thread calls it.
        make_work: Function that is called in the thread, because OpenGL contexts belong to threads; it returns the
            function that is called there with the stamp and the request of each copy.

    Raises:
        Exception: What `make_work` raised.
    """

    def __init__(self, name: str, copy: Callable[[], int], make_work: Callable[[], Callable[[int, T], None]]) -> None:
        self.dropped = 0
        self.error: Exception | None = None
        self._copy = copy
        self._make_work = make_work
        self._wake = threading.Condition()
        self._job: tuple[int, T] | None = None
        self._busy = True
        self._closed = False
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()
        self._ready.wait()
        if self.error is not None:
            raise self.error

    def offer(self, request: T) -> bool:
        """Hand over a copy of the present state; False when the thread is still busy with the last one."""
        with self._wake:
            if self._busy:
                self.dropped += 1
                return False
            self._job = (self._copy(), request)
            self._busy = True
            self._wake.notify()
            return True

    def close(self) -> None:
        """End the thread after the piece it works on."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join(timeout=5.0)

    def _run(self) -> None:
        try:
            work = self._make_work()
            self._finish()
            self._ready.set()
            while (job := self._next()) is not None:
                work(*job)
                self._finish()
        except Exception as error:
            self.error = error
        finally:
            self._ready.set()

    def _finish(self) -> None:
        with self._wake:
            self._job = None
            self._busy = False

    def _next(self) -> tuple[int, T] | None:
        with self._wake:
            self._wake.wait_for(lambda: self._closed or self._job is not None)
            return None if self._closed else self._job
