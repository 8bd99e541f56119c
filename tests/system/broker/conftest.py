"""Certificates made for one run of the tests."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


class Authority:
    """Issues certificates for names, and for 127.0.0.1."""

    def __init__(self, folder: Path, openssl: str) -> None:
        self.folder = folder
        self._openssl = openssl
        self._run("req", "-x509", *_NEW, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=ca")
        (folder / "san").write_text("subjectAltName=IP:127.0.0.1\n")

    def issue(self, name: str) -> tuple[Path, Path]:
        """Return the files of a new certificate and of its key."""
        key, crt = (self.folder / f"{name}.{end}" for end in ("key", "crt"))
        self._run("req", *_NEW, "-keyout", key, "-out", "request", "-subj", f"/CN={name}")
        signing = ("-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "san")
        self._run("x509", "-req", "-in", "request", *signing, "-out", crt)
        return crt, key

    @property
    def ca(self) -> Path:
        """The file of its own certificate."""
        return self.folder / "ca.crt"

    def _run(self, *arguments: str | Path) -> None:
        command = [self._openssl, *map(str, arguments)]
        subprocess.run(command, cwd=self.folder, check=True, capture_output=True)


_NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")

MakeAuthority = Callable[[], Authority]


@pytest.fixture
def make_authority(tmp_path_factory: pytest.TempPathFactory) -> MakeAuthority:
    """``make_authority()``: ``.ca``, and ``.issue(name)`` for certificate and key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    return lambda: Authority(tmp_path_factory.mktemp("authority"), openssl)
