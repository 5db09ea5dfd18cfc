"""The learner learns, goes on as if it had never stopped, holds out whole episodes, and must not forget."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy_policy import ToyPolicy, toy_batch

from aloe_policy.chunk_batch import ChunkBatch
from aloe_policy.learner import ActorLearner, LearnerConfig
from aloe_policy.tiny.model import ModelConfig
from aloe_policy.training import CollapseError, Split, fit, split_by_episode

SIZES = ModelConfig(
    2, ("a", "b", "c", "d"), 3, 2, action_horizon=10, width=32, heads=2, prefix_layers=1, expert_layers=1
)
CPU = torch.device("cpu")


class Toy:
    """The prompt says the sign, the state the size of a constant chunk."""

    def __init__(self, n: int = 240) -> None:
        rng = np.random.default_rng(0)
        sign = rng.choice([-1, 1], n)
        self.prompts = tuple("up" if one > 0 else "down" for one in sign)
        states = rng.normal(size=(n, 3)).astype(np.float32)
        self.features = torch.from_numpy(rng.normal(size=(n, 2, 4, 3)).astype(np.float32))
        self.states = torch.from_numpy(states)
        chunks = ((sign * states[:, 0])[:, None, None] * np.ones((10, 2))).astype(np.float32)
        self.chunks = torch.from_numpy(chunks)
        self.split = split_by_episode(np.arange(n) // 10, seed=0)

    def batch(self, index, device=CPU) -> ChunkBatch:
        prompts = tuple(self.prompts[k] for k in index)
        return toy_batch(self.features[index], self.states[index], self.chunks[index], prompts)


def learner(steps: int, seed: int = 0, **changes) -> ActorLearner:
    torch.manual_seed(seed)
    policy = ToyPolicy(SIZES, token_dropout=changes.pop("token_dropout", 0.0))
    options = {"batch_size": 64, "learning_rate": 3e-3, "ema": 0.98, **changes}
    return ActorLearner(policy, LearnerConfig(steps=steps, **options))


def train(actor: ActorLearner, toy: Toy, **options):
    return fit(actor, toy, toy.split.train, toy.batch(toy.split.held_out), **options)


def equal(one: ActorLearner, other: ActorLearner) -> bool:
    """Whether parameters and averages of both are the same."""
    states = [learner.state_dict() for learner in (one, other)]
    parts = ((states[0][part], states[1][part]) for part in ("parameters", "average"))
    return all(torch.equal(value, there[name]) for here, there in parts for name, value in here.items())


def test_chunks_come_to_depend_on_words_and_state() -> None:
    errors = []
    options = {"report": lambda _, m: errors.append(m.get("held_out_rmse", np.nan)), "evaluate_every": 40}
    measures = train(learner(240), Toy(), **options)
    measured = [error for error in errors if np.isfinite(error)]
    assert len(measured) == 7 and measured[-1] < 0.5 * measured[1]
    assert measures["held_out_loss"] < 0.5 * measures["held_out_loss_at_start"]


def test_the_same_seed_gives_the_same_weights() -> None:
    first, again = learner(5), learner(5)
    for actor in (first, again):
        torch.manual_seed(id(actor) % 1000)  # nothing depends on what was drawn before
        train(actor, Toy())
    assert equal(first, again)


def test_stopped_and_resumed_it_ends_at_the_same_bits() -> None:
    whole, saved = learner(6, token_dropout=0.2), []

    def keep(state) -> None:
        saved.append(io.BytesIO())
        torch.save(state, saved[-1])

    measures = train(whole, Toy(), save=keep, save_every=4)
    for file, step in zip(saved, (4, 6), strict=True):
        file.seek(0)
        resumed = learner(6, seed=9, token_dropout=0.2)
        state = torch.load(file, weights_only=True)
        assert state["learner"]["steps_done"] == step
        assert train(resumed, Toy(), resumed=state) == measures
        assert equal(whole, resumed)


def test_it_stops_when_asked_to_with_its_state_saved() -> None:
    actor, saved = learner(6), []
    assert train(actor, Toy(), save=saved.append, stop=lambda: actor.steps_done == 3) is None
    assert saved[0]["learner"]["steps_done"] == 3


def test_a_policy_that_forgets_stops_the_training_with_a_diagnosis() -> None:
    toy, actor, saved = Toy(), learner(30, batch_size=16, learning_rate=1e-2, ema=0.9), []
    train(actor, toy)
    worse = ActorLearner(actor.policy, actor.config)
    toy.chunks[toy.split.train] *= -3
    with pytest.raises(CollapseError, match=r"times that at the start \(bound 1\.5\).*lower learning_rate"):
        train(worse, toy, evaluate_every=10, save=saved.append, save_every=10)
    assert all(state["learner"]["steps_done"] < 30 for state in saved)


def test_a_loss_that_is_no_number_is_named() -> None:
    toy = Toy()
    toy.chunks[toy.split.train] = torch.nan
    with pytest.raises(CollapseError, match="the loss is nan at step 1; lower learning_rate"):
        train(learner(3), toy)


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans(), st.booleans()), min_size=1, max_size=60), st.integers(0, 3))
def test_no_episode_is_trained_on_and_held_out(entries, seed) -> None:
    episode, measurable, useful = (np.array(column) for column in zip(*entries, strict=True))
    try:
        split = split_by_episode(episode, seed, measurable, useful)
    except ValueError:
        assert len(set(episode[measurable])) < 2 or not useful.all()
        return
    assert not set(episode[split.train]) & set(episode[split.held_out])
    assert measurable[split.held_out].all() and useful[split.train].all()
    assert len(split.held_out) and len(split.train)


def test_what_does_not_measure_is_learned_from() -> None:
    split: Split = split_by_episode(np.repeat(np.arange(40), 7), seed=1)
    assert len(split.train) + len(split.held_out) == 280 and len(split.held_out) == 14


def test_one_episode_is_too_few() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        split_by_episode(np.zeros(5, np.int64), seed=0)
