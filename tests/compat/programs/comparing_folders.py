"""Two folders side by side in memory: new, missing, other points, other fields. Then values before a date are cut."""

import datetime

import shooju


def load(conn, folder):
    found = {}
    for series in conn.scroll(f"sid:{folder}", fields=["*"], max_points=-1, serializer=shooju.milli_tuple):
        found[series["series_id"][len(folder) + 1 :]] = series
    return found


def compare(conn, a, b):
    ours, theirs = load(conn, a), load(conn, b)
    both = sorted(set(ours) & set(theirs))
    return {
        "new": sorted(set(theirs) - set(ours)),
        "missing": sorted(set(ours) - set(theirs)),
        "points": {
            name: sorted(
                set(map(tuple, ours[name].get("points", []))) ^ set(map(tuple, theirs[name].get("points", [])))
            )
            for name in both
        },
        "fields": {
            name: (ours[name]["fields"], theirs[name]["fields"])
            for name in both
            if ours[name]["fields"] != theirs[name]["fields"]
        },
    }


def cut_before(conn, query, date):
    with conn.register_job(f"cut before {date}", batch_size=100) as job:
        for series in conn.scroll(query, df=date, max_points=-1):
            points = series.get("points", [])
            kept = [point for point in points if point.date >= date]
            job.write('sid="{}"'.format(series["series_id"]), points=kept, remove_others="points")


def main(url, user, key):
    conn = shooju.Connection(url, user, key)
    a, b = rf"users\{user}\a", rf"users\{user}\b"
    with conn.register_job("two folders", batch_size=50) as job:
        for folder, extra in ((a, 0), (b, 1)):
            for name in ("gdp", "cpi", f"only {extra}"):
                job.write(
                    f'sid="{folder}\\{name}"',
                    fields={"unit": "pct" if name == "cpi" and extra else "bn"},
                    points=[
                        shooju.Point(datetime.date(year, 1, 1), year + extra * (year == 2003))
                        for year in range(2000, 2006)
                    ],
                )
    before = compare(conn, a, b)
    cut_before(conn, f"sid:{a}", datetime.date(2003, 1, 1))
    distinct = {point for series in conn.scroll(f"sid:{a}", max_points=2) for point in series["points"]}
    return {"before": before, "after": compare(conn, a, b), "dates": sorted(point.datetime for point in distinct)[:1]}
