"""What `weigh` can be asked for."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from aloe_critic.ros.critic_data import ChunksConfig
from aloe_critic.scorer import AskConfig
from aloe_critic.state_value import ValueConfig
from aloe_critic.weights import WeightConfig
from aloe_data.config import parameter
from aloe_data.replay import Replay

METHODS = ("aloe", "poco", "awr", "recap", "filtered_bc", "hg_dagger", "uniform")
ASKING = ("aloe", "poco")  # methods that need a critic
BY_VALUE = ("awr", "recap")  # methods that learn a state value
BY_ADVANTAGE = ("aloe", "awr")  # methods for which --rule counts


@dataclass(frozen=True)
class WeighConfig(ChunksConfig):
    """What to weigh, how, and where to write."""

    n_action_steps: int = parameter(0, unit="ticks", low=0, doc="h, executed steps; 0: the critic's, or half a chunk")
    advantage: str = parameter(
        "promised",
        choices=("promised", "seen", "chance"),
        doc="aloe's: Q - V; rewards and V of the state after n-step chunks - V; or Q - V of other chunks (a control)",
    )
    n_step: int = parameter(
        2, low=1, doc="chunks of h whose rewards add up before the state after them counts (recap, --advantage seen)"
    )
    method: str = parameter("aloe", choices=METHODS, doc="what makes a chunk good")
    critic: str = parameter("", doc="checkpoint of the critic to ask")
    out: Path = parameter(doc="file to write (.npz)")


@dataclass(frozen=True)
class Choices:
    """How a critic is asked, how advantages become weights, and how a state value is learnt."""

    ask: AskConfig = field(default_factory=AskConfig)
    weights: WeightConfig = field(default_factory=WeightConfig)
    value: ValueConfig = field(default_factory=ValueConfig)


def looks_ahead(config: WeighConfig) -> bool:
    """Whether the state after the chunks counts."""
    return config.method == "recap" or (config.method == "aloe" and config.advantage == "seen")


def options_of(config: WeighConfig, choices: Choices, replay: Replay) -> dict[str, dict[str, Any]]:
    """All that a method's outcome depends on beside its data."""
    weights = asdict(choices.weights)
    if config.method not in BY_ADVANTAGE:
        shares = ("failures", "correction_share")
        counting = {"poco": ("beta",), "recap": ("top", *shares)}.get(config.method, shares)
        weights = {name: weights[name] for name in counting}
    options = {"chunks": {name: getattr(config, name) for name in ("n_action_steps", "stride", "segments")}}
    options["weights"] = weights
    if config.method in ASKING:
        options["ask"] = asdict(choices.ask)
    if config.method == "aloe":
        options["weights"]["advantage"] = config.advantage
    if looks_ahead(config):
        options["chunks"]["n_step"] = config.n_step
    if config.method in BY_VALUE:
        options |= {"value": asdict(choices.value), "reward": asdict(replay.reward)}
    return options
