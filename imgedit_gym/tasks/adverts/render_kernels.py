# mypy: ignore-errors
"""Kernels that draw adverts: plates, headline, shadows and objects, with the label of every pixel."""

import warp as wp

from imgedit_gym.core.checklist import LABEL_HEADLINE
from imgedit_gym.kernels.color import multiply, rotate_hue
from imgedit_gym.kernels.sprite import RUN, RUN_LENGTH, SpriteRun, sample_run, seen_part, straighten
from imgedit_gym.tasks.adverts.scene_arrays import SceneArrays

_SHADOW_REACH = wp.constant(0.07)
SEEN = 0.02
"""Cover from which on a pixel belongs to what covers it."""


@wp.struct
class Art:
    """The stock's tensors that drawing needs."""

    sprites: wp.array4d(dtype=wp.uint8)
    spans: wp.array3d(dtype=wp.int32)
    boxes: wp.array2d(dtype=wp.float32)
    hues: wp.array(dtype=wp.float32)
    chroma: wp.array(dtype=wp.float32)
    plates: wp.array4d(dtype=wp.uint8)
    patterns: wp.array3d(dtype=wp.uint8)
    colors: wp.array(dtype=wp.vec3)
    color_hues: wp.array(dtype=wp.float32)
    texts: wp.array3d(dtype=wp.uint8)
    n_patterns: int
    variants: int
    pale: float


@wp.func
def _dyed(color: wp.vec3, sprite: int, tint: int, art: Art) -> wp.vec3:
    """A sprite's colour in the object's given colour: pale sprites are tinted, others turn their hue."""
    if tint < 0:
        return color
    if art.chroma[sprite] < art.pale:
        return multiply(color, art.colors[tint])
    return rotate_hue(color, art.color_hues[tint] - art.hues[sprite])


@wp.func_native("""
    for (int x = 0; x < size; ++x)
        for (int c = 0; c < 3; ++c) {
            const float share = (float)shares.data[x] / 255.0f;
            const float gap = second[c] - first[c];
            const float part = share * gap;
            const float level = first[c] + part;
            line.data[3 * x + c] = (unsigned char)(int)wp::min(wp::max(level + 0.5f, 0.0f), 255.0f);
        }
""")
def _mix_line(
    shares: wp.array(dtype=wp.uint8), first: wp.vec3, second: wp.vec3, size: int, line: wp.array2d(dtype=wp.uint8)
):
    """Two colours mixed by the shares of a pattern's line."""
    ...


@wp.func_native("""
    for (int i = 0; i < size; ++i) target.data[i] = source.data[i];
""")
def _copy_bytes(source: wp.array2d(dtype=wp.uint8), size: int, target: wp.array2d(dtype=wp.uint8)): ...


@wp.func_native("""
    for (int i = 0; i < size; ++i) line.data[i] = (unsigned char)value;
""")
def _fill_bytes(value: int, size: int, line: wp.array(dtype=wp.uint8)): ...


@wp.func_native(f"""
    for (int i = 0; i < width; ++i) {{
        const int x = left + i;
        const float cover = (float)text.data[i] / 255.0f;
        const float share = patterned ? (float)shares.data[x] / 255.0f : 0.0f;
        for (int c = 0; c < 3; ++c) {{
            const float apart = second[c] - first[c];
            const float part = share * apart;
            const float mixed = first[c] + part;
            const float plain = patterned ? mixed : (float)plate.data[3 * x + c];
            const float below = panelled ? panel[c] : plain;
            const float gap = ink[c] - below;
            const float step = cover * gap;
            const float level = below + step;
            line.data[3 * x + c] = (unsigned char)(int)wp::min(wp::max(level + 0.5f, 0.0f), 255.0f);
        }}
        labels.data[x] = panelled || cover > {SEEN}f ? {LABEL_HEADLINE} : 0;
        const float clear = panelled ? 0.0f : 1.0f - cover;
        const float through = 255.0f * clear;
        matte.data[x] = (unsigned char)(int)(through + 0.5f);
    }}
""")
def _write_line(
    text: wp.array(dtype=wp.uint8),
    left: int,
    width: int,
    patterned: bool,
    shares: wp.array(dtype=wp.uint8),
    first: wp.vec3,
    second: wp.vec3,
    plate: wp.array2d(dtype=wp.uint8),
    panelled: bool,
    panel: wp.vec3,
    ink: wp.vec3,
    line: wp.array2d(dtype=wp.uint8),
    labels: wp.array(dtype=wp.uint8),
    matte: wp.array(dtype=wp.uint8),
):
    """A line of the headline, on its panel or on the background as it was before rounding."""
    ...


