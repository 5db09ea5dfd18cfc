"""Improve a policy in rounds: `ros2 run aloe_pipeline rounds loop --run DIR`, or `rounds improve --bags DIR` for one.

The launch files aloe.launch.py and improve.launch.py start it. Stop it at any time; the same command goes on where it
stands. The other commands are stages of a round; it calls them itself.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from aloe_critic.critic_encoder import critic_encoder
from aloe_critic.ros.readers import Readers, open_both
from aloe_data.bag_folders import find_bags
from aloe_data.config import ConfigError, add_arguments, from_arguments, parameter
from aloe_data.durable import InUseError, copy_in_place
from aloe_data.episode_store import EpisodeStore
from aloe_data.launch_bond import end_with_launch
from aloe_data.recording import RecordingError
from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_reader import read_record
from aloe_data.segments import HOLD, SegmentConfig, cut
from aloe_data.sources import BY_HUMAN, SOURCES, source_of
from aloe_data.verdicts import verdict_now
from aloe_pipeline.promotion import PromotionConfig
from aloe_pipeline.ros.run_plan import plan_run, store_to_begin_with
from aloe_pipeline.rounds.gates import GateError, judge_candidate, pass_critic
from aloe_pipeline.rounds.options import KEEP, STOP, TAKE, WITHOUT, ImproveOptions, LoopOptions
from aloe_pipeline.rounds.order import improvement, loop
from aloe_pipeline.rounds.plan import Plan, check
from aloe_pipeline.rounds.report import write_report
from aloe_pipeline.rounds.results import EpisodeFacts, numbered, read_decision, write_episodes, write_json
from aloe_pipeline.rounds.runner import Interrupted, Runner, StageError
from aloe_policy.ros.policy_store import BAD_INPUT, StoreConfig, matching_policy
from aloe_policy.training_state import interruptions

STOPPED = 130
BARREN = 3  # simulated rollouts in a row without an episode; a busy machine may break one off
UNUSABLE = ("ABORT", "NONE")  # verdicts of episodes that are collected again


@dataclass(frozen=True)
class IngestStage(StoreConfig):
    """Bags to training data, and the facts about all episodes."""

    critic_encoder: str = parameter("", doc="image encoder of the critic, as train_critic has it")
    folders: tuple[str, ...] = parameter((), doc="folders of bags")
    begin_with: str = parameter("", doc="another store; a new one begins as its copy")
    out: Path = parameter(doc="file for the facts")


@dataclass(frozen=True)
class CollectStage:
    """Rollouts until a folder holds enough episodes."""

    record: Path = parameter(doc="folder of the bags")
    episodes: int = parameter(doc="that it is to hold")
    again: bool = parameter(False, doc="begin again after a rollout that broke off; only where nothing real moves")
    out: Path = parameter(doc="file that says so")


@dataclass(frozen=True)
class GateStage:
    """Whether a critic may be used."""

    critic: Path = parameter(doc="its folder")
    force: bool = parameter(False, doc="use it although it failed")
    failed_critic: str = parameter(STOP, choices=(WITHOUT, STOP), doc="go on without it if it failed, or end here")
    out: Path = parameter(doc="file for the answer")


@dataclass(frozen=True)
class DecideStage(PromotionConfig):
    """Whether a candidate is used."""

    candidate: Path = parameter(doc="its folder")
    evaluated: tuple[str, ...] = parameter((), doc="its evaluations")
    untested: str = parameter(KEEP, choices=(KEEP, TAKE), doc="without evaluations it is not used, or all the same")
    against: tuple[str, ...] = parameter((), doc="those of the policy in use")
    out: Path = parameter(doc="file for the answer")


def improve(options: ImproveOptions) -> None:
    """One improvement from bags."""
    bags = Path(options.bags).expanduser().resolve()
    find_bags(bags)
    check(options)
    out = Path(options.out).expanduser().resolve() if options.out else bags.with_name(f"{bags.name}_improved")
    options = replace(options, bags=str(bags))
    plan, facts = plan_run(options, out, bags.with_name(f"{bags.name}_store"))
    plan.folder.begin({"kind": "improve", **facts, "bags": str(bags)})
    _run(plan, lambda: improvement(plan, options))


def improve_in_rounds(options: LoopOptions) -> None:
    """Collect and improve in turn."""
    if options.bags:
        options = replace(options, bags=str(Path(options.bags).expanduser().resolve()))
        find_bags(Path(options.bags))
    check(options)
    run = Path(options.run).expanduser().resolve()
    plan, facts = plan_run(options, run, run / "store")
    options = replace(options, store=store_to_begin_with(options, plan, str(facts["task"])))
    plan = replace(plan, options=options)
    stays = ("variation", "begin", "seed", "bags", "store", "evaluate_episodes")
    kind = {"kind": "continuous loop" if options.continuous else "loop"}
    plan.folder.begin({**kind, **facts, **{name: getattr(options, name) for name in stays}})
    _run(plan, lambda: loop(plan, options))


def collect(stage: CollectStage, arguments: list[str]) -> None:
    """Roll out until there are enough episodes that ended by themselves.

    Raises:
        RecordingError: a rollout broke off, or none of its episodes ended.
    """
    barren = 0
    most = BARREN if stage.again else 1
    with interruptions() as asked:
        while (have := _usable(stage.record)) < stage.episodes:
            goal = (f"record:={stage.record}", f"episodes:={stage.episodes - have}", "successes:=0")
            command = ["ros2", "launch", "aloe_bringup", "collect.launch.py", *goal, *arguments]
            code = subprocess.run(command, check=False).returncode
            if asked():
                sys.exit(STOPPED)
            barren = 0 if _usable(stage.record) > have else barren + 1
            if (code and not stage.again) or barren == most:
                raise RecordingError(f"{stage.record}: the rollout broke off; the reason stands above")
    write_json(stage.out, {"episodes": have})


def ingest(stage: IngestStage) -> None:
    """Bring the store up to date, and tell what it holds."""
    rig = load_rig(stage.rig)
    policy = matching_policy(stage, rig)
    readers = Readers(policy, critic_encoder(stage.critic_encoder, policy, stage.device))
    if stage.begin_with and not stage.store_folder.exists():
        copy_in_place(Path(stage.begin_with), stage.store_folder)
    for folder in stage.folders:
        open_both(replace(stage, bags=folder), readers)
    opened = open_both(stage, readers)
    write_episodes(stage.out, episode_facts(opened.store, rig))


def episode_facts(store: EpisodeStore, rig: Rig) -> list[EpisodeFacts]:
    """Facts about all episodes of a store, in order of their bags' folders."""
    found = []
    arms = [arm.name for arm in rig.arms]
    control = store.column("source")
    stamps = store.column("stamps_ns")
    for episode in sorted(store.bags.values(), key=lambda one: one.bag):
        rows = slice(episode.first_tick, episode.first_tick + episode.ticks)
        verdict = verdict_now(episode.bag, episode.verdict)
        segments = [s for s in cut(control[rows], arms, verdict) if s.kind != HOLD]
        acted = [(source_of(s, segments, episode.policy), len(s)) for s in segments]
        by_human = [length for source, length in acted if source == BY_HUMAN]
        ticks = {name: sum(length for source, length in acted if source == k) for k, name in enumerate(SOURCES)}
        length_s = float(stamps[rows][-1] - stamps[rows][0]) / 1e9
        takeovers = sum(length > SegmentConfig().blip_ticks for length in by_human)
        found.append(EpisodeFacts(episode.bag, episode.seed, verdict, length_s, takeovers, ticks))
    return found


