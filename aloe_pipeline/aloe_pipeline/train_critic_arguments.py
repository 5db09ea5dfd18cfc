"""What `train_critic.launch.py` can be asked for, and the command that it runs."""

from dataclasses import dataclass
from pathlib import Path

from aloe_data.config import parameter


@dataclass(frozen=True)
class TrainCriticArguments:
    """Arguments of a critic's training; `train_critic --help` has all choices."""

    bags: str = parameter(doc="folder of episode bags")
    policy: str = parameter("", doc="checkpoint of the policy whose value is learned; empty: the shipped checkpoint")
    out: str = parameter("", doc="checkpoint folder to write; empty: BAGS with _critic at its end")
    rig: str = parameter("sim", doc="rig file, or NAME for the installed config/rig_NAME.yaml")
    encoder: str = parameter("", doc="image encoder (.safetensors); empty: the policy's own")
    critic_encoder: str = parameter("", doc="image encoder of the critic: policy, pretrained, or a file; empty: chosen")
    steps: int = parameter(0, low=0, doc="optimiser steps; 0: as train_critic has it")
    watch_s: float = parameter(0.0, unit="s", low=0.0, doc="look for new bags this often; 0: never")
    resume: bool = parameter(False, doc="go on with the training that was stopped")


def command_line(given: TrainCriticArguments, rig_file: Path, checkpoint: Path) -> list[str]:
    """Arguments of `train_critic`.

    Args:
        given: what was asked for.
        rig_file: that `given.rig` means.
        checkpoint: that `given.policy` means.
    """
    bags = Path(given.bags).expanduser().resolve()
    out = Path(given.out).expanduser().resolve() if given.out else bags.with_name(f"{bags.name}_critic")
    words = ["--bags", str(bags), "--policy", str(checkpoint), "--rig", str(rig_file), "--out", str(out)]
    words += ["--encoder", str(Path(given.encoder).expanduser().resolve())] if given.encoder else []
    words += ["--critic-encoder", given.critic_encoder] if given.critic_encoder else []
    words += ["--steps", str(given.steps)] if given.steps else []
    words += ["--watch-s", str(given.watch_s)] if given.watch_s else []
    return [*words, *["--resume"] * given.resume]
