# mypy: ignore-errors
"""Kernels that measure how much of each fault is in a picture, and what else has happened to it.

The picture's difference from the original is explained as a sum of the faults, each as it stands alone in the
original. What a fault's share in the sum is tells how much of it is there; what no sum explains is damage. Sums over
pixels are of whole numbers, so that they are the same in any order.
"""

import warp as wp

from imgedit_gym.core.checklist import MAX_REQUIREMENTS, N_LABELS
from imgedit_gym.tasks.photos.recipe import BLUR_FAULT, MAX_FAULTS, NOISE_FAULT

BLOCKS = 32
"""Edge of the grid of block means that tone and colour are measured by; what is finer is detail."""

WINDOWS = 16
"""Edge of the grid of windows in which structure is compared."""

_F = wp.constant(MAX_FAULTS)
_NOISE, _BLUR = wp.constant(NOISE_FAULT), wp.constant(BLUR_FAULT)
_ROWS, _LABELS = wp.constant(MAX_REQUIREMENTS), wp.constant(N_LABELS)

TONE_DONE, TONE_UNDONE = 0.25, 0.75
"""How much of a fault of tone or colour may be left for a value of 1, and for one of 0."""

NOISE_DONE, NOISE_UNDONE = 0.55, 0.85
BLUR_DONE, BLUR_UNDONE = 0.60, 0.92
"""The same of noise and of blur, which nobody can take away wholly, by what remains of the error in fine detail."""

WORSE = 0.06
"""How much more of a blur may be left for each degree that it is worse."""

INEXACT = 3.0
"""Unexplained levels of 255 in block means that rounding brings about."""

SMALLEST = 20.0
"""A fault of fewer levels counts as one of so many where unexplained levels are weighed against it."""

ROUGH = 7.0
"""Unexplained levels in all that are no damage."""

DAMAGED = 25.0
"""Further levels at which quality is 0."""

TOUGH = 16.0
"""Variance that steadies the comparison of nearly flat windows."""

_TONE_DONE, _TONE_SPAN = wp.constant(wp.float64(TONE_DONE)), wp.constant(wp.float64(TONE_UNDONE - TONE_DONE))
_NOISE_DONE, _NOISE_SPAN = wp.constant(wp.float64(NOISE_DONE)), wp.constant(wp.float64(NOISE_UNDONE - NOISE_DONE))
_BLUR_DONE, _BLUR_UNDONE, _WORSE = (wp.constant(wp.float64(value)) for value in (BLUR_DONE, BLUR_UNDONE, WORSE))
_INEXACT, _SMALLEST = wp.constant(wp.float64(INEXACT)), wp.constant(wp.float64(SMALLEST))
_ROUGH, _DAMAGED = wp.constant(wp.float64(ROUGH)), wp.constant(wp.float64(DAMAGED))
_ZERO, _HALF, _ONE = (wp.constant(wp.float64(value)) for value in (0.0, 0.5, 1.0))

LOST = 0.75
"""Share of noise or blur that may remain as other errors without counting as damage."""

SLACK = 0.03
"""Likeness of structure that may be lost without anything counting as changed."""

RIDGE = 0.01
"""Steadies the sums where two faults look alike."""

MET_AT_MOST, COARSE_AT_LEAST, FINE_AT_LEAST, ALIKE, STRUCTURE_AT_LEAST = 0.75, 6.0, 4.5, 0.9, 10.0
"""What a task must satisfy: closeness of a fault in the source picture, levels of 255 that a fault of tone comes to
and one of detail in what is left of contrast, correlation of two faults, and mean structure of the original."""

_LOST, _SLACK, _RIDGE = (wp.constant(wp.float64(value)) for value in (LOST, SLACK, RIDGE))
_MET_AT_MOST, _COARSE_AT_LEAST, _FINE_AT_LEAST, _ALIKE, _STRUCTURE_AT_LEAST = (
    wp.constant(wp.float64(value)) for value in (MET_AT_MOST, COARSE_AT_LEAST, FINE_AT_LEAST, ALIKE, STRUCTURE_AT_LEAST)
)
_FAINT = wp.constant(wp.float64(0.05))


