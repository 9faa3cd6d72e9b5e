"""What holds for the tests themselves, so that each gives one answer: alone, in any order, on any worker."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
GENERATORS = {"default_rng", "RandomState", "Random"}


def shared_generators(module: ast.Module) -> set[str]:
    """Name the random generators that a module makes when it is imported."""
    found = set()
    for statement in module.body:
        value = statement.value if isinstance(statement, (ast.Assign, ast.AnnAssign)) else None
        if isinstance(value, ast.Call) and ast.unparse(value.func).rpartition(".")[2] in GENERATORS:
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return found


def later_draws(module: ast.Module) -> Iterator[int]:
    """Yield the lines that draw from a shared generator when a test runs, not once at import."""
    names = shared_generators(module)
    called = {id(node.func) for node in ast.walk(module) if isinstance(node, ast.Call)}
    later: list[ast.AST] = []
    for node in ast.walk(module):
        match node:
            case ast.FunctionDef():
                later += node.body
            case ast.Lambda():
                later.append(node.body)
            case ast.Attribute() if id(node) not in called:  # a method that is handed over
                later.append(node)
    for node in later:
        yield from (inner.lineno for inner in ast.walk(node) if isinstance(inner, ast.Name) and inner.id in names)


def test_no_test_draws_what_another_one_would_have_drawn() -> None:
    """Values from a generator of the module depend on which tests ran before; the fixture `random` is a test's own."""
    texts = {str(path): path.read_text() for path in TESTS.rglob("*.py")}
    makers = {path: text for path, text in texts.items() if any(name in text for name in GENERATORS)}
    found = {path: sorted(set(later_draws(ast.parse(text)))) for path, text in makers.items()}

    assert {path: lines for path, lines in found.items() if lines} == {}


@pytest.mark.parametrize(
    ("code", "lines"),
    [
        ("R = np.random.default_rng(1)\nX = R.normal()\nY = make(R)", []),
        ("R = np.random.default_rng(1)\ndef f():\n    return R.normal()", [3]),
        ("R: Any = random.Random(1)\nf = lambda: R.random()", [2]),
        ("R = default_rng(1)\ndef f(R):\n    pass\n@given([R.normal])\ndef g(): pass", [4]),
    ],
)
def test_such_a_draw_is_found(code: str, lines: list[int]) -> None:
    """In a function, in a lambda, and where a method is handed over to be called later."""
    assert sorted(set(later_draws(ast.parse(code)))) == lines
