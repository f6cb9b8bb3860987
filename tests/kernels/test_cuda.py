"""Tests that the kernels are CUDA programs too; they need no GPU, as Warp brings its compiler along."""

import importlib
import pkgutil

import pytest
import warp as wp

import imgedit_gym

MODULES = [
    info.name
    for info in pkgutil.walk_packages(imgedit_gym.__path__, "imgedit_gym.")
    if ".kernels" in info.name or info.name.endswith("_kernels") or ".tasks.measure." in info.name
]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODULES)
def test_kernels_compile_for_cuda(name, tmp_path):
    found = vars(importlib.import_module(name)).values()
    if not any(isinstance(item, wp.Kernel) and item.module.name == name for item in found):
        pytest.skip("holds no kernel")
    wp.compile_aot_module(wp.get_module(name), arch=80, module_dir=tmp_path, use_ptx=True)
    programs = list(tmp_path.glob("*.ptx"))
    assert len(programs) == 1 and ".entry" in programs[0].read_text()
