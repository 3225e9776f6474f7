"""Escape characters that control a terminal, so that text of a server or a file does nothing to it. Pure."""


def visible(text: str) -> str:
    """Return text as one line, with U+FFFD in place of each control character.

    For text to read, such as the stderr of a server or a file in a run folder.
    """
    line = " ".join(text.split())
    if line.isprintable():  # nearly every text, and a histogram's cell has thousands of letters
        return line
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in line)


def escape_text(text: str) -> str:
    """Return text as one line, with control characters as escapes.

    For error messages: they repeat the input, and the user must recognise it.
    """
    return "".join(letter if letter.isprintable() else letter.encode("unicode_escape").decode() for letter in text)


def escape_bytes(data: bytes) -> str:
    """Return printable ASCII as it is, and all other bytes as escapes."""
    return "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in data)
