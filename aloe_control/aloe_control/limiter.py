"""Joint limits that hold whatever is asked: position, velocity, acceleration and jerk, with a braking guarantee.

The state of a joint is its last three commands, so that limits mean what a bag shows: velocity, acceleration and jerk
are differences of commands. Units are those of `stop_law`: ticks, and jerk limits per tick.

Three ideas carry the module:

* The **stop law** brings a joint to rest as fast as its limits allow. A command is admissible only if the stop law,
  started after it, stays within all limits. As the tail of such a stop is again such a stop, an admissible next command
  always exists: braking.
* A request that is admissible **passes unchanged**: no filter, no lag.
* A request out of reach is **approached**: the acceleration is chosen such that the stop law, seen from the moving
  request, would end exactly on it. That is as fast as the limits allow, and does not overshoot.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.stop_law import ramp_inverse, stop_acceleration, stop_range, stop_travel
from aloe_control.stops import Guard, Stops

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

REASONS: Final = ("position", "velocity", "acceleration", "jerk")
_GRID: Final = np.linspace(0.0, 1.0, 17)[:, None]
_TOLERANCE: Final = 1e-6  # share of the tightest limit: far below an encoder's resolution, far above rounding


@dataclass(frozen=True)
class Limited:
    """What the limiter made of a request: positions [n] to command, and per limit which joints it changed [4, n]."""

    positions: Array
    clipped: Mask

    def reason(self, joints: slice) -> str:
        """Names of the limits that changed these joints, comma-separated; "" if none did."""
        return ",".join(name for name, hit in zip(REASONS, self.clipped, strict=True) if hit[joints].any())


class JointLimiter:
    """Turns any sequence of requests into commands that obey every limit of every joint.

    Args:
        lower: Lowest positions [n], rad (gripper: m).
        upper: Highest positions [n].
        max_velocity: [n], per s.
        max_acceleration: [n], per s^2.
        max_jerk: [n], per s^3.
        dt_s: Time between two calls of `step`.
        guard: Guard that may brake joints for a reason that no joint has alone; None: there is none.
    """

    def __init__(
        self,
        lower: Array,
        upper: Array,
        max_velocity: Array,
        max_acceleration: Array,
        max_jerk: Array,
        dt_s: float,
        guard: Guard | None = None,
    ) -> None:
        self._lower = np.array(lower, float)
        self._upper = np.array(upper, float)
        self._unit = np.asarray(max_jerk, float) * dt_s**3
        self._alpha = np.asarray(max_acceleration, float) * dt_s**2 / self._unit
        self._speed = np.asarray(max_velocity, float) * dt_s / self._unit
        self._guard = guard
        self._eps = _TOLERANCE * np.minimum(np.minimum(self._alpha, self._speed), 1.0)
        self.reset(0.5 * (self._lower + self._upper))

    @property
    def positions(self) -> Array:
        """The last commanded positions [n]."""
        return self._p.copy()

    @property
    def at_rest(self) -> bool:
        """Whether every joint stands still."""
        return bool(np.all(np.abs(self._v) < 1e-6) and np.all(np.abs(self._a) < 1e-6))

    def reset(self, positions: Array) -> None:
        """Start at rest at these positions [n]; outside the position limits is allowed: commands only lead back in."""
        positions = np.array(positions, float)
        if not np.isfinite(positions).all():
            raise ValueError(f"cannot start from positions that are not finite: {positions}")
        self._p = positions
        self._v = np.zeros_like(positions)
        self._a = np.zeros_like(positions)
        self._requests = np.tile(self._p, (4, 1))
        self._on_request = np.ones(self._p.shape, bool)
        self._wall_low = np.minimum(self._lower, positions)
        self._wall_high = np.maximum(self._upper, positions)
        if self._guard is not None:
            self._guard.start(self._p)

    def restart(self, joints: slice, positions: Array) -> None:
        """Start some joints anew, at rest at these positions; the others go on."""
        self._p[joints] = positions
        self._v[joints] = 0.0
        self._a[joints] = 0.0
        self._requests[:, joints] = positions
        self._on_request[joints] = True
        self._wall_low[joints] = np.minimum(self._lower[joints], positions)
        self._wall_high[joints] = np.maximum(self._upper[joints], positions)
        if self._guard is not None:
            self._guard.start(self._p)

    def step(self, request: Array) -> Limited:
        """One tick.

        Args:
            request: Wanted positions [n]; a joint whose request is not finite comes to rest and holds.

        Returns:
            The commands of this tick.
        """
        request = np.asarray(request, float)
        holds = ~np.isfinite(request)
        target = np.where(holds, self._p, np.minimum(np.maximum(request, self._lower), self._upper))
        self._requests = np.concatenate((target[None], self._requests[:3]))

        gap = (target - self._p) / self._unit
        exact = gap - self._v
        low, high = self._bounds()
        viable = self._viable(exact)
        passes = ~holds & viable & (exact >= low - self._eps) & (exact <= high + self._eps)
        if not self._on_request.all():
            passes &= self._on_request | self._merges(exact)
        done = passes | holds
        stop = stop_acceleration(self._v, self._a, self._alpha)
        a = np.where(passes, exact, stop)
        clipped = np.zeros((4, len(a)), bool)
        if not done.all():
            a = np.where(done, a, self._brake(np.where(done, a, self._approach(gap, low, high)), stop))
            clipped = self._reasons(exact, viable, done)
        clipped[0] |= (request < self._lower) | (request > self._upper)
        if self._guard is not None:
            stops = Stops(self._p, self._v, self._unit, self._alpha, a, stop, self._wall_low, self._wall_high)
            shares = self._guard.shares(stops)
            a = stops.accelerations(shares)
            passes &= shares == 1.0
        self._advance(a, passes, target)
        self._requests[:, holds] = self._p[holds]
        return Limited(self._p.copy(), clipped)

    def _advance(self, a: Array, passes: Mask, target: Array) -> None:
        self._a = a
        self._v = self._v + a
        p = np.where(passes, target, self._p + self._v * self._unit)
        self._p = np.minimum(np.maximum(p, self._wall_low), self._wall_high)  # rounding only: braking keeps within
        self._on_request = passes
        if (self._wall_low < self._lower).any() or (self._wall_high > self._upper).any():
            low, high = stop_range(self._v, self._a, self._alpha)  # started outside: the way back out closes
            self._wall_low = np.clip(self._p + low * self._unit, self._wall_low, self._lower)
            self._wall_high = np.clip(self._p + high * self._unit, self._upper, self._wall_high)

    def _bounds(self) -> tuple[Array, Array]:
        """Accelerations that obey jerk, acceleration and, once faded, velocity limits."""
        high = np.minimum(np.minimum(self._a + 1.0, self._alpha), ramp_inverse(self._speed - self._v))
        low = np.maximum(np.maximum(self._a - 1.0, -self._alpha), -ramp_inverse(self._speed + self._v))
        return low, high

    def _viable(self, a: Array) -> Mask:
        """Whether the joint could still stop within its position limits after a tick with acceleration `a`."""
        v = self._v + a
        low, high = stop_range(v, np.minimum(np.maximum(a, -self._alpha), self._alpha), self._alpha)
        p = self._p + self._unit * v
        tolerance = self._eps * self._unit
        result: Mask = p + self._unit * low >= self._wall_low - tolerance
        result &= p + self._unit * high <= self._wall_high + tolerance
        return result

    def _request_velocity(self) -> Array:
        """Velocity with which the request is expected to go on; a single jump or alternating noise count little."""
        d = (self._requests[:-1] - self._requests[1:]) / self._unit
        median = np.maximum(np.minimum(d[0], d[1]), np.minimum(np.maximum(d[0], d[1]), d[2]))
        dd = d[:-1] - d[1:]
        size = np.minimum(np.abs(dd).min(axis=0), self._alpha) * (dd[0] * dd[1] > 0.0)
        result: Array = median + 2.0 * np.copysign(size, dd[0])
        return np.minimum(np.maximum(result, -self._speed), self._speed)

    def _merges(self, exact: Array) -> Mask:
        """Whether the expected next request could be followed too, so that reaching this one is not overshooting."""
        after = self._request_velocity() - (self._v + exact)
        result: Mask = (np.abs(after) <= np.minimum(self._alpha, 1.0)) & (np.abs(after - exact) <= 1.0)
        return result

    def _approach(self, gap: Array, low: Array, high: Array) -> Array:
        """The acceleration after which the stop law, relative to the moving request, ends on the request."""
        a = low + (high - low) * _GRID
        relative = self._v - self._request_velocity()
        miss = self._v + a + stop_travel(relative + a, a, self._alpha) - gap  # rises with a
        below = np.minimum(np.maximum((miss <= 0.0).sum(axis=0) - 1, 0), len(_GRID) - 2)
        joint = np.arange(a.shape[1])
        miss_low = miss[below, joint]
        miss_high = miss[below + 1, joint]
        share = -miss_low / np.maximum(miss_high - miss_low, 1e-12)
        result: Array = a[below, joint] + (high - low) * _GRID[1, 0] * np.minimum(np.maximum(share, 0.0), 1.0)
        return result

    def _brake(self, a: Array, stop: Array) -> Array:
        """The acceleration nearest to `a`, seen from the stop law, that keeps a stop within the position limits."""
        if self._viable(a).all():
            return a
        safe = np.logical_and.accumulate(self._viable(stop + _GRID * (a - stop)), axis=0)
        share = _GRID[np.maximum(safe.sum(axis=0) - 1, 0), 0]
        result: Array = stop + share * (a - stop)
        return result

    def _reasons(self, exact: Array, viable: Mask, done: Mask) -> Mask:
        """Which limits the request itself would have broken [4, n]; the one in the way if only a later tick would."""
        velocity = np.abs(self._v + exact) > self._speed + self._eps
        acceleration = np.abs(exact) > self._alpha + self._eps
        jerk = np.abs(exact - self._a) > 1.0 + self._eps
        position = ~(velocity | acceleration | jerk) & ~viable
        clipped = np.stack((position, velocity, acceleration, jerk))
        clipped[3] |= ~clipped.any(axis=0)  # within reach, but too fast to merge with: the rest of the approach
        result: Mask = clipped & ~done
        return result
