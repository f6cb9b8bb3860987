"""What tests of regions share."""

import pytest
import torch

from imgedit_gym.core.region import N_REGIONS
from imgedit_gym.models import pool
from imgedit_gym.regions import pictures


@pytest.fixture(autouse=True)
def _nothing_kept():
    """Regions of pictures that an earlier test has asked for are worked out anew."""
    pictures.KEPT_FOUND.clear()


@pytest.fixture
def _no_models():
    """Models that a test loads are let go of after it."""
    before = pool.held()
    yield
    for key in set(pool.held()).difference(before):
        pool.close(key)


@pytest.fixture(scope="session")
def all_regions():
    """Gives all regions of an environment for its current plan step."""

    def get(engine, row=0, ahead=0):
        rows = torch.full((N_REGIONS,), row)
        return engine.regions.regions(rows, torch.arange(N_REGIONS), engine.steps_of(rows, ahead))

    return get


@pytest.fixture(scope="session")
def same():
    """Tells whether two batches of regions are equal."""

    def compare(one, other):
        return all(
            torch.equal(getattr(one, name), getattr(other, name)) for name in ("masks", "boxes", "cells", "areas")
        )

    return compare