@wp.struct
class Known:
    """What is known of the tasks.

    Attributes:
        originals: ``[B, S, S, 3]``.
        alone: Each fault alone in the original, ``[B * MAX_FAULTS, S, S, 3]``.
        segments: ``[B, S, S]``: 1 where a local fault is, 0 elsewhere.
        keep: ``[B, N_LABELS]``.
        count: How many faults, ``[B]``.
        faults: Aspect, kind, direction and degree of each, ``[B, MAX_FAULTS, 4]``.
        fault_row: Which requirement each fault is, ``[B, MAX_FAULTS]``.
        gram: Products of the faults with each other and, last, with the original, in block means and in detail,
            ``[B, MAX_FAULTS, 2, MAX_FAULTS + 1]``.
        met: Closeness of each fault in the source picture, ``[B, MAX_FAULTS]``.
        rough: Unexplained levels in the source picture, ``[B]``.
        likeness: Likeness of structure of the source picture by label, ``[B, N_LABELS]``.
    """

    originals: wp.array4d(dtype=wp.uint8)
    alone: wp.array4d(dtype=wp.uint8)
    segments: wp.array3d(dtype=wp.uint8)
    keep: wp.array2d(dtype=wp.uint8)
    count: wp.array(dtype=wp.int32)
    faults: wp.array3d(dtype=wp.int32)
    fault_row: wp.array2d(dtype=wp.int32)
    gram: wp.array4d(dtype=wp.float64)
    met: wp.array2d(dtype=wp.float64)
    rough: wp.array(dtype=wp.float64)
    likeness: wp.array2d(dtype=wp.float64)


@wp.struct
class Sums:
    """What one look at N pictures gives.

    Attributes:
        error: Squared difference from the original, in block means and in detail, and the squared original likewise,
            ``[N, 4]``.
        share: Products of the difference with each fault and, last, with the original, likewise,
            ``[N, 2, MAX_FAULTS + 1]``.
        likeness: Likeness of structure by label, ``[N, N_LABELS]``.
        weight: Structure by label in levels of 255, ``[N, N_LABELS]``: what likeness is weighed by.
    """

    error: wp.array2d(dtype=wp.float64)
    share: wp.array3d(dtype=wp.float64)
    likeness: wp.array2d(dtype=wp.float64)
    weight: wp.array2d(dtype=wp.float64)


