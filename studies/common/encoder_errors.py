"""How an image encoder errs, measured on rendered scenes: then episodes can do without pictures.

An error is drawn from those that the encoder made with the same keypoint in the same camera, when it was as visible:
its presence and its offset together. What is not modelled: that errors of consecutive frames are alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aloe_data.codecs import decode_compressed, encode_jpeg
from aloe_data.observation import Observation
from aloe_data.rig import Rig
from aloe_policy.backend import load_policy
from aloe_policy.tiny.policy import TinyPolicy
from aloe_sim.rig.cameras import CameraRenderer
from aloe_sim.rig.keypoints import in_view
from aloe_sim.rig.sim_rig import ActuatorNoise, SimRig
from aloe_sim.rollout.in_process import InProcessRig
from aloe_sim.tasks import make_task
from aloe_sim.tasks.expert_base import CannotHelpError
from aloe_sim.tasks.registry import make_expert
from aloe_sim.tasks.variation import named_variation

OUTSIDE = 0
HIDDEN = 1
VISIBLE = 2
FIRST_SCENE = 600_000
EVERY = 10  # control ticks between two pictures
NOISE_RAD = 0.015  # of the arms, so that the scenes are not all perfect
LONGEST = 1000  # ticks of a scene
Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EncoderErrors:
    """Samples [n, 3] by camera, keypoint and how visible it was: presence, and the error of u and v (-1 to 1)."""

    samples: Mapping[tuple[int, int, int], Array]

    def seen(self, places: Array, rng: np.random.Generator) -> NDArray[np.float16]:
        """Features [C, K, 3] of keypoints at places [C, K, 3] (see `true_places`)."""
        features = np.zeros(places.shape)
        for (camera, keypoint), visible in np.ndenumerate(places[..., 2]):
            known = self.samples.get((camera, keypoint, int(visible)))
            if known is not None:
                presence, *offset = known[rng.integers(len(known))]
                features[camera, keypoint] = *(presence * (places[camera, keypoint, :2] + offset)), presence
        return features.astype(np.float16)

    def reduced(self, offsets: float, presence_known: bool) -> "EncoderErrors":
        """Those of a better encoder: a share of the offsets, and presence 1 of what is visible and 0 of all else."""
        less = {}
        for (camera, keypoint, visible), samples in self.samples.items():
            presence = np.full(len(samples), float(visible == VISIBLE)) if presence_known else samples[:, 0]
            less[camera, keypoint, visible] = np.column_stack([presence, offsets * samples[:, 1:]])
        return EncoderErrors(less)


def true_places(sim: SimRig) -> Array:
    """Where the keypoints are in the views [C, K, 3]: u, v from -1 to 1, and OUTSIDE, HIDDEN or VISIBLE."""
    places = np.zeros((len(sim.rig.cameras), len(sim.task.keypoint_names), 3))
    for camera, keypoint, uv, visible in in_view(sim):
        places[camera, keypoint] = 2 * uv[0] - 1, 2 * uv[1] - 1, VISIBLE if visible else HIDDEN
    return places


def measure_errors(checkpoint: str, rig: Rig, task: str, variation: str = "none", pictures: int = 500) -> EncoderErrors:
    """Show an encoder scenes in which an expert works; seconds.

    Args:
        checkpoint: Folder of the policy whose encoder is measured.
        rig: Simulated rig.
        task: Name of a task with keypoints.
        variation: Name of how much scenes differ; an encoder errs more where things look unlike its training data.
        pictures: Number of moments whose views are encoded.

    Raises:
        ValueError: no such task or variation, or a policy of a kind without keypoints.
        CheckpointError: see `load_policy`.
    """
    policy = load_policy(checkpoint, rig)
    if not isinstance(policy, TinyPolicy):
        raise ValueError(f"{checkpoint}: its kind of policy sees no keypoints")
    process = InProcessRig(SimRig(rig, make_task(task), ActuatorNoise(NOISE_RAD), named_variation(variation)))
    renderer = CameraRenderer(process.sim.model, rig)
    found: dict[tuple[int, int, int], list[Array]] = {}
    taken = 0
    scene = FIRST_SCENE
    while taken < pictures:
        taken += _encode_one_episode(process, renderer, policy, scene, found)
        scene += 1
    renderer.close()
    return EncoderErrors({key: np.array(samples) for key, samples in found.items()})


def _encode_one_episode(
    process: InProcessRig,
    renderer: CameraRenderer,
    policy: TinyPolicy,
    scene: int,
    found: dict[tuple[int, int, int], list[Array]],
) -> int:
    """An episode of the expert, with what the encoder made of it; the number of pictures."""
    sim = process.sim
    rig = process.rig
    process.reset(scene)
    expert = make_expert(sim)
    for tick in range(LONGEST):
        if tick % EVERY == 0:
            jpegs = {c.name: encode_jpeg(renderer.render(sim.data, c.name)) for c in rig.cameras}
            images = {c.name: decode_compressed(jpegs[c.name], c) for c in rig.cameras}
            features = policy.look(Observation(process.stamp_ns, process.joints(), images, sim.prompt))
            _note(features.astype(float), true_places(sim), found)
        if tick % 25 == 0:
            try:
                process.offer(expert.chunk(50, executed=25), "expert")
            except CannotHelpError:
                break
        process.tick()
        if sim.task.success(sim.data) or sim.task.failure(sim.data):
            break
    return tick // EVERY + 1


def _note(features: Array, places: Array, found: dict[tuple[int, int, int], list[Array]]) -> None:
    for (camera, keypoint), visible in np.ndenumerate(places[..., 2]):
        *uv, presence = features[camera, keypoint]
        offset = np.array(uv) / max(presence, 1e-3) - places[camera, keypoint, :2]
        found.setdefault((camera, keypoint, int(visible)), []).append(np.array([presence, *offset]))
