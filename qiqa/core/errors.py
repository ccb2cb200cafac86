"""The error tree. A message says what is wrong, where, what is allowed and what to do."""

from __future__ import annotations

__all__ = [
    "CertificateError",
    "DefinitionError",
    "DefinitionsNotFoundError",
    "ExamError",
    "FitError",
    "LocateError",
    "NotMeasurable",
    "OutputError",
    "QiqaError",
    "ReadError",
    "StoreError",
    "UsageError",
]


class QiqaError(Exception):
    """Base of every error that qiqa raises on purpose.

    Parameters
    ----------
    message
        What is wrong, with the value and, where it helps, what is allowed.
    where
        File, path inside a definition, or database the problem is in.
    hint
        What the user can do about it.
    """

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.message = message
        self.where = where
        self.hint = hint
        super().__init__(message)

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\n  To do: {self.hint}" if self.hint else text


class ReadError(QiqaError):
    """A file or folder cannot be read as images, or holds none."""


class DefinitionError(QiqaError):
    """A phantom or protocol TOML is wrong; `where` is the file and the path inside it."""


class DefinitionsNotFoundError(QiqaError):
    """The folders phantoms/ or protocols/ cannot be found in this installation."""


class UsageError(QiqaError):
    """An option or argument has a value that cannot be used."""


class ExamError(QiqaError):
    """The series given do not form one exam that can be judged."""


class FitError(QiqaError):
    """A series cannot be fitted with a model: wrong values, too few of them, a broken model."""


class LocateError(QiqaError):
    """The phantom asked for is not in the images; the message shows what was seen instead."""


class CertificateError(QiqaError):
    """A certificate has no value for these conditions; none is made up."""


class StoreError(QiqaError):
    """The history database cannot be opened, read or written, or has another schema."""


class OutputError(QiqaError):
    """A report or export could not be written; nothing half written is left behind."""


class NotMeasurable(QiqaError):  # noqa: N818 - an outcome, not a fault of the program
    """One quantity cannot be measured on these images; becomes `not_evaluated` with this reason."""
