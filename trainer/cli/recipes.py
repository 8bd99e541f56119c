"""``edge-trainer recipes``."""

import click

from trainer.cli.output import print_json
from trainer.recipe import load_recipe, recipe_names


@click.command(epilog="\b\nExample:\n  edge-trainer recipes")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def recipes(*, as_json: bool) -> None:
    """List the recipes."""
    found = [load_recipe(name) for name in recipe_names()]
    if as_json:
        print_json(found)
        return
    width = max(len(recipe.name) for recipe in found)
    for kind, title in (("system", "Systems"), ("baseline", "Baselines, without a network")):
        click.echo(f"{title}:")
        for recipe in (r for r in found if r.kind == kind):
            click.echo(f"  {recipe.name:<{width}} {recipe.summary}")
            click.echo(f"  {'':<{width}} {recipe.source}")
