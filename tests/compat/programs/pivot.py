"""Rows of points, pivoted by hand: a table with a column per day, and one of fields."""

import datetime

import shooju


def main(url, user, key):
    conn = shooju.Connection(url, user, key, retries=2, retry_delay=1, location="desk", timeout=60)
    with conn.register_job("Generation", batch_size=100) as job:
        for country in ("DE", "FR", "PL"):
            for number, source in enumerate(("wind", "sun", "coal")):
                if (country, source) == ("PL", "sun"):
                    continue
                fields = {"country": country, "source": source, "capacity": 100 * (number + 1)}
                if country != "FR":
                    fields["operator"] = "the grid"
                job.write(
                    rf"sid=users\{user}\generation\{country}\{source}",
                    fields=fields,
                    points=[
                        shooju.Point(datetime.datetime(2024, 3, 29 + day // 24, day % 24), day * 1.5 + number)
                        for day in range(0, 48, 6)
                    ],
                )
    rows = conn.get_df(
        rf"sid:users\{user}\generation", ["country", "source"], max_points=-1, sort="country asc, source desc"
    )
    table = rows.drop("series_id", axis=1).sort_values(["country", "source", "dt"])
    table["date"] = table["dt"].dt.date
    pivot = table.pivot_table(index=["country", "source"], columns="date", values="val")
    by_hour = rows.set_index("dt").groupby("country")["val"].resample("6h").sum().unstack("country")
    latest = rows.groupby("series_id")["val"].last()
    fields = conn.get_df(rf"sid:users\{user}\generation", ["*"], sort="series_id asc")
    some = conn.get_df(
        rf"sid:users\{user}\generation capacity>=200",
        fields=["capacity", "operator"],
        max_series=3,
        sort="series_id asc",
    )
    first = conn.get_df(
        rf"sid:users\{user}\generation\DE", ["source"], "rows", datetime.date(2024, 3, 30), "MAX", 2, batch_size=1
    )
    nobody = conn.get_df("sid:nobody", ["country"], max_points=-1)
    return {
        "columns": list(rows.columns),
        "rows": rows,
        "pivot": pivot,
        "by hour": by_hour,
        "latest": latest,
        "fields": fields.sort_index(axis=1),
        "some": some,
        "first": first.sort_values(["dt", "source"], ignore_index=True),
        "empty": (nobody.empty, len(nobody)),
    }
