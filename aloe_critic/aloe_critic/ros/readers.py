"""A store of ingested bags as policy and critic read it, each through an encoder of its own."""

from dataclasses import dataclass

import torch

from aloe_critic.critic_encoder import is_triangulated
from aloe_critic.proposer import StoredObservations
from aloe_critic.transform import Transform
from aloe_data.episode_index import StoredEpisode
from aloe_data.episode_store import EpisodeStore
from aloe_data.frame_store import FrameStore
from aloe_policy.encoders.registry import FrameEncoder
from aloe_policy.policy_protocol import TrainablePolicy
from aloe_policy.ros.policy_store import StoreConfig, open_stores


@dataclass(frozen=True, eq=False)
class Readers:
    """Those that read a store's frames: the policy, and a critic with an encoder of its own."""

    policy: TrainablePolicy
    encoder: FrameEncoder

    def transform(self, n_action_steps: int, device: torch.device) -> Transform:
        """A transform for a critic of this policy, in the policy's statistics.

        Raises:
            ValueError: The policy's chunks are shorter.
        """
        rig = self.policy.rig
        triangulated = is_triangulated(self.encoder, rig)
        return Transform(rig, self.policy.normaliser, n_action_steps, triangulated, device)


@dataclass(frozen=True, eq=False)
class Opened:
    """An open store.

    Attributes:
        store: The episodes.
        features: What is stored of their frames for the critic.
        policys: What is stored of them for the policy; the same where both have one encoder.
    """

    store: EpisodeStore
    features: FrameStore
    policys: FrameStore

    def has(self, episode: StoredEpisode) -> bool:
        """Whether all that is read of an episode is there."""
        return self.features.has(episode) and self.policys.has(episode)

    def observations(self, device: torch.device) -> StoredObservations:
        """Observations as the policy reads them."""
        return StoredObservations(self.store, self.policys, device)


def open_both(config: StoreConfig, readers: Readers, closed: bool = False) -> Opened:
    """The store with all that policy and critic read, made in one pass over the bags if there are any.

    Args:
        config: Which bags and store.
        readers: Policy and encoder.
        closed: Whether bags that are still being recorded are left out.

    Raises:
        ConfigError, RecordingError, StoreError: Bad input.
    """
    own = readers.policy.frame_encoder
    rig = readers.policy.rig
    if readers.encoder.spec == own.spec:
        store, (features,) = open_stores(config, rig, (own,), closed)
        return Opened(store, features, features)
    store, (policys, features) = open_stores(config, rig, (own, readers.encoder), closed)
    return Opened(store, features, policys)
