"""The URL parameters of the API: what each means, and which make no difference to the embedded Shooju.

Which of them an endpoint takes is declared in `app`. Any other is refused: a parameter that changes the answer of the
service must not be ignored here.
"""

from __future__ import annotations

from typing import NamedTuple

from pandas_shooju.local.certainty import Status


class Parameter(NamedTuple):
    """A URL parameter."""

    meaning: str
    status: Status = "known"


#: accepted by every endpoint, without any effect
NO_DIFFERENCE = {
    "v": Parameter("the version of the client; no effect"),
    "location_type": Parameter("the kind of program that calls; no effect"),
    "location": Parameter("the caller's name for itself; no effect"),
    "retry": Parameter("the number of the attempt, from 2; a scroll repeats its last page"),
    "date_format": Parameter("milli, the only format of dates"),
}

#: accepted by every endpoint, as a client may send them with every call; without effect on responses without points
OF_POINTS = ("include_job", "include_timestamp")

PARAMETERS = NO_DIFFERENCE | {
    "query": Parameter("which series (or jobs)"),
    "series_id": Parameter("a single series, by its id"),
    "df": Parameter("the first date: milliseconds, an ISO date, MIN, MAX, or relative to now (-1y, 0db)"),
    "dt": Parameter("the last date, likewise"),
    "max_points": Parameter("the most points per series: 0 for none (the default), -1 for all"),
    "fields": Parameter("the fields, separated by commas; * for all but the meta fields; formulas as =Unit: {{unit}}"),
    "operators": Parameter("further operators for all series found, as @A:M"),
    "sort": Parameter("the order, as in country asc, city desc"),
    "per_page": Parameter("the most series, jobs or files in the response; 0 for a count only"),
    "page": Parameter("the page of jobs, counted from 1", "inferred"),
    "scroll": Parameter("y: page by page"),
    "scroll_batch_size": Parameter("the most series on a page of a scroll"),
    "scroll_id": Parameter("the next page of a scroll"),
    "include_job": Parameter("y: with the job that wrote each point"),
    "include_timestamp": Parameter("y: with the time at which each point was written"),
    "facets": Parameter("fields, separated by commas, whose distinct values are counted"),
    "max_facet_values": Parameter("the most values per facet, the most frequent first; 100 by default", "inferred"),
    "diff_job_id": Parameter(
        "what this job did to each series: fields, fields_previous, [ms, value, previous, status]"
    ),
    "diff_points_only": Parameter("y: only the points that differ"),
    "filter": Parameter("for jobs: a query for series, of which they wrote at least one", "inferred"),
    "series_query": Parameter("the series whose report dates are listed"),
    "mode": Parameter("which report dates: all, points or fields"),
    "processor": Parameter("refused: report dates by processor"),
    "folder": Parameter("the folder whose contents are listed; by default everything outside of the trash", "ours"),
    "depth": Parameter("how many levels of folders are listed; 2 by default", "ours"),
    "job_id": Parameter("the job to write under, or whose report dates are listed"),
    "async_mode": Parameter("accepted: writes are complete when they are acknowledged in any case"),
    "skip_meta_if_no_fields": Parameter("true: leave the meta fields as they are where an item has no fields"),
    "q": Parameter("the series whose cache is cleared; ignored, because the embedded store has no cache"),
    "file_id": Parameter("a file that is uploaded in parts"),
    "part_num": Parameter("the number of a part"),
}
