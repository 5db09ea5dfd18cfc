"""Episodes in process: reproducible, Gymnasium-compatible, ended by physics, and the same rig whatever its size."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from aloe_data.rig import Rig
from aloe_data.rig_file import load_rig
from aloe_data.vocabulary import Verdict
from aloe_sim.rollout.environment import EnvConfig, RolloutEnv
from aloe_sim.rollout.evaluation import EpisodeResult, evaluate, expert_policy, run_episode, summarise

CONFIG = Path(__file__).parents[3] / "config"
RIG = load_rig(CONFIG / "rig_sim.yaml")


def blind(rig: Rig = RIG, **config: object) -> RolloutEnv:
    return RolloutEnv(rig, EnvConfig(images=False, **config))  # type: ignore[arg-type]


def stay(env: RolloutEnv) -> np.ndarray:
    """A chunk that keeps the arms where they are."""
    positions = np.concatenate([env.process.sim.command(arm.name) for arm in env.rig.arms])
    row = env.process.control._motion.solver.action_of(positions)
    return np.tile(row, (env.config.action_horizon, 1)).astype(np.float32)


@pytest.mark.filterwarnings("ignore:.*A Box action space:UserWarning")  # set points have no common bounds
def test_it_is_a_gymnasium_environment() -> None:
    env = RolloutEnv(RIG, EnvConfig(n_action_steps=2))
    check_env(env, skip_render_check=True)
    values, _ = env.reset(seed=3)
    assert set(values["images"]) == {camera.name for camera in RIG.cameras}
    env.close()


def test_an_episode_depends_on_its_seed_alone() -> None:
    env = blind(timeout_s=2.0)
    first = run_episode(env, expert_policy, 1), tuple(env.observation.state)
    other = run_episode(env, expert_policy, 2), tuple(env.observation.state)
    assert (run_episode(env, expert_policy, 1), tuple(env.observation.state)) == first != other


def test_a_scene_drawn_at_random_is_never_a_held_out_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aloe_sim.rollout.environment.HELD_OUT", range(2, 10))
    env, drawn = blind(), []
    monkeypatch.setattr(env.process, "reset", lambda seed, prompt: drawn.append(seed))
    for seed in (3, *[None] * 20):  # the first one seeds the generator of the others
        env.reset(seed=seed)
    assert drawn[0] == 3 and set(drawn[1:]) == {0, 1}


def test_processes_give_the_results_that_one_process_gives() -> None:
    make_env = partial(RolloutEnv, RIG, EnvConfig(images=False, timeout_s=1.0))
    alone = list(evaluate(make_env, expert_policy, range(3)))
    together = list(evaluate(make_env, expert_policy, range(3), processes=2))
    assert sorted(together, key=lambda r: r.seed) == alone
    assert {r.verdict for r in alone} == {Verdict.TIMEOUT}


def test_a_late_chunk_is_followed_from_the_row_whose_time_it_is() -> None:
    env = blind(latency_ticks=3)
    env.reset(seed=0)
    env.step(stay(env))
    assert [tick.chunk_id for tick in env.ticks[:4]] == [0, 0, 0, 1]
    assert env.ticks[3].step == 3


def test_a_policy_that_is_refused_has_failed_and_the_reason_is_told() -> None:
    env = blind(timeout_s=30.0)
    result = run_episode(env, lambda *_: lambda _: np.full((50, RIG.action_dim), np.nan, np.float32), 0)
    assert result.verdict is Verdict.FAILURE
    assert "not finite" in result.reason


def test_diverged_physics_aborts_and_is_no_trial() -> None:
    env = blind()
    env.reset(seed=0)
    env.process.sim.data.qvel[:] = np.nan
    _, reward, terminated, _, info = env.step(stay(env))
    assert (reward, terminated, info["verdict"]) == (0.0, True, Verdict.ABORT)
    with pytest.raises(RuntimeError, match="reset"):
        env.step(stay(env))
    aborted = EpisodeResult(0, "", Verdict.ABORT, 0.0, 0.0, info["reason"])
    assert (summarise([aborted]).trials, summarise([aborted]).aborted) == (0, 1)


def test_a_prompt_in_the_options_is_the_episodes_prompt() -> None:
    env = blind()
    with pytest.raises(ValueError, match="cubes here"):
        env.reset(seed=3, options={"prompt": "make coffee"})


def test_steps_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="latency_ticks"):
        EnvConfig(n_action_steps=5, latency_ticks=5)
    with pytest.raises(ValueError, match="n_action_steps"):
        EnvConfig(n_action_steps=60, action_horizon=50)


@pytest.mark.parametrize(("name", "arms", "cameras"), [("sim_one_arm", 1, 1), ("sim_four_cameras", 2, 4)])
def test_the_number_of_arms_and_cameras_is_the_rig_files(name: str, arms: int, cameras: int) -> None:
    env = RolloutEnv(load_rig(CONFIG / f"rig_{name}.yaml"))
    values, _ = env.reset(seed=0)
    assert values["state"].shape == (7 * arms,)
    assert {view.shape for view in values["images"].values()} <= {(240, 320, 3), (240, 424, 3)}
    assert len(values["images"]) == cameras
    assert run_episode(env, expert_policy, 0).verdict is Verdict.SUCCESS
    env.close()
