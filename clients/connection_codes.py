"""The findings about connections that the server ended or refused: a part of ``clients.quality_findings``."""

from clients.quality_codes import QualityCode

CONNECTION_CODES = (
    QualityCode(
        name="CONNECTIONS_CLOSED",
        short="the server closed {} connections early",
        meaning="connections that the server closed while a reply was due, or although the load would use them again",
        advice="if it closes by design, use lifecycle 'session' with fewer requests_per_session; else see its log",
        suspect=0,
        format="{:.0f}",
        is_finding=True,
    ),
    QualityCode(
        name="CONNECTIONS_RESET",
        short="the server reset {} connections",
        meaning="connections that the server ended with a reset: it closed them with unread data, or it crashed",
        advice="see the server's log; if it closes by design, use lifecycle 'session' with fewer requests_per_session",
        suspect=0,
        format="{:.0f}",
        is_finding=True,
    ),
    QualityCode(
        name="CONNECTIONS_REFUSED",
        short="the server refused {} connections",
        meaning="connects that were refused: nobody listened at that moment, or the backlog was full",
        advice="the server had stopped listening, or needs a larger backlog",
        suspect=0,
        format="{:.0f}",
        is_finding=True,
    ),
)
