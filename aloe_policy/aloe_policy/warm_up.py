"""A made-up observation, for a policy's first inference: it drives nothing, and allocations are in place afterwards."""

import numpy as np

from aloe_data.observation import Observation
from aloe_data.rig import Rig

PROMPT = "smoke test"


def made_up_observation(rig: Rig) -> Observation:
    """Grey views of the rig's sizes, joints in the middle of their ranges."""
    images = {c.name: np.full((c.height, c.width, 3), 127, np.uint8) for c in rig.cameras}
    middle = [0.5 * (joint.lower + joint.upper) for arm in rig.arms for joint in arm.all_joints]
    return Observation(stamp_ns=0, state=np.array(middle, np.float32), images=images, prompt=PROMPT)
