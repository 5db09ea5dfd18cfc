"""The order of the stages of a run.

    collect -> ingest -> critic -> gate -> timelines -> weights -> actor -> evaluation -> decision

A plan is a generator: what comes next may depend on what a stage has left, such as the decision. It is asked again from
the start after an interruption, and yields the same stages again.

With `continuous` the next round is collected while one is learned from, both with the policy that was in use before:

    collect 1 -> | learn from 1 (P0) | -> | learn from 2 (P1) | -> ...      P1: the policy in use after round 1
                 | collect 2    (P0) |    | collect 3    (P1) |
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from aloe_pipeline.promotion import Choice
from aloe_pipeline.rounds.options import WITH_CRITIC, ImproveOptions, LoopOptions
from aloe_pipeline.rounds.plan import Current, Plan
from aloe_pipeline.rounds.results import LEFT_UNTESTED, numbered, read_decision, read_gate
from aloe_pipeline.rounds.stage import Stage
from aloe_pipeline.rounds.stages import (
    actor,
    collection,
    decision,
    evaluation,
    gate,
    ingest,
    timelines,
    train_critic,
    weights,
    without_critic,
)

YIELDS = 19  # niceness of learning beside a robot that moves: it gets what control, cameras and policy leave


def improvement(plan: Plan, options: ImproveOptions) -> Iterator[Stage]:
    """One improvement from bags."""
    yield from learn(plan, 1, [Path(options.bags)], Current(plan.policy, 0))


def loop(plan: Plan, options: LoopOptions) -> Iterator[Stage]:
    """Collect and improve, round after round; rounds before the one that is under way are history."""
    collector = current = Current(plan.policy, 0)
    begun = plan.folder.last_round("ingest" if options.continuous else "")
    begun += begun < options.rounds and _is_closed(plan, begun)
    if plan.evaluates and begun < 2:
        yield evaluation(plan, 0, current, 0)
    bags = [Path(options.bags)] if options.bags else []
    for number in range(1, options.rounds + 1):
        bags.append(plan.folder.bags(number))
        if number >= begun:
            yield collection(plan, options, number, collector)
            if options.continuous and number < options.rounds:
                yield replace(collection(plan, options, number + 1, current), beside=True)
            nice = YIELDS if options.continuous else 0
            yield from (replace(stage, nice=nice) for stage in learn(plan, number, bags, current))
        before = current
        current = in_use(plan, number, current)
        collector = before if options.continuous else current


def _is_closed(plan: Plan, number: int) -> bool:
    """Whether a round has come to an answer: where more rounds are asked for it is not opened again."""
    decisions = numbered(plan.folder.round(number), "decision")
    return bool(decisions) and read_decision(decisions[-1]).choice not in (Choice.MORE.value, LEFT_UNTESTED)


def in_use(plan: Plan, number: int, before: Current) -> Current:
    """The policy after a round: its candidate if that was taken, else the one before."""
    decisions = numbered(plan.folder.round(number), "decision")
    if decisions and read_decision(decisions[-1]).taken:
        return Current(plan.candidate(number), number)
    return before


def learn(plan: Plan, number: int, bags: Sequence[Path], current: Current) -> Iterator[Stage]:
    """From bags to a candidate, and whether it is used."""
    method = plan.options.method
    words_instead = None
    yield ingest(plan, number, bags, current)
    if method in WITH_CRITIC:
        yield train_critic(plan, number, current)
        checked = gate(plan, number)
        yield checked
        yield from timelines(plan, number, current)
        if not read_gate(checked.output).used:
            method, words_instead = without_critic(plan, number)
    yield weights(plan, number, current, method, words_instead)
    yield actor(plan, number, current)
    yield from judgement(plan, number, current)


def judgement(plan: Plan, number: int, current: Current) -> Iterator[Stage]:
    """Evaluate candidate and current policy in the same scenes until it can be told which is better."""
    at_a_time = plan.options.evaluate_episodes
    blocks = 0
    if plan.evaluates:
        blocks = max(1, plan.options.evaluate_at_most // at_a_time)
    candidate = Current(plan.candidate(number), number)
    for block in range(max(1, blocks)):
        if blocks:
            yield evaluation(plan, number, current, block)
            yield evaluation(plan, number, candidate, block)
        made = decision(plan, number, current, block if blocks else None)
        yield made
        if read_decision(made.output).choice != Choice.MORE.value:
            return
