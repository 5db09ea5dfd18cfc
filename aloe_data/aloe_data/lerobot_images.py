"""The pictures of a LeRobot dataset, as cells of its tables hold them: bytes of a file, or the path of one."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from aloe_data.codecs import CodecError, decode_compressed, encode_jpeg
from aloe_data.image_header import read_header
from aloe_data.lerobot_format import DatasetError
from aloe_data.rig import Camera

_QUALITY = 95  # of pictures that have to be encoded anew


def read_picture(cell: Any, folder: Path, camera: Camera, where: str) -> bytes:
    """A picture as JPEG or PNG of the camera's size, which every reader of a bag can decode.

    Args:
        cell: Value of the table, {"bytes": ..., "path": ...} by convention; one of both may be missing.
        folder: Folder of the dataset; paths are relative to it.
        camera: Camera that took the picture.
        where: Dataset, episode, frame and feature, for messages.

    Raises:
        DatasetError: nothing there, no picture, or one of another size.
    """
    data = _bytes_of(cell, folder, where)
    if read_header(data) is None:
        data = _encoded_anew(data, where)
    try:
        decode_compressed(data, camera)
    except CodecError as error:
        raise DatasetError(f"{where}: {error}") from error
    return data


def _bytes_of(cell: Any, folder: Path, where: str) -> bytes:
    fields = cell
    if not isinstance(cell, dict):
        fields = {"bytes": cell} if isinstance(cell, bytes) else {"path": cell}
    data = fields.get("bytes")
    if isinstance(data, bytes) and data:
        return data
    path = fields.get("path")
    if not isinstance(path, str) or not path:
        raise DatasetError(f"{where}: holds no picture ({_kind(cell)}); record the episode again, or leave it out")
    try:
        return (folder / path).read_bytes()
    except (OSError, ValueError) as error:
        remedy = "copy the dataset with its pictures, or embed them in its data"
        raise DatasetError(f"{where}: names the file '{path}', which cannot be read in {folder}; {remedy}") from error


def _kind(cell: Any) -> str:
    return "empty" if cell is None or isinstance(cell, bytes | dict | str) else type(cell).__name__


def _encoded_anew(data: bytes, where: str) -> bytes:
    """Another format, such as WebP, as JPEG; its pixels are taken as they are stored, whatever EXIF says."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        image = None
    if image is None:
        start = data[:4].hex()
        raise DatasetError(f"{where}: is no picture that OpenCV knows (starts with {start}); store JPEG, PNG or WebP")
    return encode_jpeg(np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), dtype=np.uint8), _QUALITY)
