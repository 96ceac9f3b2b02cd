"""Copy a folder, rename a series, delete what was left; all by reading and writing."""

import datetime

import shooju
from shooju import Point
from shooju.points_serializers import milli_tuple, shooju_point


def copy(conn, old, new):
    job = conn.register_job(f"copy {old}", batch_size=2)
    copied = 0
    for series in conn.scroll(f"sid:{old}", fields=["*"], max_points=-1, serializer=shooju_point, batch_size=2):
        target = new + series["series_id"][len(old) :]
        job.write(f'sid="{target}"', fields=series["fields"], points=series.get("points"))
        copied += 1
    job.submit()
    job.finish()
    return copied


def main(url, user, key):
    conn = shooju.Connection(url, user, key)
    old, new = rf"users\{user}\old", rf"users\{user}\new"
    with conn.register_job("to be moved", batch_size=3) as job:
        for number in range(5):
            points = [Point(datetime.date(2000 + number, month, 1), number + month) for month in range(1, 5)]
            job.write(
                rf"sid={old}\deep\{number}",
                fields={"number": number, "note": f"no. {number}"},
                points=points if number else None,
            )
    copied = copy(conn, old, new)
    with conn.register_job("rename") as job:
        series = conn.get_series(rf"sid={new}\deep\3", fields=["*"], max_points=-1)
        job.write(rf"sid={new}\renamed", fields=series["fields"], points=series["points"])
        job.delete_series(rf"sid={new}\deep\3", force=True)
    caught = []
    with conn.register_job("delete", batch_size=10) as job:
        try:
            job.delete_series(f"sid:{old}")
            job.submit()
        except shooju.ShoojuApiError as error:
            caught.append(error.message.split(" ")[0])
        job.delete_series(rf"sid={old}\deep\0")
        job.submit()
        deleted = job.delete_series(f"sid:{old}", one=False)
        job.delete_series(rf"sid={old}\deep\1")  # it is gone already
        job.submit()
    trash = {
        series["series_id"]: series["fields"]
        for series in conn.scroll(r"sid:System\Trash", fields=["number", "meta.job_deleted"])
    }
    by_api = conn.shooju_api.delete_series_by_query(rf"sid={new}\deep\4", force=True)
    left = list(
        conn.scroll(f"sid:users\\{user}", fields=["*"], max_points=-1, sort="series_id asc", serializer=milli_tuple)
    )
    for series in left:
        series["points"] = [tuple(point) for point in series.get("points", [])]
    return {"copied": copied, "deleted": (deleted, by_api), "caught": caught, "trash": trash, "left": left}
