"""The policy's part in the control loop: its chunks, why they were refused, and how long it may be silent."""

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

from aloe_control.action_columns import JumpLimits
from aloe_control.authority import State
from aloe_control.chunk_executor import ChunkExecutor, Planned
from aloe_control.chunk_refusal import ChunkOutdated, ChunkRefused, RefusedChunk
from aloe_control.handover import action_fade_limits
from aloe_control.tick import ControlConfig
from aloe_control.watchdog import PolicyWatch
from aloe_data.chunk import Chunk
from aloe_data.rig import Rig
from aloe_data.vocabulary import RefusalReason

Array = npt.NDArray[np.float64]
_UNTOLD: Final = 100  # refusals that are kept where nobody asks for them


class PolicyInput:
    """Follows the policy's chunks for the arms whose turn is the policy's.

    Args:
        rig: Rig for which the policy acts.
        config: Parameters of the control loop.
    """

    def __init__(self, rig: Rig, config: ControlConfig) -> None:
        jumps = JumpLimits(config.max_jump_rad, config.max_jump_m, config.max_jump_rotation_rad)
        self.executor = ChunkExecutor(rig, config.blend_ticks, jumps, action_fade_limits(rig, config))
        self._watch = PolicyWatch(config.policy_grace_s, rig.policy_max_age_s)
        self.last_refusal = ""  # why the last refused chunk was refused; "" if none was since arming
        self.refused_chunks = 0
        self._untold: deque[RefusedChunk] = deque(maxlen=_UNTOLD)
        self._sender = ""  # of the first chunk since arming: the policy that drives until motion ends

    def start(self, now_ns: int) -> None:
        """Motion is enabled: only chunks from observations from now on count."""
        self.executor.start(now_ns)
        self._watch.begin(now_ns)
        self.last_refusal = ""
        self._sender = ""

    def offer(self, chunk: Chunk, here: Array, sender: str = "", now_ns: int | None = None) -> str:
        """Take a chunk; returns "" if it is followed from the next tick on, else why not.

        Args:
            chunk: Proposal of the policy.
            here: Action row [A] that asks for the last commanded joint positions.
            sender: Node that sealed the chunk, and its incarnation.
            now_ns: Time of its arrival; None: that of the last tick.
        """
        if self._sender not in ("", sender):
            text = f"chunk {chunk.chunk_id} comes from '{sender}', but '{self._sender}' drives; stop one"
            return self.refuse(chunk.chunk_id, chunk.policy_version, RefusalReason.OTHER_POLICY, text)
        try:
            self.executor.offer(chunk, here, now_ns)
        except ChunkOutdated as late:
            return str(late)
        except ChunkRefused as refusal:
            return self.refuse(chunk.chunk_id, chunk.policy_version, refusal.reason, str(refusal))
        self._sender = sender
        return ""

    def refuse(self, chunk_id: int, policy_version: str, reason: RefusalReason, text: str) -> str:
        """Count a chunk that is not followed; the text is told if the policy then counts as silent. Returns the text.

        Args:
            chunk_id: Number of the chunk.
            policy_version: Version of the policy that proposed it.
            reason: Kind of the refusal.
            text: Reason in words.
        """
        self.refused_chunks += 1
        self.last_refusal = text
        self._untold.append(RefusedChunk(chunk_id, policy_version, reason, text, self.refused_chunks))
        return text

    def take_refused(self) -> list[RefusedChunk]:
        """Refusals since this was asked for last, in their order; of very many the newest."""
        refused = list(self._untold)
        self._untold.clear()
        return refused

    def next(self, now_ns: int) -> Planned | None:
        """The action of the tick at `now_ns`; None where no chunk covers it."""
        return self.executor.next(now_ns)

    def silence(self, now_ns: int) -> str:
        """ "" or for how long the policy, whose turn it is, has been silent."""
        return self._watch.problem(now_ns, self.executor.newest_ns, self.last_refusal)

    def authority_changed(self, arm: str, before: State, after: State, now_ns: int) -> None:
        """What is queued for an arm that was taken is void; one that is handed back follows later observations."""
        if after in (State.HUMAN, State.HELD):
            self.executor.drop(arm)
        elif after is State.WAITING and before in (State.HUMAN, State.HELD):
            self.executor.follow(arm, now_ns)
            self._watch.begin(now_ns)
