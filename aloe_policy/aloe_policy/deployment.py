"""Which policy drives, which one it goes back to, and when.

                load                     trial_episodes passed
    good  --------------->  on trial  ------------------------>  good
      ^                        |                                   |
      |   roll back: command, bad or refused chunks, takeovers     |  roll back: command, bad or refused chunks
      +------------------------+-----------------------------------+

A policy that is loaded drives at once, on trial; the last good one stays in memory, warmed up. Going back to it rejects
the version that is left: it is not loaded again unless somebody insists. Who drives decides who proposes chunks and
nothing else: whether arms move is control_node's to say.
"""

from dataclasses import dataclass

from aloe_data.config import parameter
from aloe_policy.policy_protocol import ChunkPolicy


@dataclass(frozen=True)
class TrialConfig:
    """What a loaded policy has to show, and what it must not do."""

    trial_episodes: int = parameter(10, low=1, high=10_000, doc="episodes after which a loaded policy counts as good")
    max_takeover_rate: float = parameter(
        0.5, low=0.0, high=1.0, doc="share of its trial's episodes in which people may take over; 1: any"
    )
    max_refused_chunks: int = parameter(1, low=0, high=1000, doc="chunks that control_node may refuse in one episode")


class DeploymentError(ValueError):
    """A policy that is not loaded or not left; the message says why and what to do."""


@dataclass(frozen=True, eq=False)
class Deployed:
    """A policy that passed its checks, and the folder it came from."""

    path: str
    policy: ChunkPolicy

    @property
    def version(self) -> str:
        """Version of the policy."""
        return self.policy.version


class Deployment:
    """The state machine of the module's docstring. Not thread-safe.

    Args:
        first: Policy to begin with; somebody chose it, so it counts as good.
        config: Conditions of a trial.

    Attributes:
        active: Policy that drives.
        fallback: The last good policy besides the active one; None: there is none.
        note: Why the active policy drives, for operators.
        went_back: Whether it drives because another one was left.
    """

    def __init__(self, first: Deployed, config: TrialConfig) -> None:
        self.active = first
        self._config = config
        self.fallback: Deployed | None = None
        self.note = "started with it"
        self.went_back = False
        self._trial: list[bool] | None = None  # takeovers by episode, while the active policy is on trial
        self._rejected: dict[str, str] = {}  # why, by version
        self._refused = 0
        self._episode = ""  # version that the running episode began with; "": none runs
        self._taken = False

    @property
    def on_trial(self) -> bool:
        """Whether the active policy has yet to show that it is good."""
        return self._trial is not None

    @property
    def standing(self) -> str:
        """Where the active policy stands, for operators."""
        if self._trial is None:
            return "good"
        episodes = len(self._trial)
        taken = sum(self._trial)
        return f"on trial: {episodes} of {self._config.trial_episodes} episodes, {taken} with a takeover"

    @property
    def rejected(self) -> tuple[str, ...]:
        """Versions that are not loaded unless somebody insists."""
        return tuple(self._rejected)

    def load(self, candidate: Deployed, force: bool = False) -> None:
        """Let a policy that passed its checks drive: on trial, unless it is known to be good.

        Raises:
            DeploymentError: it was rolled back before, and nobody insists.
        """
        why = self._rejected.get(candidate.version)
        if why and not force:
            raise DeploymentError(
                f"policy {candidate.version[:12]} was rolled back ({why}); load another version, or insist with force"
            )
        self._rejected.pop(candidate.version, None)
        if candidate.version != self.active.version:
            known = self.fallback is not None and candidate.version == self.fallback.version
            if not self.on_trial:
                self.fallback = self.active
            elif known:
                self.fallback = None
            self._trial = None if known else []
            self._refused = 0
        self.active = candidate
        # A version that was rolled back before is let in by force alone, and whoever reads the note should know.
        self.note = "loaded on request by force" if why else "loaded on request"
        self.went_back = False

    def roll_back(self, reason: str) -> None:
        """Go back to the last good policy, and reject the one that is left.

        Raises:
            DeploymentError: there is none to go back to.
        """
        left = self.active.version
        if self.fallback is None:
            raise DeploymentError(f"there is no policy to go back to from {left[:12]}; load one")
        self._rejected[left] = reason
        self.active = self.fallback
        self.fallback = None
        self._trial = None
        self._refused = 0
        self.note = f"rolled back from {left[:12]}: {reason}"
        self.went_back = True

    def fault(self, version: str, reason: str) -> None:
        """A version did what a policy must not do: go back if it drives and there is one to go back to."""
        if version == self.active.version and self.fallback is not None:
            self.roll_back(reason)

    def refused(self, version: str, reason: str) -> None:
        """control_node refused one more chunk, of a version, for a reason."""
        if version != self.active.version:
            return
        self._refused += 1
        if self._refused > self._config.max_refused_chunks:
            self.fault(version, f"control_node refused {self._refused} of its chunks, the last one because {reason}")

    def begin_episode(self) -> None:
        """An episode begins to run."""
        self._episode = self.active.version
        self._taken = False
        self._refused = 0

    def take_over(self) -> None:
        """An operator took an arm."""
        self._taken = True

    def end_episode(self, counts: bool) -> None:
        """The running episode has ended; it is part of the trial of the policy that drove it from its beginning on.

        Args:
            counts: Whether the episode is part of the trial; an aborted one is not.
        """
        version = self._episode
        self._episode = ""
        if self._trial is None or not counts or version != self.active.version:
            return
        self._trial.append(self._taken)
        taken = sum(self._trial)
        episodes = self._config.trial_episodes
        if taken > self._config.max_takeover_rate * episodes:
            self.fault(version, f"people took over in {taken} of its {len(self._trial)} episodes on trial")
        elif len(self._trial) >= episodes:
            self._trial = None
