# mypy: ignore-errors
"""The kernel that invents adverts: goal, plan, objects, layout and colours, one thread a task.

Everything follows from the task's key. What a goal asks for and the picture already satisfies needs no step, so the
plan is decided first and the picture is made to need it.
"""

import warp as wp

from imgedit_gym.core.checklist import LABEL_HEADLINE, LABEL_PICTURE, MAX_OBJECTS, MAX_REQUIREMENTS, Kind
from imgedit_gym.core.names import OBJECT_COLORS, PATTERNS
from imgedit_gym.core.plan import VERBS
from imgedit_gym.core.region import LATTICE
from imgedit_gym.kernels.color import distance, luma
from imgedit_gym.kernels.random import random_below, random_between, random_bits, random_unit
from imgedit_gym.tasks.adverts.scene_arrays import SceneArrays
from imgedit_gym.tasks.task_arrays import TaskArrays

SMOOTH_KINDS = 4
"""The first patterns are smooth, the others textures."""

DIM = 0.62
"""A background whose light is below this in some channel has a light of its own."""

WANTS = 2
"""Most clauses of a goal that want something added."""

RULE_RECOLOR, RULE_LIMIT = 3, 4
"""Rules that an object breaks by its colour and by being one too many; the numbers below are those of ``forbid``."""

RULES = 5
"""Rules of one goal; those of the second goal begin here."""

_SLOTS = wp.constant(MAX_OBJECTS)
_STRIDE = wp.constant(5)
_ROWS = wp.constant(MAX_REQUIREMENTS)
_LABEL_HEADLINE = wp.constant(LABEL_HEADLINE)
_WHOLE = wp.constant(LABEL_PICTURE)
_WANTS = wp.constant(WANTS)
_RULES = wp.constant(RULES)
_RULE_RECOLOR = wp.constant(RULE_RECOLOR)
_RULE_LIMIT = wp.constant(RULE_LIMIT)
_TRIES = wp.constant(8)
_CELLS = wp.constant(LATTICE)
_CHROMATIC = wp.constant(len(OBJECT_COLORS))
_SMOOTH = wp.constant(SMOOTH_KINDS)
_DIM = wp.constant(DIM)
_PLAIN = wp.constant(PATTERNS.index("plain"))

# kinds of requirement, and verbs
_ABSENT, _PRESENT, _COLOR, _BACKGROUND, _BACKGROUND_COLOR, _HEADLINE, _TONE, _COUNT = (
    wp.constant(int(kind)) for kind in tuple(Kind)[1:9]
)
_REMOVE, _REPLACE, _ADD, _RECOLOR, _SET, _REWRITE, _ADJUST = (
    wp.constant(VERBS.index(verb)) for verb in ("remove", "replace", "add", "recolor", "set", "rewrite", "adjust")
)


@wp.struct
class GoalArrays:
    """The goal book as tensors; see :mod:`imgedit_gym.tasks.adverts.tables`."""

    forbid: wp.array2d(dtype=wp.int32)
    instead: wp.array2d(dtype=wp.int32)
    want: wp.array2d(dtype=wp.int32)
    recolor: wp.array(dtype=wp.int32)
    limit_set: wp.array(dtype=wp.int32)
    limit: wp.array(dtype=wp.int32)
    background: wp.array(dtype=wp.int32)
    background_color: wp.array(dtype=wp.int32)
    headline: wp.array2d(dtype=wp.int32)
    tone: wp.array(dtype=wp.int32)
    phrasings: wp.array(dtype=wp.int32)
    sets: wp.array2d(dtype=wp.int32)
    target_code: wp.array(dtype=wp.int32)
    object_code: wp.array(dtype=wp.int32)
    color_code: wp.array(dtype=wp.int32)
    background_code: wp.array(dtype=wp.int32)
    headline_code: wp.array(dtype=wp.int32)
    tone_code: wp.array(dtype=wp.int32)
    sprite_means: wp.array(dtype=wp.vec3)
    plate_means: wp.array(dtype=wp.vec3)
    colors: wp.array(dtype=wp.vec3)
    lights: wp.array(dtype=wp.vec3)
    kind_shares: wp.array(dtype=wp.float32)
    n_objects: int
    n_badges: int
    n_patterns: int
    n_backgrounds: int
    n_headlines: int
    n_neutral: int
    variants: int
    code_picture: int
    code_background: int
    code_headline: int


