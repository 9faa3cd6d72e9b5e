"""Fixtures of the unit tests."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import numpy as np


@pytest.fixture
def random() -> "np.random.Generator":
    """Numbers that are this test's own: the same ones in any order of the tests, alone, and on any worker."""
    import numpy as np

    return np.random.default_rng(2013)
