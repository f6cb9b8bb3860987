# mypy: ignore-errors
"""Kernels that draw adverts: plates, headline, shadows and objects, with the label of every pixel."""

import warp as wp

from imgedit_gym.kernels.color import clamp_color, multiply, rotate_hue, write_color
from imgedit_gym.kernels.sprite import sample_sprite
from imgedit_gym.tasks.adverts.scene_arrays import SceneArrays

_SHADOW_REACH = wp.constant(0.07)
_SEEN = wp.constant(0.02)
_MAX_OBJECTS = wp.constant(12)
_HEADLINE = wp.constant(13)


@wp.struct
class Art:
    """The stock's tensors that drawing needs."""

    sprites: wp.array4d(dtype=wp.uint8)
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
def _over(below: wp.vec3, color: wp.vec3, alpha: float) -> wp.vec3:
    return below + alpha * (color - below)


@wp.func
def _dyed(color: wp.vec3, sprite: int, tint: int, art: Art) -> wp.vec3:
    """A sprite's colour in the object's given colour: pale sprites are tinted, others turn their hue."""
    if tint < 0:
        return color
    if art.chroma[sprite] < art.pale:
        return multiply(color, art.colors[tint])
    return rotate_hue(color, art.color_hues[tint] - art.hues[sprite])


@wp.kernel
def draw_plates(
    rows: wp.array(dtype=wp.int64),
    scene: SceneArrays,
    art: Art,
    images: wp.array4d(dtype=wp.uint8),
    plates: wp.array4d(dtype=wp.uint8),
    segments: wp.array3d(dtype=wp.uint8),
):
    """Background and headline; one thread draws one line of one picture."""
    n, y = wp.tid()
    b = int(rows[n])
    size = images.shape[1]
    kind = scene.kind[b]
    plate = kind * art.variants + scene.variant[b]
    ink = scene.ink[b, 0]
    panel = scene.ink[b, 1]
    text = scene.text[b]
    top = scene.box[b, 0]
    left = scene.box[b, 1]
    in_line = text >= 0 and y >= top and y < scene.box[b, 2]
    for x in range(size):
        color = wp.vec3(0.0, 0.0, 0.0)
        if kind < art.n_patterns:
            share = float(art.patterns[plate, y, x]) / 255.0
            color = _over(scene.palette[b, 0], scene.palette[b, 1], share)
        else:
            color = wp.vec3(
                float(art.plates[plate, y, x, 0]),
                float(art.plates[plate, y, x, 1]),
                float(art.plates[plate, y, x, 2]),
            )
        write_color(plates, b, y, x, color)
        label = int(0)
        if in_line and x >= left and x < scene.box[b, 3]:
            cover = float(art.texts[text, y - top, x - left]) / 255.0
            if scene.panel[b] > 0:
                color = panel
            if scene.panel[b] > 0 or cover > _SEEN:
                label = _HEADLINE
            color = _over(color, ink, cover)
        write_color(images, b, y, x, color)
        segments[b, y, x] = wp.uint8(label)


@wp.kernel
def draw_objects(
    rows: wp.array(dtype=wp.int64),
    scene: SceneArrays,
    art: Art,
    images: wp.array4d(dtype=wp.uint8),
    segments: wp.array3d(dtype=wp.uint8),
):
    """Objects in slot order, each over its own shadow; one thread draws one line of one picture."""
    n, y = wp.tid()
    b = int(rows[n])
    size = float(images.shape[1])
    v_picture = (float(y) + 0.5) / size
    light = scene.light[b]
    for slot in range(_MAX_OBJECTS):
        sprite = scene.sprite[b, slot]
        if sprite < 0:
            continue
        place = scene.place[b, slot]
        edge = place[2]
        v = (v_picture - place[0]) / edge + 0.5
        bottom = art.boxes[sprite, 2]
        if v < -0.02 or v > wp.max(1.02, bottom + _SHADOW_REACH):
            continue
        width = 0.5 * (art.boxes[sprite, 3] - art.boxes[sprite, 1])
        middle = 0.5 * (art.boxes[sprite, 3] + art.boxes[sprite, 1])
        step = 1.0 / (edge * size)
        first = wp.max(int((place[1] - 0.52 * edge) * size) - 1, 0)
        last = wp.min(int((place[1] + 0.52 * edge) * size) + 2, images.shape[1])
        for x in range(first, last):
            u = ((float(x) + 0.5) / size - place[1]) / edge + 0.5
            rgba = wp.vec4(0.0, 0.0, 0.0, 0.0)
            if u > -0.02 and u < 1.02 and v < 1.02:
                rgba = sample_sprite(art.sprites, sprite, v, u, step)
            dv = (v - bottom) / _SHADOW_REACH
            du = (u - middle) / wp.max(width, 0.05)
            reach = 1.0 - (dv * dv + du * du)
            shade = place[3] * wp.clamp(1.6 * reach, 0.0, 1.0)
            alpha = rgba[3] / 255.0
            if alpha > _SEEN or shade > _SEEN:
                below = (1.0 - shade) * wp.vec3(
                    float(images[b, y, x, 0]), float(images[b, y, x, 1]), float(images[b, y, x, 2])
                )
                color = below
                if alpha > 0.0:
                    own = wp.vec3(rgba[0], rgba[1], rgba[2]) / alpha
                    own = wp.cw_mul(clamp_color(_dyed(own, sprite, scene.tint[b, slot], art)), light)
                    color = _over(below, own, alpha)
                write_color(images, b, y, x, color)
                segments[b, y, x] = wp.uint8(slot + 1)