@wp.struct
class SplitArrays:
    """How a split draws its adverts; see :meth:`imgedit_gym.tasks.adverts.tables.GoalTables.split`."""

    goals: wp.array2d(dtype=wp.int32)
    traits: wp.array2d(dtype=wp.int32)
    rules: wp.array(dtype=wp.int32)
    shortest: int
    longest: int
    fewest: int
    most: int
    overlap: float


@wp.func
def _choose(
    key: wp.int64,
    counter: int,
    goals: GoalArrays,
    split: SplitArrays,
    which: int,
    members: int,
    rule: int,
    wanted: int,
    used: wp.array2d(dtype=wp.uint8),
    n: int,
) -> int:
    """A random unused object, or -1.

    Args:
        which: Row of the split's goals.
        members: Object set it must be in; -1 any.
        rule: Rule it must break; -1 none may be broken.
        wanted: 0 it must not be one of the goals' wishes, 1 it may be.
    """
    best = int(-1)
    best_bits = wp.uint64(0)
    for j in range(goals.n_objects):
        # what is wished for has an odd trait
        if split.traits[which, j] != 2 * rule and (wanted == 0 or split.traits[which, j] != 2 * rule + 1):
            continue
        if used[n, j] != wp.uint8(0):
            continue
        if members >= 0:
            if goals.sets[members, j] == 0:
                continue
        bits = random_bits(key, counter * 1024 + j)
        if best < 0 or bits > best_bits:
            best = j
            best_bits = bits
    if best >= 0:
        used[n, best] = wp.uint8(1)
    return best


@wp.func
def _nearest_color(goals: GoalArrays, color: wp.vec3) -> int:
    best = int(0)
    gap = float(1.0e9)
    for c in range(goals.colors.shape[0]):
        d = wp.length(goals.colors[c] - color)
        if d < gap:
            gap = d
            best = c
    return best


@wp.func
def _draw_kind(key: wp.int64, counter: int, goals: GoalArrays) -> int:
    """A background kind, as often as the table of shares says."""
    left = random_unit(key, counter)
    for kind in range(goals.n_backgrounds):
        left -= goals.kind_shares[kind]
        if left < 0.0:
            return kind
    return goals.n_backgrounds - 1


@wp.func
def _require(task: TaskArrays, b: int, r: int, kind: int, step: int, slot: int, arg: int, count: int):
    if r < _ROWS:
        task.requirements[b, r, 0] = kind
        task.requirements[b, r, 1] = step
        task.requirements[b, r, 2] = slot
        task.requirements[b, r, 3] = arg
        task.requirements[b, r, 4] = count


@wp.func
def _step(task: TaskArrays, b: int, p: int, verb: int, target: int, value: int, label: int, cell: int):
    task.plan[b, p, 0] = verb
    task.plan[b, p, 1] = target
    task.plan[b, p, 2] = value
    task.plan_labels[b, p] = label
    task.plan_cells[b, p] = cell


@wp.func
def _present(
    goals: GoalArrays, scene: SceneArrays, used: wp.array2d(dtype=wp.uint8), n: int, b: int, members: int
) -> int:
    """Objects of a set that the picture holds, counting what the plan so far has brought in."""
    count = int(0)
    for slot in range(_SLOTS):
        j = scene.sprite[b, slot]
        if j >= 0 and goals.sets[members, j] > 0:
            count += 1
    for j in range(goals.n_objects):
        if used[n, j] == wp.uint8(2) and goals.sets[members, j] > 0:
            count += 1
    return count


