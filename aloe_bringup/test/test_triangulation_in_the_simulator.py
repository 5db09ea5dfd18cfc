"""The policy's geometry of cameras is that of the simulator."""

from pathlib import Path

import numpy as np

from aloe_data.rig_file import load_rig
from aloe_policy.encoders.triangulation import Triangulation
from aloe_sim.rig.keypoints import in_view, place
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.rollout.demonstration import Demonstration
from aloe_sim.rollout.in_process import InProcessRig
from aloe_sim.tasks import make_task

RIG = load_rig(Path(__file__).parents[2] / "config" / "rig_sim.yaml")


def test_what_the_cameras_see_is_found_where_the_simulator_has_it_while_the_arms_move() -> None:
    process = InProcessRig(SimRig(RIG, make_task("phone_packing")))
    triangulation = Triangulation(RIG)
    sim = process.sim
    errors: list[float] = []
    points = list(sim.task.keypoints().values())
    demonstration = Demonstration(process, 3, 0.0, timeout_s=4.0)
    while not demonstration.verdict:
        demonstration.offer_if_due()
        if demonstration.ticks % 20 == 0:
            tokens = np.zeros((len(RIG.cameras), len(points), 3), np.float32)
            for camera, keypoint, (u, v), _ in in_view(sim):
                tokens[camera, keypoint] = 2 * u - 1, 2 * v - 1, 1
            found, seen = triangulation.places(tokens, process.joints())
            several = seen & ((tokens[..., 2] > 0).sum(0) > 1)
            true = np.stack([place(sim, point) for point in points])
            errors.extend(np.linalg.norm(found - true, axis=-1)[several])
        demonstration.tick()
    assert len(errors) > 20
    assert max(errors) < 3e-3, "MuJoCo's poses are a step old: a millimetre where an arm is quick"
    assert np.median(errors) < 1e-3
