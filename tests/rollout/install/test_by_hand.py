from pathlib import Path
from typing import Any

import msgspec
from fitted import GATEWAY, LINE, SENSOR, Gateway, renamed
from forge import in_days

from edge_agent.rollout.install.by_hand import install
from edge_agent.rollout.install.orders import AssetFacts, ByHand, Placing
from edge_agent.rollout.install.place import Lines


def brought(gateway: Gateway, path: Path, **changes: Any) -> Placing:
    order = ByHand(
        gateway=GATEWAY,
        enrolment=str(gateway.home / "enrolment"),
        state_dir=str(gateway.state_dir),
        path=str(path),
        assets=(gateway.asset,),
    )
    return install(msgspec.structs.replace(order, **changes))


def stick(gateway: Gateway, *bundles: bytes) -> Path:
    gateway.publish(*bundles)
    return gateway.forge.export(gateway.home / "stick")


def test_of_a_stick_the_highest_version_is_placed_and_used_by_nobody_yet(
    gateway: Gateway, old: bytes, new: bytes
) -> None:
    placing = brought(gateway, stick(gateway, new, old))
    assert (placing.refused, placing.line, placing.version) == (None, LINE, "1.1.0")
    assert gateway.lines.model_file(LINE, str(placing.folder)).read_bytes() == new
    assert gateway.lines.current(LINE) is None


def test_of_a_stick_a_certain_version_can_be_had(gateway: Gateway, old: bytes, new: bytes) -> None:
    folder = stick(gateway, new, old)
    assert brought(gateway, folder, model="test-bearing@1.0.0").version == "1.0.0"
    placing = brought(gateway, folder, model="test-bearing@3.0.0")
    assert placing.kind == "choice"
    assert "allowed: test-bearing@1.0.0, test-bearing@1.1.0" in str(placing.refused)


def test_which_of_several_models_must_be_said(
    gateway: Gateway, old: bytes, plain_bundle: bytes
) -> None:
    folder = stick(gateway, old, renamed(plain_bundle, "1.0.0", "other"))
    placing = brought(gateway, folder)
    assert placing.kind == "choice"
    assert "which model? allowed: other@1.0.0, test-bearing@1.0.0" in str(placing.refused)


def test_the_line_is_the_one_of_the_models_name_or_as_said(gateway: Gateway, old: bytes) -> None:
    folder = stick(gateway, old)
    both = (gateway.asset, AssetFacts(name="b-1", line="test-bearing", sensor=SENSOR))
    assert brought(gateway, folder, assets=both).line == "test-bearing"
    assert brought(gateway, folder, assets=both, line=LINE).line == LINE
    placing = brought(gateway, folder, line="saw")
    assert (placing.kind, placing.refused) == (
        "choice",
        "line saw: followed by no asset, allowed: press",
    )


def test_a_stick_of_somebody_else_is_refused(gateway: Gateway, old: bytes) -> None:
    folder = stick(gateway, old)
    (folder / "metadata" / "timestamp.json").write_bytes(b"{}")
    placing = brought(gateway, folder)
    assert placing.kind == "refused"
    assert "metadata refused" in str(placing.refused)
    assert gateway.lines.names() == ()


def test_a_stick_that_is_too_old_is_refused(gateway: Gateway, old: bytes) -> None:
    gateway.forge.timestamp.expires = in_days(-0.01)
    placing = brought(gateway, stick(gateway, old))
    assert placing.kind == "refused"
    assert "expired" in str(placing.refused)


def test_a_file_is_refused_where_the_gateway_is_enrolled_but_for_who_insists(
    gateway: Gateway, old: bytes
) -> None:
    file = gateway.home / "some.edgemodel"
    file.write_bytes(old)
    placing = brought(gateway, file)
    assert placing.kind == "refused"
    assert "allowed: a folder of edge-rollout export, or --unsigned" in str(placing.refused)
    placing = brought(gateway, file, unsigned=True)
    assert (placing.refused, placing.version) == (None, "1.0.0")
    assert placing.warnings == (f"{file}: nobody signed it",)


def test_a_gateway_that_is_not_enrolled_takes_files_but_no_folders(
    gateway: Gateway, old: bytes
) -> None:
    file = gateway.home / "some.edgemodel"
    file.write_bytes(old)
    assert brought(gateway, file, enrolment=None).refused is None
    placing = brought(gateway, stick(gateway, old), enrolment=None)
    assert placing.kind == "refused"
    assert "not enrolled" in str(placing.refused)


def test_a_damaged_file_and_one_for_other_sensors_are_bad(gateway: Gateway, old: bytes) -> None:
    file = gateway.home / "some.edgemodel"
    file.write_bytes(old[:-1])
    assert brought(gateway, file, unsigned=True).kind == "bad"
    file.write_bytes(old)
    slow = msgspec.structs.replace(SENSOR, rate_hz=10.0)
    placing = brought(
        gateway, file, unsigned=True, assets=(AssetFacts(name="p", line=LINE, sensor=slow),)
    )
    assert placing.kind == "bad"
    assert "asset p: rate_hz: the source has 10.0, the bundle needs 1024" in str(placing.refused)


def test_a_lower_version_is_taken_by_who_insists(gateway: Gateway, old: bytes, new: bytes) -> None:
    gateway.run(new)
    folder = stick(gateway, old, new)
    placing = brought(gateway, folder, model="test-bearing@1.0.0")
    assert placing.kind == "refused"
    assert "version 1.0.0 below 1.1.0" in str(placing.refused)
    asked = {"model": "test-bearing@1.0.0", "allow_downgrade": True}
    assert brought(gateway, folder, **asked).refused is None


def test_a_path_that_is_not_there_is_said(gateway: Gateway) -> None:
    placing = brought(gateway, gateway.home / "nothing", unsigned=True)
    assert placing.kind == "failed"
    assert "nothing" in str(placing.refused)
    assert Lines(gateway.state_dir / "models").names() == ()
