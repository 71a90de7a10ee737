"""What happens to a text before it is cut into tokens: checks, stripping, composition."""

from __future__ import annotations

from satchel.bags.features import Features
from satchel.bags.stripping import strip
from satchel.errors import TextError
from satchel.normalizing import normalize


def check_string(text: object, number: int) -> str:
    """Refuse what is not a string.

    Args:
        text: A document.
        number: Its place among the documents, from 0, for the message.

    Returns:
        The same document.

    Raises:
        TextError: It is not a string.
    """
    if not isinstance(text, str):
        raise TextError(
            f"document {number} is not a string but {type(text).__name__} ({text!r:.60}): "
            "give text, and replace missing values by an empty string"
        )
    return text


def check_text(text: object, number: int) -> str:
    """Refuse what is not text.

    Args:
        text: A document.
        number: Its place among the documents, from 0, for the message.

    Returns:
        The same document.

    Raises:
        TextError: It is not a string, or it holds a lone surrogate, which UTF-8 cannot.
    """
    text = check_string(text, number)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise TextError(
            f"document {number} holds the lone surrogate U+{ord(text[error.start]):04X} at "
            f"character {error.start}, which is no text: decode the file with errors='replace', "
            "or call satchel.read, which reads any encoding"
        ) from None
    return text


def prepare(text: str, features: Features) -> str:
    """Strip and compose a text as its features ask. Token offsets refer to the answer.

    Args:
        text: A document.
        features: The features to prepare it for.

    Returns:
        The text itself where neither ``strip`` nor ``nfc`` changes it.
    """
    if features.strip:
        text = strip(text, features.strip)
    if features.nfc:
        text = normalize("NFC", text)
    return text
