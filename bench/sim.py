"""How fast the simulated rig is, and how well its experts do.

<task>_x_realtime       physics alone while the expert works, one core, no rendering
three_cameras_ms        one frame of three 224x224 cameras without shadows
state_rollout_x_realtime, image_rollout_x_realtime
                        whole episodes of the sorting expert: control loop, physics, and for images rendering and JPEG
two_process_scaling     episodes per second of two processes over those of one (1.8 needs two free cores)
expert_success          share of --episodes scenes, per task
"""

import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from output import conclude, make_parser

from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import Verdict
from aloe_sim.rig.cameras import CameraRenderer
from aloe_sim.rig.sim_rig import SimRig
from aloe_sim.rollout.environment import EnvConfig, RolloutEnv
from aloe_sim.rollout.evaluation import evaluate, expert_policy, run_episode, summarise

RIG_FILE = Path(__file__).parents[1] / "config" / "rig_sim.yaml"
TASKS = {
    "phone": "phone_packing",
    "sorting": "sorting",
    "folding": "laundry_folding",
    "assembly": "phone_assembly",
}
QUICK = ("--episodes=1", "--scaling-episodes=2", "--frames=5")


def blind_env(rig: Rig, task: str) -> RolloutEnv:
    """Episodes of a task without images."""
    return RolloutEnv(rig, EnvConfig(task=task, images=False))


def physics_x_realtime(rig: Rig, task: str) -> float:
    """Simulated over spent processor time within `SimRig.advance`, in one episode of the expert."""
    env = blind_env(rig, task)
    sim = env.process.sim
    spent = [0.0, 0.0]
    advance = sim.advance

    def timed(duration_s: float) -> None:
        start = time.process_time()
        advance(duration_s)
        spent[0] += duration_s
        spent[1] += time.process_time() - start

    sim.advance = timed  # type: ignore[method-assign]
    run_episode(env, expert_policy, 0)
    return spent[0] / spent[1]


def cameras_ms(rig: Rig, frames: int) -> float:
    """Wall time of one frame of all cameras at 224x224 px."""
    sim = SimRig(rig)
    renderer = CameraRenderer(sim.model, rig, size=(224, 224))

    def frame() -> None:
        for camera in rig.cameras:
            renderer.render(sim.data, camera.name)

    frame()
    start = time.perf_counter()
    for _ in range(frames):
        frame()
    renderer.close()
    return 1e3 * (time.perf_counter() - start) / frames


def rollout_x_realtime(rig: Rig, *, images: bool) -> float:
    """Simulated over wall time of whole episodes."""
    env = RolloutEnv(rig, EnvConfig(task="sorting", images=images))
    run_episode(env, expert_policy, 0)
    start = time.perf_counter()
    simulated_s = sum(run_episode(env, expert_policy, seed).length_s for seed in range(1, 4))
    env.close()
    return simulated_s / (time.perf_counter() - start)


def episodes_per_s(make_env: Callable[[], RolloutEnv], processes: int, episodes: int) -> float:
    """Throughput once all processes are up."""
    warm = processes
    start = 0.0
    done = 0
    for count, _ in enumerate(evaluate(make_env, expert_policy, range(warm + episodes), processes), start=1):
        if count == warm:
            start = time.perf_counter()
        done = count - warm
    return done / (time.perf_counter() - start)


def expert_success(rig: Rig, task: str, episodes: int, processes: int) -> float:
    """Share of scenes that a task's expert masters; its failures are printed."""
    done = list(evaluate(partial(blind_env, rig, task), expert_policy, range(episodes), processes))
    print(f"{task}: {summarise(done)}")
    for result in done:
        if result.verdict is not Verdict.SUCCESS:
            print(f"  {result}", flush=True)
    return summarise(done).success_rate


def draw(figures: Mapping[str, Any], file: Path) -> None:
    """Speeds and success rates as bars."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (speed, success) = pyplot.subplots(1, 2, figsize=(11, 4))
    speeds = {name.removesuffix("_x_realtime"): x for name, x in figures.items() if name.endswith("_x_realtime")}
    speed.barh(list(speeds), list(speeds.values()))
    speed.set(title="Simulated seconds per second, one process")
    success.bar(list(figures["expert_success"]), list(figures["expert_success"].values()))
    success.set(title="Success of the experts", ylim=(0, 1))
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def main() -> None:
    """Measure, print."""
    parser = make_parser(__doc__, QUICK)
    parser.add_argument("--episodes", type=int, default=100, help="scenes per expert (default: 100)")
    parser.add_argument("--scaling-episodes", type=int, default=16, help="per number of processes (default: 16)")
    parser.add_argument("--frames", type=int, default=100, help="to render of three cameras (default: 100)")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="for the experts' episodes")
    options = parser.parse_args()
    rig = load_rig(RIG_FILE)
    figures: dict[str, Any] = {f"{name}_x_realtime": physics_x_realtime(rig, task) for name, task in TASKS.items()}
    figures["three_cameras_ms"] = cameras_ms(rig, options.frames)
    figures["state_rollout_x_realtime"] = rollout_x_realtime(rig, images=False)
    figures["image_rollout_x_realtime"] = rollout_x_realtime(rig, images=True)
    make_env = partial(blind_env, rig, "sorting")
    many = options.scaling_episodes
    figures["two_process_scaling"] = episodes_per_s(make_env, 2, many) / episodes_per_s(make_env, 1, many)
    success = {n: expert_success(rig, task, options.episodes, options.processes) for n, task in TASKS.items()}
    figures |= {"expert_success": success, "expert_success_min": min(success.values())}
    floors = dict.fromkeys(("phone_x_realtime", "sorting_x_realtime", "assembly_x_realtime"), 40.0)
    floors |= {"folding_x_realtime": 3.0, "state_rollout_x_realtime": 15.0, "image_rollout_x_realtime": 4.0}
    floors |= {"two_process_scaling": 1.8, "expert_success_min": 0.9}
    if options.png:
        draw(figures, options.png)
    conclude("sim", figures, {"three_cameras_ms": 8.0}, options, floors)


if __name__ == "__main__":
    main()
