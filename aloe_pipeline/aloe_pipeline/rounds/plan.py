"""What stays the same through the rounds of a run, and what cannot go together."""

from dataclasses import dataclass
from pathlib import Path

from aloe_data.config import ConfigError
from aloe_data.replay import ReplayConfig
from aloe_data.seeds import HELD_OUT, refuse_held_out
from aloe_pipeline.rounds.options import WARM_START, LoopOptions, RoundOptions
from aloe_pipeline.rounds.run_folder import RunFolder


@dataclass(frozen=True)
class Plan:
    """What stays the same through all rounds.

    Attributes:
        folder: of the run.
        options: what was asked for.
        rig_file: that `options.rig` means.
        simulated: what the rig is.
        policy: checkpoint to begin with.
        store: of the ingested bags.
    """

    folder: RunFolder
    options: RoundOptions
    rig_file: Path
    simulated: bool
    policy: Path
    store: Path

    @property
    def evaluates(self) -> bool:
        """Candidates can be measured without moving anything."""
        return self.simulated and self.options.evaluate_episodes > 0

    def candidate(self, number: int) -> Path:
        """The policy that a round makes."""
        return self.folder.round(number) / "policy"

    @property
    def common(self) -> tuple[str, ...]:
        """Words that every command takes which learns."""
        return ("--rig", str(self.rig_file), "--store", str(self.store), f"--threads={self.options.threads}")

    @property
    def critic_encoder(self) -> tuple[str, ...]:
        """Words for the encoder of the critic, where it should not be the default one."""
        chosen = self.options.critic_encoder
        return ("--critic-encoder", chosen) if chosen else ()

    @property
    def chunks(self) -> tuple[str, ...]:
        """Words for what drives or judges chunks, where it should not be as by default."""
        steps = self.options.n_action_steps
        return (f"--n-action-steps={steps}",) if steps else ()


@dataclass(frozen=True)
class Current:
    """The policy that is in use, and the round that made it; 0: the one that the run began with."""

    policy: Path
    round: int


def check(options: RoundOptions) -> None:
    """Refuse what cannot go together before anything starts.

    Raises:
        ConfigError: with the remedy.
    """
    ticks = options.n_action_steps or ReplayConfig().n_action_steps
    if options.evaluate_episodes and options.latency_ticks >= ticks:
        raise ConfigError(
            f"latency_ticks:={options.latency_ticks}: a chunk that begins every {ticks} ticks (n_action_steps) would "
            "never be followed; give fewer"
        )
    if not isinstance(options, LoopOptions):
        return
    if options.begin == WARM_START and options.method == "poco":
        raise ConfigError("method:=poco learns chunks of the present policy; use begin:=previous")
    last = options.seed + 2 * options.rounds * options.episodes  # what is aborted is collected again
    nearest = min(max(options.seed, HELD_OUT.start), last)
    refuse_held_out((nearest,), f"seed:={options.seed}")
