"""The compiled hot path of the load generator: one event loop for each thread.

It imports numpy and numba, and of the other modules only the constants of ``clients.protocols``. From the bottom up:

``jit``              how functions are compiled and where the result is cached
``raw_memory``       arrays at an address
``syscalls``         system calls for compiled and plain Python code
``histogram_slots``  the slot of a latency in its histogram
``thread_state``     connections, requests, counters and schedule of one thread
``buffers``          the memory behind them
``connections``      open and close one connection
``arrivals``         the schedule of an open loop
``requests``         send, answer and give up requests
``scheduler``        which connection sends next
``replies``          read and check replies
``event_loop``       the loop itself
``connect_all``      open all connections before the clock starts
``threads``          one operating-system thread for each CPU
"""
