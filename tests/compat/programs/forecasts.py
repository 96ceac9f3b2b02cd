"""Forecasts by report date: the latest, the one before, several as columns; and how often they were right."""

import datetime

import numpy as np
import pandas as pd
import shooju
from shooju import options
from shooju.points_serializers import milli_tuple, np_array, pd_series, pd_series_localized
from shooju.utils.convert import milli_tuple_naive_to_pandas_tz_aware


def own_serializer(points, tz=None, **kwargs):
    return {"tz": tz, "n": len(points), "sum": sum(point[1] for point in points)}


def main(url, user, key):
    conn = shooju.Connection(url, user, key)
    wind = rf"sid=users\{user}\wind"
    reports = [datetime.datetime(2024, 3, day, 6) for day in (28, 29, 30)]
    job = conn.register_job("Wind forecast", batch_size=100)
    for number, reported in enumerate(reports):
        hours = pd.date_range(reported, periods=30, freq="2h", tz="UTC")
        job.write_reported(
            wind, reported, points=pd.Series(np.arange(30) + number * 0.5, hours), fields={"run": number}
        )
    job.write(
        wind,
        fields={"timezone": "Europe/Berlin"},
        points=pd.Series(np.arange(30.0), pd.date_range("2024-03-30 12:00", periods=30, freq="h")),
    )
    job.submit()
    found = conn.get_reported_dates(wind, mode="points")
    bulk = conn.mget()
    for reported in found[-2:]:
        bulk.get_series(f"{wind}@repdate:{reported:%Y-%m-%dT%H:%M}", max_points=-1, serializer=pd_series)
    previous, latest = (series["points"] for series in bulk.fetch())
    table = pd.DataFrame(
        {
            f"{reported:%m-%d}": conn.get_series(
                f"{wind}@repdate:{reported:%Y-%m-%dT%H:%M}", max_points=-1, serializer=pd_series
            )["points"]
            for reported in found
        }
    )
    forms = {}
    for no_sjts, no_msgpack in ((False, False), (True, False), (True, True)):
        options.disable_sjts, options.disable_msgpack = no_sjts, no_msgpack
        for serializer in (milli_tuple, np_array, pd_series, pd_series_localized, own_serializer):
            points = conn.get_series(f"{wind}@localize", max_points=4, serializer=serializer)["points"]
            if isinstance(points, np.ndarray):
                points = (points.shape, points.dtype.names, points.tolist())
            if serializer is milli_tuple:
                points = [tuple(point) for point in points]
            forms[f"{serializer.__name__}, {options.series_serializer.__name__}"] = points
    options.disable_sjts = options.disable_msgpack = False
    options.return_series_errors = True
    bulk = conn.mget()
    bulk.get_series(wind + "@NOPE", max_points=1)
    bulk.get_series("sid=none", max_points=1)
    errors = [series["error"] for series in bulk.fetch()]
    options.return_series_errors = False
    bulk = conn.mget()
    bulk.get_reported_dates(wind, df=reports[1])
    bulk.get_reported_dates(wind, mode="fields")
    dates = bulk.fetch()
    job.delete_reported(wind, reports[0])
    job.submit()
    left = [conn.get_reported_dates(wind)]
    job.delete_reported(wind, [reports[1]])
    job.submit()
    left.append(conn.get_reported_dates(wind, df=reports[0], dt=reports[2]))
    job.delete_reported(wind, delete_all=True)
    job.finish()
    left.append(conn.get_reported_dates(wind))
    repeated = [(1729994400000 + 1800000 * step, float(step)) for step in (0, 1, 2, 3, 0, 1)]
    return {
        "found": found,
        "error": (latest - previous).dropna(),
        "table": table,
        "forms": forms,
        "errors": errors,
        "dates": dates,
        "left": left,
        "converted": milli_tuple_naive_to_pandas_tz_aware(repeated[:4], "Europe/London"),
        "called": [
            pd_series([(0, 1.5), (1000, 2.5)]),
            pd_series_localized([(0, 1.5)], "Europe/Berlin"),
            np_array([(0, 1.5)]),
        ],
    }
