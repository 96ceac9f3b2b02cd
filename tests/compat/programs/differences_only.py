"""A wide frame with the metadata of each column: uploaded, filed under a report date, and then only what differs."""

import datetime

import numpy as np
import pandas as pd
import shooju
from shooju.points_serializers import pd_series, pd_series_localized


def upload_wide(conn, description, frame, metadata, reported_date=None, chunk=3):
    job = conn.register_job(description, batch_size=chunk)
    for column in frame.columns:
        query = 'sid="{}"'.format(metadata[column]["series_id"])
        fields = {name: value for name, value in metadata[column].items() if name != "series_id"}
        job.write(query, fields=fields, points=frame[column].dropna(), remove_others="fields")
        if reported_date is not None:
            job.write_reported(query, reported_date, fields=fields, points=frame[column].dropna())
    job.submit()
    job.finish()
    return job.job_id


def upload_differences(conn, description, frame, metadata):
    """Write the points and fields that the server has not, series by series."""
    job = conn.register_job(description, batch_size=1000)
    told = {}
    for column in frame.columns:
        query = 'sid="{}"'.format(metadata[column]["series_id"])
        new = frame[column].dropna()
        found = conn.get_series(query, fields=["*"], df="MIN", dt="MAX", max_points=-1, serializer=pd_series)
        old = pd.Series(dtype=float, index=pd.DatetimeIndex([])) if found is None else found.get("points")
        if old is None:
            old = pd.Series(dtype=float, index=pd.DatetimeIndex([]))
        if new.index.tz is not None:
            new.index = new.index.tz_convert("UTC").tz_localize(None)
        changed = new[~(new == old.reindex(new.index))]
        gone = old.index.difference(new.index)
        points = [shooju.Point(when.to_pydatetime(), value) for when, value in changed.items()]
        points += [shooju.Point(when.to_pydatetime(), None) for when in gone]
        fields = {name: value for name, value in metadata[column].items() if name != "series_id"}
        if points:
            job.write(query, points=points, fields=fields if found is None else None)
        told[column] = (len(changed), len(gone), found is None)
    job.finish()
    return told


def main(url, user, key):
    conn = shooju.Connection(url, user, key)
    hours = pd.date_range("2024-10-26 20:00", periods=10, freq="h", tz="Europe/Berlin")
    frame = pd.DataFrame({"wind": np.arange(10) + 0.25, "sun": np.arange(10) * 2.0, "coal": 5.0}, index=hours)
    frame.loc[hours[3:5], "sun"] = np.nan
    metadata = {
        name: {"series_id": rf"users\{user}\mix\{name}", "source": name, "unit": "MW", "timezone": "Europe/Berlin"}
        for name in [*frame.columns, "gas"]
    }
    upload_wide(conn, "Mix", frame, metadata, reported_date=datetime.datetime(2024, 10, 27, 6))
    revised = frame * [1, 1.5, 1]
    revised.loc[hours[0], "wind"] = np.nan
    revised["gas"] = 1.0
    told = [upload_differences(conn, "Mix, revised", revised, metadata) for _ in range(2)]
    local = {
        name: conn.get_series(
            metadata[name]["series_id"].join(['sid="', '"@localize']), max_points=-1, serializer=pd_series_localized
        )
        for name in revised.columns
    }
    return {
        "told": told,
        "local": {name: None if series is None else series.get("points") for name, series in local.items()},
        "wide": conn.get_df(rf"sid:users\{user}\mix", ["source", "unit"], "columns", max_points=-1).sort_index(axis=1),
        "report": conn.get_series(
            metadata["sun"]["series_id"].join(["sid=", "@repdate:2024-10-27T06:00"]), max_points=-1
        ),
    }
