"""Sizes, thresholds and codes that the measuring kernels share; distances are in levels of 255."""

import warp as wp

from imgedit_gym.core.checklist import LABEL_HEADLINE, MAX_OBJECTS, MAX_REQUIREMENTS, Kind
from imgedit_gym.core.names import TONES
from imgedit_gym.kernels.reduce import GRID as _GRID

CROP_EDGE, COARSE_EDGE = 12, 4
"""Sides of the two small pictures in which things are compared with sprites."""

FREE_FINDS = 10
"""Connected new areas looked at; behind them stands one candidate for each object slot that changed."""

MAX_FINDS = FREE_FINDS + MAX_OBJECTS
SHORTLIST_LENGTH = 6

LINES = _GRID
GRID = wp.constant(_GRID)
CELLS = wp.constant(_GRID * _GRID)
CROP = wp.constant(CROP_EDGE)
COARSE = wp.constant(COARSE_EDGE)
FREE = wp.constant(FREE_FINDS)
FINDS = wp.constant(MAX_FINDS)
SHORTLIST = wp.constant(SHORTLIST_LENGTH)
SLOTS = wp.constant(MAX_OBJECTS)
HEADLINE = wp.constant(LABEL_HEADLINE)
ROWS = wp.constant(MAX_REQUIREMENTS)

# kinds of requirement
(
    KIND_ABSENT,
    KIND_PRESENT,
    KIND_COLOR,
    KIND_BACKGROUND,
    KIND_BACKGROUND_COLOR,
    KIND_HEADLINE,
    KIND_TONE,
    KIND_COUNT,
) = (wp.constant(int(kind)) for kind in tuple(Kind)[1:9])

# how well a thing must match a sprite
EXACT = wp.constant(8.0)
CLEAR = wp.constant(17.0)
DOUBTFUL = wp.constant(22.0)
HOPELESS = wp.constant(58.0)

# shares of an object's place that must be clean for none and all of a requirement's value
DIRTY = wp.constant(0.54)
CLEAN = wp.constant(0.71)

ENOUGH = wp.constant(0.7)
"""Measured value from which on a requirement is met in full."""

FOREIGN = wp.constant(16.0)
"""Mean distance of the visible background from its own plate above which it must be another one."""

LOST = wp.constant(0.4)
"""Share of the background that must still be seen for new things to be looked for."""

# flags of a cell
AS_BACKGROUND_FLAG = 1
AS_BACKGROUND = wp.constant(AS_BACKGROUND_FLAG)
AS_SOURCE = wp.constant(2)
TELLING = wp.constant(4)
PERHAPS_FLAG = 8
PERHAPS = wp.constant(PERHAPS_FLAG)

BRIGHTER, DARKER, WARMER, COOLER, VIVID, MUTED, MONOCHROME, VINTAGE, CONTRASTY, SOFT, CRISP = (
    wp.constant(index) for index in range(len(TONES))
)
