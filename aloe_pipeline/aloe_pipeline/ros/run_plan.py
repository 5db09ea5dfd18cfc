"""What a run is planned with: rig, first policy, and the store it begins with; refused before anything starts."""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory

from aloe_data.config import ConfigError
from aloe_data.episode_index import StoreError
from aloe_data.installed_files import NO, find_rig_file
from aloe_data.rig_file import load_rig
from aloe_pipeline.rollout import EXPERT, find_checkpoint
from aloe_pipeline.ros.assets import assets_folder, demonstrations_of
from aloe_pipeline.rounds.options import LoopOptions, RoundOptions
from aloe_pipeline.rounds.plan import Plan
from aloe_pipeline.rounds.run_folder import RunFolder
from aloe_policy.checkpoint import read_checkpoint
from aloe_policy.ros.policy_store import StoreConfig, matching_policy, open_store


def plan_run(options: RoundOptions, folder: Path, store: Path) -> tuple[Plan, dict[str, object]]:
    """What is planned with, and the facts of every run."""
    rig_file = find_rig_file(options.rig, Path(get_package_share_directory("aloe_bringup")) / "config")
    rig = load_rig(rig_file)
    task = options.task or rig.simulation.task
    if options.policy == EXPERT:
        raise ConfigError(f"policy:={EXPERT} cannot be improved; give the folder of a checkpoint")
    policy = find_checkpoint(options.policy, assets_folder(), task)
    facts = {"rig": rig.name, "contract": rig.contract, "task": task}
    facts |= {"policy": read_checkpoint(policy, rig).version[:12], "method": options.method}
    return Plan(RunFolder(folder), options, rig_file, rig.simulated, policy, store), facts


def store_to_begin_with(options: LoopOptions, plan: Plan, task: str) -> str:
    """The store that is given, or that of the demonstrations of the policy that comes with the suite; "": none."""
    demos = demonstrations_of(task)
    come = bool(task) and not (options.policy or options.bags) and demos.is_dir()
    if options.store.lower() == NO or not (options.store or come):
        return ""
    store = str((Path(options.store).expanduser() if options.store else demos).resolve())
    known = StoreConfig(rig=plan.rig_file, policy=plan.policy, store=store)
    policy = matching_policy(known, load_rig(plan.rig_file))
    try:
        open_store(known, policy)
    except StoreError as error:
        if options.store:
            raise
        print(f"the demonstrations that come with the policy are for another rig, and left out ({error})")
        return ""
    return store
