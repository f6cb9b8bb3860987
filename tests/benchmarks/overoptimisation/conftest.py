from __future__ import annotations

import pytest

from benchmarks.overoptimisation.measure import measure
from tests.benchmarks.overoptimisation.judges import SETTING


@pytest.fixture
def run(tmp_path):
    """Measures with a judge; tells how much progress was made."""

    def make(judge, setting=SETTING, folder=tmp_path, stop=None):
        told = []

        def progress(done):
            told.append(done)
            if stop is not None and sum(told) >= stop:
                raise KeyboardInterrupt

        return measure(judge, setting, folder, progress), sum(told)

    return make
