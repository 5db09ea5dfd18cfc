"""What is stored of one camera frame for those that learn: features of a frozen encoder, or the pixels."""

import hashlib
from dataclasses import dataclass

PIXELS = "pixels"


@dataclass(frozen=True)
class FeatureSpec:
    """Description of the array that stands for one frame in a store.

    Attributes:
        encoder: Registry name of the frozen encoder that makes it; `PIXELS` for the frame itself.
        shape: Shape of the array: [P, F] for P tokens of F values, [height, width, 3] for pixels.
        dtype: Numpy's name of its type: "float16" for features, "uint8" for pixels.
        hash: sha256 (hex) of the frozen encoder; for pixels, of their size.
        image_size: Height and width in px of the frame that the encoder reads.
    """

    encoder: str
    shape: tuple[int, ...]
    dtype: str
    hash: str
    image_size: tuple[int, int]

    @property
    def is_pixels(self) -> bool:
        """Whether the frames themselves are stored."""
        return self.encoder == PIXELS


def pixel_spec(height: int, width: int) -> FeatureSpec:
    """The description of frames of one size [px] that are stored as they are."""
    name = hashlib.sha256(f"{PIXELS} {height}x{width}".encode()).hexdigest()
    return FeatureSpec(PIXELS, (height, width, 3), "uint8", name, (height, width))
