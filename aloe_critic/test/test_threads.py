"""Torch's threads do not wait for each other's turns where they share a core with anything else."""

import os
import subprocess
import sys

import pytest

SAYS = "import {package}, os, sys; print('torch' in sys.modules, os.environ['GOMP_SPINCOUNT'])"


def said_by(package: str, **more: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"} | more
    command = [sys.executable, "-c", SAYS.format(package=package)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize("package", ["aloe_policy", "aloe_critic"])
def test_they_sleep_soon_and_that_is_said_before_torch_is_loaded(package: str) -> None:
    assert said_by(package) == "False 15000"


def test_who_knows_better_is_heard() -> None:
    assert said_by("aloe_critic", GOMP_SPINCOUNT="7") == "False 7"
