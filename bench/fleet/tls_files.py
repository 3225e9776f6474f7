"""The certificate and the key of a member of a fleet, as files.

All members have certificates of one private authority, and accept nobody else. A key is named by its path, and never
part of a command line.
"""

import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from bench.fleet.errors import FleetInputError

AUTHORITY_FILE, CERTIFICATE_FILE, KEY_FILE = "ca.pem", "certificate.pem", "key.pem"
_DIRECTORY_VARIABLE = "HOLABENCH_FLEET_KEYS"  # the path of the keys, and never a key
_GROUP_AND_OTHERS, _ALL_BUT_READING_GROUP = 0o077, 0o037  # permissions
_ROOT = 0
_ALERTS = {
    "UNKNOWN_CA": "it has another certificate authority; copy the keys that were made together with its own",
    "CERTIFICATE_EXPIRED": "it regards the certificate as expired; compare the clocks, or make new keys",
    "CERTIFICATE_REQUIRED": "it requires a certificate; use --tls-dir",
    "CERTIFICATE_VERIFY_FAILED": "its certificate is of another authority; copy the keys that were made together",
    "WRONG_VERSION_NUMBER": "it does not use TLS; use tcp:// on one machine only",
}


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """The files of one member: the authority's certificate, its own, and its key."""

    authority: Path
    certificate: Path
    key: Path

    @classmethod
    def in_directory(cls, directory: Path) -> "TlsFiles":
        """Return the files of a directory, checked. Raises FleetInputError."""
        directory = directory.expanduser().absolute()
        files = cls(directory / AUTHORITY_FILE, directory / CERTIFICATE_FILE, directory / KEY_FILE)
        files.check()
        return files

    def check(self) -> None:
        """Raise FleetInputError if a file is missing, if others can read the key, or if they do not belong together."""
        for path in (self.authority, self.certificate, self.key):
            try:
                status = path.stat()
                path.read_bytes()
            except PermissionError as error:
                raise FleetInputError(f"{path}: {error.strerror} for the user with id {os.geteuid()}") from error
            except OSError as error:
                raise FleetInputError(
                    f"{path} cannot be read: {error.strerror}; make keys with: holabench fleet-keys DIR"
                ) from error
            if path == self.key and status.st_mode & _refused_permissions(status.st_uid):
                raise FleetInputError(f"{path}: others may read this key; {_advice(path, status.st_uid)}")
        try:
            self.context(ssl.Purpose.SERVER_AUTH)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise FleetInputError(f"{self.key}: is not the key of {self.certificate.name} beside it") from error
            raise FleetInputError(f"{self.authority.parent}: a file is not in PEM format ({error.reason})") from error

    def context(self, purpose: ssl.Purpose) -> ssl.SSLContext:
        """Return a context that accepts only certificates of the authority. Raises ssl.SSLError."""
        context = ssl.create_default_context(purpose, cafile=str(self.authority))
        context.load_cert_chain(self.certificate, self.key)
        context.verify_mode = ssl.CERT_REQUIRED
        context.check_hostname = False  # the authority is the fleet's own, and addresses change
        return context


def _refused_permissions(owner: int) -> int:
    """Return the permissions that a key must not have.

    Kubernetes mounts a secret as files of root, which a pod's user can read by their group only. PostgreSQL has the
    same rule for its keys.
    """
    return _ALL_BUT_READING_GROUP if owner == _ROOT != os.geteuid() else _GROUP_AND_OTHERS


def _advice(path: Path, owner: int) -> str:
    return f"run: chmod 600 {path}" if owner == os.geteuid() else "mount it with mode 0440, or own it with mode 0600"


def remember_keys(files: TlsFiles | None) -> None:
    """Let the role processes of this agent find its keys. None: it has none, on one machine."""
    if files is not None:
        os.environ[_DIRECTORY_VARIABLE] = str(files.authority.parent)


def own_keys() -> TlsFiles | None:
    """Return the keys of the agent that has started this role process; None if it has none. Raises FleetInputError."""
    directory = os.environ.get(_DIRECTORY_VARIABLE)
    return TlsFiles.in_directory(Path(directory)) if directory else None


def check_peer(host: str, port: int, files: TlsFiles | None, timeout_s: float) -> None:
    """Connect to a scheduler once. Raises OSError if nothing listens, and FleetInputError if TLS fails."""
    with socket.create_connection((host, port), timeout_s) as connection:
        if files is None:
            return
        context = files.context(ssl.Purpose.SERVER_AUTH)
        try:
            with context.wrap_socket(connection) as encrypted:
                # In TLS 1.3 the handshake of a client ends before the server has seen its certificate. The scheduler
                # writes first, so what comes is a byte, or an alert.
                if not encrypted.recv(1):
                    raise FleetInputError(f"tls://{host}:{port}: the connection was closed; is it a scheduler?")
        except ssl.SSLError as error:
            names = f"{error.reason} {error}".upper()
            reason = next((text for name, text in _ALERTS.items() if name in names), f"TLS failed ({error.reason})")
            raise FleetInputError(f"tls://{host}:{port}: {reason}") from error
