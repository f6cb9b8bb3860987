"""NVIDIA Warp kernels that several rooms share: one source for CPU and CUDA, on memory shared with torch."""

import os

import warp as wp

_quiet = not os.environ.get("IMGEDIT_GYM_VERBOSE")
# Warp 1.19 has levels (20 info, 30 warning) in place of the switch
if hasattr(wp.config, "log_level"):
    wp.config.log_level = 30 if _quiet else 20
else:
    wp.config.quiet = _quiet
wp.config.enable_backward = False
# unrolled loops are no faster here, and take CUDA's compiler minutes
wp.config.max_unroll = 1
