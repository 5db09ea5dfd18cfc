"""What makes a critic know actions: one lever at a time, on fixed data, with several seeds.

    ./env python -m studies.critic.levers --store DIR --policy FOLDER --out DIR [--branches FILE] [--blunders DIR]
        [--steps 1500] [--seeds 2] [--only defaults,mse] [--processes 2]

The data: a store of episodes with failures and takeovers and one of episodes with a blunder at a known tick
(`data.py`), and branched states (`branches.py`). Columns of the table: health on held-out episodes;
share of pairs of chunks of one state that are ranked as their continuations were worth, among all, among the policy's
own proposals and against foreign chunks; the same where V of what was seen *after* each chunk ranks (what a critic
would know that foresaw perfectly); share of states in which the expert's chunk is ranked above a blunder; share of
blunders at which Q falls most, and at how many it would by chance. Finished runs are kept in --out, so that a stopped
study goes on; the table is printed after each.
"""

import json
import sys
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from aloe_critic.batches import Batches
from aloe_critic.branched import Branches, ceiling, fall, knowable, load_branches, nearness, outranks, rank
from aloe_critic.critic_config import CriticConfig
from aloe_critic.health import Gates
from aloe_critic.losses import value
from aloe_critic.networks import NetworkConfig
from aloe_critic.ros.critic_training import CriticTraining, TrainCriticConfig
from aloe_critic.ros.readers import Readers, open_both
from aloe_critic.scorer import AskConfig, ChunkScorer, load_scorer
from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.durable import replacing
from aloe_data.installed_files import find_rig_file
from aloe_data.replay import Replay, ReplayConfig
from aloe_data.rig_file import load_rig
from aloe_data.transitions import RewardConfig
from aloe_policy.observation_batch import ObservationBatch
from aloe_policy.ros.policy_store import BAD_INPUT
from aloe_policy.training_state import state_file
from bench.quick_parser import QuickParser
from studies.common.study_folder import same_options

ROOT = Path(__file__).parents[2]
QUICK = (
    "--out={folder}/levers",
    "--policy={assets}/phone_packing",
    "--store={folder}/critic/store",
    "--branches={folder}/branches.npz",
    "--blunders={folder}/critic/blunders",
    "--steps=5",
    "--batch-size=32",
    "--seeds=1",
    "--only=defaults",
)


@dataclass(frozen=True)
class Lever:
    """What differs from the defaults."""

    network: Mapping[str, Any] = field(default_factory=dict)
    learning: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)


NO_EXTRAS = {"counterfactual_weight": 0.0, "action_noise": 0.0, "weight_decay": 0.0}
LEVERS = {
    "defaults": Lever(),
    "plain": Lever({"bins": 1, "film": False, "dropout": 0.0}, NO_EXTRAS),
    "mse": Lever({"bins": 1}),
    "two_hot": Lever(learning={"loss": "two_hot"}),
    "slow": Lever(learning={"learning_rate": 3e-4}),
    "no_counterfactual": Lever(learning={"counterfactual_weight": 0.0}),
    "counterfactual_5": Lever(learning={"counterfactual_weight": 5.0}),
    "counterfactual_one_arm": Lever(learning={"foreign": "one_arm"}),
    "takeover_preference": Lever(learning={"takeover_weight": 1.0}),
    "no_action_noise": Lever(learning={"action_noise": 0.0}),
    "no_film": Lever({"film": False}),
    "no_dropout": Lever({"dropout": 0.0}),
    "one_chunk_ahead": Lever(data={"n_step": 1}),
    "monte_carlo": Lever(data={"n_step": 1000}),
    "short_chunks": Lever(data={"n_action_steps": 10}),
    "mean_target": Lever(learning={"q_agg": "mean"}),
    "spliced": Lever(data={"segments": "spliced"}),
    "separate_trunks": Lever({"trunks": "separate"}),
    "larger": Lever({"width": 128, "layers": 3}),
}


@dataclass(frozen=True)
class StudyConfig:
    """Data, and how much of it all."""

    store: str = parameter(doc="store of ingested episodes to learn from")
    policy: Path = parameter(doc="checkpoint of the policy whose value is learned")
    out: Path = parameter(doc="folder for critics and results")
    branches: Path | None = parameter(
        None, doc="file of branched states; without it chunks of one state are not ranked"
    )
    blunders: Path | None = parameter(
        None,
        doc="folder with blunders.jsonl; its store beside it, with _store at its end; without it falls are not found",
    )
    rig: str = parameter("sim", doc="rig file, or NAME of config/rig_NAME.yaml")
    steps: int = parameter(1500, low=1, doc="optimiser steps of every critic")
    batch_size: int = parameter(256, low=2, doc="chunks per step")
    seeds: int = parameter(2, low=1, doc="critics per lever")
    processes: int = parameter(1, low=1, high=256, doc="critics at a time, of one thread each")
    only: str = parameter("", doc="levers by name, separated by commas; empty: all")