@wp.func_native(f"""
    const int blocks = {BLOCKS}, most = {MAX_FAULTS};
    const unsigned char *seen = canvas.data, *own = original.data, *spoilt = alone.data;
    const size_t plane = (size_t)size * size * 3;
    double low_error = 0.0, low[most], low_own = 0.0, low_cross = 0.0;
    long long error = 0, full[most], all_own = 0, cross = 0;
    for (int f = 0; f < most; ++f) {{ low[f] = 0.0; full[f] = 0; }}
    for (int by = 0; by < blocks; ++by)
        for (int bx = 0; bx < blocks; ++bx) {{
            const int top = by * size / blocks, bottom = (by + 1) * size / blocks;
            const int left = bx * size / blocks, right = (bx + 1) * size / blocks;
            const double pixels = (double)((bottom - top) * (right - left));
            int mean[3] = {{0, 0, 0}}, level[3] = {{0, 0, 0}}, part[most][3];
            long long here[most];
            for (int f = 0; f < count; ++f) {{
                part[f][0] = part[f][1] = part[f][2] = 0;
                here[f] = 0;
            }}
            for (int y = top; y < bottom; ++y)
                for (int x = left; x < right; ++x) {{
                    const size_t at = ((size_t)y * size + x) * 3;
                    for (int c = 0; c < 3; ++c) {{
                        const int base = own[at + c], gap = (int)seen[at + c] - base;
                        mean[c] += gap;
                        level[c] += base;
                        error += gap * gap;
                        all_own += base * base;
                        cross += gap * base;
                        for (int f = 0; f < count; ++f) {{
                            const int fault = (int)spoilt[f * plane + at + c] - base;
                            part[f][c] += fault;
                            here[f] += gap * fault;
                        }}
                    }}
                }}
            for (int c = 0; c < 3; ++c) {{
                low_error += (double)mean[c] * (double)mean[c] / pixels;
                low_own += (double)level[c] * (double)level[c] / pixels;
                low_cross += (double)mean[c] * (double)level[c] / pixels;
                for (int f = 0; f < count; ++f) low[f] += (double)mean[c] * (double)part[f][c] / pixels;
            }}
            for (int f = 0; f < count; ++f) full[f] += here[f];
        }}
    errors.data[0] = low_error;
    errors.data[1] = (double)error - low_error;
    errors.data[2] = low_own;
    errors.data[3] = (double)all_own - low_own;
    double *shares_low = shares.data, *shares_high = shares.data + most + 1;
    shares_low[most] = low_cross;
    shares_high[most] = (double)cross - low_cross;
    for (int f = 0; f < most; ++f) {{
        shares_low[f] = f < count ? low[f] : 0.0;
        shares_high[f] = f < count ? (double)full[f] - low[f] : 0.0;
    }}
""")
def _add_up(
    canvas: wp.array3d(dtype=wp.uint8),
    original: wp.array3d(dtype=wp.uint8),
    alone: wp.array3d(dtype=wp.uint8),
    size: int,
    count: int,
    errors: wp.array(dtype=wp.float64),
    shares: wp.array2d(dtype=wp.float64),
):
    """Squared difference of a picture from the original, and its products with the faults."""
    ...


@wp.func_native(f"""
    const int windows = {WINDOWS}, labels = {N_LABELS};
    double total[labels], alike[labels];
    for (int label = 0; label < labels; ++label) total[label] = alike[label] = 0.0;
    for (int wy = 0; wy < windows; ++wy)
        for (int wx = 0; wx < windows; ++wx) {{
            const int top = wy * size / windows, bottom = (wy + 1) * size / windows;
            const int left = wx * size / windows, right = (wx + 1) * size / windows;
            long long a = 0, b = 0, aa = 0, bb = 0, ab = 0;
            for (int y = top; y < bottom; ++y)
                for (int x = left; x < right; ++x) {{
                    const size_t at = ((size_t)y * size + x) * 3;
                    const unsigned char *p = canvas.data + at, *q = original.data + at;
                    const int u = (77 * p[0] + 150 * p[1] + 29 * p[2]) >> 8;
                    const int v = (77 * q[0] + 150 * q[1] + 29 * q[2]) >> 8;
                    a += u; b += v; aa += u * u; bb += v * v; ab += u * v;
                }}
            const double n = (double)((bottom - top) * (right - left));
            const double va = (double)aa / n - ((double)a / n) * ((double)a / n);
            const double vb = (double)bb / n - ((double)b / n) * ((double)b / n);
            const double cov = (double)ab / n - ((double)a / n) * ((double)b / n);
            const double va0 = va > 0.0 ? va : 0.0, vb0 = vb > 0.0 ? vb : 0.0;
            const int label = segments.data[(size_t)((top + bottom) / 2) * size + (left + right) / 2];
            const double weight = sqrt(vb0);
            total[label < labels ? label : 0] += weight;
            alike[label < labels ? label : 0] += weight * cov / (sqrt(va0 * vb0) + {TOUGH});
        }}
    for (int label = 0; label < labels; ++label) {{
        likeness.data[label] = total[label] > 0.0 ? alike[label] / total[label] : 1.0;
        weights.data[label] = total[label] / (windows * windows);
    }}
""")
def _compare(
    canvas: wp.array3d(dtype=wp.uint8),
    original: wp.array3d(dtype=wp.uint8),
    segments: wp.array2d(dtype=wp.uint8),
    size: int,
    likeness: wp.array(dtype=wp.float64),
    weights: wp.array(dtype=wp.float64),
):
    """Correlation of a picture with the original, window by window, whatever their light and contrast."""
    ...


