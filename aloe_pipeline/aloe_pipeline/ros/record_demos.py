"""Record demonstrations of the scripted expert: `ros2 run aloe_pipeline record_demos --episodes N --out DIR [--fast]`.

Without --fast the expert drives the ROS graph in real time, as any policy does. With --fast the same simulation and the
same control loop are stepped in one process, and the same bags come out several times quicker.
With --noise the arms do not quite go where they are told (an offset on the joints that wanders), so that the bags hold
errors and recoveries. The bag holds what was really commanded and really measured.
"""

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from tqdm import tqdm

from aloe_data.command import run_command
from aloe_data.config import parameter
from aloe_data.installed_files import find_rig_file
from aloe_data.recording import EpisodeRecord, RecordingError, check_folder, next_episode_id, read_rig_files
from aloe_data.rig import RigError
from aloe_data.rig_file import load_rig
from aloe_data.seeds import refuse_held_out
from aloe_data.vocabulary import Verdict
from aloe_sim.rig.cameras import CameraRenderer
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.rollout.demonstration import Demonstration
from aloe_sim.rollout.in_process import InProcessRig, NotArmedError
from aloe_sim.ros.demo_bag import DemoBag
from aloe_sim.tasks import make_task
from aloe_sim.tasks.variation import VARIATIONS

MIN_FREE_GIB = 1.0


@dataclass(frozen=True)
class DemoConfig:
    """What `record_demos` records."""

    out: Path = parameter(doc="folder for one bag per episode; numbering goes on where it stands")
    rig: str = parameter("sim", doc="rig file, or NAME of an installed config/rig_NAME.yaml")
    task: str = parameter("", doc="task; empty: the one that the rig file names")
    variation: str = parameter("none", choices=tuple(VARIATIONS), doc="how much scenes differ")
    episodes: int = parameter(10, low=1, doc="how many")
    seed: int = parameter(100_000, low=0, doc="scene seed of the first; rises by one")
    fast: bool = parameter(False, doc="in one process, quicker than real time")
    noise: float = parameter(0.0, unit="rad", low=0.0, high=0.2, doc="largest actuator noise; drawn anew per episode")
    timeout_s: float = parameter(30.0, unit="s", low=1.0, doc="limit of an episode")


class FastDemos:
    """Records episodes in one process.

    Raises:
        RigError, ValueError: the rig cannot be simulated.
        RecordingError: the folder cannot be written.
    """

    def __init__(self, config: DemoConfig, rig_file: Path) -> None:
        self._config = config
        rig = load_rig(rig_file)
        check_folder(config.out, MIN_FREE_GIB)
        task = make_task(config.task) if config.task else None
        self._process = InProcessRig(SimRig(rig, task, variation=VARIATIONS[config.variation]))
        self._renderer = CameraRenderer(self._process.sim.model, rig)
        self._rig_text, self._urdfs = read_rig_files(rig_file, rig)

    def episode(self, seed: int) -> Verdict:
        """Record one episode; returns how it ended.

        Raises:
            NotArmedError: Control refused to enable motion in this scene; there is no bag of it.
        """
        config = self._config
        demonstration = Demonstration(self._process, seed, config.noise, config.timeout_s)
        name = next_episode_id(path.name for path in config.out.iterdir())
        prompt = demonstration.prompt
        record = EpisodeRecord(name, prompt, seed, rig=self._rig_text, urdfs=self._urdfs, versions={"policy": "expert"})
        bag = DemoBag(config.out / name, record, self._process, self._renderer)
        while not demonstration.verdict:
            chunk = demonstration.offer_if_due()
            if chunk is not None:
                bag.chunk(chunk)
            result = demonstration.tick(bag.slice)
            if result is not None:
                bag.tick(result)
                bag.joint_states()
        bag.close(demonstration.verdict, demonstration.reason)
        if demonstration.verdict is not Verdict.SUCCESS:
            tqdm.write(f"{name}, seed {seed}: {demonstration.verdict.name.lower()}: {demonstration.reason}")
        return demonstration.verdict


def record_fast(config: DemoConfig, rig_file: Path) -> None:
    """Record all episodes, with a progress bar, and say how they ended."""
    demos = FastDemos(config, rig_file)
    verdicts = Counter[Verdict]()
    with tqdm(range(config.episodes), unit="episode") as progress:
        for index in progress:
            seed = config.seed + index
            try:
                verdicts[demos.episode(seed)] += 1
            except NotArmedError as error:
                tqdm.write(f"seed {seed}: left out: {error}")
            progress.set_postfix(success=f"{verdicts[Verdict.SUCCESS]}/{index + 1}")
    print(f"{config.out}: {verdicts.total()} episodes, {verdicts[Verdict.SUCCESS]} successful")


def record(config: DemoConfig) -> None:
    """Record in one process, or become the rollout that does.

    Raises:
        ConfigError, RigError, RecordingError, ValueError: Bad input, before anything is recorded.
    """
    refuse_held_out(range(config.seed, config.seed + config.episodes), "--seed")
    rig_file = find_rig_file(config.rig, Path(get_package_share_directory("aloe_bringup")) / "config")
    if config.fast:
        record_fast(config, rig_file)
        return
    arguments = {"rig": rig_file, "policy": "expert", "episodes": config.episodes, "seed": config.seed}
    arguments |= {"task": config.task, "variation": config.variation}
    arguments |= {"record": config.out, "timeout_s": config.timeout_s, "noise": config.noise}
    given = (f"{name}:={value}" for name, value in arguments.items() if value != "")  # an empty one is malformed
    command = ["ros2", "launch", "aloe_bringup", "rollout.launch.py", *given]
    os.execvp(command[0], command)


def main() -> None:
    """Entry point of `record_demos`."""
    run_command("record_demos", record, DemoConfig, about=__doc__, refused=(RigError, RecordingError, ValueError))


if __name__ == "__main__":
    main()
