"""Keys of a fleet: a private authority, and a certificate for each member.

The authority's own key is never written: a member that comes later needs new keys for all. So there is no file with
which somebody could make further members.
"""

import datetime as dt
import os
import re
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench.fleet.errors import FleetInputError
from bench.fleet.tls_files import AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE, TlsFiles

CONTROLLER = "controller"  # the member that ``holabench run`` is
VALID_DAYS = 365
_CLOCK_SKEW = dt.timedelta(days=1)  # of a host whose clock is behind
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def make_keys(
    directory: Path, names: Sequence[str], *, valid_days: int = VALID_DAYS, start: dt.datetime | None = None
) -> list[Path]:
    """Write the keys of the controller and of further members; return their directories. Raises FleetInputError.

    start: from which on the certificates are valid; by default a day ago.
    """
    members = list(dict.fromkeys([CONTROLLER, *names]))
    for name in members:
        check_name(name)
    start = start or dt.datetime.now(dt.UTC) - _CLOCK_SKEW
    end = start + dt.timedelta(days=valid_days)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    authority = _certificate("holabench fleet", authority_key, "holabench fleet", authority_key, start, end)
    directories = []
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in members:
            key = ec.generate_private_key(ec.SECP256R1())
            certificate = _certificate(name, key, "holabench fleet", authority_key, start, end)
            folder = directory / name
            folder.mkdir(mode=0o700)
            _write(folder / AUTHORITY_FILE, authority.public_bytes(serialization.Encoding.PEM))
            _write(folder / CERTIFICATE_FILE, certificate.public_bytes(serialization.Encoding.PEM))
            _write(folder / KEY_FILE, _encode(key))
            directories.append(folder)
    except FileExistsError as error:
        raise FleetInputError(
            f"{error.filename}: exists already; keys of one fleet are made together, so choose another directory"
        ) from error
    except OSError as error:
        raise FleetInputError(f"{error.filename}: {error.strerror}; choose another directory") from error
    return directories


def check_name(name: str) -> None:
    """Raise FleetInputError unless a name fits a member of a fleet."""
    if not _NAME.fullmatch(name):
        raise FleetInputError(f"{name!r} is not a valid name of a host; use letters, digits, '.', '_' and '-'")


def check_validity(files: TlsFiles) -> None:
    """Raise FleetInputError if a certificate is not of the authority beside it, or not valid today."""
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature) as error:
        raise FleetInputError(
            f"{files.certificate}: {files.authority.name} beside it is of another fleet; copy both files together"
        ) from error
    now = dt.datetime.now(dt.UTC)
    if now > certificate.not_valid_after_utc:
        raise FleetInputError(
            f"{files.certificate}: expired on {certificate.not_valid_after_utc:%Y-%m-%d}; "
            "make new keys with: holabench fleet-keys DIR"
        )
    if now < certificate.not_valid_before_utc:
        raise FleetInputError(
            f"{files.certificate}: is valid from {certificate.not_valid_before_utc:%Y-%m-%d} on; "
            "check the clock of this host"
        )


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    start: dt.datetime,
    end: dt.datetime,
) -> x509.Certificate:
    """Return a certificate; that of the authority is signed by its own key."""
    is_authority = key is issuer_key
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=0 if is_authority else None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .add_extension(_key_usage(is_authority=is_authority), critical=True)
    )
    return builder.sign(issuer_key, hashes.SHA256())


def _key_usage(*, is_authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not is_authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_authority,
        crl_sign=is_authority,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _encode(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
