"""Certificates for tests, made with the `openssl` command: authorities, and what they have signed."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, PEM files."""

    cert: Path
    key: Path


def authority(folder: Path, name: str) -> Pair:
    """A certificate that signs itself and may sign others."""
    pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
    _openssl("req", "-x509", *_NEW, "-subj", f"/CN={name}", "-keyout", pair.key, "-out", pair.cert)
    return pair


def signed(folder: Path, name: str, by: Pair, *names: str) -> Pair:
    """A certificate for `names`, such as `DNS:localhost` or `IP:127.0.0.1`."""
    pair, request, extension = (
        Pair(folder / f"{name}.pem", folder / f"{name}.key"),
        folder / f"{name}.csr",
        folder / f"{name}.ext",
    )
    extension.write_text(f"subjectAltName={','.join(names)}\n")
    _openssl("req", *_NEW, "-subj", f"/CN={name}", "-keyout", pair.key, "-out", request)
    signs = ("-CA", by.cert, "-CAkey", by.key, "-CAcreateserial", "-days", "2", "-extfile", extension)
    _openssl("x509", "-req", "-in", request, *signs, "-out", pair.cert)
    return pair


def locked(pair: Pair, file: Path) -> None:
    """Write the key with a password."""
    _openssl("ec", "-aes256", "-passout", "pass:secret", "-in", pair.key, "-out", file)


_NEW = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
