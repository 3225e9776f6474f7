"""Failures of a fleet in Spanish. They are made, and recorded, in English."""

from collections.abc import Iterator

import pytest

from bench import translation
from bench.fleet.errors import FleetError
from bench.fleet.json_link import LinkError
from bench.translation import translate_line


@pytest.fixture(autouse=True)
def _spanish() -> Iterator[None]:
    translation.use_language("es")
    yield
    translation.use_language("en")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            str(FleetError("lab2", "agent", "has died", pid=4711, phase="block 3")),
            "el agente lab2 (pid 4711) ha muerto durante el bloque 3",
        ),
        (
            str(FleetError("lab1", "servers", "took longer than 60 s", pid=5, phase="block 3")),
            "el proceso de los servidores en lab1 (pid 5) tardó más de 60 s durante el bloque 3",
        ),
        (
            str(FleetError("lab2", "agent", "was stopped: its agent ends", pid=5, phase="block 3")),
            "el agente lab2 (pid 5) se detuvo durante el bloque 3: su agente termina",
        ),
        (
            f"generator on lab2 (pid 5) {LinkError('closed the connection')}",
            "el generador en lab2 (pid 5) cerró la conexión",
        ),
        (
            "agents lab1, lab2 did not connect to tls://10.0.0.1:8786 within 60 s; connected: lab3",
            "los agentes lab1, lab2 no se conectaron a tls://10.0.0.1:8786 en 60 s; conectados: lab3",
        ),
        (
            "tls://10.0.0.1:8786: its certificate is of another authority; copy the keys that were made together",
            "tls://10.0.0.1:8786: su certificado es de otra autoridad; copie las claves que se generaron juntas",
        ),
        (
            "lab1: no answer within 15 s; is it switched on, and does a firewall admit SSH?",
            "lab1: sin respuesta en 15 s; ¿está encendido, y admite SSH el cortafuegos?",
        ),
        (
            "fleet file f.toml: wait_s = 0 must be above 0",
            "archivo de flota f.toml: wait_s = 0 debe ser mayor que 0",
        ),
    ],
)
def test_failures_are_translated(line: str, expected: str) -> None:
    assert translate_line(line) == expected


def test_single_words_after_a_colon_stay() -> None:
    assert translate_line("lab1: more") == "lab1: more"
