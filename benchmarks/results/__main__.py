"""Run every recipe on every set of recordings and write docs/results.md with its figures.

    python -m benchmarks.results --data ../shared/data [--seeds 5] [--all]

What is in the file of rows already is not run again while its recipe is the same; interrupted, it
makes the page from what there is. ``--all`` adds what would take over two hours: every seed of
``default`` on SMD as well.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import groupby
from pathlib import Path

import msgspec

from benchmarks.results.datasets import Case, cases, published_cases
from benchmarks.results.figures import draw
from benchmarks.results.page import page
from benchmarks.results.published import PUBLISHED
from benchmarks.results.rows import Row, Task, rows
from benchmarks.results.tables import OURS
from trainer.metrics import random_point_adjusted_f1
from trainer.recipe import Recipe, load_recipe, recipe_names

_DOCS = Path(__file__).parents[2] / "docs"


def tasks(every: list[Case], published: list[Case], seeds: int, *, slow: bool) -> Iterator[Task]:
    """Yield what is to be run: ours and the baselines everywhere, the others on their own data."""
    recipes = {name: load_recipe(name) for name in recipe_names()}
    ours = recipes[OURS]
    plain = [recipe for recipe in recipes.values() if recipe.kind == "baseline"]
    for recipe in plain:
        yield from (Task(case, recipe, recipe.seed) for case in every)
    for seed in range(seeds):
        for case in every:
            if seed == 0 or slow or case.family != "SMD":
                yield Task(case, ours, seed)
    for name, known in PUBLISHED.items():
        if name in recipes:
            for case in _of(recipes[name], [*published, *every]):
                if case.family == known.family and case.name.startswith(known.case):
                    yield Task(case, recipes[name], recipes[name].seed)


def _of(recipe: Recipe, found: list[Case]) -> list[Case]:
    """Return the cases that are for this publication, else those that are for all."""
    own = [case for case in found if recipe.name in case.only]
    return own or [case for case in found if not case.only]


def run(missing: list[Task], workers: int) -> Iterator[Row]:
    """Yield the rows of ``missing`` as they come: large series late, further seeds last."""
    ordered = sorted(missing, key=lambda task: (task.seed > 0, task.case.family == "SMD"))
    # neighbours that learn from the same record learn once
    parts = [
        list(part)
        for _, part in groupby(
            ordered, lambda task: (task.case.train_key, task.recipe.name, task.seed)
        )
    ]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        for done in as_completed([pool.submit(rows, part) for part in parts]):
            yield from done.result()


def main() -> None:
    """Run what is missing, then write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--rows", type=Path, default=Path("build/results.jsonl"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument("--all", action="store_true", help="also what takes over two hours")
    parser.add_argument("--out", type=Path, default=_DOCS, help="folder of the page")
    given = parser.parse_args()
    given.rows.parent.mkdir(parents=True, exist_ok=True)
    kept = given.rows.read_bytes().splitlines() if given.rows.exists() else []
    done = {row.key: row for row in (msgspec.json.decode(line, type=Row) for line in kept)}
    with tempfile.TemporaryDirectory() as folder:
        every = list(cases(given.data, Path(folder)))
        wanted = list(tasks(every, list(published_cases(given.data)), given.seeds, slow=given.all))
        missing = [task for task in wanted if task.key not in done]
        with given.rows.open("ab") as file:
            try:
                for row in run(missing, given.workers):
                    file.write(msgspec.json.encode(row) + b"\n")
                    file.flush()
                    done[row.key] = row
                    print(*row.key[:4], f"{row.seconds} s", file=sys.stderr, flush=True)
            except KeyboardInterrupt:
                print("stopped; the page is made from what there is", file=sys.stderr)
    random_f1 = {
        case.name: random_point_adjusted_f1(case.labels)
        for case in every
        if case.family == "SMD" and case.labels is not None
    }
    found = [done[task.key] for task in wanted if task.key in done]
    figures = draw(found, given.out)
    (given.out / "results.md").write_text(page(found, random_f1, figures), "utf-8")


if __name__ == "__main__":
    main()
