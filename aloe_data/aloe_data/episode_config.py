"""Parameters of episode_node."""

from dataclasses import dataclass
from pathlib import Path

from aloe_data.config import parameter


@dataclass(frozen=True)
class EpisodeConfig:
    """Parameters of episode_node."""

    rig: Path = parameter(doc="Path of the rig's YAML file.")
    record: bool = parameter(True, doc="Record every episode; needs recorder_node.")
    timeout_s: float = parameter(40.0, unit="s", low=0.1, doc="Limit per episode where the request gives none.")
    arm_timeout_s: float = parameter(
        0.0,
        unit="s",
        low=0.0,
        doc="Limit for motion to be enabled; 0: 60 s in simulation, else none.",
    )
    ready_hint: str = parameter(
        "press the ready key of the operator's device", doc="What a person does to say ready, for people to read."
    )
    service_timeout_s: float = parameter(15.0, unit="s", low=0.1, doc="Limit for other nodes to answer.")
    silence_s: float = parameter(5.0, unit="s", low=0.5, doc="Control, recorder or clock silent for longer: abort.")
