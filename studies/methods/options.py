"""What a study compares, and how much of it all (`studies/methods/study.py`)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aloe_data.config import ConfigError, parameter
from aloe_data.section import nearest
from aloe_sim.tasks import TASKS
from aloe_sim.tasks.variation import VARIATIONS

KEEP_GOOD = {"rule": "binary", "human": "forced_positive", "failures": "dropped"}
WEIGHTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "bc_more": ({"method": "hg_dagger"}, {}),  # of demonstrations alone
    "hg_dagger": ({"method": "hg_dagger"}, {}),
    "hg_helped": ({"method": "hg_dagger"}, {"failures": "dropped"}),  # without corrections that did not help
    "hg_half": ({"method": "hg_dagger"}, {"failures": "dropped", "correction_share": 0.5}),  # and those half of all
    "filtered_bc": ({"method": "filtered_bc"}, {}),
    "uniform": ({"method": "uniform"}, {}),
    "awr": ({"method": "awr"}, {}),
    "recap": ({"method": "recap"}, {}),
    "aloe": ({"method": "aloe"}, {}),
    "aloe_top": ({"method": "aloe"}, {**KEEP_GOOD, "top": 0.5}),
    "aloe_chance": ({"method": "aloe", "advantage": "chance"}, {**KEEP_GOOD, "top": 0.5}),  # what the critic adds
    "aloe_seen": ({"method": "aloe", "advantage": "seen"}, {**KEEP_GOOD, "top": 0.5}),
    "poco": ({"method": "poco"}, {}),
}
"""How chunks are weighted: what `weigh` is asked for, and how advantages become weights, where they differ."""
AT_RUN_TIME = ("consensus", "guided", "aloe_guided", "aloe_top_guided")
"""Best of 8 samples: nearest to their mean (a control), or by the critic; of the warm start or an improved one."""
METHODS = ("bc", *WEIGHTS, *AT_RUN_TIME)
GROWS = ("out", "methods", "seeds", "rounds", "tested", "processes")
"""What may be asked for otherwise when a study goes on."""
WITH_CRITIC = ("aloe", "aloe_top", "aloe_chance", "aloe_seen", "poco", "guided", "aloe_guided", "aloe_top_guided")


@dataclass(frozen=True)
class StudyConfig:
    """What is compared, and how much of it all."""

    out: Path = parameter(doc="folder of the study")
    policy: Path = parameter(doc="checkpoint that every method begins with")
    store: str = parameter("", doc="store of its demonstrations, seen through its encoder; default: made anew")
    task: str = parameter("phone_packing", doc="task")
    methods: str = parameter(
        "bc,bc_more,hg_dagger,filtered_bc,uniform,awr,aloe,aloe_top,consensus,guided,aloe_top_guided",
        doc="separated by commas; of " + ", ".join(METHODS),
    )
    seeds: int = parameter(5, low=1, doc="independent studies")
    rounds: int = parameter(1, low=1, doc="of collecting and improving")
    demos: int = parameter(100, low=2, doc="demonstrations that every method keeps learning from")
    warm_steps: int = parameter(
        0, low=0, doc="of a warm start trained anew for every seed on its demonstrations; 0: all begin with --policy"
    )
    episodes: int = parameter(100, low=1, doc="to collect in every round")
    evaluations: int = parameter(100, low=1, doc="held-out scenes per policy")
    variation: str = parameter("none", doc="of the scenes to collect in")
    tested: str = parameter(
        "none", doc="variations to evaluate in, separated by commas; disturbed@10: with chunks of 10 ticks"
    )
    skill: float = parameter(0.8, low=0.0, high=1.0, doc="share of the person's takeovers that go well")
    reaction_s: float = parameter(0.4, unit="s", low=0.0, high=5.0, doc="the person's")
    tremor_m: float = parameter(0.002, unit="m", low=0.0, high=0.05, doc="the person's (std)")
    stall_s: float = parameter(8.0, unit="s", low=0.5, doc="without progress until the person takes over")
    hand_back: bool = parameter(True, doc="the person gives the arms back when the trouble is over; false: it finishes")
    n_action_steps: int = parameter(25, unit="ticks", low=1, high=50, doc="h")
    latency_ticks: int = parameter(
        4,
        unit="ticks",
        low=0,
        high=49,
        doc="from an observation until its chunk is followed; fewer than h (4: as in the graph)",
    )
    stride: int = parameter(5, unit="ticks", low=1, doc="between the ticks at which chunks begin")
    actor_steps: int = parameter(1500, low=1, doc="of every improvement")
    actor_rate: float = parameter(5e-4, low=0.0, doc="learning rate of every improvement")
    actor_batch: int = parameter(128, low=1, doc="observations per step of policies")
    critic_steps: int = parameter(1500, low=1, doc="of the critic")
    value_steps: int = parameter(500, low=1, doc="of each of the two state values of awr")
    timeout_s: float = parameter(30.0, unit="s", low=1.0, doc="limit of an episode")
    pictures: int = parameter(500, low=1, doc="rendered moments by which the errors of the encoder are measured")
    processes: int = parameter(1, low=1, high=256, doc="seeds at a time, of one thread each")

    @property
    def named(self) -> list[str]:
        """The methods."""
        return self.methods.split(",")

    def check(self) -> None:
        """Refuse a method, task, variation or store that does not exist, and a guided policy that nobody improves.

        Raises:
            ConfigError: with the remedy.
        """
        tests = [read_test(test, self.n_action_steps) for test in self.tested.split(",")]
        kinds = {"--methods": (self.named, METHODS), "--tested": ([name for name, _ in tests], VARIATIONS)}
        kinds |= {"--variation": ([self.variation], VARIATIONS), "--task": ([self.task], TASKS)}
        for option, (given, known) in kinds.items():
            if unknown := [name for name in given if name not in known]:
                raise ConfigError(f"{option} {unknown[0]}: unknown; {nearest(unknown[0], known)}")
        shortest = min(self.n_action_steps, *(h for _, h in tests))
        if self.latency_ticks >= shortest:
            raise ConfigError(
                f"--latency-ticks {self.latency_ticks}: no chunk of {shortest} ticks would ever be followed; less "
                "latency, or longer chunks (--n-action-steps, --tested)"
            )
        for name in self.named:
            base = name.removesuffix("_guided")
            if base != name and base not in self.named:
                raise ConfigError(f"--methods {name}: guides what {base} makes; name that as well")
        if self.store and not (Path(self.store) / "store.json").exists():
            raise ConfigError(
                f"--store {self.store}: no store of episodes; make one with `ros2 run aloe_policy ingest`"
            )


def read_test(said: str, usual: int) -> tuple[str, int]:
    """What policies are evaluated in, VARIATION or VARIATION@TICKS: the variation, and ticks per chunk.

    Raises:
        ConfigError: ticks that are none.
    """
    name, _, ticks = said.partition("@")
    if ticks and not 1 <= int(ticks if ticks.isdigit() else 0) <= 50:
        raise ConfigError(f"--tested {said}: {ticks} is no number of ticks; say {name}@10, of 1 to 50")
    return name, int(ticks or usual)
