"""The templates of reports and pages, and the filters that put charts and data into a page."""

import base64
import re
from collections.abc import Sequence

import jinja2
import markupsafe

from bench.formatting import compact
from bench.report.content import Picture
from bench.report.inline_svg import chart_name, inline_svg
from bench.report.narrow_view import narrow_panels
from bench.schema.code_words import in_words
from bench.translation import current_language, gettext, ngettext


def html_templates() -> jinja2.Environment:
    """Return the templates of pages that need no other file."""
    pages = text_templates(escaping=True)
    pages.filters |= {"number": compact, "chart_name": chart_name}
    pages.filters["inline"] = lambda picture: markupsafe.Markup(
        inline_svg(picture.svg, chart_name(picture.path), picture.question)
    )  # matplotlib has escaped the texts of a chart
    pages.filters["narrow_panels"] = lambda picture: markupsafe.Markup(narrow_panels(picture.narrow, picture.path))
    pages.filters["csv_link"] = lambda text: f"data:text/csv;base64,{base64.b64encode(text.encode()).decode()}"
    return pages


def text_templates(*, escaping: bool) -> jinja2.Environment:
    """Return the templates. escaping: for HTML; Markdown is escaped by a filter."""
    templates = jinja2.Environment(
        extensions=["jinja2.ext.i18n"],
        loader=jinja2.PackageLoader("bench.report"),
        autoescape=escaping,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    # The extension adds its methods at run time, so that mypy does not know them.
    templates.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    templates.globals["language"] = current_language()
    templates.filters["in_words"] = in_words
    templates.filters["capitalise"] = lambda text: text[:1].upper() + text[1:]
    return templates


def models_of(pictures: Sequence[Picture]) -> list[str]:
    """Return the classes of the models that charts show, without their prefix, in alphabetical order."""
    classes = {found for picture in pictures for found in re.findall(r'class="mark m-([^" ]+)"', picture.svg.decode())}
    return sorted(classes)