@wp.kernel
def multiply_faults(first: int, rows: wp.array(dtype=wp.int64), known: Known, scrap: wp.array2d(dtype=wp.float64)):
    """Products of the faults of some tasks with each other, into ``known.gram``.

    Args:
        first: Where the part of the batch begins.
        rows: Which rows of the batch, ``[n]``.
        known: The tasks.
        scrap: ``[n, 4]``, of no further use.
    """
    i = first + wp.tid()
    b = int(rows[i])
    size = known.originals.shape[1]
    for f in range(_F):
        for band in range(2):
            for g in range(_F + 1):
                known.gram[b, f, band, g] = _ZERO
    for f in range(known.count[b]):
        _add_up(
            known.alone[b * _F + f],
            known.originals[b],
            known.alone[b * _F],
            size,
            known.count[b],
            scrap[i],
            known.gram[b, f],
        )


@wp.kernel
def add_up(first: int, canvas: wp.array4d(dtype=wp.uint8), rows: wp.array(dtype=wp.int64), known: Known, sums: Sums):
    """Look at N pictures.

    Args:
        first: Where the part of the batch begins.
        canvas: ``[N, S, S, 3]``.
        rows: Which task each belongs to, ``[N]``.
        known: The tasks.
        sums: Written.
    """
    n = first + wp.tid()
    b = int(rows[n])
    size = canvas.shape[1]
    _add_up(canvas[n], known.originals[b], known.alone[b * _F], size, known.count[b], sums.error[n], sums.share[n])
    _compare(canvas[n], known.originals[b], known.segments[b], size, sums.likeness[n], sums.weight[n])


_vector = wp.types.vector(length=MAX_FAULTS, dtype=wp.float64)
_matrix = wp.types.matrix(shape=(MAX_FAULTS, MAX_FAULTS), dtype=wp.float64)


@wp.func
def _shares(known: Known, sums: Sums, b: int, n: int, band: int) -> _vector:
    """How much of each fault is in a picture, by least squares with a little ridge, in one band."""
    matrix = _matrix()
    right = _vector()
    norms = _vector()
    count = known.count[b]
    for f in range(_F):
        norms[f] = _ONE
        if f < count:
            norms[f] = wp.sqrt(wp.max(known.gram[b, f, band, f], _ONE))
    for f in range(_F):
        for g in range(_F):
            if f < count and g < count:
                matrix[f, g] = known.gram[b, f, band, g] / (norms[f] * norms[g])
        matrix[f, f] = matrix[f, f] + _RIDGE
        if f < count:
            right[f] = sums.share[n, band, f] / norms[f]
    # Gauss-Jordan; the matrix is positive definite
    for f in range(_F):
        pivot = matrix[f, f]
        for g in range(_F):
            if g != f:
                factor = matrix[g, f] / pivot
                for h in range(_F):
                    matrix[g, h] = matrix[g, h] - factor * matrix[f, h]
                right[g] = right[g] - factor * right[f]
    for f in range(_F):
        right[f] = right[f] / (matrix[f, f] * norms[f])
    return right


@wp.func
def _unexplained(known: Known, sums: Sums, b: int, n: int, band: int, shares: _vector) -> wp.float64:
    """Squared difference that the faults' shares do not explain."""
    left = sums.error[n, band]
    for f in range(known.count[b]):
        left -= wp.float64(2.0) * shares[f] * sums.share[n, band, f]
        for g in range(known.count[b]):
            left += shares[f] * shares[g] * known.gram[b, f, band, g]
    return wp.max(left, _ZERO)


