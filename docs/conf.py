"""Sphinx configuration: ``python -m sphinx -W --keep-going docs docs/_build``.

Everything is local: formulas become MathML (`_ext/mathml.py`), the inventories of other
projects are kept in `_inventories`, and the pages load nothing from another host.
``SKNNLAB_DOCS_GALLERY=0`` builds the pages without running the examples.
"""

import os
import pathlib
import sys

import sknnlab

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

# where the boxes of estimators in the gallery find the API reference
os.environ["SKNNLAB_DOCS"] = ".."

project = "sknnlab"
author = "The sknnlab developers"
copyright = author
version = release = sknnlab.__version__

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.intersphinx",
    "numpydoc",
    "myst_parser",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
    "mathml",
    "offline",
    "sknnlab_names",
    "start_pictures",
    "parts",
    "citations",
    "house",
    "outputs",
]
exclude_patterns = ["_build", "_inventories", "_templates", "**sg_execution_times.rst"]
templates_path = ["_templates"]
default_role = "name"
nitpicky = True
html_math_renderer = "mathml"

# -- Markdown -----------------------------------------------------------------------------
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

# -- API ----------------------------------------------------------------------------------
autosummary_generate = True
autodoc_member_order = "groupwise"
autodoc_typehints = "none"
numpydoc_show_class_members = False

# -- other projects: names that we refer to, from files in the repository -----------------
intersphinx_mapping = {
    name: (url, f"_inventories/{name}.inv")
    for name, url in {
        "python": "https://docs.python.org/3/",
        "numpy": "https://numpy.org/doc/stable/",
        "scipy": "https://docs.scipy.org/doc/scipy/",
        "sklearn": "https://scikit-learn.org/stable/",
        "matplotlib": "https://matplotlib.org/stable/",
        "pandas": "https://pandas.pydata.org/docs/",
    }.items()
}

# -- gallery ------------------------------------------------------------------------------
sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "plot_gallery": os.environ.get("SKNNLAB_DOCS_GALLERY", "1") != "0",
    "filename_pattern": r"\.py$",  # every example is run
    "capture_repr": ("_repr_html_",),
    "default_thumb_file": str(HERE / "_static" / "thumb_script.svg"),
    "doc_module": ("sknnlab",),
    "backreferences_dir": "api/backreferences",
    "within_subsection_order": "gallery_order.QuickstartFirst",
    "remove_config_comments": True,
    "show_memory": False,
}

# -- HTML ---------------------------------------------------------------------------------
html_theme = "pydata_sphinx_theme"
html_static_path = ["_static"]
html_css_files = ["custom.css", "guide.css"]
html_title = f"sknnlab {release}"
html_show_sphinx = False
html_favicon = "_static/logo.svg"
html_sidebars = {"index": []}
html_show_sourcelink = False
html_theme_options = {
    "footer_end": [],
    "logo": {"image_light": "_static/logo.svg", "image_dark": "_static/logo.svg", "text": project},
    "navbar_align": "left",
    "secondary_sidebar_items": ["page-toc"],
    "show_prev_next": False,
}
