"""A LeRobot dataset v3.0 to bags: `ros2 run aloe_data import_lerobot --dataset DIR --rig FILE --out DIR`.

Every episode becomes a bag like those of recorder_node, so that all commands work on it. What the dataset does not
say is filled in: the policy commanded, as in a demonstration, and there is no verdict (give one: `aloe_data verdict`).
"""

import contextlib
import shutil
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aloe_msgs.msg import ArmAction, EpisodeEvent, ExecutedAction
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage, Image
from tqdm import tqdm

from aloe_data.codecs import decode_compressed
from aloe_data.command import run_command
from aloe_data.config import parameter
from aloe_data.lerobot_dataset import DatasetEpisode, DatasetError, read_dataset
from aloe_data.lerobot_info import DEGREES, RADIANS, read_info
from aloe_data.recording import (
    EVENTS,
    EXECUTED,
    EpisodeRecord,
    RecordingError,
    check_folder,
    next_episode_id,
    read_rig_files,
    recorded_topics,
)
from aloe_data.rig import Camera, Rig, RigError
from aloe_data.rig_file import load_rig
from aloe_data.ros.bag_writer import open_bag
from aloe_data.ros.convert import compressed_to_message, image_to_message, joint_state_messages, ns_to_stamp
from aloe_data.ros.imported import IMPORTED, ImportedEpisodes
from aloe_data.sources import DEMONSTRATORS
from aloe_data.vocabulary import NS, VERDICT_WORDS

_BEGIN_NS = NS
_MIN_FREE_GIB = 1.0


@dataclass(frozen=True)
class ImportConfig:
    """What to import, and where."""

    dataset: Path = parameter(doc="folder of the dataset")
    rig: Path = parameter(doc="rig file with the dataset's joints and cameras")
    units: str = parameter(
        RADIANS, choices=(RADIANS, DEGREES), doc="of the arms' angles; grippers are in the rig's unit"
    )
    out: Path = parameter(
        doc="folder for one bag per episode; numbering goes on where it stands, and what is there is not imported again"
    )


def import_dataset(config: ImportConfig) -> int:
    """Write all episodes as bags that are not there yet; their number.

    Raises:
        RigError, RecordingError, DatasetError: bad input.
    """
    rig = load_rig(config.rig)
    number = 0
    check_folder(config.out, _MIN_FREE_GIB)
    text, urdfs = read_rig_files(config.rig, rig)
    reason = f"{IMPORTED}{config.dataset.resolve()}"
    for note in read_info(config.dataset, rig, config.units).notes:
        print(f"{config.dataset}: {note}")
    there = ImportedEpisodes(config.out)
    for episode in tqdm(read_dataset(config.dataset, rig, config.units), unit="episode", desc="importing"):
        if there.take(episode.action):
            continue
        name = next_episode_id(path.name for path in config.out.iterdir())
        verdict, seed = _facts(episode, config.dataset)
        record = EpisodeRecord(name, episode.prompt, seed, verdict.upper(), reason, rig=text, urdfs=urdfs)
        bag = _EpisodeBag(config.out / name, rig, record)
        try:
            bag.write(episode)
        except BaseException:
            bag.discard()  # half a bag would count as an episode
            raise
        number += 1
    return number


def _facts(episode: DatasetEpisode, dataset: Path) -> tuple[str, int]:
    """Verdict and scene seed. Raises DatasetError where a column holds something else."""
    verdict = episode.facts.get("verdict", "none")
    seed = episode.facts.get("seed", 0)
    if verdict not in VERDICT_WORDS:
        raise DatasetError(f"{dataset}: verdict '{verdict}' is none of {', '.join(VERDICT_WORDS)}; correct the column")
    if not isinstance(seed, int) or not 0 <= seed < 1 << 64:
        raise DatasetError(f"{dataset}: seed '{seed}' is no whole number from 0; correct the column")
    return str(verdict), int(seed)


class _EpisodeBag:
    def __init__(self, folder: Path, rig: Rig, record: EpisodeRecord) -> None:
        self._folder = folder
        self._rig = rig
        self._record = record
        self._writer = open_bag(folder, record, dict.fromkeys(recorded_topics(rig, use_sim_time=False)))
        self._now_ns = _BEGIN_NS

    def write(self, episode: DatasetEpisode) -> None:
        self._event(EpisodeEvent.START, "none")
        for tick in range(len(episode.state)):
            self._now_ns = _BEGIN_NS + round(tick * NS / self._rig.rate_hz)
            self._observation(episode, tick)
            self._executed(episode, tick)
        self._event(EpisodeEvent.STOP, self._record.verdict.lower())
        self._writer.close()

    def discard(self) -> None:
        """Remove what was written."""
        with contextlib.suppress(RuntimeError):
            self._writer.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _observation(self, episode: DatasetEpisode, tick: int) -> None:
        for camera in self._rig.cameras:
            self._write(camera.topic, self._picture(camera, episode.images[camera.name][tick]))
        state = episode.state[tick].astype(float)
        positions = {arm.name: state[self._rig.state_slice(arm.name)] for arm in self._rig.arms}
        for topic, message in joint_state_messages(self._rig.arms, positions, self._now_ns).items():
            self._write(topic, message)

    def _picture(self, camera: Camera, data: bytes) -> CompressedImage | Image:
        """A picture of the type that the camera's topic has."""
        if camera.is_raw:
            return image_to_message(decode_compressed(data, camera), self._now_ns, camera.name)
        message = compressed_to_message(data, self._now_ns, camera.name)
        message.format = "png" if data.startswith(b"\x89PNG") else "jpeg"
        return message

    def _executed(self, episode: DatasetEpisode, tick: int) -> None:
        message = ExecutedAction(tick=tick, armed=True)
        message.policy_version = str(episode.facts.get("policy", DEMONSTRATORS[0]))
        message.header.stamp = ns_to_stamp(self._now_ns)
        for index, arm in enumerate(self._rig.arms):
            positions = array("d", episode.action[tick, self._rig.state_slice(arm.name)].astype(float))
            source = ArmAction.POLICY if episode.source is None else int(episode.source[tick, index])
            message.arms.append(ArmAction(arm=arm.name, source=source, requested=positions, executed=positions))
        self._write(EXECUTED, message)

    def _event(self, kind: int, verdict: str) -> None:
        event = EpisodeEvent(kind=kind, episode_id=self._record.episode_id, source="import")
        event.header.stamp = ns_to_stamp(self._now_ns)
        event.verdict = VERDICT_WORDS.index(verdict)
        event.prompt = self._record.prompt
        event.seed = self._record.seed
        event.reason = self._record.reason
        self._write(EVENTS, event)

    def _write(self, topic: str, message: Any) -> None:
        self._writer.write(topic, serialize_message(message), self._now_ns)


def main() -> None:
    """Entry point of `import_lerobot`."""
    refused = (RigError, RecordingError, DatasetError)
    run_command("import_lerobot", _import_and_tell, ImportConfig, about=__doc__, refused=refused)


def _import_and_tell(config: ImportConfig) -> None:
    print(f"{config.out}: {import_dataset(config)} episodes")


if __name__ == "__main__":
    main()
