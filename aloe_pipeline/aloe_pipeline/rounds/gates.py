"""What stops a round before it does harm: a critic that cannot be trusted, and a candidate that is not better."""

import time
from collections.abc import Sequence
from pathlib import Path

from aloe_pipeline.promote import decide, read_all
from aloe_pipeline.promotion import PromotionConfig
from aloe_pipeline.rounds.results import LEFT_UNTESTED, TAKEN_UNTESTED, Decided, Gated, read_json

TRYING = "the next rollout is its evaluation, and the policy before stays where it is"
WAITING = (
    "try it on the rig, on trial (/policy/load); untested:=take goes on with it, and with every one after it that is "
    "not measured"
)


class GateError(RuntimeError):
    """The round ends here; the message says why, and what can be done."""


def pass_critic(critic: Path, force: bool, without: bool = False) -> Gated:
    """What is known of a critic, and whether policies are improved with it.

    Args:
        critic: its folder.
        force: use it even if it failed its gates.
        without: go on without it if it failed.

    Raises:
        GateError: it failed, and neither was said.
        ConfigError: it cannot be read.
    """
    config = read_json(critic / "config.json")
    used = config["passed"] or force
    if not (used or without):
        raise GateError(
            f"{critic} failed its gates: {'; '.join(config['judgement'])}. Collect more episodes, both good and bad "
            "ones, or train it longer (critic_steps:=...); to go on without it: failed_critic:=without; with it all "
            "the same: force:=true"
        )
    return Gated(config["passed"], used, config["judgement"])


def judge_candidate(
    candidate: Path,
    evaluated: Sequence[Path],
    against: Sequence[Path],
    config: PromotionConfig,
    take_untested: bool = False,
) -> Decided:
    """Whether a candidate is used from now on.

    Args:
        candidate: its folder.
        evaluated: files of its evaluations; none on a rig where every episode moves something.
        against: the same of the policy that is in use.
        config: how sure.
        take_untested: use it without any evaluation.

    Raises:
        ConfigError: a file is missing or none of `evaluate`'s, or they were made under different conditions.
    """
    if not evaluated:
        choice, said = (TAKEN_UNTESTED, TRYING) if take_untested else (LEFT_UNTESTED, WAITING)
        return Decided(choice, f"nothing was measured; {said}", str(candidate), time.time())
    made = decide(read_all(evaluated), read_all(against), config)
    return Decided(made.choice.value, made.reason, str(candidate), time.time())
