"""The choice in what JupyterHub keeps of a workspace."""

from __future__ import annotations

from typing import Any

from studiolo.choice import Choice


def choice_in(user_options: Any) -> Choice | None:
    """The choice in saved user options, or None where they are of another shape: anybody could send anything."""
    match user_options:
        case {"environment": str(environment), "hardware": str(hardware), **rest}:
            env, git, model = rest.get("env") or {}, rest.get("git"), rest.get("model")
            if isinstance(env, dict) and all(isinstance(part, str) for pair in env.items() for part in pair):
                return Choice(
                    environment=environment,
                    hardware=hardware,
                    env=tuple(env.items()),
                    data=_names_in(rest.get("data")) or (),
                    credentials=_names_in(rest.get("credentials")),
                    git=git if isinstance(git, str) and git else None,
                    model=model if isinstance(model, str) and model else None,
                )
    return None


def _names_in(names: Any) -> tuple[str, ...] | None:
    """Names in a list; None where nothing usable is said."""
    is_usable = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return tuple(names) if is_usable else None
