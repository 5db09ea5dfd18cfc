"""Runs that only pretend: they leave what the real commands would."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from aloe_pipeline.rounds.options import RoundOptions
from aloe_pipeline.rounds.plan import Plan
from aloe_pipeline.rounds.results import EpisodeFacts, write_episodes, write_json
from aloe_pipeline.rounds.run_folder import RunFolder
from aloe_pipeline.rounds.runner import Runner
from aloe_pipeline.rounds.stage import Stage

HEALTH = {"shuffle_gap": 0.41, "rank_auc": 0.823, "advantage_auc": 0.5, "bias": -0.03, "q_std": 0.2}
STATISTICS = {
    "effective_sample_size": 0.27, "clipped": 0.09, "chunks": 120, "positive": 77,
    "share": {"demo": 0.1, "autonomous": 0.6, "human": 0.3},
}  # fmt: skip


def said_of(trusted: bool) -> str:
    """A critic's health in words."""
    return "calibrated" if trusted else "it ignores the action"


def make_plan(root: Path, options: RoundOptions, simulated: bool = True) -> Plan:
    """A plan of a run below a folder, beginning with a made-up policy."""
    policy = root / "first"
    policy.mkdir(parents=True, exist_ok=True)
    (policy / "sha256").write_text("first")
    folder = RunFolder(root / "run")
    rig_file = root / "rig.yaml"
    rig_file.touch()
    return Plan(folder, options, rig_file, simulated, policy, root / "run" / "store")


def begin(plan: Plan) -> Plan:
    """The same, with its folder."""
    plan.folder.begin({"kind": "loop", "rig": "sim_bimanual", "task": "sorting", "method": plan.options.method})
    return plan


class Pretender(Runner):
    """Executes nothing, but leaves what the real commands would; every execution is a line in `executed`.

    Args:
        plan: of the run.
        rates: success rate of the first policy, and of each round's candidate.
        choices: decision of each round.
        step: called whenever something was said, and after every stage.
        trusted: the critics pass their gates.
    """

    def __init__(
        self,
        plan: Plan,
        rates: Sequence[float],
        choices: Sequence[str],
        step: Callable[[], None] = lambda: None,
        trusted: bool = True,
    ) -> None:
        super().__init__(plan.folder, step, lambda _: step())
        self.plan, self.rates, self.choices, self.trusted = plan, rates, choices, trusted
        self.planned: dict[str, Stage] = {}  # by output

    def run(self, stages: Iterable[Stage]) -> None:
        super().run(self._noted(stages))

    def _noted(self, stages: Iterable[Stage]) -> Iterator[Stage]:
        for stage in stages:
            self.planned.setdefault(str(stage.output.relative_to(self.plan.folder.path)), stage)
            yield stage

    def _wait(self, stage: Stage, command: tuple[str, ...], log: BinaryIO) -> int:
        out, kind = stage.output, stage.name.split("_")[0]
        with (self.plan.folder.path.parent / "executed").open("a") as file:
            file.write(f"{out.relative_to(self.plan.folder.path)}\n")
        if kind == "collect":
            for k in range(3):
                bag = self.plan.folder.bags(stage.round) / f"ep_{k:04d}"
                bag.mkdir(parents=True, exist_ok=True)
                (bag / "ep_0.mcap").write_text("bag")
            write_json(out, {"episodes": 3})
        elif kind == "ingest":
            write_episodes(out, [e for n in range(1, stage.round + 1) for e in episodes(self.plan, n)])
        elif kind in ("critic", "actor"):
            out.mkdir()
            (out / "sha256").write_text(f"{kind} of round {stage.round}")
            if kind == "critic":
                facts = {"passed": self.trusted, "health": HEALTH, "judgement": [said_of(self.trusted)]}
                write_json(out / "config.json", facts)
                (out / "health.png").write_bytes(b"picture")
        elif kind == "gate":
            write_json(out, {"passed": self.trusted, "used": self.trusted, "judgement": [said_of(self.trusted)]})
        elif kind == "weights":
            np.savez(out, meta=np.array(json.dumps({"statistics": STATISTICS})))
        elif kind == "evaluation":
            made_by = 0 if out.parent.name == "start" else int(out.parent.name.removeprefix("round_"))
            write_json(out, evaluation(self.rates[made_by]))
        elif kind == "decision":
            choice, candidate = self.choices[stage.round - 1], str(self.plan.candidate(stage.round))
            write_json(out, {"choice": choice, "reason": "30 of 50 against 20", "stamp_s": 0.0, "candidate": candidate})
        else:
            out.write_text(f"{kind} of round {stage.round}")
        return 0


def episodes(plan: Plan, number: int) -> list[EpisodeFacts]:
    """Three episodes of a round: a success alone, one with help, a failure."""
    bags, ticks = plan.folder.bags(number), {"autonomous": 400, "human": 0}
    return [
        EpisodeFacts(str(bags / "ep_0000"), 0, "success", 9.0, 0, ticks),
        EpisodeFacts(str(bags / "ep_0001"), 1, "success", 12.0, 2, {"autonomous": 400, "human": 200}),
        EpisodeFacts(str(bags / "ep_0002"), 2, "failure", 15.0, 0, ticks),
    ]


def evaluation(rate: float, trials: int = 50) -> dict[str, object]:
    """What `evaluate` writes."""
    good = round(rate * trials)
    rows = [[900_000 + k, "success" if k < good else "failure", 1.0, 10.0] for k in range(trials)]
    return {"policy": "p", "rig": "sim", "conditions": {"task": "sorting"}, "figures": {}, "episodes": rows}


def executed(plan: Plan) -> list[str]:
    """What was executed, in order."""
    file = plan.folder.path.parent / "executed"
    return file.read_text().split() if file.exists() else []


def content(plan: Plan) -> dict[str, str]:
    """Everything in the run folder that is not about times or paths."""
    run = plan.folder.path
    files = (f for f in run.rglob("*") if f.is_file() and f.suffix not in (".jsonl", ".html", ".log", ".npz"))
    root = str(run.parent)
    return {str(f.relative_to(run)): f.read_text().replace(root, "") for f in files}
