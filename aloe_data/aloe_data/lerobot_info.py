"""What `meta/info.json` of a LeRobot dataset promises, held against a rig before anything is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aloe_data.lerobot_format import DATA, VERSION, DatasetError, image_key, joint_names
from aloe_data.rig import Camera, Rig
from aloe_data.section import nearest, show
from aloe_data.sidecar import SidecarError, read_json

RADIANS = "radians"
DEGREES = "degrees"
_CONVERT = "convert it: python -m lerobot.scripts.convert_dataset_v21_to_v30 --repo-id=..."
_RATE_SLACK = 0.01  # of the rig's rate


@dataclass
class DatasetInfo:
    """The description of a dataset that fits a rig.

    Attributes:
        data_path: Pattern of the paths of the data's files.
        features: Description of each feature, by name.
        columns: Column of each joint of the rig in "observation.state" and "action" [S].
        notes: Assumptions that had to be made, for people.
    """

    data_path: str
    features: Mapping[str, Mapping[str, Any]]
    columns: Mapping[str, NDArray[np.int64]]
    notes: list[str] = field(default_factory=list)


def read_info(folder: Path, rig: Rig, units: str) -> DatasetInfo:
    """Read and check the description of a dataset.

    Args:
        folder: Folder of the dataset.
        rig: Rig whose joints and cameras the dataset must have.
        units: Unit that its angles are taken for, RADIANS or DEGREES.

    Raises:
        DatasetError: no dataset of this version, another rate, other joints or cameras, videos in place of images.
    """
    file = folder / "meta" / "info.json"
    info = _read_json(file, folder)
    version = info.get("codebase_version")
    if version != VERSION:
        older = str(version).startswith(("v1", "v2"))
        remedy = _CONVERT if older else f"download its revision {VERSION}"
        raise DatasetError(f"{file}: is version {version}, not {VERSION}; {remedy}")
    _check_rate(file, info.get("fps"), rig)
    features = info.get("features")
    if not isinstance(features, dict) or not all(isinstance(value, dict) for value in features.values()):
        raise DatasetError(f"{file}: no features, but {show(features)}; is it written to the end?")
    notes: list[str] = []
    columns = {key: _columns(file, key, features, rig, notes) for key in ("observation.state", "action")}
    for key in columns:
        _check_units(file, key, features[key], units)
    for camera in rig.cameras:
        _check_camera(file, camera, features)
    return DatasetInfo(str(info.get("data_path") or DATA), features, columns, notes)


def _read_json(file: Path, folder: Path) -> dict[str, Any]:
    if not file.exists():
        remedy = "give the folder that holds meta/ and data/"
        raise DatasetError(f"{folder}: no LeRobot dataset, it has no meta/info.json; {remedy}")
    try:
        info = read_json(file)
    except SidecarError as error:  # with the line
        raise DatasetError(f"{folder}: no LeRobot dataset {VERSION}: {error}; copy or download all of it") from error
    if not isinstance(info, dict):
        raise DatasetError(f"{file}: no LeRobot dataset {VERSION}: expected an object, got {show(info)}")
    return info


def _check_rate(file: Path, fps: Any, rig: Rig) -> None:
    if isinstance(fps, bool) or not isinstance(fps, int | float) or not 0 < fps < np.inf:
        raise DatasetError(f"{file}: fps is {show(fps)}, no number of frames per second; correct it")
    if abs(fps - rig.rate_hz) > _RATE_SLACK * rig.rate_hz:
        raise DatasetError(f"{file}: has {fps:g} frames/s, the rig '{rig.name}' {rig.rate_hz:g}; resample it")


def _feature(file: Path, key: str, features: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    if key not in features:
        raise DatasetError(f"{file}: {key} is not there; {nearest(key, map(str, features))}")
    return features[key]


def _columns(
    file: Path, key: str, features: Mapping[str, Mapping[str, Any]], rig: Rig, notes: list[str]
) -> NDArray[np.int64]:
    """Where each joint of the rig stands in a feature, found by name; without names they are in the rig's order."""
    feature = _feature(file, key, features)
    told = feature.get("names")
    names = _flat_names(told)
    wanted = joint_names(rig)
    if names is None and _says_something(told):
        raise DatasetError(f"{file}: {key} has names {show(told)}, which are no list of texts; write one")
    if names is None:
        if list(feature.get("shape") or ()) != [rig.state_dim]:
            has = f"shape {show(feature.get('shape'))} and no names; the rig '{rig.name}' has {rig.state_dim} joints"
            raise DatasetError(f"{file}: {key} has {has}; name its own rig file")
        notes.append(f"{key} has no names: taken in the rig's order, {', '.join(wanted)}")
        return np.arange(rig.state_dim)
    found = [_place(joint, names, wanted) for joint in wanted]
    if None in found or len(names) != len(wanted):
        missing = [joint for joint, place in zip(wanted, found, strict=True) if place is None]
        lacks = f"; it lacks {', '.join(missing)}" if missing else ""
        raise DatasetError(f"{file}: {key} is {names}, the rig '{rig.name}' has {wanted}{lacks}; name its own rig file")
    return np.array(found, dtype=np.int64)


