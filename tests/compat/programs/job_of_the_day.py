"""Reuse the job of the day; where a newer job wrote a point, register another one and write again."""

import datetime

import shooju
from shooju import Point, ShoojuApiError

WHEN = datetime.datetime(2024, 5, 1)


def job_of_today(conn, user, description):
    found = conn.raw.get(
        "/jobs/",
        params={"query": f'description:"{description}"* created_at>=0db', "sort": "created_at desc", "per_page": 5},
    )
    for one in found["results"]:
        if one["user"] == user:
            return shooju.RemoteJob(conn, one["id"], batch_size=10), True
    return conn.register_job(description, batch_size=10), False


def write(conn, user, job, query, value, log):
    """Write; by a new job if a newer one wrote the point."""
    try:
        job.write(query, points=[Point(WHEN, value)], fields={"by": job.job_id})
        job.submit()
    except ShoojuApiError as error:
        if not error.message.startswith("already_exists"):
            raise
        newer = int(error.message.split("(job ")[1].split(")")[0])
        when = error.message.split("date ")[1].split(" was")[0]
        log.append(("refused", job.job_id, newer, when))
        with conn.register_job("Nightly again", batch_size=1) as again:
            again.write(query, points=[Point(WHEN, value)], fields={"by": again.job_id})
        return again
    return job


def main(url, user, key):
    conn = shooju.Connection(url, user, key)
    log = []
    query = rf"sid=users\{user}\nightly"
    first, reused = job_of_today(conn, user, "Nightly")
    log.append((first.job_id, reused))
    write(conn, user, first, query, 1.0, log)
    second, reused = job_of_today(conn, user, "Nightly")
    log.append((second.job_id, reused))
    other = conn.register_job("By hand")
    other.write(query, points=[Point(WHEN, 2.0)])
    last = write(conn, user, second, query, 3.0, log)
    second.finish()
    calls = []
    hooked = conn.register_job("With hooks", batch_size=50)
    hooked.add_pre_submit_hook(lambda **given: calls.append(("before", sorted(given), given["job_id"])))
    hooked.add_post_submit_hook(lambda job_id, response: calls.append(("after", job_id, response)))
    hooked.write(query, fields={"note": "checked"})
    hooked.submit()
    hooked.finish()
    try:
        hooked.write(query, fields={"note": "too late"})
        hooked.submit()
    except ShoojuApiError:
        calls.append("finished")
    points = conn.get_series(query, fields=["by", "note"], max_points=-1, extra_params={"include_job": "y"})
    jobs = conn.raw.get("/jobs", params={"sort": "created_at asc", "per_page": 20})
    return {
        "log": log,
        "calls": calls,
        "series": points,
        "jobs of points": [point.job for point in points["points"]],
        "last": last.job_id,
        "descriptions": [one["description"] for one in jobs["results"]],
        "total": jobs["total"],
    }
