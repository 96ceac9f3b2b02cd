"""Prices in columns, naive dates, and the change over a year, as a notebook of an analyst has them."""

import datetime

import pandas as pd
import shooju
from shooju import Connection, Point, sid


def load(conn, query, name, df="MIN"):
    frame = conn.get_df(query, ["*"], series_axis="columns", df=df, max_points=-1)
    frame.columns = [name]
    frame.index = frame.index.tz_localize(None)
    return frame


def main(url, user, key):
    conn = Connection(server=url, user=user, api_key=key)
    with conn.register_job("Prices", notes="by hand", batch_size=2) as job:
        for offset, country in enumerate(("US", "DE", "FR")):
            points = [
                Point(datetime.date(year, month, 1), 100.0 * offset + 10 * (year - 2018) + month)
                for year in range(2018, 2022)
                for month in range(1, 13)
            ]
            job.write(
                f'sid="{sid("users", user, "price", country)}"',
                fields={"country": country, "unit": "EUR/MWh", "description": f"Price of {country}"},
                points=points,
            )
    frames = [load(conn, rf"sid=users\{user}\price\{country}", country) for country in ("US", "DE", "FR")]
    prices = pd.concat(frames, axis=1)
    change = prices / prices.shift(12) - 1
    seconds = (prices.index.astype("int64") // 10**9).tolist()
    monthly = load(conn, rf"sid=users\{user}\price\DE@A:q", "quarterly")
    spread = load(
        conn,
        rf'=({{{{sid="users\{user}\price\DE"}}}} - {{{{sid="users\{user}\price\FR"}}}})@A:y',
        "spread",
        df="2019-01-01",
    )
    lagged = conn.get_series(
        rf"sid=users\{user}\price\US@lag:1y", max_points=-1, serializer=shooju.points_serializers.pd_series
    )["points"]
    return prices, change.dropna(), seconds, monthly, spread, lagged, (prices["US"] - lagged).dropna().describe()
