"""What watches one asset, put together: its flow as it was left, its sensor, what speaks for it."""

from collections.abc import Callable, Sequence
from functools import partial

from edge_agent.bundle import LoadedBundle
from edge_agent.daemon.alarms.desk import Desk
from edge_agent.daemon.announce import Announcer
from edge_agent.daemon.commissioning.adapt import ListeningAdapter
from edge_agent.daemon.commissioning.listening import ListeningBundle
from edge_agent.daemon.config.settings import Asset, Publish
from edge_agent.daemon.judged import Judged
from edge_agent.daemon.keep import StateDirectory
from edge_agent.daemon.keeper import Keeper
from edge_agent.daemon.outbox import Store
from edge_agent.daemon.recorder import Recorder, layout_of
from edge_agent.daemon.recorder.memory import Memory
from edge_agent.daemon.records import AssetRecord
from edge_agent.daemon.resumption import Left, Resumption
from edge_agent.daemon.scoring import Watch
from edge_agent.daemon.scoring_policy import ScoringPolicy
from edge_agent.daemon.sensors.adapt import Adapter
from edge_agent.daemon.sensors.thread import Handover, SensorThread
from edge_agent.daemon.session import Session
from edge_agent.daemon.swap import Past
from edge_agent.daemon.witness import Witness, daemon_witness


class Assembly:
    """Makes watches, and keeps their state."""

    def __init__(
        self,
        state: StateDirectory,
        keeper: Keeper,
        session: Session,
        store: Store,
        recorder: Recorder,
        handover: Handover,
        give_up: Callable[[str], None],
        desk: Desk,
    ) -> None:
        """Prepare.

        Args:
            state: where the state of flows is read and saved.
            keeper: does the saving.
            session: knows the clock.
            store: knows how far each asset has come.
            recorder: remembers each asset's windows.
            handover: where sensors put their blocks.
            give_up: ends the agent, for policy ``error``.
            desk: knows the alarms.
        """
        self._state = state
        self._keeper = keeper
        self._session = session
        self._store = store
        self._recorder = recorder
        self._handover = handover
        self._give_up = give_up
        self._desk = desk

    def watch(
        self,
        judged: Judged,
        bundle: LoadedBundle,
        record: AssetRecord,
        position: int,
        publish: Publish,
        left: Left | None,
    ) -> Watch:
        """Return what watches an asset; its sensor is to be started.

        Args:
            judged: the asset.
            bundle: what judges it.
            record: what is known of it.
            position: goes with every block of its sensor.
            publish: which per-window messages are sent.
            left: where its flow was left in this run; None: it is as an earlier run left it.
        """
        asset = judged.asset
        name_model(record, bundle)
        resumption = Resumption(
            asset.name,
            bundle.model_id,
            partial(bundle.flow, asset.sensor.range_max, asset.limit_mm_s),
            self.memory(judged, bundle),
        )
        if isinstance(bundle, ListeningBundle):  # its input is not known yet, so no state fits
            resumed = resumption.after_restart(None, self._store.mark(asset.name))
        elif left is not None:
            resumed = resumption.within_run(left)
        else:
            resumed = resumption.after_restart(self._load(asset.name), self._store.mark(asset.name))
        flow = resumed.flow
        record.open = flow.judge.anomalies.open
        witness = self.witness(asset, bundle)
        announcer = Announcer(record, bundle, publish, self._desk, witness)
        announcer.begin(resumed.begun, flow)
        watch = Watch(
            record=record,
            bundle=bundle,
            announcer=announcer,
            sensor=SensorThread(
                position,
                asset,
                _adapter(asset, bundle),
                record,
                self._handover,
                self._session.clock,
                self._give_up,
            ),
            flow=flow,
            range_max=asset.sensor.range_max,
            limit_mm_s=asset.limit_mm_s,
            witness=partial(self.witness, asset),
            policy=ScoringPolicy(asset.sensor.on_failure, self._give_up),
            clock=resumed.clock,
            last_start_ns=resumed.last_start_ns,
        )
        if resumed.begun != "restored" and not record.is_listening:
            self._keep(watch)  # from here on the recorder knows the way after a kill
        return watch

    def witness(self, asset: Asset, bundle: LoadedBundle) -> Witness:
        """Return what learns what ``asset`` is like in health, and pictures its anomalies."""
        path, do = self._state.path, self._keeper.later
        return daemon_witness(asset, bundle, path, self._session, self._desk.outbox, do)

    def memory(self, judged: Judged, bundle: LoadedBundle) -> Memory:
        """Return what is remembered of an asset, for flows of ``bundle``."""
        asset = judged.asset
        layout = layout_of(asset.name, asset.sensor.plugin, bundle.manifest)
        return Memory(self._recorder, layout)

    def recall(
        self, judged: Judged, bundle: LoadedBundle, tell: Callable[[Sequence[Past]], None]
    ) -> None:
        """Read, elsewhere, the windows that warm up a flow of ``bundle``, and ``tell`` them."""
        memory = self.memory(judged, bundle)
        most = bundle.manifest.flow.model.washout_vectors
        self._keeper.do(lambda: tell(memory.running(most)))

    def save(self, watch: Watch) -> None:
        """Take the flow's state here, between two windows; write it elsewhere."""
        if watch.record.windows and not watch.record.is_listening:
            self._keep(watch)

    def _keep(self, watch: Watch) -> None:
        save = partial(
            self._state.save,
            watch.record.name,
            watch.bundle.model_id,
            watch.clock,
            watch.last_start_ns,
            watch.flow.state(),
        )
        self._keeper.do(save)

    def _load(self, name: str) -> Left | None:
        saved = self._state.load(name)
        if saved is None:
            return None
        return Left(saved.model_id, saved.flow, saved.clock, saved.last_start_ns)


def _adapter(asset: Asset, bundle: LoadedBundle) -> Adapter:
    if isinstance(bundle, ListeningBundle):
        return ListeningAdapter(asset, bundle)
    return Adapter(asset, bundle.manifest.flow.input)


def name_model(record: AssetRecord, bundle: LoadedBundle) -> None:
    """Say what judges the asset of ``record`` from now on."""
    manifest = bundle.manifest
    record.budget = manifest.flow.budget
    record.model, record.model_sha256 = f"{manifest.name} {manifest.version}", bundle.sha256
    record.model_overlay, record.model_id = bundle.overlay, bundle.model_id
    record.is_listening = isinstance(bundle, ListeningBundle)
