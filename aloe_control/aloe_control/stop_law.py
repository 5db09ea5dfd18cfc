"""The fastest way to rest under acceleration and jerk limits, in discrete time and closed form.

Time is counted in ticks and lengths in jerk limits per tick^3, so that the jerk limit is 1 and one parameter per joint
is left: `alpha`, the acceleration limit. With `a' = a + jerk`, `v' = v + a'` and `p' = p + v'` the law ends on
`v = a = 0` exactly.
"""

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
        v: velocity, in jerk limits per tick^2; any shape that broadcasts with the others.
        a: acceleration, in jerk limits per tick, `abs(a) <= alpha`.
        alpha: acceleration limit, in the same unit.
    """
    side = np.copysign(1.0, released_velocity(v, a))
    v, a = side * v, side * a
    # An acceleration that still pushes forward fades first.
    n = np.floor(np.maximum(a, 0.0))
    rise = 0.5 * n * (n + 1.0)
    travel = n * v + rise * (a - (n + 2.0) / 3.0)
    v = np.maximum(v + n * a - rise, 0.0)
    b = n - a  # deceleration, > -1
    # It then grows by 1 per tick, as long as the speed suffices to let it fade again: i^2 + 2 b i + c <= v.
    nb = np.floor(b)
    c = nb * (b - 0.5 * (nb + 1.0))
    room = np.maximum(np.floor(alpha - b), 0.0)
    i = np.minimum(np.maximum(np.floor(np.sqrt(np.maximum(b * b - c + v, 0.0)) - b), 0.0), room)
    rise = 0.5 * i * (i + 1.0)
    travel += i * v - rise * (b + (i + 2.0) / 3.0)
    v -= i * b + rise
    # It stays at the limit,
    m = np.maximum(np.floor((v - ramp(alpha)) / alpha) + 1.0, 0.0) * (i == room)
    travel += m * (v - 0.5 * alpha * (m + 1.0))
    # and fades to rest.
    travel += ramp_travel(ramp_inverse(v - m * alpha))
    result: Array = side * travel
    return result


def stop_range(v: Array, a: Array, alpha: Array) -> tuple[Array, Array]:
    """How far below and above the present position the stop law goes: (low <= 0, high >= 0)."""
    end = stop_travel(v, a, alpha)
    turns = released_velocity(v, a) * v < 0.0  # the joint reverses on its way to rest: bound the turning point
    turn = np.copysign(ramp_travel(ramp_inverse(np.abs(v))) * turns, v)
    return np.minimum(np.minimum(end, turn), 0.0), np.maximum(np.maximum(end, turn), 0.0)
