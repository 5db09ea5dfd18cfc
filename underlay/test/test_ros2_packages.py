"""The behaviour of `ros2 pkg` and `ros2 interface`, which need no graph."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("ros2cli.cli")


def ros2(*arguments: str, **kwargs) -> tuple[int, str]:
    command = [sys.executable, "-c", "import sys; from ros2cli.cli import main; sys.exit(main())", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, **kwargs)
    return result.returncode, result.stdout + result.stderr


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package 'pkg' with the executables 'talk' and 'listen', and the message Place that holds others."""
    folders = {"index": "share/ament_index/resource_index/packages", "msg": "share/pkg/msg", "lib": "lib/pkg"}
    for folder in folders.values():
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / folders["index"] / "pkg").touch()
    for name in ("talk", "listen"):
        (tmp_path / folders["lib"] / name).touch(mode=0o755)
    (tmp_path / folders["lib"] / "notes.txt").touch(mode=0o644)
    (tmp_path / folders["msg"] / "Place.msg").write_text(
        "# Where it is.\n\nPoint[<=3] corners  # in m\nbuiltin_interfaces/Time stamp\nuint8 FREE=0  # nobody there\n"
        "float64[4] size\nstring<=9 name\n"
    )
    (tmp_path / folders["msg"] / "Point.msg").write_text("# A point.\nfloat64 x  # to the front\n\nfloat64 y\n")
    monkeypatch.setenv("AMENT_PREFIX_PATH", f"{tmp_path}{os.pathsep}{os.environ['AMENT_PREFIX_PATH']}")
    return tmp_path


def test_a_packages_executables_and_place_are_told(package):
    assert ros2("pkg", "executables", "pkg") == (0, "pkg listen\npkg talk\n")
    assert ros2("pkg", "executables", "--full-path", "pkg") == (
        0,
        f"{package}/lib/pkg/listen\n{package}/lib/pkg/talk\n",
    )
    assert ros2("pkg", "prefix", "pkg") == (0, f"{package}\n")
    assert ros2("pkg", "prefix", "--share", "pkg") == (0, f"{package}/share/pkg\n")
    assert "pkg" in ros2("pkg", "list")[1].splitlines()


def test_a_package_that_is_not_there_is_said_so(package):
    assert ros2("pkg", "executables", "nowhere") == (1, "Package 'nowhere' not found\n")
    assert ros2("pkg", "prefix", "nowhere") == (1, "Package not found\n")


def test_an_interface_is_shown_with_the_messages_in_it(package):
    time = "\tint32 sec\n\tuint32 nanosec\n"
    rest = f"builtin_interfaces/Time stamp\n{time}uint8 FREE=0{{}}float64[4] size\nstring<=9 name\n"
    assert ros2("interface", "show", "pkg/msg/Place") == (
        0,
        "# Where it is.\n\nPoint[<=3] corners  # in m\n\tfloat64 x  #\n\tfloat64 y\n"
        + rest.format("  # nobody there\n"),
    )
    assert ros2("interface", "show", "-", "--no-comments", input="pkg/msg/Place\n")[1].startswith("Point[<=3] corners")


def test_an_interface_that_is_not_there_is_said_so(package):
    assert ros2("interface", "show", "nowhere/msg/X") == (1, "Unknown package 'nowhere'\n")
    code, out = ros2("interface", "show", "pkg/msg/X")
    assert code == 1
    assert out.startswith("Could not find the interface '")
    assert ros2("interface", "show", "Place") == (1, "Invalid name 'Place'. Expected three parts separated by '/'\n")
