"""From a replay's transitions to what a critic sees: the policy's own view of states and actions."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_critic.bootstrap import ChunkSampler, policy_chunks
from aloe_critic.critic_state import Sizes, State
from aloe_data.replay import Replay, Transitions
from aloe_data.segments import AGAIN, HAND_BACK, HUMAN
from aloe_data.transitions import chunk_returns
from aloe_policy.actions import ActionSpace, Normaliser
from aloe_policy.tokenizer import word_ids

Index = NDArray[np.int64]
TO_THE_END = 1 << 40  # steps: past any segment's end


class View(ChunkSampler, Protocol):
    """A policy with the action space and statistics through which it sees a rig."""

    space: ActionSpace
    normaliser: Normaliser


@dataclass(frozen=True, eq=False)
class CriticBatch:
    """B chunk transitions as tensors.

    Attributes:
        state, next_state: at the chunk's beginning and after it.
        actions: executed chunks, relative to the state and normalised [B, h, A].
        reward, discount, mask: [B], see `aloe_data.transitions.Returns`.
        success: bool [B], the chunk's segment ends in success.
        row: int64 [B] on the CPU, row of the chunk in the store.
    """

    state: State
    next_state: State
    actions: Tensor
    reward: Tensor
    discount: Tensor
    mask: Tensor
    success: Tensor
    row: Tensor


@dataclass(frozen=True, eq=False)
class Takeovers:
    """n states in which a person took over: their chunk and one that the policy proposes there [n, h, A]."""

    state: State
    human: Tensor
    policy: Tensor


class Batches:
    """Tensors of a replay's chunks.

    Args:
        replay: the transitions.
        policy: whose action space and statistics they are put in.
        device: where to.

    Raises:
        ValueError: the policy's chunks are shorter than the replay's.
    """

    def __init__(self, replay: Replay, policy: View, device: torch.device) -> None:
        h, mean = replay.config.n_action_steps, policy.normaliser.action_mean
        if h > len(mean):
            raise ValueError(f"n_action_steps {h} is longer than the policy's chunks of {len(mean)} steps")
        self.replay, self.device, self._space = replay, device, policy.space
        self._normaliser = replace(policy.normaliser, action_mean=mean[:h], action_std=policy.normaliser.action_std[:h])
        self._words = np.stack([word_ids(episode.prompt) for episode in replay.episodes])

    def sample(self, size: int, part: slice = slice(None)) -> CriticBatch:
        """A part of a random batch of that size."""
        return self._tensors(self.replay.sample(size, part))

    def at(self, index: Index) -> CriticBatch:
        """The chunks of given entries of the replay."""
        return self._tensors(self.replay.at(index))

    def states(self, index: Index) -> State:
        """The states at which the chunks of given entries begin."""
        t = self.replay.at(index)
        return self._state(t.state, t.features, t.episode)

    def ends(self, index: Index) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
        """Monte-Carlo returns (NaN where the segment has no true end), successes, and ticks since the episode began."""
        replay, segment = self.replay, self.replay.segment_of[index]
        success = np.array([replay.segments[k].success for k in segment], bool)
        first = np.array([replay.episodes[k].first_tick for k in replay.episode_of[index]])
        return self._returns(index, segment), success, (replay.rows[index] - first).astype(float)

    def returns(self, index: Index) -> NDArray[np.float64]:
        """Monte-Carlo returns under whoever acted: a correction that was handed back goes on in what followed."""
        replay = self.replay
        last, episode = np.arange(len(replay.segments)), replay.episode_of_segment
        for k in reversed(range(len(last) - 1)):
            if replay.segments[k].end == HAND_BACK and episode[k] == episode[k + 1]:
                last[k] = last[k + 1]
        return self._returns(index, last[replay.segment_of[index]])

    def takeovers(self, policy: ChunkSampler, sizes: Sizes, within: int = 10) -> Takeovers | None:
        """Where a takeover helped, its chunk and the policy's, in the first ticks after it; None if nowhere."""
        replay = self.replay
        helped = np.array([self._helped(k) for k in range(len(replay.segments))])
        start = np.array([segment.start for segment in replay.segments])
        segment = replay.segment_of
        chosen = np.flatnonzero(helped[segment] & (replay.rows < start[segment] + within))
        if not len(chosen):
            return None
        batch = self.at(chosen)
        return Takeovers(batch.state, batch.actions, policy_chunks(policy, batch.state, 1, sizes)[0])

    def _helped(self, number: int) -> bool:
        """Whether a segment is a person's who took over from the policy, and did not fail."""
        replay = self.replay
        segment, before = replay.segments[number], replay.segments[number - 1] if number else None
        episode = replay.episode_of_segment
        took_over = before is not None and before.end == "takeover" and episode[number] == episode[number - 1]
        failed = segment.end == AGAIN or (segment.terminal and not segment.success)
        return segment.kind == HUMAN and took_over and not failed

    def _returns(self, index: Index, segment: Index) -> NDArray[np.float64]:
        """From the beginnings of chunks to the ends of these segments; NaN where that is no true end."""
        ends = [self.replay.segments[k] for k in segment]
        stop, terminal, success = (
            np.array([getattr(end, name) for end in ends], np.int64) for name in ("stop", "terminal", "success")
        )
        rest = stop, terminal, terminal * (1 - success), TO_THE_END, self.replay.reward
        return np.where(terminal == 1, chunk_returns(self.replay.rows[index], *rest).reward, np.nan)

    def _tensors(self, t: Transitions) -> CriticBatch:
        relative = self._space.relative(self._space.from_joints(t.executed), t.state)
        success = np.array([self.replay.segments[k].success for k in t.segment])
        floats = (self._normaliser.chunk(relative), t.reward, t.discount, t.mask)
        actions, reward, discount, mask = (torch.from_numpy(x).to(self.device) for x in floats)
        return CriticBatch(
            state=self._state(t.state, t.features, t.episode),
            next_state=self._state(t.next_state, t.next_features, t.episode),
            actions=actions,
            reward=reward,
            discount=discount,
            mask=mask,
            success=torch.from_numpy(success).to(self.device),
            row=torch.from_numpy(t.row),
        )

    def _state(self, joints: NDArray[np.float32], features: NDArray[np.float16], episode: Index) -> State:
        seen = self._normaliser.state(self._space.state_features(joints))
        tokens = torch.from_numpy(self._space.tokens(features, joints)).to(self.device)
        words = torch.from_numpy(self._words[episode]).to(self.device)
        return State(tokens, words, torch.from_numpy(seen).to(self.device))
