"""Sphinx configuration."""

from importlib.metadata import version as _version

project = "imgedit-gym"
author = "the imgedit-gym contributors"
release = version = _version("imgedit-gym")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
html_theme = "furo"
exclude_patterns = ["_build", "cards"]
