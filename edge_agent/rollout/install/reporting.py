"""What a preparation says: every state it enters as a report that the gateway has signed."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

import msgspec
from securesystemslib.signer import CryptoSigner

from edge_agent.rollout.install.orders import Outcome, Progress
from edge_agent.rollout.install.sign import sign_report
from edge_agent.rollout.messages import Desire, Report, UpdateState

_TEXT_MAX = 1000  # characters of a reason or warning


class Reporting:
    """Fills in what the agent would report, numbers it, and signs it."""

    def __init__(self, template: Report, signer: CryptoSigner) -> None:
        """Begin with what the agent would report now, whose number was the last given out."""
        self._template = template
        self._signer = signer
        self._number = template.number

    def progress(
        self, state: Literal["downloading", "verifying"], desire: Desire, warnings: Sequence[str]
    ) -> Progress:
        """Say that a state was entered."""
        report = self._about(state, None, desire, warnings)
        return Progress(state=state, desire=desire, number=self._number, report=report)

    def staged(
        self, staged: dict[str, str], desire: Desire | None, warnings: Sequence[str]
    ) -> Outcome:
        """Say that all is verified and lies beside what runs."""
        return msgspec.structs.replace(self.ended("staged", None, desire, warnings), staged=staged)

    def ended(
        self,
        state: UpdateState,
        reason: str | None,
        desire: Desire | None,
        warnings: Sequence[str],
        *,
        again: bool = False,
    ) -> Outcome:
        """Say how it ended for a desire that is believed."""
        report = self._about(state, reason, desire, warnings)
        return Outcome(
            state=state,
            reason=reason,
            again=again,
            desire=desire,
            number=self._number,
            report=report,
            warnings=tuple(warnings),
        )

    def disbelieved(self, reason: str, warnings: Sequence[str], *, again: bool = False) -> Outcome:
        """Say that the update stands where it stood: anybody could have sent this desire."""
        template = self._template
        warned = (*template.warnings, *warnings, reason[:_TEXT_MAX])
        report = self._signed(msgspec.structs.replace(template, warnings=warned))
        return Outcome(
            state=None,
            reason=reason,
            again=again,
            number=self._number,
            report=report,
            warnings=tuple(warnings),
        )

    def _about(
        self, state: UpdateState, reason: str | None, desire: Desire | None, warnings: Sequence[str]
    ) -> bytes:
        report = msgspec.structs.replace(
            self._template,
            state=state,
            reason=None if reason is None else reason[:_TEXT_MAX],
            answers=None if desire is None else desire.order,
            rollout=None if desire is None else desire.rollout,
            held_s=None,
            warnings=(*self._template.warnings, *warnings),
        )
        return self._signed(report)

    def _signed(self, report: Report) -> bytes:
        self._number += 1
        numbered = msgspec.structs.replace(report, number=self._number, at=datetime.now(UTC))
        return sign_report(numbered, self._signer)
