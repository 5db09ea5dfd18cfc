"""Which way of improving a policy is best? Tasks x methods x seeds, from the same warm start and with the same data.

    ./env python -m studies.methods.study --out DIR --policy FOLDER [--store DEMOS] [--task phone_packing] [--seeds 5]
        [--rounds 1] [--episodes 100] [--methods bc,hg_dagger,filtered_bc,...] [--processes 2] [--skill 0.8]

Every seed is a study of its own: demonstrations (those in DEMOS, or made anew), episodes of the warm start
with a scripted human beside it (the same ones for every method in the first round), then one improvement per method,
and its evaluation alone in held-out scenes, the same ones for every method and seed. From the second round on each
method collects with its own policy. Rollouts have no pictures (`keypoint_world.py`). Everything that is done is kept
under --out: a stopped study goes on, and more seeds, methods or rounds only add to it. `report.py` makes table
and figures; they are printed at the end.
"""

import contextlib
import os
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

import torch
from tqdm import tqdm

from aloe_data.config import add_arguments, from_arguments
from aloe_policy.ros.policy_store import BAD_INPUT
from bench.quick_parser import QuickParser
from studies.methods.options import StudyConfig
from studies.methods.report import report
from studies.methods.seed_study import SeedStudy

QUICK = (
    "--out={folder}/methods",
    "--policy={assets}/phone_packing",
    "--pictures=20",
    "--demos=3",
    "--episodes=3",
    "--stall-s=0.5",
    "--evaluations=1",
    "--timeout-s=8",
    "--seeds=1",
    "--methods=bc,bc_more,aloe_top,guided",
    "--critic-steps=5",
    "--actor-steps=5",
    "--actor-batch=16",
    "--value-steps=5",
)


def run(config: StudyConfig, seed: int) -> None:
    """One seed; what it says goes to a file."""
    torch.set_num_threads(1)
    study = SeedStudy(config, seed)
    log = (study.folder / "log.txt").open("a", buffering=1)
    with log, contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
        study.run()


def main() -> None:
    """Parse, run what is not done yet, report."""
    parser = QuickParser(__doc__, QUICK)
    add_arguments(parser, StudyConfig)
    try:
        config = from_arguments(StudyConfig, parser.parse_args())
        config.check()
        os.environ["OMP_NUM_THREADS"] = "1"
        pool = ProcessPoolExecutor(config.processes, get_context("spawn"))
        with pool, tqdm(total=config.seeds, unit="seed") as bar:
            for done in as_completed([pool.submit(run, config, seed) for seed in range(config.seeds)]):
                done.result()
                bar.update()
        report(config.out / config.task)
    except BAD_INPUT as error:
        sys.exit(f"study: {error}")


if __name__ == "__main__":
    main()
