import stat
from pathlib import Path

import pytest
from gateways import NOW
from securesystemslib.signer import CryptoSigner

from edge_agent.rollout.enrolment import (
    FILE,
    KEY_FILE,
    PASSWORD_FILE,
    EnrolmentError,
    read_enrolment,
)
from edge_agent.rollout.envelope import seal, unseal
from edge_agent.rollout.fleet.enroll import Equipment, enroll, regrouped, write_enrolment
from edge_agent.rollout.fleet.inventory import (
    INVENTORY_TYPE,
    Inventory,
    InventoryError,
    read_inventory,
    write_inventory,
)
from edge_agent.rollout.install.sign import read_signer
from edge_agent.rollout.messages import REPORT_TYPE, Operators

EQUIPMENT = Equipment(root=b"root metadata", password=b"secret\n", floors={"press": "1.2.0"})


def enrolled(
    inventory: Inventory, gateway: str, *groups: str
) -> tuple[Inventory, dict[str, bytes]]:
    return enroll(inventory, gateway, groups, EQUIPMENT, NOW, again=False)


def test_what_is_written_is_what_the_agent_reads_and_signs_with(tmp_path: Path) -> None:
    inventory, files = enrolled(Inventory(), "gw-1", "hall")
    write_enrolment(tmp_path / "out", files)
    enrolment = read_enrolment(tmp_path / "out", "gw-1")
    assert enrolment.floors == {"press": "1.2.0"}
    signer = read_signer(tmp_path / "out", enrolment)
    message = Operators(generation=1, threshold=1, keys={})
    content = seal(message, REPORT_TYPE, [signer])
    assert unseal(content, REPORT_TYPE, Operators, [inventory.gateways["gw-1"].key()]) == message


def test_secrets_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    _, files = enrolled(Inventory(), "gw-1")
    write_enrolment(tmp_path / "out", files)
    for name in (KEY_FILE, PASSWORD_FILE):
        assert stat.S_IMODE((tmp_path / "out" / name).stat().st_mode) == 0o600


def test_an_enrolment_is_not_written_over_another(tmp_path: Path) -> None:
    _, files = enrolled(Inventory(), "gw-1")
    write_enrolment(tmp_path / "out", files)
    with pytest.raises(InventoryError, match="already"):
        write_enrolment(tmp_path / "out", files)


def test_another_root_than_the_one_it_was_enrolled_with_is_noticed(tmp_path: Path) -> None:
    _, files = enrolled(Inventory(), "gw-1")
    write_enrolment(tmp_path / "out", {**files, "root.json": b"another root"})
    with pytest.raises(EnrolmentError, match="fingerprint"):
        read_enrolment(tmp_path / "out", "gw-1")


def test_a_floor_that_is_no_version_is_noticed_where_it_was_edited(tmp_path: Path) -> None:
    _, files = enrolled(Inventory(), "gw-1")
    files[FILE] = files[FILE].replace(b'"1.2.0"', b'"latest"')
    write_enrolment(tmp_path / "out", files)
    with pytest.raises(
        EnrolmentError, match=r"floors: press: version is 'latest', allowed: SemVer"
    ):
        read_enrolment(tmp_path / "out", "gw-1")


def test_a_gateway_is_enrolled_once_unless_its_key_is_to_be_replaced() -> None:
    inventory, _ = enrolled(Inventory(), "gw-1", "hall")
    with pytest.raises(InventoryError, match="--again"):
        enrolled(inventory, "gw-1")
    changed, _ = enroll(inventory, "gw-1", ("hall",), EQUIPMENT, NOW, again=True)
    assert changed.gateways["gw-1"].key_id != inventory.gateways["gw-1"].key_id
    assert changed.version == inventory.version + 1


@pytest.mark.parametrize("name", ["", "a/b", "desired", "repo", "rollouts", "a b", "x" * 65, "a\n"])
def test_names_that_are_no_topics_level_are_refused(name: str) -> None:
    with pytest.raises(InventoryError):
        enrolled(Inventory(), name)


def test_groups_are_the_operators_to_say() -> None:
    inventory, _ = enrolled(Inventory(), "gw-1", "hall")
    inventory, _ = enrolled(inventory, "gw-2", "hall", "pilot")
    assert inventory.select(["group=hall"]) == {"gw-1", "gw-2"}
    assert inventory.select(["group=pilot", "gateway=gw-1"]) == {"gw-1", "gw-2"}
    moved = regrouped(inventory, "gw-1", ("yard",))
    assert moved.select(["group=hall"]) == {"gw-2"}
    assert moved.gateways["gw-1"].key_id == inventory.gateways["gw-1"].key_id
    with pytest.raises(InventoryError):
        regrouped(inventory, "gw-9", ())


@pytest.mark.parametrize("selector", ["group=yard", "gateway=gw-9", "press", "group=", "hall=1"])
def test_a_selector_that_means_nobody_is_a_mistake(selector: str) -> None:
    inventory, _ = enrolled(Inventory(), "gw-1", "hall")
    with pytest.raises(InventoryError, match="to: "):
        inventory.select(["all", selector])


def test_a_changed_inventory_is_refused(tmp_path: Path) -> None:
    operator, stranger = (CryptoSigner.generate_ed25519() for _ in range(2))
    file = tmp_path / "gateways.json"
    keys = [operator.public_key]
    assert read_inventory(file, keys, 1) == Inventory()
    inventory, _ = enrolled(Inventory(), "gw-1", "hall")
    write_inventory(file, inventory, [operator])
    assert read_inventory(file, keys, 1) == inventory
    file.write_bytes(seal(inventory, INVENTORY_TYPE, [stranger]))
    with pytest.raises(InventoryError, match="signed by"):
        read_inventory(file, keys, 1)
    write_inventory(file, inventory, [operator])
    with pytest.raises(InventoryError, match="allowed: 2"):
        read_inventory(file, [*keys, stranger.public_key], 2)


@pytest.mark.parametrize("floor", ["v1.2", "1.2", "latest"])
def test_a_floor_that_is_no_version_is_refused_before_a_gateway_has_it(floor: str) -> None:
    equipment = Equipment(root=b"root metadata", floors={"press": floor})
    with pytest.raises(InventoryError, match=f"floor press={floor}: version is"):
        enroll(Inventory(), "gw-1", (), equipment, NOW, again=False)
