"""Every module here is a model: its file name is its name, its first docstring line its help.

A model defines ``serve_tcp(listener, new_handler)``, ``serve_udp(sock, new_handler)`` or both; neither returns.
It may define ``prepare()``: what takes a while and has to be done before the server says that it is ready.
Two constants declare its nature where that matters: ``MAX_TCP_CLIENTS`` (how many TCP clients one process serves at the
same time) and ``PARALLEL`` (it uses the number of workers, and more than one CPU).
"""
