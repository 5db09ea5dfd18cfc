"""A simulated rig whose arms share one topic of joint states, with names of their own for their joints."""

import re
from pathlib import Path

import yaml

CONFIG = Path(__file__).parents[2] / "config"
TOPIC = "/joint_states"


def write_shared_rig(folder: Path) -> Path:
    """Write the rig file and its URDFs, one per arm; the path of the rig file."""
    tree = yaml.safe_load((CONFIG / "rig_sim.yaml").read_text())
    urdf = (CONFIG / "sim_arm.urdf").read_text()
    for arm in tree["arms"]:
        side = arm["name"].removesuffix("_arm")
        (folder / f"{side}.urdf").write_text(re.sub('joint name="', f'joint name="{side}_', urdf))
        arm["urdf"] = f"{side}.urdf"
        arm["joint_state_topic"] = TOPIC
        arm["joints"] = [joint | {"name": f"{side}_{joint['name']}"} for joint in arm["joints"]]
        arm["gripper"] = arm["gripper"] | {"name": f"{side}_gripper"}
    path = folder / "rig_shared.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False))
    return path
