"""What a check of a bag is given, and what it brings to light."""

from dataclasses import dataclass, field

from aloe_data.bag_state import BagState
from aloe_data.recording import EpisodeRecord
from aloe_data.rig import Rig


@dataclass(frozen=True)
class Subject:
    """A whole bag: its state, what it says about its episode, and its rig; `quick`: a sample has to do."""

    state: BagState
    record: EpisodeRecord
    rig: Rig
    quick: bool


@dataclass
class Findings:
    """What is wrong with a bag, and what is worth knowing of it."""

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
