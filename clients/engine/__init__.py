"""The compiled hot path of the load generator: one event loop for each thread.

It imports numpy and numba, and of the other modules only the constants of ``clients.protocols``. From the bottom up:

- ``jit``, ``raw_memory``, ``syscalls``: compile functions, see memory as arrays, call the kernel
- ``load_params``, ``records``, ``counters``, ``histogram_slots``: the data
- ``thread_state``, ``views``, ``buffers``: the memory of one thread, how compiled code sees it, how Python makes it
- ``connections``: open and close one connection; with a diagram of its states
- ``arrivals``, ``messages``, ``outcomes``, ``requests``: when requests are due, their bytes, their end, and sending
- ``queues``, ``scheduler``: which connection sends next
- ``replies``, ``timeouts``: read replies, and give up what takes too long
- ``phases``, ``retries``, ``behaviours``: rates that change, requests that are sent again, difficult clients
- ``random_numbers``: of schedules and of work
- ``event_loop``, ``connect_all``: the two entry points of a single load
- ``populations``: those of a load with several populations of clients
- ``threads``: one operating-system thread for each CPU
"""