@wp.kernel
def draw_plates(
    first: int,
    rows: wp.array(dtype=wp.int64),
    scene: SceneArrays,
    art: Art,
    lanes: int,
    images: wp.array4d(dtype=wp.uint8),
    plates: wp.array4d(dtype=wp.uint8),
    segments: wp.array3d(dtype=wp.uint8),
    mattes: wp.array3d(dtype=wp.uint8),
):
    """Background and headline; the lines of a picture are shared out among ``lanes`` threads."""
    n, lane = wp.tid()
    b = int(rows[first + n])
    size = images.shape[1]
    kind = scene.kind[b]
    patterned = kind < art.n_patterns
    plate = kind * art.variants + scene.variant[b]
    pattern = wp.where(patterned, plate, 0)
    text = scene.text[b]
    top = scene.box[b, 0]
    left = scene.box[b, 1]
    for y in range(lane, size, lanes):
        if patterned:
            _mix_line(art.patterns[plate, y], scene.palette[b, 0], scene.palette[b, 1], size, plates[b, y])
        else:
            _copy_bytes(art.plates[plate, y], 3 * size, plates[b, y])
        _copy_bytes(plates[b, y], 3 * size, images[b, y])
        _fill_bytes(0, size, segments[b, y])
        _fill_bytes(255, size, mattes[b, y])
        if text >= 0 and y >= top and y < scene.box[b, 2]:
            _write_line(
                art.texts[text, y - top],
                left,
                scene.box[b, 3] - left,
                patterned,
                art.patterns[pattern, y],
                scene.palette[b, 0],
                scene.palette[b, 1],
                plates[b, y],
                scene.panel[b] > 0,
                scene.ink[b, 1],
                scene.ink[b, 0],
                images[b, y],
                segments[b, y],
                mattes[b, y],
            )


@wp.func_native(f"""
    const int length = {RUN_LENGTH};
    unsigned char pixels[3 * length], tags[length], clear[length];
    for (int i = 0; i < 3 * length; ++i) pixels[i] = 0;
    for (int i = 0; i < length; ++i) tags[i] = clear[i] = 0;
    for (int i = 0; i < 3 * count; ++i) pixels[i] = line.data[3 * x + i];
    for (int i = 0; i < count; ++i) tags[i] = labels.data[x + i];
    for (int i = 0; i < count; ++i) clear[i] = matte.data[x + i];
    for (int i = 0; i < length; ++i) {{
        const float column = (float)(x + i) + 0.5f;
        const float share = column / size;
        const float off = share - centre;
        const float inside = off / edge;
        const float u = inside + 0.5f;
        const float side = (u - middle) / half_width;
        const float up = down * down, across = side * side;
        const float away = up + across;
        const float reach = 1.0f - away;
        const float shade = strength * wp::min(wp::max(1.6f * reach, 0.0f), 1.0f);
        const float alpha = v < 1.02f && u > -0.02f && u < 1.02f ? run.data[3][i] : 0.0f;
        const float left = 1.0f - shade;
        const bool shown = alpha > {SEEN}f || shade > {SEEN}f;
        for (int c = 0; c < 3; ++c) {{
            const float own = wp::min(wp::max(run.data[c][i], 0.0f), 255.0f) * light[c];
            const float dark = left * (float)pixels[3 * i + c];
            const float gap = own - dark;
            const float step = alpha * gap;
            const float mixed = dark + step;
            const float level = (alpha > 0.0f ? mixed : dark) + 0.5f;
            const int fresh = (int)wp::min(wp::max(level, 0.0f), 255.0f);
            pixels[3 * i + c] = shown ? (unsigned char)fresh : pixels[3 * i + c];
        }}
        const float shaded = (float)clear[i] * left, after = shaded * (1.0f - alpha);
        clear[i] = shown ? (unsigned char)(int)(after + 0.5f) : clear[i];
        tags[i] = shown ? (unsigned char)label : tags[i];
    }}
    for (int i = 0; i < 3 * count; ++i) line.data[3 * x + i] = pixels[i];
    for (int i = 0; i < count; ++i) labels.data[x + i] = tags[i];
    for (int i = 0; i < count; ++i) matte.data[x + i] = clear[i];
""")
def _lay_run(
    run: SpriteRun,
    x: int,
    count: int,
    v: float,
    size: float,
    centre: float,
    edge: float,
    middle: float,
    half_width: float,
    down: float,
    strength: float,
    light: wp.vec3,
    label: int,
    line: wp.array2d(dtype=wp.uint8),
    labels: wp.array(dtype=wp.uint8),
    matte: wp.array(dtype=wp.uint8),
):
    """Lay a run of an object's pixels over its own shadow.

    Args:
        run: Straight colours and alpha.
        x: First pixel.
        count: How many pixels of the run count.
        v: Row in the sprite's square.
        size: Edge of the picture in pixels.
        centre: Middle column of the square, as a share of the picture.
        edge: Edge of the square likewise.
        middle: Middle column of what is drawn, as a share of the square.
        half_width: Half the width of what is drawn likewise.
        down: Rows below the bottom of what is drawn, in reaches of the shadow.
        strength: Of the shadow, in [0, 1].
        light: Multiplies the colours.
        label: Of the object.
        line: Pixels of the picture's line.
        labels: Labels of the picture's line.
        matte: How much of the background shows through the picture's line.
    """
    ...


