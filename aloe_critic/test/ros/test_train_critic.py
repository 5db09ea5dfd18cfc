"""The command: what it leaves behind, that being killed changes nothing, and what it refuses at the start."""

import dataclasses
from pathlib import Path

import critic_store as made
import pytest
import torch

pytest.importorskip("rclpy")
pytest.importorskip("aloe_msgs.msg")

from aloe_critic import training
from aloe_critic.checkpoint import CheckpointError, load_critic, load_state, state_file
from aloe_critic.health import Gates
from aloe_critic.learner import CriticConfig
from aloe_critic.losses import value
from aloe_critic.networks import NetworkConfig, State
from aloe_critic.ros import critic_training
from aloe_critic.ros.critic_training import TrainCriticConfig
from aloe_critic.ros.train_critic import train_critic
from aloe_critic.scoring import score
from aloe_data.config import ConfigError
from aloe_data.episode_store import StoreError
from aloe_policy.ros.ingest import encoder_hash

NETWORK = NetworkConfig(num_critics=2, width=16, heads=2, layers=1, bins=11, dropout=0.1)
LEARNING = CriticConfig(steps=6, batch_size=16, bootstrap_samples=2, takeover_weight=1.0)


@pytest.fixture(scope="module")
def policy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("policy")
    return made.write_policy(folder / "policy"), made.write_encoder(folder / "encoder.safetensors")


@pytest.fixture
def setting(policy, tmp_path):
    """A store with successes, failures and a takeover, and the configuration to learn from it."""
    checkpoint, encoder = policy
    made.write_store(tmp_path / "store", tmp_path / "bags", encoder_hash(encoder), human_from=30)
    return TrainCriticConfig(
        rig=made.RIG_FILE, encoder=str(encoder), policy=checkpoint, out=tmp_path / "critic",
        store=str(tmp_path / "store"),
        n_action_steps=5, evaluate_every=3, save_every=2,
    )  # fmt: skip


def run(setting, learning=LEARNING, **changes):
    return train_critic(dataclasses.replace(setting, **changes), NETWORK, learning, Gates())


def test_it_leaves_a_critic_a_picture_logs_and_a_judgement(setting, capsys):
    judgement = run(setting)
    said = capsys.readouterr().out
    assert "NOT fit for improving policies" in said and not judgement.passed
    assert "reaches 60 ticks" in said  # the discount is matched to the episodes
    critic = load_critic(setting.out, made.RIG)
    assert critic.config["judgement"] == list(judgement.sentences) and not critic.config["passed"]
    assert (setting.out / "health.png").stat().st_size > 10_000
    assert list((setting.out.parent / "critic_logs").iterdir())
    low, high = critic.config["bounds"]
    assert critic.support[0] < low and critic.support[-1] > high
    assert critic.network.sizes.n_action_steps == 5


def test_the_critic_on_disk_says_what_the_trained_one_said(setting, monkeypatch):
    seen = {}
    real = critic_training.save_critic
    monkeypatch.setattr(critic_training, "save_critic", lambda *a: (seen.update(network=a[2]), real(*a))[1])
    run(setting)
    critic, network = load_critic(setting.out), seen["network"].eval()
    sizes = network.sizes
    s = State(
        torch.rand(4, sizes.num_cameras, len(sizes.keypoints), 3),
        torch.ones(4, 32, dtype=torch.long),
        torch.rand(4, sizes.state_dim),
    )
    actions = torch.rand(4, 5, sizes.action_dim)
    torch.testing.assert_close(critic.network(s, actions), network(s, actions))
    assert value(critic.network(s, actions), critic.support).shape == (2, 4)


class Killed(BaseException):
    """As by kill -9: nothing is tidied up that a process would not."""


def test_killed_and_resumed_it_ends_at_the_same_bits(setting, monkeypatch):
    run(setting)
    whole = load_state(state_file(setting.out))["learner"]
    other = dataclasses.replace(setting, out=setting.out.with_name("other"))

    calls = []

    def score_or_die(*arguments):
        calls.append(arguments)
        if len(calls) == 3:
            raise Killed
        return score(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(training, "score", score_or_die)
        with pytest.raises(Killed):
            run(other)
    assert load_state(state_file(other.out))["learner"]["steps_done"] == 4
    torch.manual_seed(99)
    run(other, resume=True)
    resumed = load_state(state_file(other.out))["learner"]
    for part in ("critic", "target"):
        for name, tensor in whole[part].items():
            assert torch.equal(tensor, resumed[part][name]), name


def test_a_training_is_neither_overwritten_nor_resumed_with_other_choices(setting):
    run(setting)
    with pytest.raises(ConfigError, match="go on with --resume"):
        run(setting)
    with pytest.raises(ConfigError, match=r"learning\.tau was 0\.005, is 0\.1"):
        run(setting, dataclasses.replace(LEARNING, tau=0.1), resume=True)
    with pytest.raises(CheckpointError, match="start anew without --resume"):
        run(setting, out=setting.out.with_name("nothing"), resume=True)


def refill(setting, verdicts, name, **options):
    store = setting.out.with_name(name)
    made.write_store(store, setting.out.with_name("bags"), encoder_hash(Path(setting.encoder)), verdicts, **options)
    return str(store)


@pytest.mark.parametrize(
    ("verdicts", "says"),
    [
        (("success",) * 4, "no failures and no takeovers"),
        (("failure",) * 4, "no successes"),
        (("timeout",) * 4, "no episode with a verdict"),
        (("success", "success"), "one segment only"),
    ],
)
def test_data_that_cannot_tell_good_from_bad_are_refused(setting, verdicts, says):
    with pytest.raises(ConfigError, match=says):
        run(setting, store=refill(setting, verdicts, "few"))


def test_one_episode_leaves_nothing_to_measure_with(setting):
    with pytest.raises(ConfigError, match="at least 2 with the same verdict"):
        run(setting, store=refill(setting, ("success",), "one"))


def test_features_or_an_encoder_of_another_policy_are_refused(setting, tmp_path):
    other = made.write_encoder(tmp_path / "other.safetensors", seed=1)
    with pytest.raises(ConfigError, match="not the encoder inside"):
        run(setting, encoder=str(other))
    store = tmp_path / "foreign"
    made.write_store(store, tmp_path / "bags", encoder_hash(other))
    with pytest.raises(ConfigError, match="holds features of the encoders"):
        run(setting, store=str(store))


def test_a_missing_policy_and_another_rig_are_said(setting, tmp_path):
    with pytest.raises(CheckpointError, match="no such folder"):
        run(setting, policy=tmp_path / "nowhere")
    text = made.RIG_FILE.read_text().replace("sim_bimanual", "elsewhere")
    text = text.replace("sim_arm.urdf", str(made.RIG_FILE.with_name("sim_arm.urdf")))
    rig = tmp_path / "rig.yaml"
    rig.write_text(text)
    with pytest.raises((StoreError, CheckpointError), match="rig"):
        run(setting, rig=rig)


def test_neither_bags_nor_a_store_is_said(setting):
    with pytest.raises(ConfigError, match="--bags, --store or both"):
        run(setting, store="")
    with pytest.raises(ConfigError, match="no store of episodes; give --bags"):
        run(setting, store=str(setting.out.with_name("empty")))


def test_chunks_longer_than_the_policys_are_refused(setting):
    with pytest.raises(ConfigError, match="longer than the policy's chunks of 20"):
        run(setting, n_action_steps=25)
