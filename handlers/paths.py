"""How an address is written where people read it."""

import re

from tornado.routing import URLSpec

_GROUP = re.compile(r"\(\?P<(\w+)>[^()]*\)")


def template(spec: URLSpec) -> str:
    """Return a route's address with its variable parts in braces, as in docs/protocol.md.

    A route with a name of its own is called by that.
    """
    return spec.name or _GROUP.sub(r"{\1}", spec.regex.pattern.removesuffix("$"))
