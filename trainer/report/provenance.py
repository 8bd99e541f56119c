"""Where a bundle comes from."""

from trainer.recipe import Recipe
from trainer.report.findings import Findings
from trainer.report.words import left_out

Entry = tuple[str, str]
_EXPECTED: dict[str, str] = {
    "none": "the healthy mean",
    "persistence": "the window before it",
    "moving_z": "the mean of the last windows",
}


def provenance(findings: Findings) -> list[Entry]:
    """Return name and value of everything needed to make the bundle again."""
    manifest, spec, recipe = findings.manifest, findings.spec, findings.recipe
    training, level = manifest.training, spec.level
    summary = "" if recipe is None else f": {recipe.summary} Source: {recipe.source}."
    first, last = training.healthy
    used = f"{training.windows} of them used", left_out(findings)
    entries = [
        ("bundle", f"{manifest.name} {manifest.version}, {manifest.form}, {manifest.created}"),
        ("recipe", f"{training.recipe}{summary}"),
        *_departures(recipe),
        ("seed", str(training.seed)),
        ("trained on", f"windows {first} to {last}, {'; '.join(filter(None, used))}"),
        ("digest of these vectors", f"SHA-256 {training.data_sha256}"),
        ("feature hash", manifest.feature_hash),
        ("model", _model(findings)),
        ("score", f"{spec.scorer.kind}, smoothed ({spec.smoothing.kind})"),
        ("threshold", f"{spec.threshold.value:.6g}, by {spec.threshold.method}"),
        ("alarm", f"{spec.alarm.k} of {spec.alarm.n} windows above it"),
    ]
    if level is not None:
        entries.append(
            ("level detector", f"{len(level.features)} features, threshold {level.threshold:.4g}")
        )
    entries += [
        (f"features ({len(spec.feature_names)})", ", ".join(spec.feature_names)),
        ("versions", ", ".join(f"{k} {v}" for k, v in sorted(training.versions.items()))),
    ]
    return entries


def _departures(recipe: Recipe | None) -> list[Entry]:
    if recipe is None or not recipe.departures:
        return []
    return [("unlike the publication", " ".join(recipe.departures))]


def _model(findings: Findings) -> str:
    model = findings.spec.model
    if not model.has_network:
        return f"no network; what is expected of a window: {_EXPECTED[model.family]}"
    return f"{model.family}, {model.form}, {model.quantization}"
