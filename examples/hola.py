"""The tutorial's server, for Python 3: it says "pues hola" to hola, and "pues adios" to adios, to one client at a time.

    python examples/hola.py 8000

In its behaviour it is the tutorial's, with one thing mended: a client that leaves without adios ended it in a loop.
"""

import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(1)
while True:
    client, address = server.accept()
    going_on = True
    while going_on:
        request = client.recv(1000)
        if request == b"hola":
            client.send(b"pues hola")
        if request == b"adios":
            client.send(b"pues adios")
        going_on = request not in (b"adios", b"")
    client.close()
