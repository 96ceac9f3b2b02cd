"""An application with threads, hooks and files: it reads for several users at once, tags its calls, and exports."""

import io
from concurrent.futures import ThreadPoolExecutor

import pandas as pd
import requests
import shooju
from shooju import BaseHook
from shooju.hooks.base import Request, Response


class Tag(BaseHook):
    def __init__(self):
        self.seen = []

    def before_request(self, request: Request) -> Request:
        request.headers["X-Desk"] = "gas"
        self.seen.append((request.method, request.url.rsplit("/api/1", 1)[1]))
        return request

    def after_request(self, response: Response) -> Response:
        self.seen.append((response.status_code, response.json["success"] if response.json else None))
        return response


def main(url, user, key):
    tag = Tag()
    conn = shooju.Connection(url, user=user, api_key=key, hooks=[tag], requests_session=requests.Session(), hosts=[url])
    with conn.register_job("Flows", batch_size=100) as job:
        for number in range(8):
            points = pd.Series([number * 1.0, number + 0.5], pd.DatetimeIndex(["2024-01-01", "2024-01-02"]))
            job.write(
                rf"sid=users\{user}\flow\{number}",
                points=points,
                fields={"point": f"P{number}", "way": "in" if number % 2 else "out"},
            )
    seen = list(tag.seen)
    plain = shooju.Connection(url, user, key)

    def read(number):
        series = plain.get_series(rf"sid=users\{user}\flow\{number}", fields=["point"], max_points=-1)
        return series["fields"]["point"], [point.value for point in series["points"]]

    with ThreadPoolExecutor(4) as executor:
        read_at_once = list(executor.map(read, range(8)))
    frame = plain.get_df(
        rf"sid:users\{user}\flow way=in", ["point"], series_axis="columns", max_points=-1, sort="point asc"
    )
    export = io.StringIO()
    frame.to_csv(export)
    file_id = plain.upload_file(io.BytesIO(export.getvalue().encode()), "flows.csv", custom_fields={"desk": "gas"})
    several = plain.upload_files(
        [
            {"fp": io.BytesIO(b"a"), "filename": "a.txt"},
            {"fp": io.BytesIO(b"b"), "filename": "b.txt", "custom_fields": {"n": 1}},
        ]
    )
    upload = plain.init_multipart_upload("big.csv")
    for number, part in enumerate((b"one,", b"two"), start=1):
        upload.upload_part(number, io.BytesIO(part))
    session = plain.create_uploader_session()
    older = session.init_multipart("older.csv")
    session.upload_part(older, 1, io.BytesIO(b"1"))
    names = {}
    for one in (
        file_id,
        *several,
        upload.complete(),
        session.complete_multipart(older),
        session.upload_file(io.BytesIO(b"x"), "x"),
    ):
        with plain.download_file(one) as file:
            about = plain.raw.get(f"/files/{one}")["file"]
            names[about["name"]] = (file.read(), about.get("custom"))
    binary = plain.raw.get(f"/files/{file_id}/download", binary_response=True).content
    packed = plain.raw.get(
        "/series",
        params={"query": rf"sid=users\{user}\flow\3", "max_points": -1},
        deserializer=shooju.options.series_serializer,
    )
    return {
        "seen": seen,
        "read": read_at_once,
        "export": export.getvalue(),
        "files": names,
        "binary": binary == export.getvalue().encode(),
        "points": [tuple(point) for point in packed["series"][0]["points"]],
        "user": plain.user,
        "ignored": plain.raw.get("/series", ignore_exceptions=True, params={"query": "a@BAD"})["error"],
        "milli": (shooju.to_milli(shooju.milli_to_datetime(86_400_000)), shooju.DEFAULT_REQUEST_TIMEOUT),
    }
