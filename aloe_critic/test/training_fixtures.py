"""What tests of a training share: a policy and a store. They need ROS."""

import critic_store as made
import pytest


@pytest.fixture(scope="session")
def policy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("policy")
    return made.write_policy(folder / "policy"), made.write_encoder(folder / "encoder.safetensors")


@pytest.fixture
def setting(policy, tmp_path):
    """A store with successes, failures and a takeover, and the configuration to learn from it."""
    from aloe_critic.ros.critic_training import TrainCriticConfig

    checkpoint, encoder = policy
    made.write_store(tmp_path / "store", tmp_path / "bags", made.encoder_hash(encoder), human_from=30)
    return TrainCriticConfig(
        rig=made.RIG_FILE, encoder=str(encoder), policy=checkpoint, out=tmp_path / "critic",
        store=str(tmp_path / "store"), n_action_steps=5, evaluate_every=3, save_every=2,
    )  # fmt: skip
