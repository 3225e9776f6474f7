"""What the clients say and expect to hear. Stated here a second time, apart from the servers: that makes it a check."""

HOLA = b"hola"
ADIOS = b"adios"
PUES_HOLA = b"pues hola"
PUES_ADIOS = b"pues adios"

TRANSPORTS = ("tcp", "udp")

LARGEST_DATAGRAM_BYTES = 65_507  # IPv4: 65535 less 20 of IP and 8 of UDP
LARGEST_MESSAGE_BYTES = 64 << 20  # over a stream: what a connection keeps of it in memory
