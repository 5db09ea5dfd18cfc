"""From a replay's transitions to what a critic's network reads."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aloe_critic.critic_state import State
from aloe_critic.proposer import ChunkSource, drawn_chunks
from aloe_critic.transform import Transform
from aloe_data.replay import Replay, Transitions
from aloe_data.segments import AGAIN, HAND_BACK, HUMAN
from aloe_data.transitions import chunk_returns
from aloe_policy.observation_batch import ObservationBatch

Index = NDArray[np.int64]
TO_THE_END = 1 << 40  # steps: past any segment's end


@dataclass(frozen=True, eq=False)
class CriticBatch:
    """B chunk transitions as tensors.

    Attributes:
        state: States at the chunks' beginnings.
        next_state: States after them.
        actions: Executed chunks, relative to the state and normalised, [B, h, A].
        reward: Rewards added up, see `aloe_data.transitions.Returns`, [B].
        discount: Discount of the value after them, [B].
        mask: 0 where a true terminal lies inside, else 1, [B].
        success: Whether the chunk's segment ends in success, bool [B].
        row: Rows of the store at which the chunks begin, int64 [B] on the CPU; by them a policy's own observations are
            read where it is asked.
        next_row: Rows of the states after them, int64 [B] on the CPU.
    """

    state: State
    next_state: State
    actions: Tensor
    reward: Tensor
    discount: Tensor
    mask: Tensor
    success: Tensor
    row: Tensor
    next_row: Tensor


@dataclass(frozen=True, eq=False)
class Takeovers:
    """n states in which an operator took over.

    Attributes:
        state: The states.
        human: Chunks of the operator there, [n, h, A].
        policy: Chunks that the policy proposes there, [n, h, A].
    """

    state: State
    human: Tensor
    policy: Tensor


class Batches:
    """Tensors of a replay's chunks.

    Args:
        replay: Transitions with the features of the critic's encoder.
        transform: Transform of the critic, for chunks of the replay's length.

    Attributes:
        device: Device of the tensors.

    Raises:
        ValueError: A prompt without words.
    """

    def __init__(self, replay: Replay, transform: Transform) -> None:
        self.replay = replay
        self.device = transform.device
        self._transform = transform
        self._prompts = tuple(dict.fromkeys(episode.prompt for episode in replay.episodes))
        numbers = {prompt: number for number, prompt in enumerate(self._prompts)}
        self._prompt_of = torch.tensor([numbers[episode.prompt] for episode in replay.episodes], device=self.device)
        transform.words(self._prompts)

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
        replay = self.replay
        segment = replay.segment_of[index]
        success = np.array([replay.segments[k].success for k in segment], bool)
        first = np.array([replay.episodes[k].first_tick for k in replay.episode_of[index]])
        return self._returns(index, segment), success, (replay.rows[index] - first).astype(float)

    def returns(self, index: Index) -> NDArray[np.float64]:
        """Monte-Carlo returns under whoever acted: a correction that was handed back goes on in what followed."""
        replay = self.replay
        last = np.arange(len(replay.segments))
        episode = replay.episode_of_segment
        for k in reversed(range(len(last) - 1)):
            if replay.segments[k].end == HAND_BACK and episode[k] == episode[k + 1]:
                last[k] = last[k + 1]
        return self._returns(index, last[replay.segment_of[index]])

    def takeovers(self, source: ChunkSource, within: int = 10) -> Takeovers | None:
        """Where a takeover helped, its chunk and the policy's, in the first ticks after it; None if nowhere.

        Args:
            source: Chunks of the policy in the replay's store.
            within: Ticks after a takeover in which chunks count.
        """
        replay = self.replay
        helped = np.array([self._helped(k) for k in range(len(replay.segments))])
        start = np.array([segment.start for segment in replay.segments])
        segment = replay.segment_of
        chosen = np.flatnonzero(helped[segment] & (replay.rows < start[segment] + within))
        if not len(chosen):
            return None
        batch = self.at(chosen)
        return Takeovers(batch.state, batch.actions, drawn_chunks(source, batch.row.numpy(), 1, self.device)[0])

    def _helped(self, number: int) -> bool:
        """Whether a segment is an operator's who took over from the policy, and did not fail."""
        replay = self.replay
        segment = replay.segments[number]
        before = replay.segments[number - 1] if number else None
        episode = replay.episode_of_segment
        took_over = before is not None and before.end == "takeover" and episode[number] == episode[number - 1]
        failed = segment.end == AGAIN or (segment.terminal and not segment.success)
        return segment.kind == HUMAN and took_over and not failed

    def _returns(self, index: Index, segment: Index) -> NDArray[np.float64]:
        """From the beginnings of chunks to the ends of these segments; NaN where that is no true end."""
        ends = [self.replay.segments[k] for k in segment]
        stop = np.array([end.stop for end in ends], np.int64)
        terminal = np.array([end.terminal for end in ends], np.int64)
        failure = np.array([end.terminal and not end.success for end in ends], np.int64)
        rest = stop, terminal, failure, TO_THE_END, self.replay.reward
        return np.where(terminal == 1, chunk_returns(self.replay.rows[index], *rest).reward, np.nan)

    def _tensors(self, t: Transitions) -> CriticBatch:
        success = np.array([self.replay.segments[k].success for k in t.segment])
        reward, discount, mask = (torch.from_numpy(x).to(self.device) for x in (t.reward, t.discount, t.mask))
        return CriticBatch(
            state=self._state(t.state, t.features, t.episode),
            next_state=self._state(t.next_state, t.next_features, t.episode),
            actions=self._transform.executed(t.executed, t.state),
            reward=reward,
            discount=discount,
            mask=mask,
            success=torch.from_numpy(success).to(self.device),
            row=torch.from_numpy(t.row),
            next_row=torch.from_numpy(t.next_row),
        )

    def _state(self, joints: NDArray[np.float32], features: NDArray[np.float16], episode: Index) -> State:
        observations = ObservationBatch(
            features=torch.from_numpy(features).to(self.device),
            joints=torch.from_numpy(joints).to(self.device),
            prompts=self._prompts,
            prompt_index=self._prompt_of[torch.from_numpy(episode)],
        )
        return self._transform.state(observations)
