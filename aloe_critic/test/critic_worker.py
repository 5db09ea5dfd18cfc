"""`train_critic` as `torchrun` starts it, with the network of the tests.

Writes each step's loss to $LOSSES, and process 1 dies in step $DEADLY.
"""

import os
import signal
from functools import partial

import critic_store as made

from aloe_critic.learner import CriticLearner
from aloe_critic.ros import train_critic as command

step, losses = CriticLearner.step, os.environ["LOSSES"]


def step_or_die(learner, batch):
    if os.environ["RANK"] == "1" and learner.steps_done + 1 == int(os.environ["DEADLY"]):
        os.kill(os.getpid(), signal.SIGKILL)
    metrics = step(learner, batch)
    if os.environ["RANK"] == "0":
        with open(losses, "a") as file:
            file.write(f"{metrics['loss']}\n")
    return metrics


CriticLearner.step = step_or_die
command.NetworkConfig = partial(command.NetworkConfig, heads=made.NETWORK.heads, bins=made.NETWORK.bins, dropout=0.0)
command.main()
