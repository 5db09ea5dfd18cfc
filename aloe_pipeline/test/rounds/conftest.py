"""These tests begin and end many stages; no power fails meanwhile."""

import os

import pytest


@pytest.fixture(scope="module", autouse=True)
def no_waiting_for_disks():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _: None)
        yield
