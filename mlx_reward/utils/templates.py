"""Jinja templates that lie in a package, in its folder ``templates``."""

from jinja2 import Environment, PackageLoader, StrictUndefined


def environment(package: str) -> Environment:
    """Return the environment of the templates of ``package``.

    Values are escaped for HTML unless a template says ``safe``; a name that the template uses and
    nobody gave raises jinja2.UndefinedError.
    """
    return Environment(
        loader=PackageLoader(package, "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
