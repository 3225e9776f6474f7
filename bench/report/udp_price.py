"""The price of UDP, beside what it saves: lost requests, and other socket buffers than TCP. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from bench.analysis.statistics import median_interval
from bench.formatting import compact, join_words
from bench.schema.arms import Arm
from bench.translation import N_, gettext

_NONE_OF_ALL = N_("Over UDP, which does not retransmit, none of {sent} requests was lost.")
_NONE_LOST = N_("none of {sent}")
_LOST_BY = N_("Lost over UDP, which does not retransmit: {losses}.")
_ALL_ARRIVED = N_("UDP does not retransmit. In this run none of its {sent} requests was lost.")
_SOME_LOST = N_(
    "UDP does not retransmit: of its {sent} requests, {share} were lost, most with {label} ({most}). The tables have "
    "the share of each server."
)
_BUFFERS = N_(
    "Sockets were not equal where UDP is compared with TCP: UDP had {udp_received} KiB to receive and {udp_sent} KiB "
    "to send, as the servers ask for; TCP started with {tcp_received} KiB and {tcp_sent} KiB, and the kernel enlarges "
    "both."
)


@dataclass(frozen=True, slots=True)
class Loss:
    """The share of a case's requests that were lost. low, high: of the median over its blocks."""

    lost: int
    sent: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """The share of all requests together."""
        return self.lost / self.sent

    def __str__(self) -> str:
        """Return ``none of 1.23M``, or ``0.12% [0.1%, 0.2%]``."""
        if not self.lost:
            return gettext(_NONE_LOST, sent=compact(self.sent))
        return f"{_percent(self.share)} [{_percent(self.low)}, {_percent(self.high)}]"


def losses(trials: pd.DataFrame) -> dict[str, Loss]:
    """Return the loss of each arm that sent requests. trials: of one load point."""
    measured = trials.loc[(trials["status"] == "ok") & (trials["sent"] > 0), ["arm", "lost", "sent"]]
    counts: dict[str, list[tuple[int, int]]] = {}
    for arm, lost, sent in zip(
        measured["arm"].tolist(), measured["lost"].fillna(0).tolist(), measured["sent"].tolist(), strict=True
    ):
        counts.setdefault(str(arm), []).append((int(lost), int(sent)))
    return {arm: _loss(counts[arm]) for arm in sorted(counts)}


def _loss(counts: Sequence[tuple[int, int]]) -> Loss:
    """Return the loss of a case. counts: of each block, lost and sent."""
    interval = median_interval([lost / sent for lost, sent in counts])
    return Loss(sum(lost for lost, _ in counts), sum(sent for _, sent in counts), interval.low, interval.high)


def loss_sentence(trials: pd.DataFrame, unranked: Sequence[str] = ()) -> str:
    """Return what each server lost over UDP; "" without UDP. trials: of one load point. unranked: are left out."""
    of_udp = {
        arm.label: loss
        for name, loss in losses(trials).items()
        if (arm := Arm.parse(name)).competes and arm.transport == "udp" and arm.label not in unranked
    }
    if of_udp and not any(loss.lost for loss in of_udp.values()):
        return gettext(_NONE_OF_ALL, sent=compact(sum(loss.sent for loss in of_udp.values())))
    ordered = sorted(of_udp.items(), key=lambda pair: (-pair[1].share, pair[0]))
    return gettext(_LOST_BY, losses=join_words(f"{label} {loss}" for label, loss in ordered)) if ordered else ""


def udp_notes(trials: pd.DataFrame) -> list[str]:
    """Return what was lost over UDP, and how its sockets differ from those of TCP; nothing without both."""
    measured = trials[trials["status"] == "ok"] if len(trials) else trials
    arms = [Arm.parse(str(name)) for name in measured["arm"].unique()] if len(measured) else []
    names_of = {each: [arm.name for arm in arms if arm.transport == each] for each in ("tcp", "udp")}
    if not all(names_of.values()):
        return []
    over_udp = measured[measured["arm"].isin(names_of["udp"]) & (measured["sent"] > 0)]
    notes = [_loss_note(over_udp)] if len(over_udp) else []
    sizes = {
        (transport, name): _kib(measured.loc[measured["arm"].isin(names), name])
        for transport, names in names_of.items()
        for name in ("rcvbuf", "sndbuf")
        if name in measured
    }
    if len(sizes) == 4 and all(sizes.values()) and sizes["tcp", "rcvbuf"] != sizes["udp", "rcvbuf"]:
        notes.append(
            gettext(
                _BUFFERS,
                udp_received=sizes["udp", "rcvbuf"],
                udp_sent=sizes["udp", "sndbuf"],
                tcp_received=sizes["tcp", "rcvbuf"],
                tcp_sent=sizes["tcp", "sndbuf"],
            )
        )
    return notes


def _loss_note(trials: pd.DataFrame) -> str:
    sent, lost = int(trials["sent"].sum()), int(trials["lost"].fillna(0).sum())
    if not lost:
        return gettext(_ALL_ARRIVED, sent=compact(sent))
    of_arm = trials.groupby("arm")[["lost", "sent"]].sum()
    shares = of_arm["lost"] / of_arm["sent"]
    return gettext(
        _SOME_LOST,
        sent=compact(sent),
        share=_percent(lost / sent),
        label=Arm.parse(str(shares.idxmax())).display_label,
        most=_percent(float(shares.max())),
    )


def _kib(sizes: pd.Series) -> str:
    """Return sizes in KiB, each once: ``128``, or ``128 or 208``; "" if they are unknown."""
    known = sorted({float(size) for size in sizes.dropna()})
    return gettext(" or ").join(f"{size / 1024:,.0f}" for size in known)


def _percent(share: float) -> str:
    if math.isnan(share):
        return "-"
    return f"{100 * share:.2g}%" if share < 0.1 else f"{100 * share:.0f}%"
