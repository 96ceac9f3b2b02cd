"""`jobs`, `changes` and `undo`: which jobs there are, what they did, and taking it back."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from pandas_shooju.cli.arguments import DIFFERS, DONE, add_connection, add_json, connect

if TYPE_CHECKING:
    from pandas_shooju.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Add the commands to the parser."""
    jobs = commands.add_parser("jobs", help="list jobs, the newest first")
    jobs.add_argument("description", metavar="TEXT", nargs="?", help="how their descriptions begin (default: all jobs)")
    jobs.add_argument("--since", help="registered at this moment or later: an ISO date, or relative to now such as -7d")
    jobs.add_argument("--until", help="registered at this moment or earlier")
    jobs.add_argument("--by", metavar="USER", help="registered by this user")
    jobs.add_argument("--filter", metavar="QUERY", help="that wrote series which this query finds")
    jobs.add_argument("--limit", type=int, default=100, help="number of jobs (%(default)s)")
    jobs.set_defaults(run=_jobs)

    changes = commands.add_parser("changes", help="list what a job did, point by point and field by field")
    changes.add_argument("job", metavar="N", type=int, help="number of the job")
    changes.add_argument("--summary", action="store_true", help="print counts only")
    changes.set_defaults(run=_changes)

    undo = commands.add_parser("undo", help="write back what a job replaced, under a new job")
    undo.add_argument("job", metavar="N", type=int, help="number of the job")
    undo.add_argument("--dry-run", action="store_true", help="list what would be done, and write nothing")
    undo.set_defaults(run=_undo)

    for parser in (jobs, changes, undo):
        add_json(parser)
        add_connection(parser)


def _jobs(arguments: argparse.Namespace) -> int:
    from pandas_shooju.cli.printing import show_table

    with connect(arguments) as connection:
        frame = connection.jobs.find(
            arguments.description,
            since=arguments.since,
            until=arguments.until,
            user=arguments.by,
            filter=arguments.filter,
            limit=arguments.limit,
        )
    if not arguments.json:
        frame = frame[["description", "user", "created_at", "finished_at", "new_points", "changed_points"]]
    show_table(frame, arguments.json, "no jobs")
    return DONE


def _changes(arguments: argparse.Namespace) -> int:
    from pandas_shooju.cli.printing import show_counts, show_table

    with connect(arguments) as connection:
        job = connection.jobs[arguments.job]
        if arguments.summary:
            show_counts(job.summary(), arguments.json)
        else:
            show_table(job.changes(), arguments.json, "no changes")
    return DONE


def _undo(arguments: argparse.Namespace) -> int:
    from pandas_shooju.cli.printing import show_json, show_table

    with connect(arguments) as connection:
        job = connection.jobs[arguments.job]
        if arguments.dry_run:
            show_table(job.undo(dry_run=True), arguments.json, "nothing to undo")
            return DONE
        undo = job.undo()
    left = len(undo.left_alone)
    if arguments.json:
        counts = {name: getattr(undo, name) for name in ("undone", "points", "fields", "to_trash", "from_trash")}
        show_json({**counts, "job": undo.job.id, "left_alone": left})
    else:
        print(undo)
        if left:
            show_table(undo.left_alone, False, "")
    return DIFFERS if left else DONE
