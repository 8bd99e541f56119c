"""What is kept of a repository from one look to the next, and what time it is at least."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fitted import Gateway
from forge import Forge, in_days
from securesystemslib.signer import CryptoSigner
from tuf.api.exceptions import DownloadError

from edge_agent.rollout.install.fetch import Deadline, FolderFetcher
from edge_agent.rollout.install.verify import Verifier, VerifyError, kept_operators

SetClock = Callable[[float], None]


@pytest.fixture
def forge() -> Forge:
    return Forge()


def look(
    tmp_path: Path, forge: Forge, *, enrolled_days: float = -1, synchronised: bool = True
) -> tuple[Verifier, tuple[str, ...]]:
    fetcher = FolderFetcher(forge.export(tmp_path / "repository"), Deadline(60.0))
    verifier = Verifier(tmp_path / "update", forge.first_root, in_days(enrolled_days), fetcher)
    return verifier, verifier.refresh(synchronised=synchronised)


def test_nothing_that_had_expired_before_the_enrolment_is_believed(
    tmp_path: Path, forge: Forge, set_clock: SetClock
) -> None:
    forge.timestamp.expires = in_days(-2)
    forge.publish_timestamp()
    set_clock(0.0)
    with pytest.raises(VerifyError, match=r"timestamp expired .*, but it was .* already"):
        look(tmp_path, forge)
    verifier, warnings = look(tmp_path, forge, enrolled_days=-3)
    assert verifier.operators().threshold == 1
    assert "the clock says 1970-01-01 00:00" in warnings[0]


def test_time_that_a_server_has_told_is_kept_and_time_that_none_has_is_not(
    tmp_path: Path, forge: Forge
) -> None:
    enrolled = look(tmp_path, forge, synchronised=False)[0].floor
    assert abs(enrolled - in_days(-1)) < timedelta(minutes=5)
    look(tmp_path, forge, synchronised=True)
    floor = look(tmp_path, forge, synchronised=False)[0].floor
    assert abs(floor - in_days(0)) < timedelta(minutes=5)


def test_a_clock_that_runs_ahead_refuses_and_locks_nobody_out(
    tmp_path: Path, forge: Forge, set_clock: SetClock
) -> None:
    set_clock((datetime.now(UTC) + timedelta(days=4000)).timestamp())
    with pytest.raises(VerifyError, match="expired") as refused:
        look(tmp_path, forge)
    assert refused.value.again
    set_clock(datetime.now(UTC).timestamp())
    assert look(tmp_path, forge)[1] == ()


@pytest.mark.parametrize("file", ["timestamp.json", "snapshot.json", "targets.json", "floor.json"])
@pytest.mark.parametrize("content", [b"", b"{}", b"\xff"])
def test_what_is_damaged_of_what_was_trusted_is_fetched_again(
    tmp_path: Path, forge: Forge, file: str, content: bytes
) -> None:
    look(tmp_path, forge)[0].operators()
    (tmp_path / "update/trusted" / file).write_bytes(content)
    forge.publish()
    assert look(tmp_path, forge)[0].operators().threshold == 1


def test_damaged_operators_are_fetched_again(tmp_path: Path, forge: Forge) -> None:
    look(tmp_path, forge)[0].operators()
    kept = tmp_path / "update/trusted/operators.json"
    content = kept.read_bytes()
    kept.write_bytes(b"{}")
    assert kept_operators(tmp_path / "update") is None
    look(tmp_path, forge)[0].operators()
    assert kept.read_bytes() == content


def test_a_damaged_root_of_a_later_version_is_fetched_again(tmp_path: Path, forge: Forge) -> None:
    forge.publish_root()
    look(tmp_path, forge)
    (tmp_path / "update/trusted/root_history/2.root.json").write_bytes(b"")
    look(tmp_path, forge)
    assert len((tmp_path / "update/trusted/root_history/2.root.json").read_bytes()) > 100


def test_a_root_key_that_was_lost_is_replaced_by_the_other(tmp_path: Path, forge: Forge) -> None:
    look(tmp_path, forge)
    lost, other = forge.root_signers
    fresh = CryptoSigner.generate_ed25519()
    forge.root.revoke_key(lost.public_key.keyid, "root")
    forge.root.add_key(fresh.public_key, "root")
    forge.publish_root(signers=[other, fresh])
    forge.publish_root(signers=[fresh])
    look(tmp_path, forge)
    kept = sorted(file.name for file in (tmp_path / "update/trusted/root_history").iterdir())
    assert kept == ["1.root.json", "2.root.json", "3.root.json"]


def test_operators_of_another_form_are_refused(tmp_path: Path, forge: Forge) -> None:
    forge.add("operators.json", b"{}")
    forge.publish()
    verifier, _ = look(tmp_path, forge)
    with pytest.raises(VerifyError, match=r"operators\.json is not what it should be"):
        verifier.operators()
    forge.add("operators.json", bytes(2 << 20))
    forge.publish()
    verifier, _ = look(tmp_path, forge)
    with pytest.raises(VerifyError, match="2097152 bytes, allowed: 1048576"):
        verifier.operators()
    del forge.targets.targets["operators.json"]
    forge.publish()
    verifier, _ = look(tmp_path, forge)
    with pytest.raises(VerifyError, match="is not among the targets"):
        verifier.operators()


def test_the_folder_of_a_stick_cannot_lead_out_of_it(tmp_path: Path, gateway: Gateway) -> None:
    (tmp_path / "secret").write_text("secret")
    fetcher = FolderFetcher(tmp_path / "stick", Deadline(60.0))
    with pytest.raises(DownloadError, match="leads out of"):
        fetcher.download_bytes("../secret", 100)
