"""Colour arithmetic in kernels; colours are vectors of red, green and blue in [0, 255]."""

import warp as wp


@wp.func
def luma(color: wp.vec3) -> float:
    """Rec. 601 luma in [0, 255]."""
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]


@wp.func
def chroma(color: wp.vec3) -> float:
    """Largest channel minus smallest."""
    high = wp.max(color[0], wp.max(color[1], color[2]))
    low = wp.min(color[0], wp.min(color[1], color[2]))
    return high - low


@wp.func
def distance(a: wp.vec3, b: wp.vec3) -> float:
    """Mean absolute difference over the channels."""
    return (wp.abs(a[0] - b[0]) + wp.abs(a[1] - b[1]) + wp.abs(a[2] - b[2])) / 3.0


@wp.func
def clamp_color(color: wp.vec3) -> wp.vec3:
    """Each channel limited to [0, 255]."""
    return wp.vec3(wp.clamp(color[0], 0.0, 255.0), wp.clamp(color[1], 0.0, 255.0), wp.clamp(color[2], 0.0, 255.0))


@wp.func
def hue_of(color: wp.vec3) -> float:
    """Hue in [0, 6); 0 for grey."""
    high = wp.max(color[0], wp.max(color[1], color[2]))
    spread = chroma(color)
    hue = float(0.0)
    if spread > 1.0e-6:
        if high == color[0]:
            hue = (color[1] - color[2]) / spread
        elif high == color[1]:
            hue = 2.0 + (color[2] - color[0]) / spread
        else:
            hue = 4.0 + (color[0] - color[1]) / spread
        if hue < 0.0:
            hue += 6.0
    return hue


@wp.func
def hue_gap(a: float, b: float) -> float:
    """Distance of two hues around the circle, in [0, 3]."""
    gap = wp.abs(a - b)
    return wp.min(gap, 6.0 - gap)


@wp.func
def with_hue(color: wp.vec3, hue: float) -> wp.vec3:
    """The colour of the same value and saturation at another hue (in [0, 6))."""
    high = wp.max(color[0], wp.max(color[1], color[2]))
    spread = chroma(color)
    low = high - spread
    sector = int(wp.floor(hue)) % 6
    part = hue - wp.floor(hue)
    rising = low + spread * part
    falling = high - spread * part
    if sector == 0:
        return wp.vec3(high, rising, low)
    if sector == 1:
        return wp.vec3(falling, high, low)
    if sector == 2:
        return wp.vec3(low, high, rising)
    if sector == 3:
        return wp.vec3(low, falling, high)
    if sector == 4:
        return wp.vec3(rising, low, high)
    return wp.vec3(high, low, falling)


@wp.func
def rotate_hue(color: wp.vec3, turn: float) -> wp.vec3:
    """Turn the hue by an angle in [-6, 6]; greys stay as they are."""
    hue = hue_of(color) + turn
    hue = hue - 6.0 * wp.floor(hue / 6.0)
    return with_hue(color, wp.min(hue, 5.999999))


@wp.func
def multiply(color: wp.vec3, ink: wp.vec3) -> wp.vec3:
    """Tint: each channel scaled by the ink's, 255 leaving it as it is."""
    return wp.vec3(color[0] * ink[0] / 255.0, color[1] * ink[1] / 255.0, color[2] * ink[2] / 255.0)


@wp.func
def read_color(image: wp.array4d(dtype=wp.uint8), b: int, y: int, x: int) -> wp.vec3:
    """Pixel (y, x) of picture b."""
    return wp.vec3(float(image[b, y, x, 0]), float(image[b, y, x, 1]), float(image[b, y, x, 2]))


@wp.func
def write_color(image: wp.array4d(dtype=wp.uint8), b: int, y: int, x: int, color: wp.vec3):
    """Store a colour, rounded and limited to [0, 255]."""
    for c in range(3):
        image[b, y, x, c] = wp.uint8(int(wp.clamp(color[c] + 0.5, 0.0, 255.0)))
