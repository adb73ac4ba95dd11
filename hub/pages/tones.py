"""The colours that repeat what words say."""

from __future__ import annotations

from enum import StrEnum


class Tone(StrEnum):
    """The colour that repeats what a word says; also the name of its CSS class."""

    OK = "ok"
    SOON = "soon"
    NO = "no"
    CALM = "calm"
