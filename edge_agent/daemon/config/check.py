"""``edge-agent check``: everything that can be known to be wrong before the agent runs."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from edge_agent.bundle import BundleError, LoadedBundle
from edge_agent.calibration.budget import BudgetError
from edge_agent.daemon.commissioning.adapt import ListeningAdapter
from edge_agent.daemon.commissioning.listening import ListeningBundle
from edge_agent.daemon.config.draft import Draft, config_folder, is_file, read_draft, rows_of
from edge_agent.daemon.config.enrolled import check_enrolment
from edge_agent.daemon.config.followed import bundle_path, followed_line
from edge_agent.daemon.config.plugin_problems import plugin_problems
from edge_agent.daemon.config.problems import Problem
from edge_agent.daemon.config.settings import STATE_DIR, Asset, Config
from edge_agent.daemon.keep import USABLE_FOLDER, why_unusable
from edge_agent.daemon.models import Models
from edge_agent.daemon.mqtt.credentials import CredentialError, check_certificates, read_password
from edge_agent.daemon.sensors.adapt import Adapter
from edge_agent.daemon.sensors.thread import open_sensor
from edge_agent.pipeline.block import InputError
from edge_agent.pipeline.limit import velocity_meter
from edge_agent.pipeline.runtime import RuntimeMissingError
from edge_agent.plugin import FeatureError, SensorError, SensorInfo

_FORGIVING = ("ignore", "probe")
_WORKING_BUNDLE = "a bundle that works here"


class CheckedAsset(msgspec.Struct, frozen=True, kw_only=True):
    """An asset without a problem.

    Attributes:
        name: of the asset.
        sensor: its plugin.
        bundle: name and version.
        sha256: of the bundle's file.
        opened: its sensor was opened and fits the bundle.
    """

    name: str
    sensor: str
    bundle: str
    sha256: str
    opened: bool


@dataclass(slots=True)
class Findings:
    """What a check found.

    Attributes:
        problems: the agent would not start, or not watch an asset.
        warnings: it would start, and go on trying.
        absent: bundles that are not there, by the asset's position: it would start, and watch the
            asset as soon as the file has come.
        assets: those without a problem.
        needs_systemd: outside systemd the agent would not start.
    """

    problems: list[Problem]
    warnings: list[Problem]
    assets: list[CheckedAsset]
    absent: dict[int, Problem] = field(default_factory=dict)
    needs_systemd: bool = False


def check_config(path: Path, *, offline: bool = False) -> Findings:
    """Check the configuration at ``path`` with its bundles, plugins and sensors.

    Args:
        path: the main file.
        offline: leave the sensors alone, as while the agent runs.

    Raises:
        RuntimeMissingError: the configuration is sound as far as that can be said without an
            interpreter to run its bundles with.
    """
    draft = read_draft(path)
    try:
        models = Models(None)
    except RuntimeMissingError:
        if draft.problems:
            return Findings(draft.problems, [], [])
        raise
    findings = check_draft(draft, models, offline=offline)
    if draft.config is not None:
        unusable = why_unusable(Path(draft.config.state_dir))
        if unusable is not None:
            draft.report("state_dir", unusable, USABLE_FOLDER)
    return findings


def check_draft(draft: Draft, models: Models, *, offline: bool) -> Findings:
    """Check what ``draft`` names: bundles, plugins, sensors and what the broker is shown.

    Args:
        draft: gets a problem for each that is found.
        models: loads and verifies the bundles.
        offline: leave the sensors alone.
    """
    findings = Findings(draft.problems, [], [])
    for index, asset in draft.assets.items():
        _AssetCheck(draft, findings, index, asset, offline=offline).run(models)
    for index, row in enumerate(rows_of(draft.sources.table)):
        if index not in draft.assets and isinstance(row, dict):
            _check_parts(row, index, draft, findings, models)
    if draft.config is not None:
        _check_credentials(draft, draft.config, findings)
        findings.warnings += check_enrolment(draft, draft.config)
    return findings


def _check_credentials(draft: Draft, config: Config, findings: Findings) -> None:
    for read in (read_password, check_certificates):
        try:
            read(config.mqtt)
        except CredentialError as error:
            problem = draft.sources.problem(error.key, error.found, error.allowed)
            if error.only_at_run_time:
                findings.needs_systemd = True
                findings.warnings.append(problem)
            else:
                draft.problems.append(problem)


class _AssetCheck:
    """Checks one asset."""

    def __init__(
        self, draft: Draft, findings: Findings, index: int, asset: Asset, *, offline: bool
    ) -> None:
        self._draft = draft
        self._findings = findings
        self._index = index
        self._where = f"asset[{index}]"
        self._asset = asset
        self._offline = offline

    def run(self, models: Models) -> None:
        before = len(self._findings.problems)
        bundle = self._check_bundle(models)
        usable = self._check_plugin()
        given = None
        if usable and not self._offline:
            given = self._open()
        if bundle is None:
            return
        adapter: Adapter
        if isinstance(bundle, ListeningBundle):
            adapter = ListeningAdapter(self._asset, bundle)
        else:
            self._check_limit(bundle)
            adapter = Adapter(self._asset, bundle.manifest.flow.input)
        if given is not None:
            misfits = adapter.problems(given)
            for key, sentence in misfits:
                self._problem(key, sentence, f"a sensor that fits {Path(bundle.source).name}")
            if isinstance(bundle, ListeningBundle) and not misfits:
                self._check_cut(bundle, adapter.info(given))
        elif not isinstance(bundle, ListeningBundle):
            self._compare_unit(bundle)
        if len(self._findings.problems) == before:
            self._findings.assets.append(
                CheckedAsset(
                    name=self._asset.name,
                    sensor=self._asset.sensor.plugin,
                    bundle=f"{bundle.manifest.name} {bundle.manifest.version}",
                    sha256=bundle.sha256,
                    opened=given is not None,
                )
            )

    def _check_bundle(self, models: Models) -> LoadedBundle | None:
        if not is_file(Path(self._asset.bundle)):
            _note_absent(self._index, self._asset.bundle, self._draft, self._findings)
            return None
        try:
            loaded = models.load_for(self._asset)
        except BundleError as error:
            self._problem("bundle", str(error), _WORKING_BUNDLE)
            return None
        try:
            return loaded.for_budget(self._asset.false_alarms_per_month)
        except BudgetError as error:
            allowed = f"what the calibration in {loaded.source} supports"
            self._problem("false_alarms_per_month", str(error), allowed)
            return None

    def _check_cut(self, bundle: ListeningBundle, info: SensorInfo) -> None:
        """Look at the windows of an asset that is not commissioned yet.

        Those of a sensor that delivers bursts are as long as they are: only a block would tell.
        """
        if info.period_s is not None:
            return
        try:
            self._check_limit(bundle.settle(info, 0))
        except InputError as error:
            self._problem("window", str(error), "samples per window that its features can do with")

    def _check_limit(self, bundle: LoadedBundle) -> None:
        if self._asset.velocity_limit is None:
            return
        try:
            velocity_meter(bundle.manifest.flow.input)
        except FeatureError as error:
            allowed = f"none with the windows that {Path(bundle.source).name} needs"
            if isinstance(bundle, ListeningBundle):
                allowed = "a longer window, or no limit"
            elif bundle.overlay is not None:
                allowed = f"none with the windows that {self._asset.name} was commissioned with"
            self._problem("velocity_limit", f"a limit, but {error}", allowed)

    def _check_plugin(self) -> bool:
        settings = self._asset.sensor
        problems = plugin_problems(settings.plugin, settings.options)
        for key, found, allowed in problems:
            (self._found if key == "sensor.plugin" else self._problem)(key, found, allowed)
        return not problems

    def _open(self) -> SensorInfo | None:
        try:
            sensor = open_sensor(self._asset)
            try:
                info: object = sensor.info
            finally:
                sensor.close()
        except SensorError as error:
            self._found("sensor", f"a sensor that cannot be opened: {error}", "one that can")
            return None
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            found = f"a plugin that raises {type(error).__name__} when opened: {error}"
            self._found("sensor", found, "one that works")
            return None
        if not isinstance(info, SensorInfo):
            self._found("sensor", f"a plugin whose info is {info!r}", "one that works")
            return None
        return info

    def _compare_unit(self, bundle: LoadedBundle) -> None:
        stated, needed = self._asset.sensor.unit, bundle.manifest.flow.input.unit
        if None not in (stated, needed) and stated != needed:
            self._problem(
                "sensor.unit", f'"{stated}"', f'"{needed}", which {bundle.source} was made for'
            )

    def _problem(self, key: str, found: str, allowed: str) -> None:
        self._draft.report(f"{self._where}.{key}", found, allowed)

    def _found(self, key: str, found: str, allowed: str) -> None:
        """Add a problem, or a warning where the asset's policy is to do without the sensor.

        A device that is not there yet is what policy ``retry`` is for: no problem either.
        """
        policy = self._asset.sensor.on_failure
        if policy in _FORGIVING or (policy == "retry" and key == "sensor"):
            where = f"{self._where}.{key}"
            self._findings.warnings.append(self._draft.sources.problem(where, found, allowed))
        else:
            self._problem(key, found, allowed)


def _note_absent(index: int, bundle: str, draft: Draft, findings: Findings) -> None:
    found, allowed = f"{bundle}, where there is no file", "an .edgemodel file"
    line = followed_line(bundle, Path(str(draft.said("state_dir") or STATE_DIR)))
    if line is not None:
        found, allowed = f"line {line}, of which nothing is installed", "one with a model"
    problem = draft.sources.problem(f"asset[{index}].bundle", found, allowed)
    findings.absent[index] = problem


def _check_parts(
    row: dict[str, Any], index: int, draft: Draft, findings: Findings, models: Models
) -> None:
    """Look at bundle and plugin also where the asset is wrong otherwise."""
    where = f"asset[{index}]"
    bundle, sensor = row.get("bundle"), row.get("sensor")
    if isinstance(bundle, str) and bundle:
        folder, state_dir = config_folder(draft.sources.file_of(where)), draft.said("state_dir")
        path = bundle_path(bundle, folder, Path(str(state_dir or STATE_DIR)))
        try:
            if is_file(Path(path)):
                models.read(path)
            else:
                _note_absent(index, path, draft, findings)
        except BundleError as error:
            draft.report(f"{where}.bundle", str(error), _WORKING_BUNDLE)
    name = sensor.get("plugin") if isinstance(sensor, dict) else None
    if not isinstance(sensor, dict) or not isinstance(name, str) or not name:
        return
    options = sensor.get("options", {})
    for key, found, allowed in plugin_problems(name, options if isinstance(options, dict) else {}):
        draft.report(f"{where}.{key}", found, allowed)
