"""Opens what a store holds of its frames, by its description."""

from aloe_data.episode_store import EpisodeStore
from aloe_data.feature_spec import FeatureSpec
from aloe_data.feature_store import FeatureStore
from aloe_data.frame_store import FrameStore
from aloe_data.pixel_store import PixelStore


def open_features(store: EpisodeStore, spec: FeatureSpec) -> FrameStore:
    """What a store holds, or will hold, of its frames.

    Args:
        store: Episodes whose frames they are.
        spec: Description of what is stored of one frame: features of an encoder, or pixels.

    Raises:
        StoreError: Something else stands under that hash.
    """
    if spec.is_pixels:
        return PixelStore(store, spec)
    return FeatureStore(store, spec.hash, spec.shape, spec)
