"""Sets of values from textbooks, with the figures that others computed from them."""

import numpy as np
import pytest

# Montgomery, Introduction to Statistical Quality Control, inside diameters of piston rings in mm
# (Phase I, 25 groups of 5, and 15 groups after it): thousandths above 74.
_PISTON_RINGS = """
30 2 19 -8 8; -5 -8 1 11 4; -12 24 21 5 2; 2 -4 -7 15 9; -8 7 15 -11 14; 9 -6 -3 -15 -7;
-5 6 -6 0 5; -15 3 -7 15 -12; 8 -5 9 5 4; -2 0 -10 7 -5; -6 -2 -6 -5 -10; 4 0 7 0 -4;
-17 2 -2 -3 12; 6 -33 -6 0 -16; 12 14 -2 -1 7; 0 -16 5 -2 -4; -6 12 -14 5 7; 6 10 18 3 0;
-16 2 3 5 -3; 0 10 13 20 3; -12 1 9 5 -4; 4 -1 -10 6 9; 10 -11 -10 9 14; 15 8 -7 0 10;
-18 -16 -5 17 13; 12 15 30 -14 0; -5 10 -10 15 1; -13 -1 -15 0 -10; 8 10 3 -9 6; 3 0 1 -14 -3;
-6 3 15 20 4; 8 2 18 -5 5; 1 4 -10 -4 -2; 15 0 16 25 0; 30 5 0 16 12; 1 -10 -5 10 24;
15 20 24 5 19; 35 10 12 15 26; 17 13 36 25 26; 10 5 29 0 20
"""

# Montgomery: viscosity of the first 20 batches of aircraft primer paint.
_VISCOSITY = """
34.05 34.40 33.59 35.96 34.70 33.51 33.79 34.04 34.52 33.75
33.27 33.71 34.03 34.58 34.02 33.97 34.05 34.04 33.73 34.05
"""

# Ryan, Statistical Methods for Quality Improvement, table 9.2: 20 groups of 4 values of two
# quantities.
_RYAN_1 = """
72 84 79 49; 56 87 33 42; 55 73 22 60; 44 80 54 74; 97 26 48 58; 83 89 91 62; 47 66 53 58;
88 50 84 69; 57 47 41 46; 26 39 52 48; 46 27 63 34; 49 62 78 87; 71 63 82 55; 71 58 69 70;
67 69 70 94; 55 63 72 49; 49 51 55 76; 72 80 61 59; 61 74 62 57; 35 38 41 46
"""
_RYAN_2 = """
23 30 28 10; 14 31 8 9; 13 22 6 16; 9 28 15 25; 36 10 14 15; 30 35 36 18; 12 18 14 16;
31 11 30 19; 14 10 8 10; 7 11 35 30; 10 8 19 9; 11 20 27 31; 22 16 31 15; 21 19 17 20;
18 19 18 35; 15 16 20 12; 13 14 16 26; 22 28 18 17; 19 20 16 14; 10 11 13 16
"""


def _rows(text):
    return np.array([[float(v) for v in row.split()] for row in text.split(";")])


@pytest.fixture(scope="session")
def piston_rings():
    """Diameters (40, 5) in mm."""
    return 74.0 + _rows(_PISTON_RINGS) / 1000.0


@pytest.fixture(scope="session")
def viscosity():
    """Viscosities (20,)."""
    return np.array(_VISCOSITY.split(), dtype=float)


@pytest.fixture(scope="session")
def ryan():
    """Values (20, 4, 2)."""
    return np.stack([_rows(_RYAN_1), _rows(_RYAN_2)], axis=2)
