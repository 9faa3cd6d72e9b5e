"""Drift of rows that hang together: tests on whole blocks, and on windows that are known to be clean.

A column is summed up as counts per block on bins that the reference froze, so that a permutation is one product of
matrices, whatever the number of rows.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from airflow_provider_mlops.core.errors import BadInput
from airflow_provider_mlops.statistics.arrays import FloatArray
from airflow_provider_mlops.statistics.finding import GivenTest

BINS = 100
MAX_BLOCKS = 500
"""More blocks are put together, by turns, which keeps whole blocks whole."""
MAX_DRAWS = 20_000
ALL_SPLITS = 5_000
_CHUNK = 1_000

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlockCounts:
    """One column, counted per block.

    :param name: the column.
    :param numeric: whether the bins are rising intervals of numbers; else they are categories.
    :param counts: values per block and bin, nulls apart.
    :param nulls: nulls per block.
    """

    name: str
    numeric: bool
    counts: FloatArray
    nulls: FloatArray

    def __post_init__(self) -> None:
        if self.counts.ndim != 2 or self.nulls.shape != self.counts.shape[:1]:
            raise BadInput(f"The blocks of {self.name!r} have counts of shape {self.counts.shape}, {self.nulls.shape}.")

    def sums(self, picked: FloatArray) -> FloatArray:
        """Add blocks up.

        :param picked: per split and block 1 or 0.
        :return: per split the counts of the bins, and last those of the nulls.
        """
        return picked @ np.column_stack([self.counts, self.nulls])


def permutation_tests(columns: BlockCounts, current: BoolArray, *, alpha: float, seed: int) -> dict[str, GivenTest]:
    """Test a column by moving whole blocks between reference and current.

    Under the hypothesis of no drift any split of the blocks is as likely as the one that was seen.

    :param columns: the column, counted per block.
    :param current: which blocks are the current ones.
    :param alpha: the smallest error rate that is to be resolved, after correction.
    :param seed: seed of the draws, where not every split is tried.
    :return: test by rule: the column, and its nulls, new and vanished categories.
    """
    column, current = _merged(columns, current)
    inside = int(np.count_nonzero(current))
    if min(inside, len(current) - inside) < 2:
        problem = f"{len(current) - inside} reference and {inside} current blocks of rows are too few to permute"
        return _unknown(column, problem)
    whole = column.sums(np.ones((1, len(current))))
    observed = _distances(column, column.sums(current[None].astype(np.float64)), whole)
    parts = [_distances(column, column.sums(picked), whole) for picked in _splits(current, alpha=alpha, seed=seed)]
    found = {}
    for rule, seen in observed.items():
        drawn = np.sort(np.concatenate([part[rule] for part in parts]))
        found[rule] = _permuted(float(seen[0]), drawn, every=_is_all(current))
    return found


def calibrated_tests(columns: Sequence[BlockCounts], reference: BoolArray, windows: FloatArray) -> dict[str, GivenTest]:
    """Test all columns by how far windows that are known to be clean are from the reference.

    The last window is the one to judge. Each window's distance is counted in standard deviations over the windows, and
    the largest over all columns is compared with the largest of each clean window: adjusted for all columns at once,
    whatever their dependence.

    :param columns: the columns, a block per snapshot.
    :param reference: which blocks are part of the reference; their window is compared with the rest of it.
    :param windows: per window and block 1 where the block is of the window, else 0.
    :return: test by rule.
    """
    count = len(windows)
    seen: dict[str, FloatArray] = {}
    for column in columns:
        rest = np.where(windows > 0, 0.0, reference[None].astype(np.float64))
        seen |= _distances(column, column.sums(windows), column.sums(windows + rest))
    if not seen:
        return {}
    table = np.stack(list(seen.values()))
    spread = table.std(axis=1, keepdims=True)
    safe = np.where(spread > 0, spread, 1.0)
    scaled = np.where(np.isfinite(table), (table - table.mean(axis=1, keepdims=True)) / safe, np.inf)
    largest = scaled.max(axis=0)
    clean = count - 1
    tests = {}
    for row, (rule, values) in enumerate(seen.items()):
        own = (1 + int(np.count_nonzero(values[:-1] >= values[-1]))) / count
        joint = (1 + int(np.count_nonzero(largest[:-1] >= scaled[row, -1]))) / count
        tests[rule] = GivenTest(
            p_value=own,
            adjusted=joint,
            method="calibrated",
            smallest=_Calibrated(np.sort(largest[:-1]), float(table[row].mean()), float(safe[row, 0]), clean),
        )
    return tests


@dataclass(frozen=True, slots=True, eq=False)
class _Calibrated:
    """The smallest distance that would be above what clean windows show."""

    largest: FloatArray
    mean: float
    spread: float
    clean: int

    def __call__(self, alpha: float) -> float:
        # p < alpha needs at most this many clean windows that are as far.
        allowed = math.ceil(alpha * (self.clean + 1)) - 2
        if allowed < 0:
            return 1.0
        return min(1.0, self.mean + self.spread * float(self.largest[-1 - min(allowed, self.clean - 1)]))


def _splits(current: BoolArray, *, alpha: float, seed: int) -> Iterator[FloatArray]:
    blocks, inside = len(current), int(np.count_nonzero(current))
    if _is_all(current):
        chosen = np.array(list(combinations(range(blocks), inside)))
        picked = np.zeros((len(chosen), blocks))
        np.put_along_axis(picked, chosen, 1.0, axis=1)
        yield picked
        return
    random = np.random.default_rng(seed)
    left = min(MAX_DRAWS, max(1_999, math.ceil(20 / alpha)))
    while left > 0:
        draws = min(left, _CHUNK)
        ranks = random.random((draws, blocks)).argpartition(inside - 1, axis=1)
        picked = np.zeros((draws, blocks))
        np.put_along_axis(picked, ranks[:, :inside], 1.0, axis=1)
        yield picked
        left -= draws


def _is_all(current: BoolArray) -> bool:
    return math.comb(len(current), int(np.count_nonzero(current))) <= ALL_SPLITS


def _permuted(seen: float, drawn: FloatArray, *, every: bool) -> GivenTest:
    """Of all splits the one that was seen is one; of drawn ones it is counted beside them."""
    more = 0 if every else 1
    close = seen - 1e-12
    p_value = (len(drawn) - int(np.searchsorted(drawn, close)) + more) / (len(drawn) + more)
    total = len(drawn) + more

    def smallest(alpha: float) -> float:
        # p < alpha: so many splits may be as far as what was seen.
        allowed = math.ceil(alpha * total) - 1 - more
        if allowed < 0 or (every and allowed == 0):
            return 1.0
        return float(drawn[-max(1, allowed)])

    return GivenTest(p_value=p_value, method="block_permutation", smallest=smallest)


def _distances(column: BlockCounts, current: FloatArray, whole: FloatArray) -> dict[str, FloatArray]:
    """Measure how far current rows are from the others, per split; not a number where a side has no value."""
    now, was = current[:, :-1], (whole - current)[:, :-1]
    m, n = now.sum(axis=1), was.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        p, q = was / n[:, None], now / m[:, None]
        found = {column.name: _ks(p, q) if column.numeric else _v(p, q)}
        if whole[:, -1].any():
            nulls, others = current[:, -1], (whole - current)[:, -1]
            found[f"{column.name}:nulls"] = np.abs(nulls / (nulls + m) - others / (others + n))
        if not column.numeric:
            found[f"{column.name}:new"] = np.where(was == 0, q, 0.0).sum(axis=1)
            found[f"{column.name}:vanished"] = np.where(now == 0, p, 0.0).sum(axis=1)
    return {rule: np.nan_to_num(values, nan=1.0) for rule, values in found.items()}


def _ks(p: FloatArray, q: FloatArray) -> FloatArray:
    return np.asarray(np.abs(np.cumsum(q - p, axis=1)).max(axis=1))


def _v(p: FloatArray, q: FloatArray) -> FloatArray:
    both = p + q
    return np.asarray(
        np.sqrt(np.sum(np.where(both > 0, np.square(p - q) / (2 * np.where(both > 0, both, 1)), 0), axis=1))
    )


def _merged(column: BlockCounts, current: BoolArray) -> tuple[BlockCounts, BoolArray]:
    """Put blocks of a side together where there are very many."""
    if len(current) <= MAX_BLOCKS:
        return column, current
    codes = np.empty(len(current), dtype=np.int64)
    offset = 0
    sides = []
    for side in (False, True):
        mine = np.flatnonzero(current == side)
        groups = max(2, round(MAX_BLOCKS * len(mine) / len(current)))
        groups = min(groups, len(mine))
        codes[mine] = offset + np.arange(len(mine)) % groups
        sides.append(np.full(groups, side))
        offset += groups
    counts = np.zeros((offset, column.counts.shape[1]))
    nulls = np.zeros(offset)
    np.add.at(counts, codes, column.counts)
    np.add.at(nulls, codes, column.nulls)
    merged = BlockCounts(name=column.name, numeric=column.numeric, counts=counts, nulls=nulls)
    return merged, np.concatenate(sides)


def _unknown(column: BlockCounts, problem: str) -> dict[str, GivenTest]:
    rules = (column.name, *(f"{column.name}:{what}" for what in ("nulls", "new", "vanished")))
    return {rule: GivenTest(p_value=math.nan, problem=f"underpowered: {problem}") for rule in rules}
