"""The model card that lies in every checkpoint folder."""

from collections.abc import Mapping
from typing import Any

from aloe_data.rig import Rig
from aloe_policy.improvement_weights import say

_TEMPLATE = """# Model card: {kind} policy for the rig `{rig}`

What it is: a vision-language-action policy. It reads {cameras} camera views, the prompt's words and the arms' joint
positions, and proposes chunks of set points at {rate:g} Hz in the action space `{space}`.

| | |
|---|---|
| parameters that train | {parameters:,} |
| trained on | {episodes} successful episodes, {observations:,} observations (one every {stride} ticks) |
| steps | {steps:,} of {batch} observations |
| time | {minutes:g} minutes |
| held-out flow loss | {held_out_loss:.4f} |
| held-out error of sampled chunks | {held_out_rmse:.4f} standard deviations |

{about}

Limits: it knows the objects, words and places of its training data and nothing else. It is no safety device: positions,
speeds and accelerations are limited by the control node, whatever it proposes.
"""

_IMPROVED = """# Model card: improved policy for the rig `{rig}`

Came from the policy `{improved_from:.12}` by `{method}`, with its encoder and statistics; see also that policy's card.
All options are in `config.json`.

| | |
|---|---|
| chunks | {chunks:,} of positive weight, of {of:,} |
| weights | {said} |
| steps | {steps:,} of {batch} chunks |
| time | {minutes:g} minutes |
| held-out flow loss on {measured_on} | {held_out_loss:.4f}, {held_out_loss_at_start:.4f} before |

Whether it is better than what it came from only episodes can tell.
"""


def improved_card(rig: Rig, facts: Mapping[str, Any]) -> str:
    """Text of the card of a policy that came from another one.

    Args:
        rig: Rig that the policy was trained for.
        facts: Facts of the training, as `improve` collects them.
    """
    learner = facts["learner"]
    return _IMPROVED.format(
        rig=rig.name,
        said=say(facts["statistics"]),
        steps=learner["steps"],
        batch=learner["batch_size"],
        **facts,
    )


def model_card(rig: Rig, facts: Mapping[str, Any], about: str) -> str:
    """Text of the card.

    Args:
        rig: Rig that the policy was trained for.
        facts: Facts of the training, as `train` collects them.
        about: Paragraphs about the kind of policy.
    """
    learner = facts["learner"]
    return _TEMPLATE.format(
        rig=rig.name,
        cameras=len(rig.cameras),
        rate=rig.rate_hz,
        space=rig.action_space,
        steps=learner["steps"],
        batch=learner["batch_size"],
        about=about.strip(),
        **{name: value for name, value in facts.items() if name != "learner"},
    )
