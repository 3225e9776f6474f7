"""The protocols: what clients send and which replies they expect.

Independent of ``servers`` on purpose, so that it is a check.
"""

HOLA = b"hola"
ADIOS = b"adios"
PUES_HOLA = b"pues hola"
PUES_ADIOS = b"pues adios"

TRANSPORTS = ("tcp", "udp")
PROTOCOLS = ("echo", "hola", "work")

# A frame of work, little-endian: length of the frame (4 bytes), connection (4), number (8), wait in microseconds (4),
# compute (4), and the payload. The reply is the same frame.
WORK_HEADER_BYTES = 24
MAX_FRAME_BYTES = 1 << 20
MAX_WAIT_US = 60_000_000
MAX_COMPUTE_UNITS = 60_000_000
RELEASES_LOCK = 1 << 31  # bit of compute: hash, which releases the interpreter's lock; else compute in pure Python
ERROR_CONNECTION = 0xFFFFFFFF  # in the reply to a malformed frame; its payload is the reason in ASCII

MAX_DATAGRAM_BYTES = 65_507  # IPv4: 65535 less 20 bytes of IP header and 8 of UDP header
MAX_MESSAGE_BYTES = 64 << 20  # over a stream; each connection keeps its messages in memory