def gate(stage: GateStage) -> None:
    """Do without a critic that cannot be trusted, or stop the round."""
    known = pass_critic(stage.critic, stage.force, stage.failed_critic == WITHOUT)
    write_json(stage.out, vars(known))
    if not known.used:
        print(f"the critic failed its gates ({'; '.join(known.judgement)}): this round goes on without it")


def decide(stage: DecideStage) -> None:
    """Tell whether the candidate is used."""
    evaluated, against = ([Path(file) for file in files] for files in (stage.evaluated, stage.against))
    decided = judge_candidate(stage.candidate, evaluated, against, stage, stage.untested == TAKE)
    write_json(stage.out, vars(decided))
    print(decided.sentence)


def _run(plan: Plan, stages: Callable[[], object]) -> None:
    folder = plan.folder
    try:
        Runner(folder, lambda: write_report(folder)).run(stages())  # type: ignore[arg-type]
    except InUseError as error:
        raise ConfigError(f"{folder.path}: another process works in this run folder; stop it first") from error
    finally:
        if folder.report.exists():
            write_report(folder)
            print(f"report: {folder.report}")
    for number in range(1, folder.last_round() + 1):
        if decisions := numbered(folder.round(number), "decision"):
            print(f"round {number}: {read_decision(decisions[-1]).sentence}")


def _usable(record: Path) -> int:
    """Bags of episodes that ended by themselves."""
    return sum(_verdict(bag) not in UNUSABLE for bag in (record.glob("ep_*") if record.is_dir() else ()))


def _verdict(bag: Path) -> str:
    try:
        return read_record(bag).verdict
    except RecordingError:
        return "NONE"  # its recording was cut short


STAGES: Mapping[str, tuple[type, Callable[..., None]]] = {
    "improve": (ImproveOptions, improve),
    "loop": (LoopOptions, improve_in_rounds),
    "collect": (CollectStage, collect),
    "ingest": (IngestStage, ingest),
    "gate": (GateStage, gate),
    "decide": (DecideStage, decide),
}


def main() -> None:
    """Entry point of `rounds`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (cls, function) in STAGES.items():
        add_arguments(commands.add_parser(name, help=function.__doc__), cls)
    options, rest = parser.parse_known_args()
    cls, function = STAGES[options.command]
    if rest and (options.command != "collect" or any(":=" not in word for word in rest)):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    end_with_launch()
    try:
        function(from_arguments(cls, options), *([rest] if options.command == "collect" else []))
    except (*BAD_INPUT, GateError, StageError) as error:
        sys.exit(f"rounds: {error}")
    except Interrupted as error:
        print(f"rounds: {error}")
        sys.exit(STOPPED)


if __name__ == "__main__":
    main()
