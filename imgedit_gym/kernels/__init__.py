"""NVIDIA Warp kernels that several rooms share: one source for CPU and CUDA, on memory shared with torch."""

import os

import warp as wp

wp.config.quiet = not os.environ.get("IMGEDIT_GYM_VERBOSE")
wp.config.enable_backward = False
