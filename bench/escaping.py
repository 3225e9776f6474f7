"""Escape control characters, so that text from a folder or a server does nothing to a terminal. Pure."""

from typing import Any

from clients.escaping import escape_text, visible

__all__ = ["all_visible", "escape_text", "visible"]


def all_visible(value: Any) -> Any:
    """A value of JSON with all its texts made visible."""
    if isinstance(value, dict):
        return {visible(key): all_visible(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [all_visible(one) for one in value]
    return visible(value) if isinstance(value, str) else value
