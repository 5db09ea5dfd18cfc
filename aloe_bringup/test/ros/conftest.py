"""Rollouts as users start them, in ROS domains of their own."""

import importlib.util
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


def load_helper() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rollout_process", Path(__file__).with_name("rollout_process.py"))
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rollout(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    made: list[Any] = []
    domain = 120 + sum(map(ord, request.node.name)) % 80

    def start(file: str = "rollout.launch.py", **arguments: object) -> Any:
        made.append(load_helper().RolloutProcess(domain, file, **arguments))
        return made[-1]

    yield start
    for process in made:
        process.close()
