"""NVIDIA Warp kernels that several rooms share: one source for CPU and CUDA, on memory shared with torch."""
