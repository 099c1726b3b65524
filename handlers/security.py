"""Deny by default: what may be called without logging in says so, and start-up looks twice."""

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from tornado.routing import Rule, URLSpec
from tornado.web import RequestHandler

Method = TypeVar("Method", bound=Callable[..., Any])

_PUBLIC = "_sealroom_public"
_GUARD = "_sealroom_guard"


def public(method: Method) -> Method:
    """Let a handler's method be called by anybody."""
    setattr(method, _PUBLIC, True)
    return method


def guard(prepare: Method) -> Method:
    """Mark a `prepare` that refuses every call that is neither authenticated nor public."""
    setattr(prepare, _GUARD, True)
    return prepare


def is_public(handler: type[RequestHandler], method: str) -> bool:
    """Whether a handler's method, named in lower case, is open to anybody."""
    return getattr(getattr(handler, method, None), _PUBLIC, False)


def methods(handler: type[RequestHandler]) -> list[str]:
    """Return the HTTP methods a handler implements, in lower case."""
    names = (name.lower() for name in RequestHandler.SUPPORTED_METHODS)
    return sorted(
        name for name in names if getattr(handler, name) is not getattr(RequestHandler, name)
    )


def audit_routes(rules: Iterable[Rule | tuple[Any, ...]]) -> list[str]:
    """Make sure that somebody has decided about every method of every route.

    A method is decided when its handler's `prepare` is the guard, or when it is marked public.
    Returns: the public ones as "METHOD pattern", sorted.
    Raises: ValueError naming the first undecided one.
    """
    open_to_all = []
    for rule in rules:
        pattern, handler = _target(rule)
        guarded = getattr(handler.prepare, _GUARD, False)
        for method in methods(handler):
            if is_public(handler, method):
                open_to_all.append(f"{method.upper()} {pattern}")
            elif not guarded:
                raise ValueError(
                    f"{handler.__name__}.{method} ({pattern}) is neither guarded nor public"
                )
    return sorted(open_to_all)


def _target(rule: Rule | tuple[Any, ...]) -> tuple[str, type[RequestHandler]]:
    if isinstance(rule, tuple):
        pattern, handler = rule[0], rule[1]
    else:
        pattern = rule.regex.pattern if isinstance(rule, URLSpec) else str(rule.matcher)
        handler = rule.target
    if not (isinstance(handler, type) and issubclass(handler, RequestHandler)):
        raise ValueError(f"{pattern} leads to something that is not a handler: {handler!r}")
    return str(pattern).removesuffix("$"), handler
