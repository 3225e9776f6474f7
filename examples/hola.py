"""The tutorial's server, for Python 3: it answers hola with "pues hola" and adios with "pues adios".

    python examples/hola.py 8000

It serves one client at a time, as in the tutorial, with one fix: the tutorial's server loops forever when a client
disconnects without adios.
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
