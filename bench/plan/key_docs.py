"""The documentation of a plan key, beside its type. ``bench.plan.key_reference`` makes a page of all of them."""

from typing import Any

from msgspec import Meta


def key(meaning: str, *, example: Any = None, unit: str = "", default: str = "") -> Meta:
    """Return the documentation of a key. default: what applies without the key, where its value does not show it."""
    extra = {"unit": unit, "default": default}
    return Meta(
        description=meaning,
        examples=[] if example is None else [example],
        extra_json_schema={name: text for name, text in extra.items() if text},
    )