@wp.func
def _part(value: wp.float64) -> wp.float64:
    return wp.clamp(value, _ZERO, _ONE)


@wp.func
def _detail(known: Known, sums: Sums, b: int, n: int, f: int) -> wp.vec2d:
    """How strong the original's own detail is in a picture, and what is left of noise or blur compared with it.

    The picture's detail is explained as so much of the original's and so much of the fault, so that a picture of low
    contrast has as much noise as before: stretching it brings the noise out again.
    """
    own = wp.max(sums.error[n, 3], _ONE)
    both = known.gram[b, f, 1, _F]
    fault = wp.max(known.gram[b, f, 1, f], _ONE)
    seen = sums.error[n, 1] + wp.float64(2.0) * sums.share[n, 1, _F] + own
    with_own = sums.share[n, 1, _F] + own
    with_fault = sums.share[n, 1, f] + both
    room = wp.max(own * fault - both * both, wp.float64(1.0e-6) * own * fault)
    strength = (fault * with_own - both * with_fault) / room
    share = (own * with_fault - both * with_own) / room
    rest = wp.max(seen - strength * with_own - share * with_fault, _ZERO)
    return wp.vec2d(strength, wp.sqrt(share * share + rest / fault) / wp.max(strength, _FAINT))


@wp.func
def _closeness(
    known: Known, sums: Sums, b: int, n: int, f: int, coarse: _vector, low: wp.float64, pixels: wp.float64
) -> wp.float64:
    """How far a fault is gone, in [0, 1].

    Args:
        known: The tasks.
        sums: What a look at the pictures gave.
        b: Row of the task.
        n: Place of the picture.
        f: Fault.
        coarse: Shares of the faults in block means.
        low: Unexplained squares in block means.
        pixels: Numbers of a picture.
    """
    aspect = known.faults[b, f, 0]
    if aspect == _NOISE:
        return _part((_NOISE_DONE + _NOISE_SPAN - _detail(known, sums, b, n, f)[1]) / _NOISE_SPAN)
    if aspect == _BLUR:
        done = _BLUR_DONE + _WORSE * wp.float64(known.faults[b, f, 3])
        return _part((_BLUR_UNDONE - _detail(known, sums, b, n, f)[1]) / (_BLUR_UNDONE - done))
    strength = wp.max(wp.sqrt(known.gram[b, f, 0, f] / pixels), _SMALLEST)
    left = wp.abs(coarse[f]) + wp.max(wp.sqrt(low / pixels) - _INEXACT, _ZERO) / strength
    return _part((_TONE_DONE + _TONE_SPAN - left) / _TONE_SPAN)


@wp.kernel
def note_source(
    first: int,
    rows: wp.array(dtype=wp.int64),
    known: Known,
    sums: Sums,
    usable: wp.array(dtype=wp.int32),
):
    """Note what the source pictures are like, and whether their tasks are any good.

    A task is no good if a fault can hardly be seen, if two faults look alike, if a fault is as good as gone in the
    source picture because another takes it back, or if there is next to nothing in the picture.

    Args:
        first: Where the part of the batch begins.
        rows: Which rows of the batch, ``[n]``.
        known: The tasks.
        sums: What a look at the source pictures gave, by place in ``rows``.
        usable: ``[n]``, written: 1 where the task is good.
    """
    i = first + wp.tid()
    b = int(rows[i])
    pixels = wp.float64(known.originals.shape[1] * known.originals.shape[1] * 3)
    coarse = _shares(known, sums, b, i, 0)
    fine = _shares(known, sums, b, i, 1)
    low = _unexplained(known, sums, b, i, 0, coarse)
    high = _unexplained(known, sums, b, i, 1, fine)
    good = int(1)
    for f in range(_F):
        known.met[b, f] = _ZERO
    for f in range(known.count[b]):
        met = _closeness(known, sums, b, i, f, coarse, low, pixels)
        known.met[b, f] = met
        if met > _MET_AT_MOST:
            good = 0
        aspect = known.faults[b, f, 0]
        if aspect == _NOISE or aspect == _BLUR:
            seen = wp.max(_detail(known, sums, b, i, f)[0], _ZERO)
            if seen * seen * known.gram[b, f, 1, f] < _FINE_AT_LEAST * _FINE_AT_LEAST * pixels:
                good = 0
        else:
            if known.gram[b, f, 0, f] < _COARSE_AT_LEAST * _COARSE_AT_LEAST * pixels:
                good = 0
            for g in range(f):
                other = known.faults[b, g, 0]
                if other != _NOISE and other != _BLUR:
                    alike = known.gram[b, f, 0, g]
                    if alike * alike > _ALIKE * _ALIKE * known.gram[b, f, 0, f] * known.gram[b, g, 0, g]:
                        good = 0
    structure = wp.float64(0.0)
    for label in range(_LABELS):
        known.likeness[b, label] = wp.max(sums.likeness[i, label], _FAINT)
        structure += sums.weight[i, label]
    if structure < _STRUCTURE_AT_LEAST:
        good = 0
    known.rough[b] = wp.sqrt((low + high) / pixels)
    usable[i] = good


