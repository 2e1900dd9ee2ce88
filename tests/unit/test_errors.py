"""One class of error, one exit code (DESIGN section 6)."""

from __future__ import annotations

import pytest

from torchsolve import errors
from torchsolve.errors import TorchsolveError, UsageError

CODES = {
    "TorchsolveError": 1,
    "UsageError": 2,
    "NoPlanError": 3,
    "UnknownError": 4,
    "BuildError": 5,
    "StaleError": 6,
    "CheckError": 7,
}


def _classes() -> list[type[TorchsolveError]]:
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    return [cls for cls in found if issubclass(cls, TorchsolveError)]


def test_codes_are_those_of_the_design() -> None:
    assert {cls.__name__: cls.exit_code for cls in _classes()} == CODES


def test_no_two_classes_share_a_code() -> None:
    codes = [cls.exit_code for cls in _classes()]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("reference", ["Not-Kebab", "two words", "", "-lead", "snake_case"])
def test_a_reference_is_kebab_case(reference: str) -> None:
    with pytest.raises(ValueError, match="kebab"):
        UsageError(reference, "message")


def test_text_names_reference_message_and_place() -> None:
    error = UsageError("no-such-file", "there is no such file", origin="a.txt:3")
    assert str(error) == "no-such-file: there is no such file [a.txt:3]"
