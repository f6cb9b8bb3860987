from __future__ import annotations

import pytest

from benchmarks.throughput.measure import spread
from benchmarks.throughput.tables import number, spread_text


@pytest.mark.parametrize(
    ("value", "text"),
    [(61234.4, "61,234"), (99.94, "99.9"), (12.3, "12.3"), (9.96, "10"), (1.87, "1.9"), (0.0031, "0.0031")],
)
def test_numbers(value, text):
    assert number(value) == text


def test_a_single_segment_has_no_spread():
    assert spread_text(spread([500.0]), 1) == "500"
    assert spread_text(spread([400.0, 500.0, 600.0]), 3) == "500 ±10%"
    assert spread_text(None, 0) == "–"
