"""The fastest way to rest under acceleration and jerk limits, in discrete time and closed form.

Time is counted in ticks and lengths in jerk limits per tick^3, so that the jerk limit is 1 and one parameter per joint
is left: `alpha`, the acceleration limit. With `a' = a + jerk`, `v' = v + a'` and `p' = p + v'` the law ends on
`v = a = 0` exactly.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def ramp(x: Array) -> Array:
    """Speed that is lost while a deceleration `x` fades by 1 per tick: x + (x - 1) + ... over the positive terms."""
    x = np.maximum(x, 0.0)
    n = np.floor(x)
    result: Array = (n + 1.0) * (x - 0.5 * n)
    return result


def ramp_inverse(speed: Array) -> Array:
    """The deceleration whose `ramp` is `speed` (0 for negative speeds)."""
    speed = np.maximum(speed, 0.0)
    n = np.floor(np.sqrt(2.0 * speed + 0.25) - 0.5)
    result: Array = speed / (n + 1.0) + 0.5 * n
    return result


def ramp_travel(x: Array) -> Array:
    """Distance covered while a deceleration fades from `x` to rest: ramp(x - 1) + ramp(x - 2) + ..."""
    n = np.floor(x)
    result: Array = n * (n + 1.0) * (0.5 * x - (2.0 * n + 1.0) / 6.0)
    return result


def released_velocity(v: Array, a: Array) -> Array:
    """Velocity left when the acceleration is taken back to zero as fast as the jerk limit allows."""
    result: Array = v + np.copysign(ramp(np.abs(a) - 1.0), a)
    return result


def stop_acceleration(v: Array, a: Array, alpha: Array) -> Array:
    """The stop law: the next acceleration on the fastest way to rest."""
    side = np.copysign(1.0, released_velocity(v, a))
    result: Array = side * np.maximum(np.maximum(side * a - 1.0, -alpha), -ramp_inverse(side * v))
    return result


def stop_travel(v: Array, a: Array, alpha: Array) -> Array:
    """Signed distance from here to the point where the stop law comes to rest.

    Args:
        v: Velocity, in jerk limits per tick^2; any shape that broadcasts with the others.
        a: Acceleration, in jerk limits per tick, `abs(a) <= alpha`.
        alpha: Acceleration limit, in the same unit.
    """
    side = np.copysign(1.0, released_velocity(v, a))
    phases = _phases(side * v, side * a, alpha)
    # An acceleration that still pushes forward fades first.
    n = phases.release
    travel = n * (side * v) + 0.5 * n * (n + 1.0) * (side * a - (n + 2.0) / 3.0)
    # Deceleration then grows by 1 per tick,
    i = phases.grow
    travel += i * phases.v_released - 0.5 * i * (i + 1.0) * (phases.deceleration + (i + 2.0) / 3.0)
    # stays at the limit,
    m = phases.hold
    travel += m * (phases.v_grown - 0.5 * alpha * (m + 1.0))
    # and fades to rest.
    travel += ramp_travel(phases.fade)
    result: Array = side * travel
    return result


def stop_path(v: Array, a: Array, alpha: Array) -> Array:
    """Distances from here at every tick of the stop law, until all joints are at rest.

    Args:
        v: Velocity as for `stop_travel`.
        a: Acceleration as for `stop_travel`.
        alpha: Acceleration limit as for `stop_travel`.

    Returns:
        [ticks + 1, ...], from 0 to `stop_travel`.
    """
    side = np.copysign(1.0, released_velocity(v, a))
    v = side * v
    a = side * a
    phases = _phases(v, a, alpha)
    grown = phases.release + phases.grow
    held = grown + phases.hold
    ticks = int(np.max(held + np.ceil(phases.fade)))
    k = np.arange(ticks + 1.0).reshape(-1, *(1,) * np.ndim(held))
    fading = np.minimum(phases.fade + held + 1.0 - k, alpha)  # until it begins to fade: the limit
    accelerations = np.where(k <= grown, a - k, -np.maximum(fading, 0.0))
    accelerations[0] = 0.0
    result: Array = side * np.cumsum(v + np.cumsum(accelerations, axis=0), axis=0)
    return result - side * v


@dataclass(frozen=True, eq=False)
class _Phases:
    """How the stop law goes on from a state whose released velocity is not negative.

    Attributes:
        release: Number of ticks in which an acceleration that pushes forward fades.
        deceleration: Deceleration after them, > -1.
        v_released: Velocity after them.
        grow: Number of ticks in which the deceleration grows by 1.
        v_grown: Velocity after them.
        hold: Number of ticks at the acceleration limit.
        fade: Deceleration that fades to rest from then on.
    """

    release: Array
    deceleration: Array
    v_released: Array
    grow: Array
    v_grown: Array
    hold: Array
    fade: Array


def _phases(v: Array, a: Array, alpha: Array) -> _Phases:
    n = np.floor(np.maximum(a, 0.0))
    v_released = np.maximum(v + n * a - 0.5 * n * (n + 1.0), 0.0)
    b = n - a
    # The deceleration grows as long as the speed suffices to let it fade again: i^2 + 2 b i + c <= v.
    nb = np.floor(b)
    c = nb * (b - 0.5 * (nb + 1.0))
    room = np.maximum(np.floor(alpha - b), 0.0)
    i = np.minimum(np.maximum(np.floor(np.sqrt(np.maximum(b * b - c + v_released, 0.0)) - b), 0.0), room)
    v_grown = v_released - (i * b + 0.5 * i * (i + 1.0))
    m = np.maximum(np.floor((v_grown - ramp(alpha)) / alpha) + 1.0, 0.0) * (i == room)
    return _Phases(n, b, v_released, i, v_grown, m, ramp_inverse(v_grown - m * alpha))


def stop_range(v: Array, a: Array, alpha: Array) -> tuple[Array, Array]:
    """How far below and above the present position the stop law goes: (low <= 0, high >= 0)."""
    end = stop_travel(v, a, alpha)
    turns = released_velocity(v, a) * v < 0.0  # the joint reverses on its way to rest: bound the turning point
    turn = np.copysign(ramp_travel(ramp_inverse(np.abs(v))) * turns, v)
    return np.minimum(np.minimum(end, turn), 0.0), np.maximum(np.maximum(end, turn), 0.0)
