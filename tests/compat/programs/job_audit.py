"""Which jobs changed some series, the values as of each, and what a job did, as JSON for a scheduler."""

import datetime
import json

import pandas as pd
import shooju


def what_it_did(conn, query, job_id):
    told = {}
    for series in conn.shooju_api.search_series(query, fields=["unit"], per_page=50)["series"]:
        answer = conn.raw.get(
            "/series",
            params={
                "query": f'sid="{series["series_id"]}"',
                "fields": "unit",
                "max_points": -1,
                "diff_job_id": job_id,
                "diff_points_only": "y",
            },
        )
        for item in answer["series"]:
            told[item["series_id"]] = {
                "points": [list(point) for point in item.get("points", [])],
                "fields": [item.get("fields"), item.get("fields_previous")],
            }
    return told


def main(url, user, key):
    conn = shooju.Connection(url, user, key)
    gdp = rf"sid=users\{user}\gdp"
    ids = []
    for step in range(3):
        with conn.register_job(f"Estimate {step}", notes="quarterly", batch_size=10) as job:
            job.write(
                gdp,
                fields={"unit": "bn" if step < 2 else "tn"},
                points=[shooju.Point(datetime.date(2020 + year, 1, 1), 10 * year + step) for year in range(step + 2)],
            )
            if step == 1:
                job.write(rf"sid=users\{user}\cpi", points=[shooju.Point(datetime.date(2020, 1, 1), 2.5)])
                job.write(gdp, points=[shooju.Point(datetime.date(2020, 1, 1), None)])
        ids.append(job.job_id)
    found = conn.raw.get("/jobs/", params={"filter": gdp, "sort": "created_at asc", "per_page": 20})
    jobs = [(one["id"], one["description"], one["user"]) for one in found["results"]]
    bulk = conn.mget()
    for job_id in ids:
        bulk.get_series(f"{gdp}@asof:j{job_id}", fields=["unit"], max_points=-1, serializer=shooju.pd_series)
    series = bulk.fetch()
    side_by_side = pd.concat({job_id: one["points"] for job_id, one in zip(ids, series, strict=True)}, axis=1)
    by_job = conn.get_series(gdp, max_points=-1, extra_params={"include_job": "y", "include_timestamp": "y"})
    summary = json.dumps(what_it_did(conn, f"sid:users\\{user}", ids[1]), sort_keys=True)
    return {
        "jobs": jobs,
        "total": found["total"],
        "side by side": side_by_side,
        "units": [one["fields"]["unit"] for one in series],
        "jobs of points": [(point.date, point.value, point.job) for point in by_job["points"]],
        "timestamps": all(isinstance(point.timestamp, datetime.datetime) for point in by_job["points"]),
        "summary": json.loads(summary),
        "one job": conn.raw.get(f"/jobs/{ids[0]}")["job"]["description"],
    }
