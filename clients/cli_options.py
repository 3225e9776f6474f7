"""Arguments and options of ``python -m clients``. Typer prints the defaults; a help text names one that it cannot."""

from typing import Annotated, Literal

import typer

Host = Annotated[str, typer.Argument(help="Host name or address of the server.")]
Port = Annotated[int, typer.Argument(min=1, max=65535, help="Port of the server.")]
Transport = Annotated[Literal["tcp", "udp"], typer.Option(help="Transport.")]
Wait = Annotated[float, typer.Option(min=0.0, max=3600.0, help="Seconds between hola and adios.")]

Url = Annotated[
    str,
    typer.Argument(
        help="Address of the server: tcp://HOST:PORT or udp://HOST:PORT. HOST is a name, an IPv4 address, or an IPv6 "
        "address in brackets. Of several addresses of a name, the first one on which a server listens is loaded."
    ),
]
Protocol = Annotated[Literal["echo", "hola", "work"], typer.Option(help="Protocol of the server.")]
Connections = Annotated[int, typer.Option(min=1, max=1_000_000, help="Number of concurrent clients.")]
MessageBytes = Annotated[
    str, typer.Option(help="Size of a message of echo or work, or several sizes with weights, e.g. 64:9,1024:1.")
]
Populations = Annotated[
    str,
    typer.Option(
        help="JSON file with several populations of clients, which load the server together: "
        '[{"name": "quiet", "settings": {"connections": 8, "rate_rps": 500}}, ...]. The settings are the fields of '
        "clients.load_spec.LoadSpec. Of the other options only those for time, CPUs, seed, --json, "
        "--raw and --heat-map apply. Default: none."
    ),
]
Behaviour = Annotated[
    Literal["normal", "silent", "trickle", "never_reads"],
    typer.Option(
        help="silent: connect and send nothing. trickle: a byte of a request now and then. never_reads: send requests "
        "until the socket is full, and never read."
    ),
]
Trickle = Annotated[
    float, typer.Option(min=1e-6, max=3600.0, help="With --behaviour trickle: seconds between two bytes.")
]
Retries = Annotated[
    int,
    typer.Option(min=0, max=1000, help="How often a request without a reply within the timeout is sent again."),
]
WaitMs = Annotated[
    float,
    typer.Option(min=0.0, max=60_000.0, help="With --protocol work: milliseconds that the server waits per request."),
]
ComputeUnits = Annotated[
    int,
    typer.Option(
        min=0, max=60_000_000, help="With --protocol work: units, of about a microsecond, that it computes per request."
    ),
]
ComputeKind = Annotated[
    Literal["lock", "release"],
    typer.Option(help="With --protocol work: compute in pure Python, or hash, which releases the interpreter's lock."),
]
WorkMix = Annotated[
    str,
    typer.Option(
        help="With --protocol work: several kinds of work as WAIT_MS:UNITS:WEIGHT, instead of the options above, "
        "e.g. 0:0:99,0:10000:1. Default: none."
    ),
]
Depth = Annotated[int, typer.Option(min=1, max=65536, help="Maximum number of requests in flight on each connection.")]
Lifecycle = Annotated[
    Literal["persistent", "session", "per_request"],
    typer.Option(
        help="persistent: keep connections open. session: connect, send K requests, close. per_request: K = 1."
    ),
]
RequestsPerSession = Annotated[
    int,
    typer.Option(min=1, max=10**9, help="With --lifecycle session: K. The hola protocol adds adios at the end."),
]
Rate = Annotated[
    float,
    typer.Option(
        min=0.0, max=1e7, help="Requests per second over all connections, whatever the server does; 0: closed loop."
    ),
]
Arrivals = Annotated[
    Literal["poisson", "constant", "burst"], typer.Option(help="With --rate: spacing of the requests.")
]
BurstOn = Annotated[
    float, typer.Option(min=1e-6, max=3600.0, help="With --arrivals burst: length of a burst in seconds.")
]
BurstPeriod = Annotated[
    float, typer.Option(min=1e-6, max=3600.0, help="With --arrivals burst: seconds from one burst to the next.")
]
Think = Annotated[
    float, typer.Option(min=0.0, max=3600.0, help="Without --rate: seconds between a reply and the next request.")
]
Seconds = Annotated[float, typer.Option(min=0.001, max=86400.0, help="Measurement time in seconds.")]
Warmup = Annotated[float, typer.Option(min=0.0, max=3600.0, help="Warm-up time in seconds, excluded from the results.")]
Timeout = Annotated[
    float,
    typer.Option(
        min=0.001, max=3600.0, help="Seconds after which a request counts as unanswered; a later reply counts as late."
    ),
]
Cpus = Annotated[
    str,
    typer.Option(
        help="CPUs reserved for the generator, e.g. 1,2: one thread on each, which polls without sleep. "
        "Default: none; a single thread then runs on any CPU, and sleeps while it waits."
    ),
]
Seed = Annotated[int, typer.Option(min=0, help="Random seed of message contents and arrivals.")]
JsonFile = Annotated[
    str,
    typer.Option("--json", help="File for the result document; - prints it instead of the summary. Default: none."),
]
Raw = Annotated[
    str, typer.Option(help="File for the time stamps of every request: .npy (numpy array) or .csv. Default: none.")
]
RawRows = Annotated[int, typer.Option(min=1, help="Maximum number of requests in the --raw file.")]
HeatMap = Annotated[
    str,
    typer.Option(
        help="File for the latencies over time in up to 100 windows: .svg or .png for a heat map, .csv for its "
        "figures. Default: none."
    ),
]
Hdr = Annotated[str, typer.Option(help="File for the histogram as an HdrHistogram log (.hlog). Default: none.")]

WorkerCpus = Annotated[
    str, typer.Option("--cpus", help="CPUs reserved for the generator, e.g. 1,2: one thread on each. Default: none.")
]
