"""Settings of the site. `sphinx-build -W --keep-going docs docs/_build/html` builds it and runs all its examples."""

import sys
from importlib import metadata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "bouton"
author = copyright = "The bouton authors"
release = version = metadata.version("bouton")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "catalogue", "executed"]
exclude_patterns = ["_build", "measured", "rules", "generated/figures"]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
default_role = "code"  # docstrings name things in single backticks
autodoc_member_order = "bysource"
autodoc_typehints = "none"

html_theme = "furo"
html_title = "bouton"
html_static_path = ["_static"]
html_css_files = ["bouton.css"]
html_copy_source = False
html_show_sphinx = False
