"""What rounds of improvement can be asked for: the arguments of `improve.launch.py` and `aloe.launch.py`."""

import dataclasses
from dataclasses import dataclass

from aloe_data.config import parameter
from aloe_pipeline.promotion import PromotionConfig

METHODS = ("aloe", "filtered_bc", "hg_dagger", "uniform", "awr", "recap", "poco")
WITH_CRITIC = ("aloe", "poco")
WITHOUT = "without"
STOP = "stop"
KEEP = "keep"
TAKE = "take"
PREVIOUS = "previous"
WARM_START = "warm_start"


@dataclass(frozen=True)
class RoundOptions(PromotionConfig):
    """How a policy is improved and measured."""

    policy: str = parameter("", doc="checkpoint to begin with; empty: the one shipped for the task")
    rig: str = parameter("sim", doc="rig file, or NAME for the installed config/rig_NAME.yaml")
    task: str = parameter("", doc="task of a simulated rig; empty: the one that the rig file names")
    variation: str = parameter("none", doc="how much simulated scenes differ: none, training, unseen, disturbed, all")
    timeout_s: float = parameter(40.0, unit="s", low=0.5, high=3600.0, doc="limit of an episode")
    n_action_steps: int = parameter(
        0, unit="ticks", low=0, doc="h, from one chunk to the next, wherever chunks are driven or judged; 0: 25"
    )
    latency_ticks: int = parameter(
        4, unit="ticks", low=0, high=50, doc="of evaluations, from a look until its chunk is followed, as in the graph"
    )
    method: str = parameter("aloe", choices=METHODS, doc="how chunks are weighted")
    force: bool = parameter(False, doc="go on with a critic that failed its gates")
    failed_critic: str = parameter(
        WITHOUT, choices=(WITHOUT, STOP), doc="a round whose critic failed goes on by people's help, or stops"
    )
    critic_steps: int = parameter(1000, low=0, doc="optimiser steps of the critic; 0: as train_critic has it")
    actor_steps: int = parameter(0, low=0, doc="optimiser steps of the policy; 0: as improve has it")
    critic_encoder: str = parameter(
        "",
        doc="image encoder of the critic: policy, pretrained or a file; empty: the policy's where that is frozen, else "
        "pretrained",
    )
    critic_options: str = parameter("", doc="more words for train_critic, such as '--num-critics 2'")
    weigh_options: str = parameter("", doc="more words for weigh, such as '--beta 0.3'")
    actor_options: str = parameter("", doc="more words for improve, such as '--learning-rate 1e-4'")
    evaluate_episodes: int = parameter(50, low=0, doc="held-out scenes at a time (simulated rigs); 0: no evaluation")
    evaluate_at_most: int = parameter(200, low=1, doc="scenes, while it cannot yet be told which policy is better")
    untested: str = parameter(
        KEEP, choices=(KEEP, TAKE), doc="a candidate that nothing measures (real rigs) waits for a person, or is used"
    )
    threads: int = parameter(2, low=1, doc="CPU threads of a training, and processes of reading and evaluating")


@dataclass(frozen=True)
class ImproveOptions(RoundOptions):
    """Arguments of one improvement from bags."""

    bags: str = parameter(doc="folder of episode bags")
    out: str = parameter("", doc="run folder; the candidate is in round_1/policy there; empty: BAGS_improved")


@dataclass(frozen=True)
class LoopOptions(RoundOptions):
    """Arguments of collecting and improving in turn."""

    run: str = parameter("runs/aloe", doc="run folder; the same command goes on where it stands")
    rounds: int = parameter(3, low=1, high=1000, doc="how often")
    episodes: int = parameter(50, low=1, high=100_000, doc="to collect in each round")
    human: str = parameter("scripted", doc="who may take over: scripted, pedals, ..., a teleop file, or 'false'")
    operator: str = parameter("pedals", doc="devices of whoever says ready and stops where human:=false (real rigs)")
    prompt: str = parameter("", doc="the task in words; empty: the simulated task's own")
    bags: str = parameter("", doc="folder of more bags to learn from, such as demonstrations")
    store: str = parameter(
        "",
        doc="store of bags that were ingested for this policy before, to learn from as well; empty: where neither "
        "policy nor bags are given, the shipped policy's demonstrations; 'false': none",
    )
    seed: int = parameter(200_000, low=0, doc="first scene to collect in; rises by one per episode, through all rounds")
    real_time_factor: float = parameter(1.0, low=0.05, high=20.0, doc="simulated seconds per second of collecting")
    continuous: bool = parameter(False, doc="collect the next round while one is learned from")
    begin: str = parameter(PREVIOUS, choices=(PREVIOUS, WARM_START), doc="where each round's training begins")


def command_words(options: object) -> list[str]:
    """Options as words of a command line."""
    words: list[str] = []
    for field in dataclasses.fields(options):  # type: ignore[arg-type]
        name = field.name.replace("_", "-")
        value = getattr(options, field.name)
        words += [f"--{name}" if value else f"--no-{name}"] if isinstance(value, bool) else [f"--{name}={value}"]
    return words
