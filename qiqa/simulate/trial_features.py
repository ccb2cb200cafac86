"""Features of simulated tumors in the manner of radiomics: correlated, bent, and seen by scanners.

A feature of a tumor is what its ADC and four hidden properties of the tumor give it, something of
its own, and a share by age; some depend on the ADC in a bent way. A scanner reads the ADC with its
bias, adds noise, and then multiplies and shifts each feature by its own amounts, and bends every
third one: what ComBat assumes, and what it cannot take away.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from qiqa.core.participants import ParticipantValues
from qiqa.simulate.trial_design import TrialDesign
from qiqa.simulate.trial_participants import Scans, scan_columns
from qiqa.simulate.trial_roster import PER_SITE, Roster
from qiqa.simulate.trial_streams import Streams

__all__ = ["FEATURES", "measure_features"]

FloatArray = NDArray[np.float64]

_COUNT = 20
FEATURES: tuple[str, ...] = tuple(f"texture_{n:02d}" for n in range(1, _COUNT + 1))
_HIDDEN = 4
_BY_ADC = 0.6
"""What a feature changes by, per SD of the logarithm of the ADC; the sign takes turns."""
_BY_HIDDEN = 0.4
"""SD of the same for a hidden property."""
_OWN = 0.3
"""SD between persons of what a feature shares with no other."""
_BY_DECADE = 0.15
_BETWEEN_VISITS = 0.4
"""SD of a hidden property from visit to visit, of that between persons."""
_NOISE = 0.25
"""SD of a repeated measurement, of the SD between persons (about)."""
_BEND = 0.3
_KINDS = 3
"""Features take turns: straight, bent, saturating by the ADC. The last are bent by scanners."""


def measure_features(
    design: TrialDesign, roster: Roster, scans: Scans, adc: FloatArray, streams: Streams
) -> ParticipantValues:
    """Return 20 features of each scan, scan after scan.

    Parameters
    ----------
    adc
        (n,) ADC as the scanner measured it [mm²/s].
    """
    people, rng = design.participants, streams.feature_people
    p, v = people.count, len(people.visit_days)
    loadings = _BY_HIDDEN * rng.standard_normal((_HIDDEN, _COUNT))
    persons = rng.standard_normal((p, 1, _HIDDEN))
    persons = persons + _BETWEEN_VISITS * rng.standard_normal((p, v, _HIDDEN))
    noise = _NOISE * rng.standard_normal((p, v, _COUNT))[scans.person, scans.visit]
    decades = (scans.age_years - people.age_years) / 10.0
    fixed = persons[scans.person, scans.visit] @ loadings + _BY_DECADE * decades[:, None]
    fixed = fixed + _OWN * rng.standard_normal((p, _COUNT))[scans.person]
    noise = design.tissue_noise.dose * noise
    true = _shape(design, scans.true) + fixed
    seen = _seen(design, roster, scans, _shape(design, adc) + fixed + noise, streams.feature_bias)
    # sizes differ as those of entropy, energy and contrast do
    scale = 10.0 ** (np.arange(_COUNT) % 4 - 1.0)
    center = 5.0 * scale
    u = np.broadcast_to(design.tissue_noise.dose * _NOISE * scale, seen.shape)
    columns = scan_columns(design, roster, scans)
    n = len(adc)
    return ParticipantValues(
        **{name: np.repeat(column, _COUNT, axis=0) for name, column in columns.items()},
        name=np.tile(np.array(FEATURES), n),
        quantity=np.full(n * _COUNT, "texture"),
        unit=np.full(n * _COUNT, "1"),
        value=(center + scale * seen).ravel(),
        standard_uncertainty=u.ravel(),
        true_value=(center + scale * true).ravel(),
        covariates={"age_years": np.repeat(scans.age_years, _COUNT)},
    )


def _shape(design: TrialDesign, adc: FloatArray) -> FloatArray:
    """Return what the ADC gives to each feature (n, 20)."""
    people = design.participants
    z = np.log(adc / people.adc_mm2_per_s) / (people.between_percent / 100.0)
    kinds = np.stack([z, z + _BEND * (z * z - 1.0), np.tanh(z)], axis=1)
    index = np.arange(_COUNT)
    return np.asarray(_BY_ADC * (-1.0) ** index * kinds[:, index % _KINDS])


def _seen(
    design: TrialDesign, roster: Roster, scans: Scans, y: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Return features as scanners show them (n, 20)."""
    bias = design.feature_bias
    drawn = rng.standard_normal((3, design.sites * PER_SITE, _COUNT))[:, roster.slot[scans.scanner]]
    shift = bias.shift_sd * drawn[0]
    scale = np.exp(bias.dose * bias.log_scale_sd * drawn[1])
    bent = np.arange(_COUNT) % _KINDS == _KINDS - 1
    bend = bias.bend_sd * drawn[2] * bent
    return np.asarray(y * scale + bias.dose * (shift + bend * (y * y - 1.0)))
