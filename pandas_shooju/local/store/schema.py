"""The tables of a store, and how an older store becomes a newer one.

``PRAGMA user_version`` holds the version of a store. `MIGRATIONS` holds the steps from each version to the next; a new
store takes them all.

The tables
----------
revisions
    one per call that writes: which job, when. Points, fields and reports carry the revision that wrote them, which
    answers the questions for the job, the time, and the past (everything up to a revision).
jobs, job_series
    jobs with counts of what they wrote, and for each job the series that it wrote, with whether it changed, added or
    deleted anything there.
series
    the catalog. ``key`` is the series id in lower case: ids are compared regardless of case. The columns from
    ``points_count`` on are the meta data that writes keep up to date. ``stored`` is the number of points that must be
    in the chunks of the series itself.
terms, postings
    the index of field values, see `terms`: a posting is a series with a term; ``count`` is the number of its postings
    outside of the trash.
chunks
    points, up to a few thousand per row, as blobs of columns. ``report`` is 0 for the points of the series itself.
    Evenly spaced dates are stored as ``first`` and ``step`` alone, points of one revision as ``revision`` alone.
    ``packed`` says whether the columns are packed (see `packing`), as they are from some tens of points on.
past_points, past_fields
    what writes replaced; empty for a store that is only added to. ``report`` is as in chunks; ``packed`` is the number
    of points if their columns are packed, or 0.
reports
    report dates of a series, with the fields filed under them. One that was deleted remains, with neither points nor
    fields.
past_report_fields
    the fields of reports, as they were before a revision changed them.
lost_series
    series that are gone for good: the job that had deleted each one (or moved it to the trash), and the job by which
    it was lost.

Series, chunks and past points have a checksum; rows of older versions have none until they are rewritten.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from pandas_shooju.local.store import terms

#: marks the file as a store of ours (``PRAGMA application_id``)
APPLICATION_ID = 0x53684A75

_VERSION_1 = """
CREATE TABLE revisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job INTEGER NOT NULL,
    at INTEGER NOT NULL,
    history INTEGER NOT NULL
);
CREATE INDEX revisions_of_job ON revisions (job, id);
CREATE INDEX revisions_at ON revisions (at, id);

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user TEXT NOT NULL,
    source TEXT NOT NULL,
    description TEXT NOT NULL,
    notes TEXT NOT NULL,
    no_history INTEGER NOT NULL,
    created INTEGER NOT NULL,
    finished INTEGER
);

CREATE TABLE series (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    trashed INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL REFERENCES revisions (id),
    updated INTEGER NOT NULL REFERENCES revisions (id),
    fields_revision INTEGER NOT NULL,
    points_count INTEGER NOT NULL DEFAULT 0,
    points_min REAL,
    points_max REAL,
    points_first INTEGER,
    points_last INTEGER,
    jobs_deleted TEXT,
    fields TEXT NOT NULL
);
CREATE INDEX series_in_trash ON series (id) WHERE trashed;

CREATE TABLE terms (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (name, value)
);
CREATE TABLE postings (
    term INTEGER NOT NULL,
    series INTEGER NOT NULL,
    PRIMARY KEY (term, series)
) WITHOUT ROWID;

CREATE TABLE chunks (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    report INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    count INTEGER NOT NULL,
    low REAL,
    high REAL,
    step INTEGER,
    revision INTEGER,
    dates BLOB,
    revisions BLOB,
    vals BLOB NOT NULL
);
CREATE INDEX chunks_in_order ON chunks (series, report, first, last, count);

CREATE TABLE past_points (
    id INTEGER PRIMARY KEY,
    series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    oldest INTEGER NOT NULL,
    dates BLOB NOT NULL,
    vals BLOB NOT NULL,
    revisions BLOB NOT NULL
);
CREATE INDEX past_points_of_series ON past_points (series, oldest);

CREATE TABLE past_fields (
    series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    fields TEXT NOT NULL,
    PRIMARY KEY (series, revision)
) WITHOUT ROWID;

CREATE TABLE reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    series INTEGER NOT NULL REFERENCES series (id) ON DELETE CASCADE,
    date INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    has_points INTEGER NOT NULL DEFAULT 0,
    fields TEXT,
    UNIQUE (series, date)
);

CREATE TABLE job_series (
    job INTEGER NOT NULL,
    series INTEGER NOT NULL,
    PRIMARY KEY (job, series)
) WITHOUT ROWID;

CREATE TABLE files (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    size INTEGER,
    custom TEXT NOT NULL,
    user TEXT NOT NULL,
    created INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX files_by_age ON files (created, id);
"""

_VERSION_2 = """
ALTER TABLE jobs ADD COLUMN updated INTEGER;
ALTER TABLE jobs ADD COLUMN new_series INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN new_points INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN changed_points INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN deleted_points INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET updated = max(
    created, coalesce(finished, 0), coalesce((SELECT max(at) FROM revisions r WHERE r.job = jobs.id), 0)
);
ALTER TABLE job_series ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_series ADD COLUMN added INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_series ADD COLUMN deleted INTEGER NOT NULL DEFAULT 0;
UPDATE job_series SET changed = 1;
CREATE INDEX jobs_of_series ON job_series (series);
DROP TABLE terms;
CREATE TABLE terms (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    shown TEXT NOT NULL,
    number REAL,
    moment INTEGER,
    count INTEGER NOT NULL,
    UNIQUE (name, value, shown)
);
CREATE INDEX terms_by_number ON terms (name, number) WHERE number NOTNULL;
CREATE INDEX terms_by_moment ON terms (name, moment) WHERE moment NOTNULL;
"""

_VERSION_3 = """
ALTER TABLE chunks ADD COLUMN checksum INTEGER;
ALTER TABLE past_points ADD COLUMN checksum INTEGER;
ALTER TABLE series ADD COLUMN checksum INTEGER;
ALTER TABLE series ADD COLUMN stored INTEGER NOT NULL DEFAULT 0;
UPDATE series SET stored = coalesce((SELECT sum(count) FROM chunks WHERE series = series.id AND report = 0), 0);
"""

_VERSION_4 = """
ALTER TABLE chunks ADD COLUMN packed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE past_points ADD COLUMN packed INTEGER NOT NULL DEFAULT 0;
"""

_VERSION_5 = """
ALTER TABLE past_points ADD COLUMN report INTEGER NOT NULL DEFAULT 0;
DROP INDEX past_points_of_series;
CREATE INDEX past_points_of_series ON past_points (series, report, oldest);
CREATE TABLE past_report_fields (
    id INTEGER PRIMARY KEY,
    report INTEGER NOT NULL REFERENCES reports (id) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    fields TEXT NOT NULL
);
CREATE INDEX past_fields_of_report ON past_report_fields (report, id);
CREATE TABLE lost_series (
    id INTEGER PRIMARY KEY,
    job INTEGER NOT NULL,
    name TEXT NOT NULL,
    lost_by INTEGER NOT NULL
);
CREATE INDEX lost_series_of_job ON lost_series (job);
"""

Step = str | Callable[[sqlite3.Connection], None]

#: for each version, the steps that lead to it: statements, each ending in a line of its own, or functions
MIGRATIONS: tuple[tuple[Step, ...], ...] = (
    (_VERSION_1,),
    (_VERSION_2, terms.rebuild),
    (_VERSION_3,),
    (_VERSION_4,),
    (_VERSION_5,),
)
