"""The protocols: what clients send and which replies they expect.

Independent of ``servers`` on purpose, so that it is a check.
"""

HOLA = b"hola"
ADIOS = b"adios"
PUES_HOLA = b"pues hola"
PUES_ADIOS = b"pues adios"

TRANSPORTS = ("tcp", "udp")

MAX_DATAGRAM_BYTES = 65_507  # IPv4: 65535 less 20 bytes of IP header and 8 of UDP header
MAX_MESSAGE_BYTES = 64 << 20  # over a stream; each connection keeps its messages in memory
