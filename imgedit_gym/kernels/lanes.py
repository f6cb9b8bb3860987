"""Several numbers at a time, for C in kernels: sixteen on a CPU, where they fill vector registers, one on a GPU.

The compiler turns neither Warp's own loops nor sums of floats into vector instructions by itself. A sum over lanes is
always taken in the same order, whatever registers the CPU has.
"""

LANES = 16
"""Numbers that are read and added up together on a CPU; arrays that lanes go over are a multiple of it long."""


def _gathered(channel: int) -> str:
    """The two shuffles that take a channel's values out of three registers ``a``, ``b`` and ``c`` of whole colours."""
    at = [3 * lane + channel for lane in range(LANES)]
    first = ", ".join(str(i if i < 2 * LANES else -1) for i in at)
    then = ", ".join(str(lane if i < 2 * LANES else i - LANES) for lane, i in enumerate(at))
    return f"__builtin_shufflevector(__builtin_shufflevector(a, b, {first}), c, {then})"


def _woven(register: int) -> str:
    """The two shuffles that make one of three registers of whole colours out of the channels ``a``, ``b`` and ``c``."""
    at = [divmod(register * LANES + lane, 3) for lane in range(LANES)]
    first = ", ".join(str(-1 if channel == 2 else lane + channel * LANES) for lane, channel in at)
    then = ", ".join(str(LANES + lane if channel == 2 else i) for i, (lane, channel) in enumerate(at))
    return f"__builtin_shufflevector(__builtin_shufflevector(a, b, {first}), c, {then})"


LANES_CODE = f"""
#if defined(__CUDA_ARCH__)
    typedef float lanes;
    const int width = 1;
    auto read = [](const float* from) {{ return *from; }};
    auto write = [](float* to, lanes values) {{ *to = values; }};
    auto read_bytes = [](const unsigned char* from) {{ return (float)*from; }};
    auto write_whole = [](int* to, lanes values) {{ *to = (int)values; }};
    auto read_colors = [](const float* from, lanes* to) {{ for (int k = 0; k < 3; ++k) to[k] = from[k]; }};
    auto write_colors = [](float* to, const lanes* from) {{ for (int k = 0; k < 3; ++k) to[k] = from[k]; }};
    auto magnitude = [](lanes a) {{ return fabsf(a); }};
    auto smaller = [](lanes a, lanes b) {{ return wp::min(a, b); }};
    auto larger = [](lanes a, lanes b) {{ return wp::max(a, b); }};
    auto sum = [](lanes a) {{ return a; }};
    auto least = [](lanes a) {{ return a; }};
#else
    typedef float lanes __attribute__((ext_vector_type({LANES})));
    const int width = {LANES};
    auto read = [](const float* from) __attribute__((always_inline)) {{
        lanes values;
        __builtin_memcpy(&values, from, sizeof(lanes));
        return values;
    }};
    auto write = [](float* to, lanes values) __attribute__((always_inline)) {{
        __builtin_memcpy(to, &values, sizeof(lanes));
    }};
    auto read_bytes = [](const unsigned char* from) __attribute__((always_inline)) {{
        unsigned char values __attribute__((ext_vector_type({LANES})));
        __builtin_memcpy(&values, from, sizeof(values));
        return __builtin_convertvector(values, lanes);
    }};
    auto write_whole = [](int* to, lanes values) __attribute__((always_inline)) {{
        const auto whole = __builtin_convertvector(values, int __attribute__((ext_vector_type({LANES}))));
        __builtin_memcpy(to, &whole, sizeof(whole));
    }};
    auto read_colors = [&](const float* from, lanes* to) __attribute__((always_inline)) {{
        const lanes a = read(from), b = read(from + width), c = read(from + 2 * width);
        to[0] = {_gathered(0)};
        to[1] = {_gathered(1)};
        to[2] = {_gathered(2)};
    }};
    auto write_colors = [&](float* to, const lanes* from) __attribute__((always_inline)) {{
        const lanes a = from[0], b = from[1], c = from[2];
        write(to, {_woven(0)});
        write(to + width, {_woven(1)});
        write(to + 2 * width, {_woven(2)});
    }};
    auto magnitude = [](lanes a) __attribute__((always_inline)) {{ return __builtin_elementwise_abs(a); }};
    auto smaller = [](lanes a, lanes b) __attribute__((always_inline)) {{ return __builtin_elementwise_min(a, b); }};
    auto larger = [](lanes a, lanes b) __attribute__((always_inline)) {{ return __builtin_elementwise_max(a, b); }};
    auto sum = [](lanes a) __attribute__((always_inline)) {{
        const auto half = a.lo + a.hi;
        const auto quarter = half.lo + half.hi;
        const auto pair = quarter.lo + quarter.hi;
        return pair.x + pair.y;
    }};
    auto least = [](lanes a) __attribute__((always_inline)) {{ return __builtin_reduce_min(a); }};
#endif
    auto limited = [&](lanes a) {{ return smaller(larger(a, (lanes)0.0f), (lanes)255.0f); }};
    (void)width, (void)read, (void)write, (void)read_bytes, (void)write_whole;
    (void)read_colors, (void)write_colors, (void)magnitude;
    (void)smaller, (void)larger, (void)sum, (void)least, (void)limited;
"""
"""To stand before the C of a function: the type ``lanes``, its ``width``, and what can be done with it.

Colours in memory are three numbers one behind the other; ``read_colors`` parts them into lanes of each channel.
"""