@wp.kernel
def draw_objects(
    first: int,
    rows: wp.array(dtype=wp.int64),
    scene: SceneArrays,
    art: Art,
    lanes: int,
    images: wp.array4d(dtype=wp.uint8),
    segments: wp.array3d(dtype=wp.uint8),
    mattes: wp.array3d(dtype=wp.uint8),
):
    """Objects in slot order; the lines of a picture are shared out among ``lanes`` threads."""
    n, lane = wp.tid()
    b = int(rows[first + n])
    pixels = images.shape[1]
    size = float(pixels)
    light = scene.light[b]
    for slot in range(scene.sprite.shape[1]):
        sprite = scene.sprite[b, slot]
        if sprite < 0:
            continue
        place = scene.place[b, slot]
        edge = place[2]
        tint = scene.tint[b, slot]
        bottom = art.boxes[sprite, 2]
        half_width = wp.max(0.5 * (art.boxes[sprite, 3] - art.boxes[sprite, 1]), 0.05)
        middle = 0.5 * (art.boxes[sprite, 3] + art.boxes[sprite, 1])
        step = 1.0 / (edge * size)
        lowest = wp.max(1.02, bottom + _SHADOW_REACH)
        top = wp.max(int((place[0] - 0.52 * edge) * size) - 1, 0)
        # the lane's first line at or below the top
        top = lane + (top - lane + lanes - 1) / lanes * lanes
        for y in range(top, pixels, lanes):
            v = ((float(y) + 0.5) / size - place[0]) / edge + 0.5
            if v < -0.02:
                continue
            if v > lowest:
                break
            down = (v - bottom) / _SHADOW_REACH
            # what the sprite shows, and its shadow, a hair wider against rounding
            seen = seen_part(art.spans, sprite, v, place[1], edge, step)
            left = wp.max(seen[0], place[1] - 0.52 * edge)
            right = wp.min(seen[1], place[1] + 0.52 * edge)
            if wp.abs(down) < 1.0:
                half = half_width * wp.sqrt(1.0 - down * down)
                left = wp.min(left, place[1] + edge * (middle - half - 0.5))
                right = wp.max(right, place[1] + edge * (middle + half - 0.5))
            x = wp.max(int(wp.ceil(left * size - 0.51)), 0)
            last = wp.min(int(wp.floor(right * size - 0.49)) + 1, pixels)
            while x < last:
                run = straighten(sample_run(art.sprites, sprite, v, x, size, place[1], edge, step))
                count = wp.min(last - x, RUN)
                if tint >= 0:
                    for i in range(count):
                        dyed = _dyed(wp.vec3(run[0, i], run[1, i], run[2, i]), sprite, tint, art)
                        run[0, i] = dyed[0]
                        run[1, i] = dyed[1]
                        run[2, i] = dyed[2]
                _lay_run(
                    run,
                    x,
                    count,
                    v,
                    size,
                    place[1],
                    edge,
                    middle,
                    half_width,
                    down,
                    place[3],
                    light,
                    slot + 1,
                    images[b, y],
                    segments[b, y],
                    mattes[b, y],
                )
                x += RUN
