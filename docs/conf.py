"""Sphinx configuration."""

import sys
from importlib.metadata import version as _version
from pathlib import Path

_docs = Path(__file__).parent
sys.path[:0] = [str(_docs / "_ext"), str(_docs.parent)]

project = "imgedit-gym"
author = "the imgedit-gym contributors"
release = version = _version("imgedit-gym")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "imgedit_docs"]
exclude_patterns = ["_build", "_ext", "cards"]
suppress_warnings = ["ref.python"]  # two classes of one name, named in a signature

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_use_unqualified_type_names = True

html_theme = "furo"
html_title = "imgedit-gym"
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_theme_options = {"navigation_with_keys": True}
