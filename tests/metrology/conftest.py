"""Small published tables that mixed models have been fitted to many times."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray


@dataclasses.dataclass(frozen=True)
class Table:
    """Readings and the labels of each."""

    y: NDArray[np.float64]
    labels: dict[str, NDArray[np.str_]]

    def take(self, rows) -> Table:
        """Return some of the rows."""
        return Table(self.y[rows], {name: of[rows] for name, of in self.labels.items()})

    def __getitem__(self, name: str) -> NDArray[np.str_]:
        return self.labels[name]


def _table(text: str, **levels: list[str]) -> Table:
    """Return numbers in the order of their labels, the last label running fastest."""
    y = np.array(text.split(), dtype=float)
    grids = np.meshgrid(*[np.array(names) for names in levels.values()], indexing="ij")
    assert y.size == grids[0].size
    return Table(y, {name: g.ravel() for name, g in zip(levels, grids, strict=True)})


@pytest.fixture(scope="session")
def dyestuff() -> Table:
    """Yield in gram of five preparations from each of six batches.

    Davies & Goldsmith, Statistical Methods in Research and Production, 4th ed. (1972), table 6.2.
    """
    text = """
    1545 1440 1440 1520 1580  1540 1555 1490 1560 1495  1595 1550 1605 1510 1560
    1445 1440 1595 1465 1545  1595 1630 1515 1635 1625  1520 1455 1450 1480 1445
    """
    return _table(text, batch=list("ABCDEF"), preparation=list("12345"))


@pytest.fixture(scope="session")
def dyestuff2() -> Table:
    """Made-up readings laid out as in `dyestuff`, with no variance between batches.

    Box & Tiao, Bayesian Inference in Statistical Analysis (1973), table 5.1.4.
    """
    text = """
    7.298 3.846 2.434 9.566 7.990  5.220 6.556 0.608 11.788 -0.892  0.110 10.386 13.434 5.510 8.166
    2.212 4.852 7.092 9.288 4.980  0.282 9.014 4.458 9.446 7.198  1.722 4.782 8.106 0.758 3.758
    """
    return _table(text, batch=list("ABCDEF"), preparation=list("12345"))


@pytest.fixture(scope="session")
def rail() -> Table:
    """Travel time in ns of ultrasound, three times along each of six rails.

    Devore, Probability and Statistics for Engineering and the Sciences (2000), 10.3.
    """
    text = "55 53 54  26 37 32  78 91 85  92 100 96  49 51 50  80 85 83"
    return _table(text, rail=list("123456"), repeat=list("123"))


@pytest.fixture(scope="session")
def penicillin() -> Table:
    """Diameter in mm of zones where growth is inhibited, six samples on each of 24 plates.

    Davies & Goldsmith (1972), table 6.6.
    """
    text = """
    27 23 26 23 23 21  27 23 26 23 23 21  25 21 25 24 24 20  26 23 25 23 23 20
    25 22 26 22 23 20  24 22 25 23 22 19  24 20 23 21 22 19  26 22 26 24 24 21
    24 21 24 22 22 20  24 21 24 23 22 19  26 23 26 24 24 21  25 22 26 24 24 20
    26 24 26 24 25 22  26 23 26 23 23 20  26 23 25 24 24 22  25 22 25 23 23 20
    25 21 24 23 23 20  25 22 24 23 23 19  24 21 23 21 21 19  26 23 26 24 24 21
    25 21 24 22 22 18  25 22 25 22 22 20  24 21 24 22 24 19  24 21 24 22 21 18
    """
    return _table(text, plate=list("abcdefghijklmnopqrstuvwx"), sample=list("ABCDEF"))


@pytest.fixture(scope="session")
def pastes() -> Table:
    """Strength of a paste, two assays of each of three casks from each of ten batches.

    Davies & Goldsmith (1972), section 6.5.
    """
    text = """
    62.8 62.6 60.1 62.3 62.7 63.1  60.0 61.4 57.5 56.9 61.1 58.9  58.7 57.5 63.9 63.1 65.4 63.7
    57.1 56.4 56.9 58.6 64.7 64.5  55.1 55.1 54.7 54.2 58.8 57.5  63.4 64.9 59.3 58.1 60.5 60.0
    62.5 62.6 61.0 58.7 56.9 57.7  59.2 59.4 65.2 66.0 64.8 64.1  54.8 54.8 64.0 64.0 57.7 56.8
    58.3 59.3 59.2 59.2 58.9 56.6
    """
    return _table(text, batch=list("ABCDEFGHIJ"), cask=list("abc"), assay=list("12"))


@pytest.fixture(scope="session")
def oats() -> Table:
    """Yield of three varieties of oats with four amounts of nitrogen in each of six blocks.

    Yates (1935), J. R. Stat. Soc. Suppl. 2:181-247; rows as in Pinheiro & Bates (2000), A.15.
    """
    text = """
    111 130 157 174 117 114 161 141 105 140 118 156
    61 91 97 100 70 108 126 149 96 124 121 144
    68 64 112 86 60 102 89 96 89 129 132 124
    74 89 81 122 64 103 132 133 70 89 104 117
    62 90 100 116 80 82 94 126 63 70 109 99
    53 74 118 113 89 82 86 104 97 99 119 121
    """
    varieties = ["Victory", "Golden Rain", "Marvellous"]
    amounts = ["0.0", "0.2", "0.4", "0.6"]
    return _table(text, block=["I", "II", "III", "IV", "V", "VI"], variety=varieties, nitro=amounts)


@pytest.fixture(scope="session")
def split_plot() -> Table:
    """Three treatments of whole plots and two of their halves, in four blocks.

    Stroup (1989), as in example "Split-Plot Design" of SAS/STAT User's Guide, The MIXED Procedure.
    """
    text = """
    56 41 50 36 39 35  30 25 36 28 33 30  32 24 31 27 15 19  30 25 35 30 17 18
    """
    return _table(text, block=list("1234"), a=list("123"), b=list("12"))


@pytest.fixture(scope="session")
def sleepstudy() -> Table:
    """Reaction time in ms of 18 people on ten days without enough sleep.

    Belenky et al. (2003), J. Sleep Res. 12:1-12; as in Bates et al. (2015), J. Stat. Softw. 67(1).
    """
    text = """
    249.56 258.7047 250.8006 321.4398 356.8519 414.6901 382.2038 290.1486 430.5853 466.3535
    222.7339 205.2658 202.9778 204.707 207.7161 215.9618 213.6303 217.7272 224.2957 237.3142
    199.0539 194.3322 234.32 232.8416 229.3074 220.4579 235.4208 255.7511 261.0125 247.5153
    321.5426 300.4002 283.8565 285.133 285.7973 297.5855 280.2396 318.2613 305.3495 354.0487
    287.6079 285 301.8206 320.1153 316.2773 293.3187 290.075 334.8177 293.7469 371.5811
    234.8606 242.8118 272.9613 309.7688 317.4629 309.9976 454.1619 346.8311 330.3003 253.8644
    283.8424 289.555 276.7693 299.8097 297.171 338.1665 332.0265 348.8399 333.36 362.0428
    265.4731 276.2012 243.3647 254.6723 279.0244 284.1912 305.5248 331.5229 335.7469 377.299
    241.6083 273.9472 254.4907 270.8021 251.4519 254.6362 245.4523 235.311 235.7541 237.2466
    312.3666 313.8058 291.6112 346.1222 365.7324 391.8385 404.2601 416.6923 455.8643 458.9167
    236.1032 230.3167 238.9256 254.922 250.7103 269.7744 281.5648 308.102 336.2806 351.6451
    256.2968 243.4543 256.2046 255.5271 268.9165 329.7247 379.4445 362.9184 394.4872 389.0527
    250.5265 300.0576 269.8939 280.5891 271.8274 304.6336 287.7466 266.5955 321.5418 347.5655
    221.6771 298.1939 326.8785 346.8555 348.7402 352.8287 354.4266 360.4326 375.6406 388.5417
    271.9235 268.4369 257.2424 277.6566 314.8222 317.2135 298.1353 348.1229 340.28 366.5131
    225.264 234.5235 238.9008 240.473 267.5373 344.1937 281.1481 347.5855 365.163 372.2288
    269.8804 272.4428 277.8989 281.7895 279.1705 284.512 259.2658 304.6306 350.7807 369.4692
    269.4117 273.474 297.5968 310.6316 287.1726 329.6076 334.4818 343.2199 369.1417 364.1236
    """
    people = ["308", "309", "310", "330", "331", "332", "333", "334", "335"]
    people += ["337", "349", "350", "351", "352", "369", "370", "371", "372"]
    return _table(text, subject=people, day=[str(d) for d in range(10)])
