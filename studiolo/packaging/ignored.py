"""What of a folder never goes into an image, and what its owner leaves out by a `.modelignore`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pathspec

if TYPE_CHECKING:
    from collections.abc import Iterable

MODELIGNORE: Final = ".modelignore"
"""Lines as in a `.gitignore`; `!name` brings back what is ignored by default, but for what may hold secrets."""

BY_DEFAULT: Final = (
    *(".git/", ".hg/", ".svn/", ".bzr/", "CVS/"),
    *("__pycache__/", "*.py[cod]", ".ipynb_checkpoints/", "*-checkpoint.ipynb", ".virtual_documents/"),
    *(".venv/", "venv/", "env/", ".tox/", ".nox/", "node_modules/", "*.egg-info/", "build/", "dist/"),
    *(".mypy_cache/", ".pytest_cache/", ".ruff_cache/", ".hypothesis/", ".cache/", ".coverage", "htmlcov/"),
    *(".DS_Store", "Thumbs.db", "*.swp", "*~", ".Trash-*/", ".idea/", ".vscode/"),
    *(".jupyter/", ".ipython/", ".local/", ".config/", ".conda/", ".npm/", ".keras/", "runs/", "wandb/", "mlruns/"),
    MODELIGNORE,
)
"""Of version control, editors, caches and other environments."""

SECRET: Final = (
    *(".env", ".env.*", "*.pem", "*.key", "*.p12", "*.pfx", "*.jks", "*.kdbx", "id_rsa*", "id_ed25519*", "id_ecdsa*"),
    *(".ssh/", ".aws/", ".azure/", ".gcloud/", ".kube/", ".docker/", ".gnupg/", ".netrc", ".pypirc", ".pgpass"),
    *(".git-credentials", ".npmrc", ".condarc", "pip.conf", "*kubeconfig*", "application_default_credentials.json"),
)
"""Where keys and passwords are kept. No `.modelignore` brings these in."""


class Ignored:
    """Says of each path whether it stays out."""

    def __init__(self, own: Iterable[str] = ()) -> None:
        """`own`: the lines of the folder's `.modelignore`."""
        self._usual = pathspec.GitIgnoreSpec.from_lines([*BY_DEFAULT, *own])
        self._secret = pathspec.GitIgnoreSpec.from_lines(SECRET)

    def why(self, path: str, *, is_folder: bool = False) -> str:
        """Why a path, relative to the folder, stays out; "" where it goes in."""
        name = f"{path}/" if is_folder else path
        if self._secret.match_file(name):
            return "keys and passwords are kept there"
        return f"ignored by default, or by {MODELIGNORE}" if self._usual.match_file(name) else ""
