"""The model card that lies in every checkpoint folder."""

from collections.abc import Mapping
from typing import Any

from aloe_data.rig import Rig

_TEMPLATE = """# Model card: tiny flow-matching VLA for the rig `{rig}`

What it is: a vision-language-action policy. It reads {cameras} camera views, the prompt's words and the arms' joint
positions, and proposes chunks of set points at {rate:g} Hz in the action space `{space}`.

| | |
|---|---|
| parameters | {parameters:,} |
| trained on | {episodes} successful episodes, {observations:,} observations (one every {stride} ticks) |
| steps | {steps:,} of {batch} observations |
| time | {minutes:g} minutes |
| held-out flow loss | {held_out_loss:.4f} |
| held-out error of sampled chunks | {held_out_rmse:.4f} standard deviations |

The image encoder was pretrained in simulation to say where the objects are: it saw privileged labels, the policy does
not. It is frozen; one encoder serves all cameras.

Limits: it knows the objects, words and places of its training data and nothing else. It is no safety device: positions,
speeds and accelerations are limited by the control node, whatever it proposes.
"""


def model_card(rig: Rig, facts: Mapping[str, Any]) -> str:
    """Text of the card.

    Args:
        rig: the rig it was trained for.
        facts: of the training, as `train` collects them.
    """
    learner = facts["learner"]
    return _TEMPLATE.format(
        rig=rig.name,
        cameras=len(rig.cameras),
        rate=rig.rate_hz,
        space=rig.action_space,
        steps=learner["steps"],
        batch=learner["batch_size"],
        **{k: v for k, v in facts.items() if k != "learner"},
    )