@wp.kernel
def reach_verdicts(
    first: int,
    rows: wp.array(dtype=wp.int64),
    known: Known,
    sums: Sums,
    values: wp.array2d(dtype=wp.float32),
    preserved: wp.array2d(dtype=wp.float32),
    preservation: wp.array(dtype=wp.float32),
    quality: wp.array(dtype=wp.float32),
):
    """Values of requirements and labels, preservation and quality.

    Args:
        first: Where the part of the batch begins.
        rows: Which task each picture belongs to, ``[N]``.
        known: The tasks.
        sums: What a look at the pictures gave.
        values: ``[N, MAX_REQUIREMENTS]``, written.
        preserved: ``[N, N_LABELS]``, written.
        preservation: ``[N]``, written.
        quality: ``[N]``, written.
    """
    n = first + wp.tid()
    b = int(rows[n])
    pixels = wp.float64(known.originals.shape[1] * known.originals.shape[1] * 3)
    total = wp.float64(0.0)
    kept = wp.float64(0.0)
    worst = wp.float64(1.0)
    for label in range(_LABELS):
        preserved[n, label] = 1.0
        if known.keep[b, label] != wp.uint8(0):
            before = known.likeness[b, label]
            value = _part(_ONE - wp.max(before - sums.likeness[n, label] - _SLACK, _ZERO) / (_HALF * before))
            preserved[n, label] = float(value)
            weight = sums.weight[n, label]
            total += weight
            kept += weight * value
            worst = wp.min(worst, value)
    share = _ONE
    if total > _ZERO:
        share = kept / total
    preservation[n] = float(share)
    coarse = _shares(known, sums, b, n, 0)
    fine = _shares(known, sums, b, n, 1)
    low = _unexplained(known, sums, b, n, 0, coarse)
    high = _unexplained(known, sums, b, n, 1, fine)
    allowed = wp.max(known.rough[b], _ROUGH)
    for row in range(_ROWS):
        values[n, row] = 0.0
    for f in range(known.count[b]):
        aspect = known.faults[b, f, 0]
        if aspect == _NOISE or aspect == _BLUR:
            # what cannot be brought back is no damage
            allowed = wp.max(allowed, _ROUGH + _LOST * wp.sqrt(known.gram[b, f, 1, f] / pixels))
        now = _closeness(known, sums, b, n, f, coarse, low, pixels)
        won = _part((now - known.met[b, f]) / (_ONE - known.met[b, f]))
        # a picture that is no longer this one has nothing put right
        values[n, known.fault_row[b, f]] = float(won * _part(wp.float64(2.0) * worst))
    rough = wp.sqrt((low + high) / pixels)
    quality[n] = float(_part(_ONE - wp.max(rough - allowed, _ZERO) / _DAMAGED))
