"""The quality codes about several generators that load a server together: a part of ``clients.quality_catalogue``."""

from clients.quality_codes import RATES_AND_TIMES, QualityCode

GENERATOR_CODES = (
    # The rate is short of this share at most, divided by the number of generators. The thresholds are those of
    # RATE_UNDERESTIMATED, which is about the same error.
    QualityCode(
        name="GENERATOR_BEHIND",
        short="one generator sent {} less than its share",
        meaning="share of its part of the load that the slowest of several generators did not send, beside what the "
        "others sent of theirs; only if chance and unfair service do not explain it",
        advice="generators.csv names the host: close other programs there, or use hosts with equal paths to the server",
        suspect=0.05,
        invalid=0.20,
        format="{:.1%}",
        transient=True,
        concerns=RATES_AND_TIMES,
    ),
    # For this share of the time a part of the load was missing, as it is while another program has the CPU (RUN_DELAY).
    QualityCode(
        name="GENERATOR_MISSING",
        short="one generator began late, and missed {} of the windows",
        meaning="share of the windows that had begun before the latest of several generators sent its first request",
        advice="generators.csv names the host: close other programs there, or warm up longer",
        suspect=0.01,
        invalid=0.05,
        format="{:.1%}",
        transient=True,
        concerns=RATES_AND_TIMES,
    ),
)
