"""From the options of ``audit`` to a run, and from its result to stdout."""

from __future__ import annotations

import sys
from dataclasses import replace

from defirisk.auditing.ask import Ask
from defirisk.auditing.result import AuditResult
from defirisk.auditing.state import MANIFEST
from defirisk.cli.flow import Asked, plain_terms_of, where_of
from defirisk.cli.output import check_writable, print_out, say, say_error, written_out
from defirisk.cli.progress import Bar, progress
from defirisk.cli.stopping import STOP, kept_in
from defirisk.whatif.asking import WhatIf

LISTED = 20
"""How many failed wallets are named on stderr."""


def audit_and_deliver(source: str, asked: Asked, *, format_: str, quiet: bool) -> int:
    """``defirisk audit``."""
    from defirisk.auditing.pipeline import run  # noqa: PLC0415 - after the options are known to be sound

    ask = _ask(source, asked)
    for path in (ask.output, ask.outcomes, ask.top_file()):
        if path is not None:
            check_writable(path)
    with progress(quiet=quiet, rate=True) as hook:

        def deliver(result: AuditResult) -> None:
            if isinstance(hook, Bar):
                hook.close()  # what is printed now shall not stand beside it
            _print(result, format_)

        result = STOP.run(run(ask, progress=hook, say=say, deliver=deliver), kept_in(ask.state_folder(), MANIFEST))
    return _conclude(result, ask, quiet=quiet)


def _ask(source: str, asked: Asked) -> Ask:
    return Ask(
        source=source,
        where=where_of(asked),
        terms=replace(plain_terms_of(asked), what_if=WhatIf.of(set=asked["sets"], set_emode=asked["set_emodes"])),
        output=asked["output"],
        outcomes=asked["outcomes"],
        top=asked["top"],
        top_output=asked["top_output"],
        resume=asked["resume"],
        strict=asked["strict"],
        engine=asked["engine"],
        chunk=asked["chunk"],
    )


def _print(result: AuditResult, format_: str) -> None:
    """The summary on stdout."""
    if format_ == "json":
        from defirisk.report.json import dumps  # noqa: PLC0415 - only the format asked for

        print_out(dumps(result.to_dict()))
        return
    if format_ == "markdown":
        from defirisk.report import audit_markdown  # noqa: PLC0415 - only the format asked for

        print_out(audit_markdown.text(result))
        return
    from defirisk.report import audit_table  # noqa: PLC0415 - only the format asked for
    from defirisk.report.table import console_for, piped_width  # noqa: PLC0415 - as above

    if sys.stdout is None or not sys.stdout.isatty():
        print_out(audit_table.text(result, width=piped_width()))
        return
    with written_out():
        audit_table.render(result, console_for(sys.stdout))


def _conclude(result: AuditResult, ask: Ask, *, quiet: bool) -> int:
    for notice in result.refused[:LISTED]:
        say_error(notice.code, notice.text, None)
    failed = result.summary.failed
    for one in failed[:LISTED]:
        say_error(one.code, f"{one.address} in {one.market}: {one.message}", None)
    if result.summary.failures > LISTED:
        say(f"... and {result.summary.failures - LISTED:,} more; all are rows with the status failed")
    state = ask.state_of()
    if result.resumable and state is not None:
        say(f"hint: --resume asks again for what could not be read, at the same block ({state.name}.resume is kept)")
    if not quiet:
        for kind, path in result.files.items():
            say(f"{kind}: {path}")
    return result.exit_code
