"""Whom https providers are verified with."""

import ssl
from pathlib import Path
from typing import Final

import certifi

KNOWN_BUNDLES: Final = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where distributions keep theirs; Python's own OpenSSL may have been built for another system."""


def find_ca_file() -> str:
    """The system's CA bundle (`SSL_CERT_FILE` names another one), else certifi's."""
    told = ssl.get_default_verify_paths().cafile
    candidates = (*([told] if told else []), *KNOWN_BUNDLES)
    return next((path for path in candidates if Path(path).is_file()), certifi.where())
