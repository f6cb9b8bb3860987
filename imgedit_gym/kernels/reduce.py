"""Reductions of pictures to a lattice of cells: mean colour, local detail, labels and mattes.

The loops over pixels are C, which the compiler turns into vector instructions; it does not do so with Warp's own.
Rows of cells are shared out among the lanes of an environment.
"""

import torch
import warp as wp

from imgedit_gym.kernels.runtime import lanes_of, launch

GRID = 32
"""Cells along each side of the lattice on which pictures are measured."""

LARGEST = 512
"""Largest edge of a picture in pixels."""

MOST_PIXELS = (LARGEST // GRID + 1) * LARGEST
"""Pixels of a row of cells at most."""

_GRID = wp.constant(GRID)


@wp.func_native(f"""
    const int cells = {GRID}, y0 = row * size / cells, y1 = (row + rows) * size / cells;
    const unsigned char* strip = images.data + ((size_t)b * size + y0) * size * 3;
    float* mean = (float*)(means.data + ((size_t)b * cells + row) * cells);
    float* fine = detail.data + ((size_t)b * cells + row) * cells;
    auto luma = [](float red, float green, float blue) {{
        const float r = 0.299f * red, g = 0.587f * green, b = 0.114f * blue;
        const float rg = r + g;
        return rg + b;
    }};
#if defined(__CUDA_ARCH__)
    auto light = [&](const unsigned char* at) {{ return luma((float)at[0], (float)at[1], (float)at[2]); }};
    for (int cell = 0; cell < rows * cells; ++cell) {{
        const int gy = row + cell / cells, gx = cell % cells;
        const int x0 = gx * size / cells, x1 = (gx + 1) * size / cells;
        int sums[3] = {{0, 0, 0}};
        float steps = 0.0f, area = 0.0f;
        for (int y = gy * size / cells; y < (gy + 1) * size / cells; ++y)
            for (int x = x0; x < x1; ++x) {{
                const unsigned char* at = strip + ((y - y0) * size + x) * 3;
                const float here = light(at);
                const float across = x + 1 < size ? fabsf(light(at + 3) - here) : 0.0f;
                const float down = y + 1 < size ? fabsf(light(at + 3 * size) - here) : 0.0f;
                steps += across + down;
                for (int c = 0; c < 3; ++c) sums[c] += at[c];
                area += 1.0f;
            }}
        for (int c = 0; c < 3; ++c) mean[3 * cell + c] = (float)sums[c] / area;
        fine[cell] = 0.5f * steps / area;
    }}
#else
    // planes of the lines, luma of the one below them too, and the steps from each pixel to its two neighbours
    const int area = (y1 - y0) * size;
    float red[{MOST_PIXELS}], green[{MOST_PIXELS}], blue[{MOST_PIXELS}], step[{MOST_PIXELS}];
    float light[{MOST_PIXELS} + {LARGEST}];
    for (int i = 0; i < area; ++i) {{
        red[i] = (float)strip[3 * i];
        green[i] = (float)strip[3 * i + 1];
        blue[i] = (float)strip[3 * i + 2];
        light[i] = luma(red[i], green[i], blue[i]);
    }}
    const unsigned char* under = y1 < size ? strip + 3 * area : strip + 3 * (area - size);
    for (int x = 0; x < size; ++x)
        light[area + x] = luma((float)under[3 * x], (float)under[3 * x + 1], (float)under[3 * x + 2]);
    for (int i = 0; i < area; ++i) {{
        const float across = fabsf(light[i + 1] - light[i]), down = fabsf(light[i + size] - light[i]);
        step[i] = across + down;
    }}
    for (int i = size - 1; i < area; i += size) step[i] = fabsf(light[i + size] - light[i]);
    for (int k = 0; k < rows; ++k, mean += 3 * cells, fine += cells) {{
        const int top = (row + k) * size / cells - y0, bottom = (row + k + 1) * size / cells - y0;
        float reds[cells], greens[cells], blues[cells], steps[cells];
        for (int cell = 0; cell < cells; ++cell) reds[cell] = greens[cell] = blues[cell] = steps[cell] = 0.0f;
        auto add = [&](int cell, int i) __attribute__((always_inline)) {{
            reds[cell] += red[i];
            greens[cell] += green[i];
            blues[cell] += blue[i];
            steps[cell] += step[i];
        }};
        auto gather = [&](const int width) __attribute__((always_inline)) {{
            for (int y = top; y < bottom; ++y)
                for (int cell = 0; cell < cells; ++cell)
                    for (int x = 0; x < width; ++x) add(cell, y * size + cell * width + x);
        }};
        // known widths make these loops fast
        if (size == 2 * cells)
            gather(2);
        else if (size == 4 * cells)
            gather(4);
        else
            for (int y = top; y < bottom; ++y)
                for (int cell = 0; cell < cells; ++cell)
                    for (int x = cell * size / cells; x < (cell + 1) * size / cells; ++x) add(cell, y * size + x);
        for (int cell = 0; cell < cells; ++cell) {{
            const float share = (float)((bottom - top) * ((cell + 1) * size / cells - cell * size / cells));
            mean[3 * cell] = reds[cell] / share;
            mean[3 * cell + 1] = greens[cell] / share;
            mean[3 * cell + 2] = blues[cell] / share;
            fine[cell] = 0.5f * steps[cell] / share;
        }}
    }}
#endif
""")
def _reduce_strip(
    images: wp.array4d(dtype=wp.uint8),
    b: int,
    row: int,
    rows: int,
    size: int,
    means: wp.array2d(dtype=wp.vec3),
    detail: wp.array2d(dtype=wp.float32),
):
    """Some rows of cells of picture b, of :data:`MOST_PIXELS` pixels at most."""
    ...


@wp.kernel
def _reduce_cells(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    rows: wp.array(dtype=wp.int64),
    together: int,
    lanes: int,
    means: wp.array2d(dtype=wp.vec3),
    detail: wp.array2d(dtype=wp.float32),
):
    n, lane = wp.tid()
    b = int(rows[first + n])
    for row in range(lane * together, _GRID, lanes * together):
        _reduce_strip(images, b, row, wp.min(together, _GRID - row), images.shape[1], means, detail)


def reduce_cells(images: torch.Tensor, rows: torch.Tensor, means: torch.Tensor, detail: torch.Tensor) -> None:
    """Mean colour of each cell, and the mean absolute step of luma to the right and lower neighbour.

    Args:
        images: ``uint8 [B, S, S, 3]``, contiguous, S at most :data:`LARGEST`.
        rows: Which pictures, ``int64 [n]``; results go to the same rows.
        means: ``float32 [B, GRID**2, 3]``, written.
        detail: ``float32 [B, GRID**2]``, written.
    """
    lanes = lanes_of(images.device, GRID)
    # on a CPU rows of cells are taken together as long as their pixels stay in the nearest cache
    together = max(1, 1024 * GRID // images.shape[1] ** 2) if lanes == 1 else 1
    launch(_reduce_cells, (len(rows), lanes), [images, rows, together, lanes, means, detail], images.device)


@wp.func_native(f"""
    const int cells = {GRID};
    const unsigned char* picture = images.data + (size_t)b * size * size * 3;
    const size_t start = ((size_t)b * cells + row) * cells;
    float *low = (float*)(lows.data + start), *high = (float*)(highs.data + start);
    const int y0 = row * size / cells, y1 = (row + 1) * size / cells;
    // no sum of cubes exceeds 32 bits: a cell has 256 pixels at most
    unsigned int sums[3 * cells], squares[3 * cells], cubes[3 * cells];
    for (int i = 0; i < 3 * cells; ++i) sums[i] = squares[i] = cubes[i] = 0;
    auto add = [&](int i, unsigned int p) __attribute__((always_inline)) {{
        sums[i] += p;
        squares[i] += p * p;
        cubes[i] += p * p * p;
    }};
    auto gather = [&](const int width) __attribute__((always_inline)) {{
        for (int y = y0; y < y1; ++y) {{
            const unsigned char* line = picture + 3 * y * size;
            for (int cell = 0; cell < cells; ++cell)
                for (int x = 0; x < width; ++x)
                    for (int c = 0; c < 3; ++c) add(3 * cell + c, line[3 * (cell * width + x) + c]);
        }}
    }};
    // known widths make these loops fast
    if (size == 2 * cells)
        gather(2);
    else if (size == 4 * cells)
        gather(4);
    else
        for (int y = y0; y < y1; ++y)
            for (int cell = 0; cell < cells; ++cell)
                for (int x = cell * size / cells; x < (cell + 1) * size / cells; ++x)
                    for (int c = 0; c < 3; ++c) add(3 * cell + c, picture[3 * (y * size + x) + c]);
    double areas[3 * cells];
    for (int i = 0; i < 3 * cells; ++i)
        areas[i] = (double)((y1 - y0) * ((i / 3 + 1) * size / cells - i / 3 * size / cells));
    for (int i = 0; i < 3 * cells; ++i) {{
        const double area = areas[i];
        const double mean = (double)sums[i] / area, square = (double)squares[i] / area, cube = (double)cubes[i] / area;
        const double spread = square - mean * mean, variance = spread > 0.0 ? spread : 0.0;
        const double third = cube - 3.0 * mean * square + 2.0 * mean * mean * mean;
        const double slope = 0.5 * third / (variance > 1.0e-3 ? variance : 1.0);
        const double half_skew = variance > 1.0e-3 ? slope : 0.0;
        const double root = sqrt(half_skew * half_skew + variance);
        low[i] = (float)(mean + half_skew - root);
        high[i] = (float)(mean + half_skew + root);
    }}
""")
def _part_strip(
    images: wp.array4d(dtype=wp.uint8),
    b: int,
    row: int,
    size: int,
    lows: wp.array2d(dtype=wp.vec3),
    highs: wp.array2d(dtype=wp.vec3),
):
    """One row of cells of picture b."""
    ...


@wp.kernel
def _part_cells(
    first: int,
    images: wp.array4d(dtype=wp.uint8),
    rows: wp.array(dtype=wp.int64),
    lanes: int,
    lows: wp.array2d(dtype=wp.vec3),
    highs: wp.array2d(dtype=wp.vec3),
):
    n, lane = wp.tid()
    b = int(rows[first + n])
    for row in range(lane, _GRID, lanes):
        _part_strip(images, b, row, images.shape[1], lows, highs)


def part_cells(images: torch.Tensor, rows: torch.Tensor, lows: torch.Tensor, highs: torch.Tensor) -> None:
    """A dark and a light value that stand for the pixels of each cell, by channel.

    They are the nodes of the Gauss quadrature with two points: with the cell's mean they keep its variance and its
    skewness, and lie between its darkest and its lightest pixel.

    Args:
        images: ``uint8 [B, S, S, 3]``, contiguous.
        rows: Which pictures, ``int64 [n]``; results go to the same rows.
        lows: The dark values, ``float32 [B, GRID**2, 3]``, written.
        highs: The light ones, likewise.
    """
    lanes = lanes_of(images.device, GRID)
    launch(_part_cells, (len(rows), lanes), [images, rows, lanes, lows, highs], images.device)


@wp.func_native(f"""
    const int cells = {GRID};
    const int y0 = row * size / cells, y1 = (row + 1) * size / cells;
    const unsigned char* segment = segments.data + ((size_t)b * size + y0) * size;
    const unsigned char* matte = mattes.data + ((size_t)b * size + y0) * size;
    const size_t line = ((size_t)b * cells + row) * cells;
    int best[cells], most[cells], plain[cells], through[cells], differ[cells];
    for (int cell = 0; cell < cells; ++cell) {{
        best[cell] = segment[cell * size / cells];
        plain[cell] = through[cell] = differ[cell] = 0;
    }}
    auto add = [&](int cell, int i) __attribute__((always_inline)) {{
        differ[cell] |= segment[i] ^ best[cell];
        plain[cell] += segment[i] == 0;
        through[cell] += matte[i];
    }};
    auto gather = [&](const int width) __attribute__((always_inline)) {{
        for (int y = 0; y < y1 - y0; ++y)
            for (int cell = 0; cell < cells; ++cell)
                for (int x = 0; x < width; ++x) add(cell, y * size + cell * width + x);
    }};
    // known widths make these loops fast
    if (size == 2 * cells)
        gather(2);
    else if (size == 4 * cells)
        gather(4);
    else
        for (int y = 0; y < y1 - y0; ++y)
            for (int cell = 0; cell < cells; ++cell)
                for (int x = cell * size / cells; x < (cell + 1) * size / cells; ++x) add(cell, y * size + x);
    for (int cell = 0; cell < cells; ++cell) {{
        const int x0 = cell * size / cells, x1 = (cell + 1) * size / cells, area = (y1 - y0) * (x1 - x0);
        most[cell] = area;
        if (differ[cell]) {{
            int counts[16] = {{0}}, label = segment[x0] & 15;
            for (int y = 0; y < y1 - y0; ++y)
                for (int x = x0; x < x1; ++x) ++counts[segment[y * size + x] & 15];
            for (int y = 0; y < y1 - y0; ++y)
                for (int x = x0; x < x1; ++x) {{
                    const int other = segment[y * size + x] & 15, lead = counts[other] - counts[label];
                    label = lead > 0 || (lead == 0 && other < label) ? other : label;
                }}
            best[cell] = label;
            most[cell] = counts[label];
        }}
    }}
    for (int cell = 0; cell < cells; ++cell) {{
        const int x0 = cell * size / cells, x1 = (cell + 1) * size / cells, area = (y1 - y0) * (x1 - x0);
        const bool touched = y1 > box[0] && y0 < box[2] && x1 > box[1] && x0 < box[3];
        const bool boxed = best[cell] == box_label || (best[cell] == 0 && touched);
        labels.data[line + cell] = (unsigned char)(boxed ? box_label : best[cell]);
        purity.data[line + cell] = boxed ? 1.0f : (float)most[cell] / (float)area;
        background.data[line + cell] = boxed ? 0.0f : (float)plain[cell] / (float)area;
        clear.data[line + cell] = (float)through[cell] / (float)area / 255.0f;
    }}
""")
def _label_strip(
    segments: wp.array3d(dtype=wp.uint8),
    mattes: wp.array3d(dtype=wp.uint8),
    b: int,
    row: int,
    size: int,
    box: wp.vec4i,
    box_label: int,
    labels: wp.array2d(dtype=wp.uint8),
    purity: wp.array2d(dtype=wp.float32),
    background: wp.array2d(dtype=wp.float32),
    clear: wp.array2d(dtype=wp.float32),
):
    """One row of cells of picture b."""
    ...


@wp.kernel
def _reduce_labels(
    first: int,
    segments: wp.array3d(dtype=wp.uint8),
    mattes: wp.array3d(dtype=wp.uint8),
    rows: wp.array(dtype=wp.int64),
    boxes: wp.array(dtype=wp.vec4i),
    box_label: int,
    lanes: int,
    labels: wp.array2d(dtype=wp.uint8),
    purity: wp.array2d(dtype=wp.float32),
    background: wp.array2d(dtype=wp.float32),
    clear: wp.array2d(dtype=wp.float32),
):
    n, lane = wp.tid()
    b = int(rows[first + n])
    size = segments.shape[1]
    for row in range(lane, _GRID, lanes):
        _label_strip(segments, mattes, b, row, size, boxes[b], box_label, labels, purity, background, clear)


def reduce_labels(
    segments: torch.Tensor,
    mattes: torch.Tensor,
    rows: torch.Tensor,
    boxes: torch.Tensor,
    box_label: int,
    labels: torch.Tensor,
    purity: torch.Tensor,
    background: torch.Tensor,
    clear: torch.Tensor,
) -> None:
    """The commonest label of each cell, its share, the share of label 0, and the mean of the matte.

    Args:
        segments: ``uint8 [B, S, S]``, contiguous, labels below 16.
        mattes: ``uint8 [B, S, S]``, contiguous.
        rows: Which pictures, ``int64 [n]``; results go to the same rows.
        boxes: A box of each picture in pixels, ``int32 [B, 4]``; cells of label 0 that touch it get ``box_label``.
        box_label: That label; it fills its cells.
        labels: ``uint8 [B, GRID**2]``, written; the smaller of two equally common ones.
        purity: ``float32 [B, GRID**2]`` in [0, 1], written.
        background: ``float32 [B, GRID**2]`` in [0, 1], written.
        clear: ``float32 [B, GRID**2]`` in [0, 1], written.
    """
    lanes = lanes_of(segments.device, GRID)
    inputs = [segments, mattes, rows, boxes, box_label, lanes, labels, purity, background, clear]
    launch(_reduce_labels, (len(rows), lanes), inputs, segments.device)
