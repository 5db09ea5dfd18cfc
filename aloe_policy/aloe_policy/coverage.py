"""Whether a policy knows what it is shown and asked for: values against the statistics of its training data."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aloe_data.finding import Finding, Level
from aloe_policy.actions import ActionSpace, Normaliser

Float = NDArray[np.float32]
_RARE = 0.01  # share of samples that may lie outside
_NAMED = 3  # values that a message names


def check_states(space: ActionSpace, normaliser: Normaliser, joints: Float, where: str) -> Finding:
    """Compare joint positions, and the tools' places that follow from them, with those of the policy's training data.

    Args:
        space: Action space of the policy.
        normaliser: Statistics of the policy.
        joints: Joint positions, [n, S].
        where: Words for where the positions come from, for the message.
    """
    rig = space.rig
    names = [f"{arm.name}.{joint}" for arm in rig.arms for joint in arm.joint_names]
    names += [f"{arm.name}.tool.{axis}" for arm in rig.arms for axis in "xyz"]
    deviations = (space.state_features(joints) - normaliser.state_mean) / normaliser.state_std
    remedy = "bring the arms to where it was trained, see their zero positions, or train it on bags from here"
    return _finding("states", where, names, deviations, remedy)


def check_chunks(space: ActionSpace, normaliser: Normaliser, chunks: Float, joints: Float, where: str) -> Finding:
    """Compare action chunks with those of the policy's training data.

    Args:
        space: Action space of the policy.
        normaliser: Statistics of the policy.
        chunks: Absolute chunks, [n, H, A].
        joints: Joint positions when the chunks begin, [n, S].
        where: Words for where the chunks come from, for the message.
    """
    deviations = (space.relative(chunks, joints) - normaliser.action_mean) / normaliser.action_std
    names = list(space.rig.action_layout)
    remedy = "such actions are clipped where it learns from them: train it anew"
    return _finding("actions", where, names, deviations.reshape(-1, len(names)), remedy)


def _finding(kind: str, where: str, names: Sequence[str], deviations: Float, remedy: str) -> Finding:
    limit = Normaliser.OUTLIER
    far = np.abs(deviations).max(0)
    share = (np.abs(deviations) > limit).mean(0)
    outside = [k for k in np.argsort(-far) if share[k] > _RARE]
    if not outside:
        what = f"{kind} of {where} lie within {far.max():.1f} deviations of the policy's training data"
        return Finding(Level.OK, "normaliser", f"{what} (limit {limit:g})")
    worst = ", ".join(f"{names[k]} ({far[k]:.0f} deviations in {100 * share[k]:.0f} %)" for k in outside[:_NAMED])
    more = f" and {len(outside) - _NAMED} more" if len(outside) > _NAMED else ""
    what = f"{kind} of {where} lie outside the policy's training data: {worst}{more}"
    return Finding(Level.WARN, "normaliser", what, remedy)
