"""The 21 UCI classification tables of the Hopular paper, and repaired variants of two of them.

Hopular: Modern Hopfield Networks for Tabular Data (https://arxiv.org/abs/2206.00664), Table 1. The
tables and their four splits are those of Fernández-Delgado et al. 2014; columns are standardised
over the whole set by that source. They ship inside the package.

In ``monks_2`` and ``horse_colic`` the source standardised the train and the test part separately,
so that no category of the test rows occurs in training; the ``_aligned`` variants repair that by
recoding each category by its rank within its part.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from .entry import Dataset, File

if TYPE_CHECKING:
    from .containers import Table


def read_uci(name: str, contents: Sequence[bytes], *, categorical: tuple[int, ...]) -> Table:
    """Columns f0 …, target (class index), split0 …; a category is the rank of its value."""
    import numpy as np
    import pandas as pd

    from .containers import Table

    frame = pd.read_csv(io.BytesIO(contents[0]), dtype=str)
    parts = [column for column in frame if str(column).startswith("split")]
    X = frame.drop(columns=["target", *parts]).astype(np.float64)
    for index in categorical:
        values = X.iloc[:, index]
        levels, codes = np.unique(values, return_inverse=True)
        category = pd.Categorical.from_codes(codes, categories=pd.Index(range(len(levels))))
        X[X.columns[index]] = pd.Series(category, index=X.index)
    y = frame["target"].to_numpy().astype(np.int64)
    return Table(
        name=name,
        X=X,
        y=y,
        task="classification",
        splits=tuple(frame[part].to_numpy().astype(np.int8) for part in parts),
        classes=tuple(str(label) for label in range(y.max() + 1)),
    )


def _uci(name: str, sha256: str, categorical: tuple[int, ...] = ()) -> Dataset:
    return Dataset(
        name=f"hopular/{name}",
        title=f"UCI {name.replace('_', ' ')}, four published splits",
        files=(File(f"hopular/small/{name}.csv.gz", sha256),),
        read=partial(read_uci, categorical=categorical),
        origin="https://archive.ics.uci.edu",
        licence="UCI Machine Learning Repository: mostly CC BY 4.0, not stated by this preparation",
        citation="Fernández-Delgado et al., JMLR 15 (2014) 3133-3181; Schäfl et al., "
        "arXiv:2206.00664; Kelly, Longjohn, Nottingham, The UCI Machine Learning Repository",
    )


DATASETS = (
    _uci("blood_transfusion", "bf636d1cc1e0c2d70680d11b6c5c518e320827c06b10daed8aadc86e7a71db01"),
    _uci(
        "breast_cancer",
        "120e5a5df54d4b4be4a6c11a98ec8088992963615f30845d63ddf1cdfa4d6733",
        tuple(range(9)),
    ),
    _uci(
        "congressional_voting",
        "20fdfd57e670ff42f003817b25d847d480ae70d1479caf4fb295016e9a30dd27",
        tuple(range(16)),
    ),
    _uci(
        "conn_bench_sonar_mines_rocks",
        "8b15a7acc5ea86a270f8477a65772f524d000525145da6aed26ed2212a4da4b2",
    ),
    _uci(
        "credit_approval",
        "b1eb6fb0b434d21c16377395019f7a093f1781dd7d00921965022edf20e89ddc",
        (0, 3, 4, 5, 6, 8, 9, 11, 12),
    ),
    _uci(
        "cylinder_bands",
        "e38f6372ed70b354b7cf6406a4893b7c77e944b26290c907b816b0f8efa0f0d8",
        tuple(range(16)),
    ),
    _uci(
        "ecoli",
        "9ca6b35b344ab071aebcf0443088b88c9375b9bad4e30b3bce73084e478738af",
        (2, 3),
    ),
    _uci("energy_y2", "955ad260e0da744b196cf7bc2a9f57178b634445d5016c70d9235be817033b33"),
    _uci(
        "glass_identification", "d62d27705ac931c32f573a68313ab3900f27ed927a0ea20ab5800503ded20cf7"
    ),
    _uci("haberman_survival", "9bd579f76e54844a916bc5e13a4180bb08aec3fee641c5ee8426ef11722788a7"),
    _uci(
        "heart_cleveland",
        "9ba195b9e385dab67b5363d7fb4686dd1fd82825c6d36de825aeca091f1616b7",
        (1, 2, 5, 6, 8, 10, 12),
    ),
    _uci(
        "horse_colic",
        "b026e8551bae79709e5563654427538119f292767cc0405aacb6e3c846793fbe",
        (0, 1, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16, 17, 20, 22, 23, 24),
    ),
    _uci(
        "horse_colic_aligned",
        "c5e61f52f517fa554dde6671aa5aa49a8bb210e8da44ee6cc301dcabe0aaf22f",
        (0, 1, 6, 7, 9, 10, 11, 12, 13, 16, 24),
    ),
    _uci(
        "led_display",
        "9ce4b74d3d94445b199f28441ced5a801d2180797dcc2f08acaee5babe629b01",
        tuple(range(7)),
    ),
    _uci(
        "mammographic",
        "d77142272ac4dea146b1295230c5a267d680ceff71fcebbcb9a148a7043f863c",
        (0, 2, 3, 4),
    ),
    _uci(
        "monks_2",
        "4a8fb4e031a084a69485d4943a3dc57a2a038c4fe36f2577b6311ba5cd7c285d",
        tuple(range(6)),
    ),
    _uci(
        "monks_2_aligned",
        "3e4a08ddd7a21075a4ea0ee587bdbff476594b0455764969390030a62103bf7f",
        tuple(range(6)),
    ),
    _uci("primary_tumor", "31018c8f52e1540f2b72a26f00e39a21b059ced3a060090a264d315d494ac9f5"),
    _uci(
        "statlog_australian_credit",
        "f3e07fbb5aec4d2d718e4793041b8ebb1eedbaec67c0020fd28ad257905e6daa",
        (2, 3, 4, 6, 7, 8, 9, 10, 13),
    ),
    _uci(
        "statlog_german_credit", "c9c07f1b5e490b5aff6c2bc8805b9c5d58f5fcd9a228b9c78b7532f7cd2af147"
    ),
    _uci(
        "statlog_heart",
        "4cf878c1ec73aa539bb87b69d959b8ec2de1d83a2cde46d17174d8aad9aa8b42",
        (1, 2, 5, 6, 8, 10, 12),
    ),
    _uci("vertebral_column2", "8ba31231fa248b8ef918f65f6e2d389d8a15c8af4e26b8f9740128e4fd86fb6e"),
    _uci("vertebral_column3", "184dde41edb940b05eff8183ffe8e712cb43f715c181326af23ac7188cc403fa"),
)