def _flat_names(names: Any) -> list[str] | None:
    """Names as a list; other projects put them below a key, as in {"motors": [...]}, or give each its place."""
    if isinstance(names, dict) and _are_places(list(names.values())):
        return sorted(names, key=names.__getitem__)
    if isinstance(names, dict) and len(names) == 1:
        names = next(iter(names.values()))
    if isinstance(names, list) and len(names) == 1 and isinstance(names[0], list):
        names = names[0]
    if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
        return names
    return None


def _are_places(values: list[Any]) -> bool:
    """Whether values number the columns of a feature, as in {"waist": 0, "elbow": 1}."""
    whole = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    return bool(values) and whole and sorted(values) == list(range(len(values)))


def _says_something(names: Any) -> bool:
    """Whether there are names at all, in whatever form; {"motors": null} has none."""
    values = names.values() if isinstance(names, dict) else names
    if not isinstance(names, dict | list):
        values = [names]
    return any(value is not None and value != [] for value in values)


def _place(joint: str, names: list[str], joints: list[str]) -> int | None:
    """Where a joint stands: by its full name, or by its own where no other arm has it; ".pos" may follow."""
    own = joint.partition(".")[2]
    candidates = [joint, f"{joint}.pos"]
    if [other.partition(".")[2] for other in joints].count(own) == 1:
        candidates += [own, f"{own}.pos"]
    places = [index for index, name in enumerate(names) if name in candidates]
    return places[0] if len(places) == 1 else None


def _check_units(file: Path, key: str, feature: Mapping[str, Any], units: str) -> None:
    """Units are no part of the format, but some projects declare them."""
    details = feature.get("info")
    said = [feature.get(name) for name in ("unit", "units")]
    said += [details.get(name) for name in ("unit", "units")] if isinstance(details, dict) else []
    for text in (str(value).lower() for value in said if value):
        for word, unit in (("deg", DEGREES), ("rad", RADIANS)):
            if text.startswith(word) and unit != units:
                raise DatasetError(f"{file}: {key} is in {text}; import it with --units {unit}")


def _check_camera(file: Path, camera: Camera, features: Mapping[str, Mapping[str, Any]]) -> None:
    key = image_key(camera.name)
    feature = _feature(file, key, features)
    if feature.get("dtype") == "video":
        remedy = "write the dataset with images (use_videos=False), or decode its videos into one"
        raise DatasetError(f"{file}: {key} is stored as video, which is not read here; {remedy}")
    if feature.get("dtype") != "image":
        raise DatasetError(f"{file}: {key} is {show(feature.get('dtype'))}, not image; name the camera's own feature")
    size = _size(feature)
    if size != (camera.height, camera.width):
        wanted = f"{camera.height} x {camera.width}"
        has = f"shape {show(feature.get('shape'))}, names {show(feature.get('names'))}"
        raise DatasetError(f"{file}: {key} has {has}; the rig's pictures are {wanted}: correct the rig file, or resize")


def _size(feature: Mapping[str, Any]) -> tuple[int, int] | None:
    """Height and width of pictures that are described in either order; by names where there are any."""
    shape = feature.get("shape")
    if not isinstance(shape, list) or len(shape) != 3:
        return None
    names = _flat_names(feature.get("names"))
    first = shape[0] in (1, 3, 4) and shape[2] not in (1, 3, 4)
    if names and len(names) == 3:
        first = names[0].startswith("channel")
    height, width = shape[1:] if first else shape[:2]
    return height, width
