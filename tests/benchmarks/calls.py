"""What each side does in a workload: functions of the server's URL and the frame to write.

The client is imported inside, so that a process loads the one that it measures. The floor fetches the same bytes by
requests and copies them once: less than that no client can do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import requests

from tests.benchmarks.data import series_id

Call = Callable[[str, Any], Any]


def read(page: int = 2500, **options: Any) -> Call:
    def ours(url: str, frame: Any) -> Any:
        import pandas_shooju as sj

        conn = sj.Connection(url, "sam", "key")
        return sj.read_shooju("sid:bench", connection=conn, batch_size=page, **options)

    return ours


def peer_read(page: int = 2500, **options: Any) -> Call:
    def peer(url: str, frame: Any) -> Any:
        import shooju

        conn = shooju.Connection(url, "sam", "key")
        return conn.get_df("sid:bench", batch_size=page, **options)

    return peer


def fetch(pages: int, fields: str | None) -> Call:
    def floor(url: str, frame: Any) -> Any:
        session = requests.Session()
        total = 0
        for page in range(pages):
            params = {"scroll_id": "s"} if page else {"query": "sid:bench", "fields": fields}
            body = session.get(f"{url}/api/1/series", params=params).content
            total += np.frombuffer(body, np.uint8).copy().size
        return None

    return floor


def chunks(series: int) -> Call:
    def ours(url: str, frame: Any) -> Any:
        import pandas_shooju as sj

        conn = sj.Connection(url, "sam", "key")
        seen = 0
        for chunk in sj.read_shooju("sid:bench", "field0", layout="long", chunksize=2500, connection=conn):
            seen += chunk["series_id"].nunique()
        assert seen == series, seen
        return chunk

    return ours


def bulk(series: int) -> Call:
    def ours(url: str, frame: Any) -> Any:
        import pandas_shooju as sj

        conn = sj.Connection(url, "sam", "key")
        return sj.read_shooju([f"sid={series_id(i)}" for i in range(series)], connection=conn)

    return ours


def peer_bulk(series: int) -> Call:
    def peer(url: str, frame: Any) -> Any:
        import shooju

        conn = shooju.Connection(url, "sam", "key")
        found = {}
        for start in range(0, series, 1000):
            mget = conn.mget()
            for i in range(start, start + 1000):
                mget.get_series(f"sid={series_id(i)}", max_points=-1, serializer=shooju.pd_series_localized)
            found.update({item["series_id"]: item["points"] for item in mget.fetch()})
        assert len(found) == series, len(found)
        return pd.DataFrame(found)

    return peer


def _fields(frame: Any) -> list[str]:
    return [name for name in frame.columns if name.startswith("field")]


def write_wide(url: str, frame: Any) -> Any:
    import pandas_shooju as sj

    return frame.shooju.write("bench", sid="{series_id}", connection=sj.Connection(url, "sam", "key"))


def write_long(url: str, frame: Any) -> Any:
    import pandas_shooju as sj

    return frame.shooju.write("bench", fields=_fields(frame) or None, connection=sj.Connection(url, "sam", "key"))


def peer_write_wide(url: str, frame: Any) -> Any:
    import shooju

    conn = shooju.Connection(url, "sam", "key")
    with conn.register_job("bench", batch_size=1000) as job:
        for name in frame:
            job.write(f'sid="{name}"', points=frame[name])


def peer_write_long(url: str, frame: Any) -> Any:
    import shooju

    conn = shooju.Connection(url, "sam", "key")
    names = _fields(frame)
    with conn.register_job("bench", batch_size=1000) as job:
        for name, own in frame.groupby("series_id", observed=True):
            fields = {name: own[name].iloc[0] for name in names}
            job.write(f'sid="{name}"', points=own.set_index("dt")["val"], fields=fields)
