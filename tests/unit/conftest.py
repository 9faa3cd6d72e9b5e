"""Fixtures of the unit tests."""

from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    import numpy as np

# The same examples each time, however busy the machine is: what fails, fails again, and by the change that did it.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.load_profile("suite")


@pytest.fixture
def random() -> "np.random.Generator":
    """Numbers that are this test's own: the same ones in any order of the tests, alone, and on any worker."""
    import numpy as np

    return np.random.default_rng(2013)