def run(config: StudyConfig, name: str, seed: int, rig_file: Path) -> dict[str, float]:
    """Train one critic and measure it."""
    lever = LEVERS[name]
    out = config.out / f"{name}_{seed}"
    data = {"rig": rig_file, "policy": config.policy, "store": config.store, "held_out": 0.2, **lever.data}
    files = TrainCriticConfig(out=out, evaluate_every=config.steps, save_every=config.steps, **data)
    files = replace(files, resume=state_file(out).exists())
    learning = CriticConfig(seed=seed, steps=config.steps, batch_size=config.batch_size, **lever.learning)
    training = CriticTraining(files, NetworkConfig(**lever.network), learning)
    drawn = config.out / f"drawn_{seed}_{files.n_action_steps}_{files.n_step}_{files.segments}.pt"
    health = train(training, drawn, f"{name} {seed}")
    scorer = load_scorer(out, config.policy, load_rig(rig_file), AskConfig(force=True))
    reward = training.data.train.reward
    ranked = ranking(scorer, load_branches(config.branches), reward.discount) if config.branches else {}
    return health | ranked | (blunders_found(config.blunders, scorer, files, reward) if config.blunders else {})


def train(training: CriticTraining, drawn: Path, name: str) -> dict[str, float]:
    """Train a critic to its end and write it; returns its health.

    Args:
        training: Training to run.
        drawn: File of the policy's chunks that are bootstrapped from; critics with the same options share it.
        name: Name of the critic in what is printed.
    """
    steps = training.learner.config.steps
    bootstrap = training.learner.bootstrap
    if drawn.exists():
        bootstrap.load_state_dict(torch.load(drawn))

    def progress(step: int, metrics: dict[str, float]) -> None:
        if step % max(1, steps // 10) == 0:
            said = ", ".join(f"{key} {metrics[key]:.3f}" for key in ("td_loss", "q_mean", "q_std") if key in metrics)
            tqdm.write(f"{name}: step {step} of {steps} {said}")

    outcome = training.run(progress, lambda: False)
    assert outcome is not None, "nobody stops it"
    training.write(outcome, Gates())
    if not drawn.exists():
        with replacing(drawn) as whole:
            torch.save(bootstrap.state_dict(), whole)
    return {key: round(found, 4) for key, found in asdict(outcome.health).items()}


def ranking(scorer: ChunkScorer, branches: Branches, discount: float) -> dict[str, float]:
    """Accuracy of the critic's order, with what it should be held against."""
    h = scorer.n_action_steps
    kinds = branches.kinds
    space = scorer.policy.space
    scores, after = np.zeros((2, *branches.executed.shape[:2]))
    for k, state in enumerate(branches.state):
        many = len(kinds)
        tokens = branches.tokens[k][None].repeat(many, 0)
        joints = state[None].repeat(many, 0)
        rows = space.from_joints(branches.executed[k][:, :h])
        prompt = str(branches.prompt[k])
        here = observations(tokens, joints, prompt)
        later = observations(branches.next_tokens[k], branches.next_state[k], prompt)
        scores[k] = scorer.score_observations(here, here, rows).aggregated
        after[k] = scorer.score_observations(later, later, rows).value
    returns = branches.returns(discount)
    known = knowable(returns, branches.ticks >= 0, kinds)
    found = {
        "branched": rank(scores, returns, kinds),
        "after": rank(after, returns, kinds),
        "ceiling": ceiling(returns, kinds),
        "nearness": rank(nearness(branches.requested, kinds), returns, kinds),
    }
    return {
        f"{what}_{part}": getattr(r, part) for what, r in found.items() for part in ("all", "policy", "foreign")
    } | {
        "pairs": float(found["branched"].pairs[0]),
        "over_blunder": outranks(scores, kinds, "expert", "blunder"),
        **{f"knowable_{name}": part for name, part in asdict(known).items()},
    }


def observations(tokens: NDArray[np.float16], joints: NDArray[np.float32], prompt: str) -> ObservationBatch:
    """Observations [n] of one prompt, by the keypoints that policy and critic read."""
    index = torch.zeros(len(joints), dtype=torch.long)
    return ObservationBatch(torch.from_numpy(tokens), torch.from_numpy(joints), (prompt,), index)


def blunders_found(
    folder: Path, scorer: ChunkScorer, files: TrainCriticConfig, reward: RewardConfig
) -> dict[str, float]:
    """Share of blunders within one chunk of the largest fall of Q in their episode, and of such places in it."""
    lines = [json.loads(line) for line in (folder / "blunders.jsonl").read_text().splitlines()]
    at = {line["episode"]: line["blunder_tick"] for line in lines}
    h = scorer.n_action_steps
    critic = scorer.critic
    opened = open_both(replace(files, store=f"{folder}_store"), Readers(scorer.policy, critic.encoder))
    replay = Replay(opened.store, opened.features, ReplayConfig(n_action_steps=h, stride=5), reward)
    batches = Batches(replay, critic.transform)
    hits = []
    chances = []
    for episode in replay.episodes:
        index = np.flatnonzero(np.isin(replay.rows, np.arange(episode.first_tick, episode.first_tick + episode.ticks)))
        if episode.episode_id in at and len(index) > 1:
            batch = batches.at(index)
            blunder = at[episode.episode_id]
            with torch.no_grad():
                q = value(critic.network(batch.state, batch.actions), critic.support).mean(0)
            ticks = batch.row.numpy() - episode.first_tick
            hits.append(abs(fall(q.double().numpy(), ticks, span=h) - blunder) <= h)
            chances.append(np.mean(abs(ticks[ticks >= ticks[0] + h] - blunder) <= h))
    if not hits:
        raise ConfigError(f"{folder}: none of its blunders is in {folder}_store; give both as data.py left them")
    return {"falls_at_blunder": float(np.mean(hits)), "falls_by_chance": float(np.mean(chances))}


COLUMNS = (
    "rank_auc",
    "advantage_auc",
    "shuffle_gap",
    "within_state",
    "bias",
    "branched_all",
    "branched_policy",
    "branched_foreign",
    "after_all",
    "after_policy",
    "over_blunder",
    "falls_at_blunder",
    "falls_by_chance",
)


def table(results: Mapping[str, Mapping[str, float]]) -> str:
    """Means over seeds, with their range, as Markdown; of what was measured."""
    columns = [column for column in COLUMNS if any(column in found for found in results.values())]
    lines = ["| lever | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for name in LEVERS:
        runs = [found for key, found in results.items() if key.rsplit("_", 1)[0] == name]
        if runs:
            cells = [[found[column] for found in runs if column in found] for column in columns]
            shown = [f"{np.mean(c):.2f} ({min(c):.2f} to {max(c):.2f})" if c else "" for c in cells]
            lines.append(f"| {name} ({len(runs)}) | " + " | ".join(shown) + " |")
    for some in [found for found in results.values() if "pairs" in found][:1]:
        held = [f"{what} {some[f'{what}_{p}']:.2f} {p}" for what in ("ceiling", "nearness") for p in ("all", "policy")]
        lines += ["", f"Of {some['pairs']:.0f} pairs: {', '.join(held)}."]
    for some in [found for found in results.values() if "knowable_states" in found][:1]:
        shares = [f"{what} {some[f'knowable_{what}']:.0%}" for what in ("states", "chunks", "continuations")]
        aucs = [f"{what} {some[f'knowable_{what}_auc']:.2f}" for what in ("value", "advantage")]
        lines += [f"Where the policy acts, returns differ by {', '.join(shares)}; AUC of the truth: {', '.join(aucs)}."]
    return "\n".join(lines)


def study(config: StudyConfig) -> None:
    """Run what is not done yet, and print the table after every run."""
    rig_file = find_rig_file(config.rig, ROOT / "config")
    wanted = config.only.split(",") if config.only else [*LEVERS]
    if unknown := [name for name in wanted if name not in LEVERS]:
        raise ConfigError(f"--only {unknown[0]}: no such lever; one of {', '.join(LEVERS)}")
    if config.branches:
        load_branches(config.branches)
    file = config.out / "results.json"
    free = ("out", "branches", "blunders", "seeds", "processes", "only")
    same_options(config.out / "options.json", config, free, begun=file.exists())
    results = json.loads(file.read_text()) if file.exists() else {}
    missing = [(name, seed) for seed in range(config.seeds) for name in wanted if f"{name}_{seed}" not in results]
    pool = ProcessPoolExecutor(config.processes, get_context("spawn"), torch.set_num_threads, (1,))
    with pool, tqdm(total=len(missing), unit="critic") as bar:
        jobs = {pool.submit(run, config, name, seed, rig_file): f"{name}_{seed}" for name, seed in missing}
        for job in as_completed(jobs):
            bar.update()
            if job.exception():
                pool.shutdown(cancel_futures=True)  # what runs is finished, and goes on where it was next time
            results[jobs[job]] = job.result()
            file.write_text(json.dumps(results, indent=1))
            print(f"\n{table(results)}", flush=True)
    print(table(results))


def main() -> None:
    """Parse, run."""
    parser = QuickParser(__doc__, QUICK)
    add_arguments(parser, StudyConfig)
    try:
        study(from_arguments(StudyConfig, parser.parse_args()))
    except BAD_INPUT as error:
        sys.exit(f"critic_levers: {error}")


if __name__ == "__main__":
    main()
