"""The learner learns what actions are worth, goes on as if it had never stopped, and stops when it goes wrong."""

import dataclasses

import critic_toy as toy
import pytest
import torch

from aloe_critic.batches import Takeovers
from aloe_critic.critic_config import CriticConfig
from aloe_critic.guards import DivergenceError
from aloe_critic.learner import CriticLearner, polyak
from aloe_critic.losses import value

CONFIG = CriticConfig(steps=200, learning_rate=3e-3, batch_size=64)


def learner(network=None, policy=None, **changes):
    network = network or toy.critic()
    takeovers = changes.pop("takeovers", None)
    config = dataclasses.replace(CONFIG, **changes)
    return CriticLearner(network, policy or toy.ToyPolicy(), toy.ROWS, config, toy.REWARD, takeovers)


def q_of(trained: CriticLearner, s, actions):
    with torch.no_grad():
        return value(trained.critic.eval()(s, actions), trained.support).mean(0)


@pytest.mark.parametrize("bins", [1, 31])
def test_good_and_bad_chunks_in_the_same_state_come_apart(bins):
    trained = learner(toy.critic(dataclasses.replace(toy.SMALL, bins=bins)), action_noise=0.0)
    for seed in range(160):
        metrics = trained.step(toy.batch(seed=seed))
    held_out = toy.batch(200, seed=999)
    good = q_of(trained, held_out.state, held_out.state.state[:, None, :2].expand(-1, 10, -1))
    bad = q_of(trained, held_out.state, -held_out.state.state[:, None, :2].expand(-1, 10, -1))
    assert (good > bad).float().mean() > 0.9
    assert metrics["td_error"] < 0.25


def test_targets_are_those_of_the_target_critic_on_the_policys_chunks_within_the_bounds():
    trained, batch = learner(), toy.batch()
    batch = dataclasses.replace(batch, mask=torch.ones(64))
    trained.targets(batch)  # draws the policy's chunks
    torch.manual_seed(3)
    y = trained.targets(batch)
    torch.manual_seed(3)
    pick = torch.randint(trained.bootstrap.samples, (64,))
    chunks = trained.bootstrap.at(batch.row, batch.next_row, 0, pick, torch.device("cpu"))
    q = value(trained.target(batch.next_state, chunks), trained.support)
    low, high = trained.bounds
    for k in range(64):
        expected = batch.reward[k] + batch.discount[k] * min(q[:, k])
        assert y[k].item() == pytest.approx(min(max(expected.item(), low), high), abs=1e-6)


def test_the_policy_is_asked_once_per_state_until_it_changes():
    policy = toy.ToyPolicy()
    trained, batch = learner(policy=policy), toy.batch()
    for _ in range(3):
        trained.step(batch)
    assert policy.calls == 1
    trained.bootstrap.change(toy.ToyPolicy("1"))
    trained.step(batch)
    assert trained.bootstrap.source.calls == 0
    trained.bootstrap.change(toy.ToyPolicy("2"))
    trained.step(batch)
    assert trained.bootstrap.source.calls == 1


def test_the_policy_is_asked_again_after_the_refresh():
    policy = toy.ToyPolicy()
    trained = learner(policy=policy, bootstrap_refresh=2)
    for _ in range(5):
        trained.step(toy.batch())
    assert policy.calls == 3


def test_a_resumed_learner_ends_at_the_same_bits():
    network = toy.critic(dataclasses.replace(toy.SMALL, dropout=0.2))
    whole = learner(network, bootstrap_refresh=4)
    torch.manual_seed(0)
    for seed in range(5):
        whole.step(toy.batch(seed=seed))
    kept = {k: torch.clone(v) if isinstance(v, torch.Tensor) else v for k, v in whole.state_dict().items()}
    kept = torch.load(_saved(kept), weights_only=True)
    for seed in range(5, 10):
        whole.step(toy.batch(seed=seed))
    resumed = learner(toy.critic(dataclasses.replace(toy.SMALL, dropout=0.2), seed=9), bootstrap_refresh=4)
    resumed.load_state_dict(kept)
    for seed in range(5, 10):
        resumed.step(toy.batch(seed=seed))
    for one, other in ((whole.critic, resumed.critic), (whole.target, resumed.target)):
        for a, b in zip(one.parameters(), other.parameters(), strict=True):
            assert torch.equal(a, b)


def _saved(state):
    import io

    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return file


def test_targets_follow_by_polyak_averages():
    one, other = toy.critic(seed=0), toy.critic(seed=1)
    before = [p.clone() for p in one.parameters()]
    polyak(one, other, 0.25)
    for a, b, c in zip(one.parameters(), before, other.parameters(), strict=True):
        torch.testing.assert_close(a, 0.75 * b + 0.25 * c)


def test_the_takeover_term_ranks_the_humans_chunk_above_the_policys():
    s = toy.batch(seed=1).state
    human, policy = torch.ones(64, 10, 2), -torch.ones(64, 10, 2)
    trained = learner(takeovers=Takeovers(s, human, policy), takeover_weight=10.0, counterfactual_weight=0.0)
    terms = [trained.step(toy.batch(seed=seed))["takeover"] for seed in range(40)]
    assert terms[0] > 0.08 and terms[-1] < 0.05
    assert (q_of(trained, s, human) > q_of(trained, s, policy)).float().mean() > 0.9


@pytest.mark.parametrize(("foreign", "alike"), [("whole", 0), ("one_arm", 1)])
def test_a_foreign_chunk_of_one_arm_keeps_what_the_other_arm_did(foreign, alike):
    config = CriticConfig(counterfactual_weight=1.0, foreign=foreign, action_noise=0.0)
    made = CriticLearner(toy.critic(), toy.ToyPolicy(), toy.ROWS, config, toy.REWARD, arms=[slice(0, 1), slice(1, 2)])
    batch = dataclasses.replace(toy.batch(), actions=torch.randn(64, 10, 2), success=torch.ones(64, dtype=torch.bool))
    rivals = made._drawn(batch)[2]
    arms_alike = (rivals.actions == batch.actions[rivals.entry]).all(1).sum(1)
    assert set(arms_alike.tolist()) - {2} == {alike}  # 2: the draw was the chunk itself


def test_bfloat16_computes_much_the_same():
    first = [learner(bfloat16=flag).step(toy.batch())["loss"] for flag in (False, True)]
    assert first[0] == pytest.approx(first[1], rel=0.05)


def test_a_nan_in_the_data_is_named():
    batch = dataclasses.replace(toy.batch(), reward=torch.full((64,), float("nan")))
    with pytest.raises(DivergenceError, match="NaN in the data"):
        learner().step(batch)


def test_values_that_stay_out_of_bounds_stop_the_training():
    network = toy.critic(dataclasses.replace(toy.SMALL, bins=1))
    with torch.no_grad():
        network.trunks[0].heads.bias2[1] += 5.0
    trained = learner(network, patience=3, learning_rate=0.0)
    with pytest.raises(DivergenceError, match=r"critic 1 is .* returns lie in -1\.005 to 0"):
        for _ in range(5):
            trained.step(toy.batch())
    assert trained.steps_done == 3


def test_a_dead_head_is_named():
    network = toy.critic()
    with torch.no_grad():
        network.trunks[0].heads.weight2[2] = 0.0
    trained = learner(network, patience=2, learning_rate=0.0)
    with pytest.raises(DivergenceError, match=r"critic 2 gives .* dead head"):
        for _ in range(5):
            trained.step(toy.batch())
