"""What the scripts of this repository share: packages, builds, certificates and throw-away servers.

Standard library only, Python 3.11 as Debian 12 ships it: these modules run before anything is installed.
"""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]


class ToolError(Exception):
    """A sentence for the person at the terminal: what went wrong and what to do about it."""
