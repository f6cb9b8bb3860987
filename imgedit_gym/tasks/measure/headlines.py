# mypy: ignore-errors
"""Reading headlines by correlation with the stock's drawings."""

import warp as wp

from imgedit_gym.kernels.color import distance, read_color
from imgedit_gym.tasks.measure import constants as const
from imgedit_gym.tasks.measure.arrays import Found, Known, ground_color, plate_pixel, ramp, toned, wanted


@wp.func_native("""
    const int top = box[0], left = box[1], height = box[2] - top, width = box[3] - left;
    const int size = image.shape[1], across = text.shape[1];
    // luma in thousandths of a level: whole numbers, whose sums are exact
    long long count = 0, luma = 0, cover = 0, lumas = 0, covers = 0, both = 0;
    const int start = (width * part / parts + sx - 1) / sx * sx, end = width * (part + 1) / parts;
    for (int y = 0; y < height; y += sy)
        for (int x = start; x < end; x += sx) {
            const unsigned char* at = image.data + 3 * ((top + y) * size + left + x);
            const long long l = 299 * at[0] + 587 * at[1] + 114 * at[2], t = text.data[y * across + x];
            ++count;
            luma += l;
            cover += t;
            lumas += l * l;
            covers += t * t;
            both += l * t;
        }
    const double n = count > 0 ? (double)count : 1.0;
    const double vl = ((double)lumas - (double)luma * (double)luma / n) * 1.0e-6;
    const double vt = (double)covers - (double)cover * (double)cover / n;
    const double cov = ((double)both - (double)luma * (double)cover / n) * 1.0e-3;
    // a part that a short text hardly reaches tells nothing
    if (parts > 1 && vt / n < 2000.0) return 1.0f;
    if (vl / n < 60.0 || vt <= 0.0) return 0.0f;
    return (float)((cov < 0.0 ? -cov : cov) / sqrt(vl * vt));
""")
def _correlation(
    image: wp.array3d(dtype=wp.uint8),
    text: wp.array2d(dtype=wp.uint8),
    box: wp.vec4i,
    sy: int,
    sx: int,
    part: int,
    parts: int,
) -> float: ...


@wp.func
def _text_match(canvas: wp.array4d(dtype=wp.uint8), known: Known, n: int, b: int, row: int, sy: int, sx: int) -> float:
    """Correlation of luma with a text's coverage over the headline's box, sign dropped; 0 without contrast."""
    at = known.headline_box
    return _correlation(canvas[n], known.texts[row], wp.vec4i(at[b, 0], at[b, 1], at[b, 2], at[b, 3]), sy, sx, 0, 1)


@wp.func
def _poorest_match(
    canvas: wp.array4d(dtype=wp.uint8), known: Known, n: int, b: int, row: int, sy: int, sx: int
) -> float:
    """The lowest of the correlations over the thirds of the headline's box that the text reaches."""
    at = known.headline_box
    box = wp.vec4i(at[b, 0], at[b, 1], at[b, 2], at[b, 3])
    poorest = float(1.0)
    for part in range(3):
        poorest = wp.min(poorest, _correlation(canvas[n], known.texts[row], box, sy, sx, part, 3))
    return poorest


@wp.func
def _text_ground(
    canvas: wp.array4d(dtype=wp.uint8), known: Known, found: Found, n: int, b: int, row: int, sy: int, sx: int
) -> float:
    """Mean distance, between the letters, of what the box shows to what stood behind the headline."""
    top = known.headline_box[b, 0]
    left = known.headline_box[b, 1]
    height = known.headline_box[b, 2] - top
    width = known.headline_box[b, 3] - left
    panel = wp.vec3(0.0, 0.0, 0.0)
    if known.headline_panel[b] == 1:
        # the corner of the box shows the panel alone
        panel = toned(found, n, read_color(known.images, b, top, left))
    gap = float(0.0)
    count = float(0.0)
    for i in range((height + sy - 1) / sy):
        for j in range((width + sx - 1) / sx):
            y = top + i * sy
            x = left + j * sx
            if known.texts[row, i * sy, j * sx] < wp.uint8(12):
                expected = panel
                if known.headline_panel[b] != 1:
                    expected = ground_color(found, n, plate_pixel(known, found, n, b, y, x))
                off = distance(read_color(canvas, n, y, x), expected)
                if known.headline_panel[b] != 1:
                    cell = (y * const.GRID / canvas.shape[1]) * const.GRID + x * const.GRID / canvas.shape[1]
                    slack = known.busyness[b, cell]
                    if found.plate[n] >= 0:
                        slack = known.stock_busyness[found.plate[n], cell]
                    off = wp.max(off - 1.2 * slack, 0.0)
                gap += wp.min(off, 100.0)
                count += 1.0
    return gap / wp.max(count, 1.0)


@wp.kernel
def read_headlines(
    first: int, canvas: wp.array4d(dtype=wp.uint8), known: Known, rows: wp.array(dtype=wp.int64), found: Found
):
    """Whether the headline is the old one, and whether it is one of those asked for."""
    n = first + wp.tid()
    b = int(rows[n])
    found.headline_kept[n] = 1.0
    found.headline_new[n] = 0.0
    row = known.headline[b]
    height = known.headline_box[b, 2] - known.headline_box[b, 0]
    width = known.headline_box[b, 3] - known.headline_box[b, 1]
    if height <= 0 or width <= 0:
        return
    sy = wp.max(1, height / 16)
    sx = wp.max(1, width / 108)
    if row >= 0 and known.keep[b, const.HEADLINE] > wp.uint8(0):
        kept = ramp(_text_match(canvas, known, n, b, row, sy, sx), 0.5, 0.75)
        found.headline_kept[n] = kept * ramp(_text_ground(canvas, known, found, n, b, row, sy, sx), 40.0, 22.0)
    for r in range(const.ROWS):
        if known.requirements[b, r, 0] == const.KIND_HEADLINE:
            best = float(0.0)
            best_row = int(-1)
            for t in range(known.requirements[b, r, 4]):
                match = _text_match(canvas, known, n, b, known.requirements[b, r, 3] + t, sy, sx)
                if match > best:
                    best = match
                    best_row = known.requirements[b, r, 3] + t
            if best_row >= 0:
                gap = _text_ground(canvas, known, found, n, b, best_row, sy, sx)
                if wanted(known, b, const.KIND_TONE) == const.SOFT:
                    # letters bleed into what is between them
                    blurred = ramp(found.sharpness[n], 0.7, 0.3)
                    best += 0.1 + 0.15 * blurred
                    gap -= 10.0 + 10.0 * blurred
                if wanted(known, b, const.KIND_TONE) == const.CRISP and found.sharpness[n] > 1.1:
                    # edges leave bright and dark lines beside them
                    best += 0.05
                    gap -= 8.0
                # half a headline is none
                whole = ramp(_poorest_match(canvas, known, n, b, best_row, sy, sx), 0.25, 0.45)
                found.headline_new[n] = ramp(best, 0.55, 0.7) * ramp(gap, 25.0, 16.0) * whole
