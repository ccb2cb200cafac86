"""T2 that follows from a measured T1, through the certified ratio of the relaxivities.

An option, never a default. Where the T1 and T2 of a certificate belong to one solution whose
concentration is in doubt, their ratio is still good: both rates grow in proportion to the
concentration, so (R2 - R2_water) / (R1 - R1_water) is the same in every sphere. A measured T1 then
says what T2 must be, whatever the concentration. The price: the reference rests on a measurement
of the same scanner, so it can show that T1 and T2 disagree, not which of them is wrong.
"""

from __future__ import annotations

import dataclasses
import math

from qiqa.core.certificate import Certificate
from qiqa.core.errors import CertificateError
from qiqa.core.phantom import ReferenceValue

__all__ = ["AnchoredT2", "RelaxivityRatio", "anchored_t2", "relaxivity_ratio"]

WATER_PER_S = 0.32
"""R1 and R2 of the water itself [1/s]: where R1 of the spheres of batches 1 and 2.5 ends at no
concentration (0.31 to 0.33; Stupic et al. 2021, NIST 80100S-20200610-C1)."""
WATER_UNCERTAINTY_PER_S = 0.02
"""Standard uncertainty of both, from the spread of those ends."""
PERCENT_PER_DEGC = 1.1
"""How the ratio changes with temperature: T1 of MnCl2 by 2.7, T2 by 1.6 %/°C (Stupic et al.)."""
_STRONG = 3.0
"""A sphere says what the ratio is if its R1 is this many times that of water."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class RelaxivityRatio:
    """r2 over r1 of one salt at one field."""

    value: float
    relative_sd: float
    """Scatter from sphere to sphere: the standard uncertainty for one of them."""
    n: int
    """Spheres it comes from."""
    temperature_degc: float
    t1_range_ms: tuple[float, float]
    """T1 of the spheres in the certificate: it is not carried beyond."""
    field_strength_t: float | None
    source: str


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class AnchoredT2:
    """A T2 that a measured T1 asks for."""

    reference: ReferenceValue
    u_t1_ms: float
    """Part of its standard uncertainty that T1 brings; the rest is the ratio."""


def relaxivity_ratio(t1: Certificate, t2: Certificate) -> RelaxivityRatio:
    """Return the ratio of relaxivities from two tables of one solution set.

    Parameters
    ----------
    t1, t2
        Certificates [ms] of the same inserts at one temperature and field.

    Raises
    ------
    CertificateError
        If they are not of the same inserts, temperature and field, or fewer than three spheres
        are far enough from water.
    """
    same = all(
        getattr(t1, name) == getattr(t2, name)
        for name in ("group", "batch", "serial", "field_strength_t", "inserts")
    )
    common = [t for t in t1.temperature_degc if t in t2.temperature_degc]
    if not same or (t1.quantity, t2.quantity) != ("t1", "t2") or not common:
        raise CertificateError(
            f"{t1.describe()} and {t2.describe()} of {t1.group} and {t2.group} are not T1 and T2 "
            "of the same solutions",
            where=t1.source,
            hint="give the two tables of one group, batch and field",
        )
    degc = min(common, key=lambda t: abs(t - 20.0))
    column1, column2 = t1.temperature_degc.index(degc), t2.temperature_degc.index(degc)
    times = [(a[column1], b[column2]) for a, b in zip(t1.value, t2.value, strict=True)]
    ratios = [
        (1000 / b - WATER_PER_S) / (1000 / a - WATER_PER_S)
        for a, b in times
        if 1000 / a > _STRONG * WATER_PER_S
    ]
    if len(ratios) < 3:
        raise CertificateError(
            f"only {len(ratios)} spheres relax {_STRONG:g} times faster than water",
            where=t1.source,
        )
    mean = sum(ratios) / len(ratios)
    variance = sum((r - mean) ** 2 for r in ratios) / (len(ratios) - 1)
    return RelaxivityRatio(
        value=mean,
        relative_sd=math.sqrt(variance) / mean,
        n=len(ratios),
        temperature_degc=degc,
        t1_range_ms=(min(a for a, _ in times), max(a for a, _ in times)),
        field_strength_t=t1.measured_at_t,
        source=t1.source,
    )


def anchored_t2(
    t1_measured_ms: float,
    t1_standard_uncertainty_ms: float,
    ratio: RelaxivityRatio,
    *,
    degc: float,
    insert: str | None = None,
) -> AnchoredT2:
    """Return the T2 [ms] that a measured T1 asks for.

    R2 = R2_water + ratio * (R1 - R1_water).

    Parameters
    ----------
    t1_measured_ms, t1_standard_uncertainty_ms
        T1 of the sphere on this scanner [ms].
    ratio
        From `relaxivity_ratio`, for the field of the scan.
    degc
        Temperature of the scan [°C]: away from that of the ratio its change counts as doubt.
    insert
        Label of the sphere.

    Returns
    -------
    AnchoredT2
        Its reference has confidence `secondary`; its source says that it rests on a measured T1.

    Raises
    ------
    CertificateError
        If T1 lies outside of the certified ones by more than a tenth, or a number is not finite.
    """
    low, high = ratio.t1_range_ms
    given = (t1_measured_ms, t1_standard_uncertainty_ms, degc)
    if not all(map(math.isfinite, given)) or t1_standard_uncertainty_ms < 0:
        raise CertificateError(
            f"T1 = {t1_measured_ms:g} ms with u = {t1_standard_uncertainty_ms:g} ms at {degc:g} °C "
            "cannot anchor T2: all three must be finite and u not negative",
            where=insert,
        )
    if not 0.9 * low <= t1_measured_ms <= 1.1 * high:
        raise CertificateError(
            f"T1 = {t1_measured_ms:g} ms is outside of the certified {low:g} to {high:g} ms",
            where=insert,
            hint="check the label of the sphere and the T1 fit",
        )
    r1 = 1000 / t1_measured_ms
    paramagnetic = r1 - WATER_PER_S
    r2 = WATER_PER_S + ratio.value * paramagnetic
    away = PERCENT_PER_DEGC / 100 * (degc - ratio.temperature_degc)
    u_ratio = math.hypot(ratio.relative_sd, away) * ratio.value * paramagnetic
    u_r1 = ratio.value * r1 * t1_standard_uncertainty_ms / t1_measured_ms
    u_r2 = math.hypot(u_ratio, u_r1, ratio.value * WATER_UNCERTAINTY_PER_S, WATER_UNCERTAINTY_PER_S)
    reference = ReferenceValue(
        quantity="t2",
        value=1000 / r2,
        unit="ms",
        standard_uncertainty=1000 / r2 * u_r2 / r2,
        confidence="secondary",
        source=f"T1 measured on this scanner, R2/R1 = {ratio.value:.2f} of {ratio.source}",
        insert=insert,
        temperature_degc=degc,
        field_strength_t=ratio.field_strength_t,
    )
    return AnchoredT2(reference=reference, u_t1_ms=1000 / r2 * u_r1 / r2)
