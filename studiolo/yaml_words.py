"""What PyYAML says of a file that is not YAML, in words for somebody who has never seen its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from studiolo.yaml_tree import START, Place

if TYPE_CHECKING:
    import yaml

_NO_COLON: Final = "could not find expected ':'"
_FROM_CONTEXT: Final = ("found unexpected end of stream", "expected ',' or", _NO_COLON)
"""These are noticed behind their cause: the place that helps is where the text, the list or the key began."""

_WORDS: Final = {
    "found character '\\t'": "A tab stands here, and YAML allows only spaces. Replace it with spaces.",
    "scanning a directive": "A line that begins with % speaks to YAML itself. Remove it, or put the text in quotes.",
    "expected '<document start>'": "YAML expects nothing more here: the value before is complete. Remove this.",
    "expected the node content": "A value is missing here. Write one, or remove what announces it.",
    "that cannot start any token": "YAML text cannot begin with this character. Put the text in quotes.",
    "mapping values are not allowed here": (
        'YAML does not expect ":" here. Look at this line and the one before: is a ":" missing there, is the '
        "indentation uneven, or does a text that holds a colon need quotes?"
    ),
    _NO_COLON: 'This key has no ":" after it. Write "key: value", or indent the text below its key.',
    "found unexpected end of stream": "The quoted text that begins here does not end. Close it with the same quote.",
    "expected ',' or": (
        "The list or block that begins here does not end, or two of its values have no comma between them. "
        "Add the closing bracket or the comma."
    ),
    "expected <block end>": (
        "This line is not indented like the lines it belongs to. Give keys of one block the same number of spaces."
    ),
    "sequence entries are not allowed here": (
        'A list item ("- …") cannot stand here. Begin the list on its own line, or write it as [a, b].'
    ),
    "found unknown escape character": (
        "This backslash means nothing to YAML. Write it twice, or put the text in single quotes."
    ),
    "found undefined tag handle": (
        "A tag (a word with !) stands here. Catalogs hold plain values: remove the tag, or put the text in quotes."
    ),
    "incompatible YAML document": "This version of YAML is not known. Remove the line that begins with %YAML.",
    "expected alphabetic or numeric character": (
        "An anchor or alias needs a name of letters and digits, such as &shared. "
        "Text that begins with & or * needs quotes."
    ),
}
"""A piece of PyYAML's sentence, and ours. The first that fits is taken."""


def in_plain_words(error: yaml.MarkedYAMLError, text: str) -> tuple[Place, str]:
    """Where a file stops being YAML, and what to do about it."""
    problem = error.problem or error.context or "it cannot be read"
    if problem.startswith("mapping values") and error.problem_mark is not None:
        key = _key_without_colon(text, error.problem_mark.line, error.problem_mark.column)
        if key is not None:
            return key, _WORDS[_NO_COLON]
    told = f"{error.context} {problem}"
    is_about_context = problem.startswith(_FROM_CONTEXT) and error.context_mark is not None
    mark = error.context_mark if is_about_context else error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark is not None else START
    said = next((words for piece, words in _WORDS.items() if piece in told), None)
    return place, said or f"This is not YAML ({problem}). Correct this line, or put the text in quotes."


def _key_without_colon(text: str, line: int, column: int) -> Place | None:
    """The line before, when it is a lone word that YAML took for the beginning of the key on this line."""
    lines = text.splitlines()
    if not 0 < line < len(lines) or ":" in lines[line][:column]:
        return None
    before = lines[line - 1]
    word = before.strip()
    if not word or ":" in word or word.startswith(("-", "#")):
        return None
    return Place(line, before.index(word) + 1)
