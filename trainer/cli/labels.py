"""``edge-trainer labels``."""

from pathlib import Path

import click
import msgspec

from trainer.cli.output import print_json
from trainer.failures import failures


@click.command(epilog="\b\nExample:\n  edge-trainer labels features/gateway=gw-1/asset=pump-1")
@click.argument("store", type=click.Path(path_type=Path, exists=True))
@click.option("--json", "as_json", is_flag=True, help="Print the labels as JSON.")
def labels(store: Path, *, as_json: bool) -> None:
    """List what people found anomalies to be, as collected in STORE or a part of it."""
    from edge_agent.recordings import RecordingError
    from edge_agent.recordings.stored_labels import label_files, stored_labels

    with failures(RecordingError):
        found = [label for file in label_files(store) for label in stored_labels(file)]
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    for label in found:
        said = [
            f"{label.start:%Y-%m-%d %H:%M:%S}",
            f"{label.end:%Y-%m-%d %H:%M:%S}",
            f"{label.gateway}/{label.asset}",
            label.label,
            *([label.fault] if label.fault else []),
            f"by {label.by}",
            *([label.note] if label.note else []),
        ]
        click.echo("  ".join(said))