@wp.func
def _slot(origin: int, i: int) -> int:
    return (origin + i * _STRIDE) % _SLOTS


@wp.kernel
def sample_adverts(
    first: int,
    rows: wp.array(dtype=wp.int64),
    keys: wp.array(dtype=wp.int64),
    split: SplitArrays,
    goals: GoalArrays,
    size: int,
    height: int,
    width: int,
    max_steps: int,
    used: wp.array2d(dtype=wp.uint8),
    scene: SceneArrays,
    task: TaskArrays,
):
    """Fill the rows of a scene batch and a task batch from the tasks' keys."""
    n = first + wp.tid()
    b = int(rows[n])
    key = keys[n]

    # clear the row
    for j in range(goals.n_objects):
        used[n, j] = wp.uint8(0)
    for slot in range(_SLOTS):
        scene.sprite[b, slot] = -1
        scene.tint[b, slot] = -1
    for r in range(_ROWS):
        _require(task, b, r, 0, 0, 0, 0, 0)
    for p in range(max_steps):
        _step(task, b, p, 0, 0, 0, _WHOLE, -1)
    for label in range(_SLOTS + 2):
        task.keep[b, label] = wp.uint8(0)

    # goals and their words
    which = random_below(key, 0, split.goals.shape[0])
    g0 = split.goals[which, 0]
    g1 = split.goals[which, 1]
    task.keys[b] = key
    task.goals[b, 0] = g0
    task.goals[b, 1] = g1
    task.phrasings[b, 0] = random_below(key, 1, goals.phrasings[g0])
    task.phrasings[b, 1] = random_below(key, 2, goals.phrasings[wp.max(g1, 0)])

    # which clauses become steps
    length = split.shortest + random_below(key, 3, split.longest - split.shortest + 1)
    budget = wp.min(length, max_steps)
    tone = int(-1)
    background = int(-1)
    by_rule = split.rules[which]
    for g in range(2):
        goal = g0
        if g == 1:
            goal = g1
        if goal >= 0:
            if goals.tone[goal] >= 0 and tone < 0:
                tone = goals.tone[goal]
            if (goals.background[goal] != 0 or goals.background_color[goal] >= 0) and background < 0:
                background = goal
    speaker = g0
    if g1 >= 0 and random_unit(key, 4) < 0.5:
        speaker = g1
    if tone >= 0:
        budget -= 1
    reserve = wp.min(by_rule, wp.max(budget, 0))
    change_background = int(0)
    if background >= 0 and budget - reserve > 0 and random_unit(key, 5) < 0.6:
        change_background = int(1)
        budget -= 1
    change_headline = int(0)
    if budget - reserve > 0 and random_unit(key, 6) < 0.5:
        change_headline = int(1)
        budget -= 1
    adds = int(0)
    for w in range(2 * _WANTS):
        goal = g0
        if w >= _WANTS:
            goal = g1
        if goal >= 0:
            if goals.want[goal, w % _WANTS] >= 0 and budget - reserve > 0 and random_unit(key, 7 + w) < 0.5:
                adds = adds | (1 << w)
                budget -= 1

    # objects that break a rule
    origin = random_below(key, 11, _SLOTS)
    placed = int(0)
    broken = int(0)
    limited = int(0)
    limit_goal = int(-1)
    room = wp.min(split.most, 8)
    if by_rule > 0:
        tries = int(0)
        while broken < budget and broken < 6 and placed < room and tries < 80:
            rule = random_below(key, 1000 + tries, 2 * _RULES)
            tries += 1
            goal = g0
            if rule >= _RULES:
                goal = g1
            if goal < 0:
                continue
            if rule % _RULES == _RULE_LIMIT:
                if goals.limit_set[goal] < 0 or (limit_goal >= 0 and limit_goal != goal):
                    continue
                need = int(1)
                if limited == 0:
                    need += goals.limit[goal]
                if placed + need > room:
                    continue
                got = int(0)
                for i in range(need):
                    j = _choose(key, 40 + placed, goals, split, which, goals.limit_set[goal], rule, 0, used, n)
                    if j >= 0:
                        scene.sprite[b, _slot(origin, placed)] = j
                        placed += 1
                        got += 1
                limited += got
                limit_goal = goal
                if got == need:
                    broken += 1
            else:
                j = _choose(key, 40 + placed, goals, split, which, -1, rule, 0, used, n)
                if j >= 0:
                    scene.sprite[b, _slot(origin, placed)] = j
                    placed += 1
                    broken += 1
    n_breaking = placed

    # what the objects left of the plan's length goes to clauses that were passed over
    budget -= broken
    if budget > 0 and background >= 0 and change_background == 0:
        change_background = int(1)
        budget -= 1
    for w in range(2 * _WANTS):
        goal = g0
        if w >= _WANTS:
            goal = g1
        if goal >= 0:
            if budget > 0 and goals.want[goal, w % _WANTS] >= 0 and (adds & (1 << w)) == 0:
                adds = adds | (1 << w)
                budget -= 1
    if budget > 0 and change_headline == 0:
        change_headline = int(1)
        budget -= 1

    # wishes that are satisfied already
    for w in range(2 * _WANTS):
        goal = g0
        if w >= _WANTS:
            goal = g1
        if goal >= 0 and (adds & (1 << w)) == 0:
            if goals.want[goal, w % _WANTS] >= 0 and placed < _SLOTS - 3:
                j = _choose(key, 60 + w, goals, split, which, goals.want[goal, w % _WANTS], -1, 1, used, n)
                if j >= 0:
                    scene.sprite[b, _slot(origin, placed)] = j
                    placed += 1

    # bystanders and a badge
    total = split.fewest + random_below(key, 64, split.most - split.fewest + 1)
    if tone >= 0:
        # a tone is seen in what stays as it is
        total = wp.max(total, wp.min(placed + 2, split.most))
    while placed < total and placed < 9:
        j = _choose(key, 70 + placed, goals, split, which, -1, -1, 0, used, n)
        if j < 0:
            break
        scene.sprite[b, _slot(origin, placed)] = j
        placed += 1
    if random_unit(key, 80) < 0.5 and placed < 10:
        scene.sprite[b, _slot(origin, placed)] = goals.n_objects + random_below(key, 81, goals.n_badges)
        placed += 1

    # background: the best of a few against the objects
    best_contrast = float(-1.0)
    top_line = random_unit(key, 90) < 0.7
    for t in range(_TRIES):
        base = 100 + 16 * t
        kind = _draw_kind(key, base, goals)
        named = random_below(key, base + 1, goals.colors.shape[0])
        valid = int(1)
        if background >= 0:
            mask = goals.background[background]
            if mask != 0:
                inside = int((mask >> kind) & 1)
                if inside == change_background:
                    valid = int(0)
                    for extra in range(24):
                        again = _draw_kind(key, base + 600 + extra, goals)
                        if valid == 0 and int((mask >> again) & 1) != change_background:
                            kind = again
                            valid = int(1)
            else:
                kind = random_below(key, base, goals.n_patterns)
                wish = goals.background_color[background]
                if change_background == 1 and wish >= _CHROMATIC:
                    kind = random_below(key, base, _SMOOTH)
                if change_background == 1:
                    if named == wish:
                        named = (named + 1 + random_below(key, base + 2, 4)) % goals.colors.shape[0]
                else:
                    named = wish
        pale = random_between(key, base + 3, 0.0, 0.3)
        c1 = goals.colors[named] + pale * (wp.vec3(255.0, 255.0, 255.0) - goals.colors[named])
        shift = random_between(key, base + 4, 46.0, 84.0)
        if luma(c1) > 150.0 or (luma(c1) > 70.0 and random_unit(key, base + 5) < 0.5):
            shift = -shift
        c2 = c1 + wp.vec3(shift, shift, shift)
        for c in range(3):
            c1[c] = wp.clamp(c1[c], 6.0, 250.0)
            c2[c] = wp.clamp(c2[c], 6.0, 250.0)
        variant = random_below(key, base + 6, goals.variants)
        mean = 0.5 * (c1 + c2)
        if kind == _PLAIN:
            mean = c1
        if kind >= goals.n_patterns:
            mean = goals.plate_means[kind * goals.variants + variant]
        elif _nearest_color(goals, mean) != named or _nearest_color(goals, c1) != named:
            valid = int(0)
        contrast = float(500.0)
        for i in range(placed):
            sprite = scene.sprite[b, _slot(origin, i)]
            seen = wp.cw_mul(goals.sprite_means[sprite], goals.lights[kind])
            contrast = wp.min(contrast, distance(seen, mean))
            # in a light of its own hue, a colour that is asked for could not be told from others
            recolored = i < n_breaking and (split.traits[which, sprite] >> 1) % _RULES == _RULE_RECOLOR
            if recolored and wp.min(goals.lights[kind]) < _DIM:
                valid = int(0)
        contrast = wp.min(contrast, 45.0) + 1000.0 * float(valid)
        if contrast > best_contrast + 0.5:
            best_contrast = contrast
            scene.kind[b] = kind
            scene.variant[b] = variant
            scene.palette[b, 0] = c1
            scene.palette[b, 1] = c2
            scene.light[b] = goals.lights[kind]
    kind = scene.kind[b]
    task.background[b] = kind
    task.light[b] = scene.light[b]

    # headline
    start = goals.headline[speaker, 0]
    count = goals.headline[speaker, 1]
    text = start + random_below(key, 300, count)
    if change_headline == 1:
        text = random_below(key, 301, goals.n_neutral)
        if random_unit(key, 302) < 0.35:
            other = random_below(key, 303, goals.n_headlines)
            if other < start or other >= start + count:
                text = other
    top = int(0.035 * float(size) + 0.5)
    if not top_line:
        top = size - top - height
    left = (size - width) / 2
    scene.text[b] = text
    scene.box[b, 0] = top
    scene.box[b, 1] = left
    scene.box[b, 2] = top + height
    scene.box[b, 3] = left + width
    for c in range(4):
        task.headline_box[b, c] = scene.box[b, c]
    task.headline[b] = text
    ground = 0.5 * (scene.palette[b, 0] + scene.palette[b, 1])
    if kind >= goals.n_patterns:
        ground = goals.plate_means[kind * goals.variants + scene.variant[b]]
    scene.panel[b] = 0
    # a headline that stays while its background changes would be lost without a panel of its own
    stays = change_background == 1 and change_headline == 0
    if stays or random_unit(key, 304) < 0.5:
        scene.panel[b] = 1
        panel = goals.colors[random_below(key, 305, goals.colors.shape[0])]
        if distance(panel, ground) < 50.0:
            panel = wp.vec3(245.0, 245.0, 240.0)
            if luma(ground) > 150.0:
                panel = wp.vec3(34.0, 38.0, 60.0)
        scene.ink[b, 1] = panel
        ground = panel
    task.headline_panel[b] = scene.panel[b]
    ink = wp.vec3(250.0, 250.0, 246.0)
    if luma(ground) > 120.0:
        ink = wp.vec3(28.0, 30.0, 46.0)
    # what is printed on a picture does not stand in its light
    scene.ink[b, 0] = ink

    # layout: sites of a grid in the part that the headline leaves, taken in random order
    n_adds = int(0)
    for w in range(2 * _WANTS):
        n_adds += (adds >> w) & 1
    columns = int(3)
    if placed + n_adds > 9:
        columns = int(4)
    upper = float(0.025)
    if top_line:
        upper = float(0.195)
    pitch_y = 0.78 / 3.0
    pitch_x = 1.0 / float(columns)
    largest = wp.min(pitch_y, pitch_x) - 0.022
    smallest = 0.8 * largest
    taken = int(0)
    n_sites = 3 * columns
    for i in range(placed + n_adds):
        site = int(-1)
        site_bits = wp.uint64(0)
        for s in range(n_sites):
            if (taken & (1 << s)) == 0:
                bits = random_bits(key, 400 + i * 16 + s)
                if site < 0 or bits > site_bits:
                    site = s
                    site_bits = bits
        taken = taken | (1 << site)
        cy = upper + pitch_y * (float(site / columns) + 0.5)
        cx = pitch_x * (float(site % columns) + 0.5)
        if i < placed:
            slot = _slot(origin, i)
            edge = random_between(key, 700 + i, smallest, largest)
            play_y = wp.max(0.5 * (pitch_y - edge) - 0.008, 0.0)
            play_x = wp.max(0.5 * (pitch_x - edge) - 0.008, 0.0)
            cy += random_between(key, 720 + i, -play_y, 0.8 * play_y)
            cx += random_between(key, 740 + i, -play_x, play_x)
            if i > 0 and scene.sprite[b, slot] < goals.n_objects:
                if random_unit(key, 760 + i) < split.overlap:
                    near = scene.place[b, _slot(origin, i - 1)]
                    angle = random_between(key, 780 + i, 0.0, 6.2831853)
                    gap = random_between(key, 800 + i, 0.5, 0.7) * 0.5 * (near[2] + edge)
                    at_y = wp.clamp(near[0] + gap * wp.sin(angle), upper + 0.5 * edge, upper + 0.79 - 0.5 * edge)
                    at_x = wp.clamp(near[1] + gap * wp.cos(angle), 0.52 * edge, 1.0 - 0.52 * edge)
                    # not so far over anything that it could no longer be seen
                    visible = int(1)
                    for k in range(i):
                        placed_at = scene.place[b, _slot(origin, k)]
                        apart = wp.length(wp.vec2(at_y - placed_at[0], at_x - placed_at[1]))
                        if apart < 0.45 * 0.5 * (placed_at[2] + edge):
                            visible = int(0)
                    if visible == 1:
                        cy = at_y
                        cx = at_x
            scene.place[b, slot] = wp.vec4(cy, cx, edge, random_between(key, 820 + i, 0.15, 0.4))
            task.keep[b, slot + 1] = wp.uint8(1)
        else:
            cell_y = wp.clamp(int(cy * float(_CELLS)), 0, _CELLS - 1)
            cell_x = wp.clamp(int(cx * float(_CELLS)), 0, _CELLS - 1)
            # cells where something is to be added wait here until the plan is written
            task.plan_cells[b, max_steps - 1 - (i - placed)] = cell_y * _CELLS + cell_x

    # the plan, in an order in which no step spoils an earlier one
    p = int(0)
    r = int(0)
    task.keep[b, 0] = wp.uint8(1)
    task.keep[b, _LABEL_HEADLINE] = wp.uint8(1)
    cells = wp.vec4i(-1, -1, -1, -1)
    for a in range(n_adds):
        cells[a] = task.plan_cells[b, max_steps - 1 - a]
        task.plan_cells[b, max_steps - 1 - a] = -1
    for i in range(n_breaking):
        slot = _slot(origin, i)
        j = scene.sprite[b, slot]
        rule = split.traits[which, j] >> 1
        goal = g0
        if rule >= _RULES:
            goal = g1
        if rule % _RULES == _RULE_RECOLOR:
            task.keep[b, slot + 1] = wp.uint8(0)
            color = goals.recolor[goal]
            _step(task, b, p, _RECOLOR, goals.target_code[j], goals.color_code[color], slot + 1, -1)
            _require(task, b, r, _COLOR, p, slot, color, 0)
            p += 1
            r += 1
    if change_background == 1:
        task.keep[b, 0] = wp.uint8(0)
        mask = goals.background[background]
        if mask != 0:
            into = int(-1)
            into_bits = wp.uint64(0)
            for k in range(goals.n_backgrounds):
                if ((mask >> k) & 1) == 1:
                    bits = random_bits(key, 900 + k)
                    if into < 0 or bits > into_bits:
                        into = k
                        into_bits = bits
            _step(task, b, p, _SET, goals.code_background, goals.background_code[into], 0, -1)
            _require(task, b, r, _BACKGROUND, p, 0, mask, 0)
        else:
            wish = goals.background_color[background]
            _step(task, b, p, _RECOLOR, goals.code_background, goals.color_code[wish], 0, -1)
            _require(task, b, r, _BACKGROUND_COLOR, p, 0, wish, 0)
        p += 1
        r += 1
    removed = int(0)
    for i in range(n_breaking):
        slot = _slot(origin, i)
        j = scene.sprite[b, slot]
        scene_rule = split.traits[which, j] >> 1
        goal = g0
        if scene_rule >= _RULES:
            goal = g1
        rule = scene_rule % _RULES
        if rule == _RULE_LIMIT:
            task.keep[b, slot + 1] = wp.uint8(0)
            if limited - removed > goals.limit[goal] and p < max_steps:
                removed += 1
                _step(task, b, p, _REMOVE, goals.target_code[j], 0, slot + 1, -1)
                _require(task, b, r, _COUNT, p, goals.limit[goal], goals.limit_set[goal], limited - removed)
                p += 1
                r += 1
        elif rule != _RULE_RECOLOR:
            task.keep[b, slot + 1] = wp.uint8(0)
            _require(task, b, r, _ABSENT, p, slot, goals.forbid[goal, rule], 0)
            r += 1
            into = int(-1)
            if goals.instead[goal, rule] >= 0:
                into = _choose(key, 950 + i, goals, split, which, goals.instead[goal, rule], -1, 1, used, n)
            if into >= 0:
                members = goals.instead[goal, rule]
                _require(task, b, r, _PRESENT, p, slot, members, 1 + _present(goals, scene, used, n, b, members))
                used[n, into] = wp.uint8(2)
                r += 1
                _step(task, b, p, _REPLACE, goals.target_code[j], goals.object_code[into], slot + 1, -1)
            else:
                _step(task, b, p, _REMOVE, goals.target_code[j], 0, slot + 1, -1)
            p += 1
    added = int(0)
    for w in range(2 * _WANTS):
        if ((adds >> w) & 1) == 1 and p < max_steps:
            goal = g0
            if w >= _WANTS:
                goal = g1
            members = goals.want[goal, w % _WANTS]
            j = _choose(key, 970 + w, goals, split, which, members, -1, 1, used, n)
            if j >= 0:
                _step(task, b, p, _ADD, goals.code_picture, goals.object_code[j], 0, cells[added])
                _require(task, b, r, _PRESENT, p, 0, members, 1 + _present(goals, scene, used, n, b, members))
                used[n, j] = wp.uint8(2)
                p += 1
                r += 1
                added += 1
    if p == 0 and tone < 0:
        change_headline = int(1)
    if change_headline == 1 and p < max_steps:
        if text >= start and text < start + count:
            text = random_below(key, 301, goals.n_neutral)
            scene.text[b] = text
            task.headline[b] = text
        task.keep[b, _LABEL_HEADLINE] = wp.uint8(0)
        into = start + random_below(key, 310, count)
        _step(task, b, p, _REWRITE, goals.code_headline, goals.headline_code[into], _LABEL_HEADLINE, -1)
        _require(task, b, r, _HEADLINE, p, 0, start, count)
        p += 1
        r += 1
    if tone >= 0 and p < max_steps:
        _step(task, b, p, _ADJUST, goals.code_picture, goals.tone_code[tone], _WHOLE, -1)
        _require(task, b, r, _TONE, p, 0, tone, 0)
        p += 1
        r += 1
    task.plan_length[b] = p
    for slot in range(_SLOTS):
        task.slots[b, slot] = scene.sprite[b, slot]
