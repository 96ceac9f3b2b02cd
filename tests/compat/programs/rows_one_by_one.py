"""Uploads by the older calls, a row at a time; then a list of points for each id."""

import csv
import datetime
import io

import pandas as pd
import shooju
from shooju import Point
from shooju.common import to_milli

CSV = """station,date,load,unit
A,2024-01-01,10.5,MW
A,2024-01-02,11.25,MW
B,2024-01-01,7,GW
B,2024-01-03,8.125,GW
"""


def main(url, user, key):
    conn = shooju.Connection(url, user, key)
    frame = pd.read_csv(io.StringIO(CSV), parse_dates=["date"])
    job = conn.register_job("Load, by rows", batch_size=10000)
    for _, row in frame.iterrows():
        series_id = shooju.sid("users", user, "load", row["station"])
        job.put_field(series_id, "unit", row["unit"])
        job.put_fields(series_id, {"station": row["station"], "year": 2024})
        job.put_point(series_id, Point(row["date"], row["load"]))
    job.submit()
    for station in frame["station"].unique():
        part = frame[frame["station"] == station].set_index("date")["load"] * 2
        job.put_points(
            shooju.sid("users", user, "double", station), [Point(when, value) for when, value in part.to_dict().items()]
        )
    job.submit()
    for record in csv.DictReader(io.StringIO(CSV)):
        when = datetime.datetime.strptime(record["date"], "%Y-%m-%d")
        job.put_reported_points(
            shooju.sid("users", user, "load", record["station"]), when, [Point(when, record["load"])]
        )
        job.write(
            rf"sid=users\{user}\text\{record['station']}", points=[Point(when, record["load"])], fields={2024: "year"}
        )
    job.finish()
    with conn.register_job("Load, replaced") as job:
        series_id = shooju.sid("users", user, "double", "A")
        job.remove_points(series_id)
        job.put_points(series_id, [Point(datetime.date(2024, 2, 1), 1)])
        stamped = Point(datetime.datetime(2024, 2, 1, 12, 30, 15, 250300), 2.5)
        job.write(rf"sid=users\{user}\stamped", points=[stamped])
        job.write(
            rf"sid=users\{user}\text\B", points=(Point(to_milli(datetime.date(1999, 1, day)), day) for day in (1, 2))
        )
    ids = [shooju.sid("users", user, folder, station) for folder in ("load", "double") for station in "AB"]
    bulk = conn.mget()
    for series_id in ids:
        bulk.get_points(series_id, max_points=5)
        bulk.get_fields(series_id, ["unit", "station"])
    points = [conn.get_points(series_id, date_start=datetime.date(2024, 1, 2), size=3) for series_id in ids]
    return {
        "bulk": bulk.fetch(),
        "points": points,
        "fields": [conn.get_fields(series_id) for series_id in ids],
        "some fields": conn.get_fields(ids[0], fields=["unit"]),
        "nothing": (conn.get_points("none"), conn.get_fields("none")),
        "reported": conn.get_reported_dates(rf"sid=users\{user}\load\A"),
        "dict": Point(datetime.date(2024, 1, 1), 1.5).to_dict(),
        "repr": repr(points),
    }
