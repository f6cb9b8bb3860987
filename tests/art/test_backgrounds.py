import time

import numpy as np
import pytest

from imgedit_gym.art.backgrounds import LIGHT, VARIANTS, pattern, pattern_period, scenery
from imgedit_gym.core.names import PATTERNS, SCENERY

PERIODIC = ("stripes", "dots", "checks")
SIZES = (16, 64, 100, 128)


def shrink(image: np.ndarray, side: int) -> np.ndarray:
    """Averages square blocks down to `side` pixels."""
    block = image.shape[0] // side
    return image.reshape(side, block, side, block, -1).astype(float).mean((1, 3))


@pytest.fixture(scope="module")
def thumbnails() -> np.ndarray:
    """8x8 mean colours as [kind, variant, 192]."""
    return np.array([[shrink(scenery(k, v, 64), 8).ravel() for v in range(VARIANTS)] for k in SCENERY])


@pytest.mark.parametrize("kind", PATTERNS)
def test_pattern_shape_and_range(kind):
    for variant in range(VARIANTS):
        for size in SIZES:
            field = pattern(kind, variant, size)
            assert field.shape == (size, size)
            assert field.dtype == np.float32
            assert field.flags.c_contiguous and field.flags.writeable
            assert field.min() >= 0.0 and field.max() <= 1.0


@pytest.mark.parametrize("kind", SCENERY)
def test_scenery_shape_and_type(kind):
    for size in SIZES:
        picture = scenery(kind, 1, size)
        assert picture.shape == (size, size, 3)
        assert picture.dtype == np.uint8
        assert picture.flags.c_contiguous


def test_plain_is_zero_and_others_use_both_colours():
    assert not pattern("plain", 0, 64).any()
    for kind in PATTERNS[1:]:
        for variant in range(VARIANTS):
            field = pattern(kind, variant, 64)
            assert field.min() < 0.15 and field.max() > 0.85, (kind, variant)


@pytest.mark.parametrize("kind", PATTERNS)
def test_pattern_is_deterministic_and_varies(kind):
    fields = [pattern(kind, variant, 64) for variant in range(VARIANTS)]
    for variant, field in enumerate(fields):
        np.testing.assert_array_equal(field, pattern(kind, variant, 64))
    if kind != "plain":
        for i in range(VARIANTS):
            for j in range(i):
                assert np.abs(fields[i] - fields[j]).mean() > 0.02, (i, j)


@pytest.mark.parametrize("kind", SCENERY)
def test_scenery_is_deterministic_and_varies(kind):
    pictures = [scenery(kind, variant, 64) for variant in range(VARIANTS)]
    for variant, picture in enumerate(pictures):
        np.testing.assert_array_equal(picture, scenery(kind, variant, 64))
    for i in range(VARIANTS):
        for j in range(i):
            assert np.abs(pictures[i].astype(float) - pictures[j]).mean() > 4.0, (i, j)


def test_drawing_leaves_the_global_generator_alone():
    np.random.seed(0)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    scenery("forest", 0, 32)
    pattern("paper", 0, 32)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("kind", PERIODIC)
@pytest.mark.parametrize("size", [64, 100, 128, 256, 512])
def test_periodic_patterns_repeat_exactly(kind, size):
    for variant in range(VARIANTS):
        field, period = pattern(kind, variant, size), pattern_period(kind, variant, size)
        assert period > 0 and period % (size // 16) == 0
        np.testing.assert_array_equal(field[period:], field[:-period])
        np.testing.assert_array_equal(field[:, period:], field[:, :-period])


def test_periods_at_64_are_4_or_8():
    periods = {pattern_period(kind, variant, 64) for kind in PERIODIC for variant in range(VARIANTS)}
    assert periods == {4, 8}
    assert pattern_period("paper", 0, 64) == 0


@pytest.mark.parametrize("size", [64, 128])
def test_paper_is_visible_fine_and_stationary(size):
    for variant in range(VARIANTS):
        field = pattern("paper", variant, size)
        assert field.std() > 0.1
        quarters = shrink(field, 4)
        assert np.abs(quarters - 0.5).max() < 0.06
        spectrum = np.abs(np.fft.fft2(field - field.mean())) ** 2
        frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(size), np.fft.fftfreq(size)))
        assert spectrum[frequency > 0.125].sum() > 0.7 * spectrum.sum()


@pytest.mark.parametrize("kind", SCENERY)
def test_scenery_is_the_same_picture_at_every_size(kind):
    for variant in range(VARIANTS):
        small = scenery(kind, variant, 64).astype(float)
        for size in (128, 256, 512):
            difference = np.abs(shrink(scenery(kind, variant, size), 64) - small)
            assert difference.mean() < 3.0, (variant, size)


@pytest.mark.parametrize("kind", ["gradient", "diagonal", "spotlight", *PERIODIC])
def test_smooth_patterns_are_the_same_at_every_size(kind):
    for variant in range(VARIANTS):
        large = shrink(pattern(kind, variant, 256), 64)[..., 0]
        assert np.abs(large - pattern(kind, variant, 64)).mean() < 0.09, variant


def test_variants_resemble_each_other_more_than_other_kinds(thumbnails):
    flat = thumbnails.reshape(-1, thumbnails.shape[-1])
    kinds = np.repeat(np.arange(len(SCENERY)), VARIANTS)
    distance = np.sqrt(((flat[:, None] - flat[None]) ** 2).mean(-1))
    assert distance[kinds[:, None] != kinds[None]].min() > 15.0
    np.fill_diagonal(distance, np.inf)
    assert (kinds[distance.argmin(1)] == kinds).mean() >= 0.97


def test_light_covers_every_scenery():
    assert tuple(LIGHT) == SCENERY
    for light in LIGHT.values():
        assert len(light) == 3
        assert all(0.5 <= channel <= 1.0 for channel in light)
    assert LIGHT["meadow"] == (1.0, 1.0, 1.0)
    assert LIGHT["night sky"][2] > LIGHT["night sky"][0]
    assert LIGHT["desert"][0] > LIGHT["desert"][2]


@pytest.mark.parametrize(("draw", "known"), [(pattern, PATTERNS), (scenery, SCENERY)])
def test_unknown_kind_names_the_known_ones(draw, known):
    with pytest.raises(ValueError, match="unknown .* 'moon base'") as caught:
        draw("moon base", 0, 64)
    assert all(kind in str(caught.value) for kind in known)


@pytest.mark.parametrize(("draw", "kind"), [(pattern, "dots"), (scenery, "farm")])
@pytest.mark.parametrize(("variant", "size"), [(-1, 64), (VARIANTS, 64), (0, 8)])
def test_bad_variant_or_size_is_refused(draw, kind, variant, size):
    with pytest.raises(ValueError, match=r"must be"):
        draw(kind, variant, size)


@pytest.mark.slow
def test_a_bank_is_drawn_quickly():
    start = time.process_time()
    for variant in range(VARIANTS):
        for kind in PATTERNS:
            pattern(kind, variant, 128)
        for kind in SCENERY:
            scenery(kind, variant, 128)
    assert time.process_time() - start < 3.0
