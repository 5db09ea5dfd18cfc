"""How much scenes differ beyond where their objects lie, and what disturbs an episode; nothing does by default."""

from dataclasses import dataclass, replace

from aloe_data.config import parameter
from aloe_data.section import nearest


@dataclass(frozen=True)
class Variation:
    """Largest deviations; what an episode gets is drawn from its seed, apart from where its objects lie."""

    spread: float = parameter(0.0, low=0.0, high=0.5, doc="share by which start poses leave their usual ranges")
    colours: float = parameter(0.0, low=0.0, high=0.3, doc="change of a colour's channels, of 1")
    textures: bool = parameter(False, doc="another table top in every episode")
    lights: float = parameter(0.0, low=0.0, high=0.9, doc="share by which lights change in strength and direction")
    camera_m: float = parameter(0.0, unit="m", low=0.0, high=0.1, doc="shift of every camera")
    camera_rad: float = parameter(0.0, unit="rad", low=0.0, high=0.3, doc="turn of every camera")
    friction: float = parameter(0.0, low=0.0, high=0.8, doc="share by which friction changes, per surface")
    latency_s: float = parameter(0.0, unit="s", low=0.0, high=0.2, doc="delay of the arms behind their commands")
    unseen: bool = parameter(False, doc="objects and table tops that are held out of training")
    push: float = parameter(0.0, low=0.0, high=1.0, doc="chance that an object is pushed, per episode")
    bump: float = parameter(0.0, low=0.0, high=1.0, doc="chance that an arm is bumped, per episode")
    slip: float = parameter(0.0, low=0.0, high=1.0, doc="chance that a grasp slips, per episode")


_TRAINING = Variation(
    spread=0.1,
    colours=0.08,
    textures=True,
    lights=0.3,
    camera_m=0.006,
    camera_rad=0.015,
    friction=0.2,
    latency_s=0.02,
)
VARIATIONS = {
    "none": Variation(),
    "training": _TRAINING,
    "unseen": replace(_TRAINING, unseen=True),
    "disturbed": Variation(push=0.7, bump=0.7, slip=0.7),
    "all": replace(_TRAINING, unseen=True, push=0.7, bump=0.7, slip=0.7),
}


def named_variation(name: str) -> Variation:
    """The variation called `name`. Raises ValueError that says which there are."""
    if name not in VARIATIONS:
        raise ValueError(f"unknown variation '{name}'; {nearest(name, VARIATIONS)}")
    return VARIATIONS[name]
