"""A self-signed certificate for a made-up host name, so that tests can serve and verify real TLS."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


def write_certificate(path: Path, host: str) -> Path:
    """Write key and certificate of `host`, valid for a day, into one PEM file; returns its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    lifetime = (now - timedelta(minutes=5), now + timedelta(days=1))
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), *lifetime)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, pkcs8, open_key = (
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(key.private_bytes(pem, pkcs8, open_key) + signed.public_bytes(pem))
    return path


def serving_context(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def trusting_context(certificate: Path) -> ssl.SSLContext:
    """A client's context that trusts this certificate and nothing else."""
    return ssl.create_default_context(cafile=certificate)
