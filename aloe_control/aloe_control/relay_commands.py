"""One command to an arm's driver relay, and what it may be refused for, whatever came before."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from aloe_control.relay_limits import RelayLimits
from aloe_data.vocabulary import NS

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Command:
    """One command for the arm, whose seal was found to be true.

    Attributes:
        sender: Incarnation of the node that sent it.
        age_ns: Time since its stamp; negative for a stamp in the future.
        hold: Whether the arm is to be held where it is measured.
        positions: Joint positions, gripper last [rad; m].
    """

    sender: str
    age_ns: int
    hold: bool
    positions: Array


@dataclass(frozen=True)
class Refusal:
    """Why a command was not obeyed.

    Attributes:
        kind: The reason in one word, to be counted by.
        text: A sentence for people.
        holds: Whether the arm is held because of it: not for what comes from others than its writer.
    """

    kind: str
    text: str
    holds: bool = False


def bad_time(command: Command, limits: RelayLimits, timeout_ns: int) -> Refusal | None:
    """Whether a command is too old, or stamped in the future.

    Args:
        command: A command whose seal is true.
        limits: What the arm may do.
        timeout_ns: Age from which on it is refused.
    """
    age_s = command.age_ns / NS
    if command.age_ns > timeout_ns:
        return Refusal("late", f"a command of '{command.sender}' is {age_s:.2f} s old; do the clocks agree?")
    if command.age_ns < -limits.ahead_ns:
        return Refusal(
            "future", f"a command of '{command.sender}' is stamped {-age_s:.2f} s ahead; do the clocks agree?"
        )
    return None


def bad_values(command: Command, limits: RelayLimits, measured: Array) -> Refusal | None:
    """Whether positions are not those of this arm, not finite or out of bounds.

    Args:
        command: A command whose seal is true.
        limits: What the arm may do.
        measured: Joint positions [dof]: a joint that stands outside its limits may be led back in.
    """
    wanted = command.positions
    if command.hold:
        return None  # it holds where the arm is measured, whatever the positions say
    if wanted.shape != limits.lower.shape:
        return Refusal("size", f"{wanted.size} positions instead of {limits.lower.size}", holds=True)
    if not np.isfinite(wanted).all():
        return Refusal("not finite", f"joint {limits.names_of(~np.isfinite(wanted))} is asked to be NaN", holds=True)
    floor = np.where(measured < limits.lower, measured - limits.slack, limits.lower)
    ceiling = np.where(measured > limits.upper, measured + limits.slack, limits.upper)
    outside = (wanted < floor) | (wanted > ceiling)
    if outside.any():
        return Refusal("limits", f"joint {limits.names_of(outside)} is asked beyond its limits", holds=True)
    return None


def bad_start(command: Command, limits: RelayLimits, measured: Array) -> Refusal | None:
    """Whether the first command after a hold is too far from where the arm is measured [dof]."""
    away = ~limits.grips & (np.abs(command.positions - measured) > limits.rejoin)
    if not away.any():
        return None
    text = f"joint {limits.names_of(away)} is asked too far from where the held arm is measured; arm again"
    return Refusal("away", text, holds=True)


def bad_leap(command: Command, limits: RelayLimits, before: Array, elapsed_s: float) -> Refusal | None:
    """Whether a command is further from the one before [dof] than the arm may go in the time since then [s]."""
    leaps = ~limits.grips & (np.abs(command.positions - before) > limits.leap(elapsed_s))
    if not leaps.any():
        return None
    text = f"joint {limits.names_of(leaps)} is asked to leap: further than the arm may go in that time"
    return Refusal("leap", text, holds=True)
