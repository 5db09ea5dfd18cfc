"""The house rules about who may import whom, held against the code."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAY_IMPORT = {
    "aloe_data": set(),
    "aloe_policy": {"aloe_data"},
    "aloe_critic": {"aloe_data", "aloe_policy"},
    "aloe_control": {"aloe_data"},
    "aloe_teleop": {"aloe_data"},
    "aloe_sim": {"aloe_data", "aloe_control", "aloe_teleop"},
    "aloe_pipeline": {"aloe_control", "aloe_critic", "aloe_data", "aloe_policy", "aloe_sim", "aloe_teleop"},
}
WITHOUT_TORCH = ("aloe_data", "aloe_control", "aloe_teleop")
ROS = re.compile(
    r"(rclpy|rosbag2_py|rosidl_\w+|message_filters|cv_bridge|launch|launch_ros|ament_index_python|\w+_msgs)$"
)
PACKAGES = [name for name in MAY_IMPORT if (ROOT / name / name).is_dir()]


def imports(file: Path) -> Iterator[str]:
    """Full names of the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text(), str(file))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import; write the full name"
            yield node.module or ""


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package / package).rglob("*.py"))


def is_pure(file: Path, package: str) -> bool:
    return file.relative_to(ROOT / package / package).parts[0] != "ros"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_imports_only_packages_below_it(package: str) -> None:
    allowed = MAY_IMPORT[package] | {package, "aloe_msgs"}
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in modules(package)
        for name in imports(file)
        if name.split(".")[0].startswith("aloe_") and name.split(".")[0] not in allowed
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", PACKAGES)
def test_pure_modules_know_nothing_of_ros(package: str) -> None:
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for file in modules(package)
        if is_pure(file, package)
        for name in imports(file)
        if ROS.match(name.split(".")[0]) or ".ros" in name
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", WITHOUT_TORCH)
def test_data_control_and_devices_do_without_torch(package: str) -> None:
    wrong = [str(file) for file in modules(package) if any(n.split(".")[0] == "torch" for n in imports(file))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_declares_the_suite_packages_it_imports(package: str) -> None:
    declared = set(re.findall(r"<(?:exec_)?depend>(\w+)</", (ROOT / package / "package.xml").read_text()))
    used = {name.split(".")[0] for file in modules(package) for name in imports(file)}
    missing = {name for name in used if name.startswith("aloe_") or ROS.match(name)} - declared - {package}
    missing -= {"ament_index_python", "rosidl_runtime_py"} & missing if "rclpy" in declared else set()
    assert not missing, f"{package}/package.xml: add <exec_depend> for {', '.join(sorted(missing))}"


def test_a_kind_of_policy_is_imported_by_the_registry_alone() -> None:
    """So that another kind is one folder and one line, and what learns serves all kinds."""
    policies = ROOT / "aloe_policy" / "aloe_policy"
    rooms = {kind.parent.name for kind in policies.glob("*/kind.py")}
    assert {"tiny", "visual"} <= rooms
    wrong = [
        f"{file.relative_to(ROOT)} imports {name}"
        for package in PACKAGES
        for file in modules(package)
        if file != policies / "backend.py"
        for name in imports(file)
        for room in rooms
        if name.startswith(f"aloe_policy.{room}") and policies / room not in file.parents
    ]
    assert not wrong, "\n".join(wrong)


def test_nothing_but_the_stand_ins_knows_that_there_are_stand_ins() -> None:
    folders = [*PACKAGES, "aloe_msgs", "aloe_bringup/launch", "launch", "config", "bench", "studies"]
    files = [
        file for folder in folders for file in (ROOT / folder).rglob("*") if file.suffix in (".py", ".yaml", ".xml")
    ]
    wrong = [str(file) for file in files if re.search(r"underlay|stand-in", file.read_text(), re.IGNORECASE)]
    assert not wrong, "\n".join(wrong)
