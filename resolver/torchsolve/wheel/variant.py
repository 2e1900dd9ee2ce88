"""What a wheel's ``variant.json`` says (PEP 825): one more claim, held against its binaries.

In: the text of the member. Out: ``VariantClaims``. Properties are AND over features and OR over the
values of one. Read are those about what a binary is: ``nvidia :: sm_arch``,
``nvidia :: cuda_version_lower_bound`` and ``_upper_bound``, ``abi_dependency :: torch``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from torchsolve.model.evidence import Evidence, Strength
from torchsolve.model.values import dataclass

MEMBER = re.compile(r"[^/]+\.dist-info/variant\.json")
# The label and a few properties; more is no such file.
LIMIT = 256 * 1024
_SM = re.compile(r"(\d{2,3}[af]?)_(real|virtual)")
_NUMBER = re.compile(r"\d{1,3}(\.\d{1,3}){0,2}")


@dataclass(frozen=True, slots=True)
class VariantClaims:
    """The properties of the one variant that a wheel is.

    Attributes:
        label: as at the end of its file name; None where the file has none that can be read.
        torch: release prefixes of which it needs one, ``2.10``.
        sass, ptx: ``sm_90a``, ``compute_80`` that it says it has.
        cuda_from: the least CUDA version of the driver; cuda_below: the first that is too new.
        evidence: one item a property.
        notes: why something was set aside.
    """

    label: str | None = None
    torch: tuple[str, ...] = ()
    sass: tuple[str, ...] = ()
    ptx: tuple[str, ...] = ()
    cuda_from: str | None = None
    cuda_below: str | None = None
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def specifiers(self) -> tuple[str, ...]:
        """``==2.10.*`` for each release prefix of torch."""
        return tuple(f"=={prefix}.*" for prefix in self.torch)


class _File(BaseModel):
    model_config = ConfigDict(extra="allow")

    variants: dict[str, dict[str, dict[str, list[str]]]]


def read_variant(text: str | None, subject: str) -> VariantClaims | None:
    """The claims of a wheel; None where it is no variant."""
    if text is None:
        return None
    try:
        variants = _File.model_validate(json.loads(text)).variants
    except (ValidationError, ValueError, RecursionError):
        return VariantClaims(notes=("variant.json cannot be read: it is not as PEP 825 has it",))
    if len(variants) != 1:
        notes = (f"variant.json has {len(variants)} variants, a wheel is one",)
        return VariantClaims(notes=notes)
    (label, properties), *_ = variants.items()
    return _claims(label, properties, subject)


def _claims(label: str, properties: dict[str, Any], subject: str) -> VariantClaims:
    nvidia = properties.get("nvidia", {})
    codes = [m for value in nvidia.get("sm_arch", ()) if (m := _SM.fullmatch(value))]
    return VariantClaims(
        label=label,
        torch=_numbers(properties.get("abi_dependency", {}).get("torch", ())),
        sass=tuple(f"sm_{m[1]}" for m in codes if m[2] == "real"),
        ptx=tuple(f"compute_{m[1]}" for m in codes if m[2] == "virtual"),
        cuda_from=_bound(nvidia.get("cuda_version_lower_bound", ()), min),
        cuda_below=_bound(nvidia.get("cuda_version_upper_bound", ()), max),
        evidence=tuple(
            Evidence(subject, _said(namespace, feature, values), Strength.CLAIMED, "variant.json")
            for namespace, features in properties.items()
            for feature, values in features.items()
        ),
        notes=tuple(_strange(nvidia.get("sm_arch", ()))),
    )


def _said(namespace: str, feature: str, values: Iterable[str]) -> str:
    return f"is the variant {namespace} :: {feature} :: {' or '.join(values)}"


def _strange(values: Iterable[str]) -> Iterator[str]:
    for value in values:
        if not _SM.fullmatch(value):
            yield f"variant.json: nvidia :: sm_arch :: {value} is not understood"


def _numbers(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(value for value in values if _NUMBER.fullmatch(value))


def _bound(values: Iterable[str], choose: Any) -> str | None:
    """Of several values any one is enough: the widest bound counts."""
    numbers = _numbers(values)
    key = {number: tuple(map(int, number.split("."))) for number in numbers}
    found: str | None = choose(numbers, key=key.__getitem__, default=None)
    return found
