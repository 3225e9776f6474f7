"""Reading and writing plans as TOML."""

from importlib import resources
from pathlib import Path

import msgspec
import tomli_w

from bench.plan import Plan, PlanError


def profile_names() -> list[str]:
    """The profiles that come with holabench."""
    files = resources.files("bench.profiles").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def load_plan(profile: str) -> Plan:
    """Read a profile by its name, or a user's plan by its path. Raises PlanError, which names file and key."""
    if profile.endswith(".toml") or "/" in profile:
        try:
            text = Path(profile).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise PlanError(f"plan {profile}: {getattr(error, 'strerror', None) or error}") from error
    elif profile in profile_names():
        text = (resources.files("bench.profiles") / f"{profile}.toml").read_text(encoding="utf-8")
    else:
        raise PlanError(f"no profile {profile!r}; there are: {', '.join(profile_names())}, or give FILE.toml")
    return decode(text, profile)


def decode(text: str, source: str) -> Plan:
    """Turn TOML into a plan. source: what to call it in an error. Raises PlanError."""
    try:
        return msgspec.toml.decode(text, type=Plan)
    except msgspec.DecodeError as error:  # a ValidationError, which names the key, is one too
        raise PlanError(f"plan {source}: {error}") from error


def encode(plan: Plan) -> str:
    """Turn a plan into TOML that reads back as the same plan. What is None has no place in TOML and is left out."""
    return tomli_w.dumps({key: value for key, value in msgspec.to_builtins(plan).items() if value is not None})
