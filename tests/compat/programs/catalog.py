"""What is there: counts, facets, and the fields of all series of a query as a frame."""

import pandas as pd
import shooju


def count(conn, query):
    return conn.raw.get("/series", params={"query": query, "per_page": 0})["total"]


def facets(conn, query, names):
    answer = conn.raw.get(
        "/series", params={"query": query, "per_page": 0, "facets": ",".join(names), "max_facet_values": 50}
    )
    return {name: {term["term"]: term["count"] for term in answer["facets"][name]["terms"]} for name in names}


def fields_frame(conn, query, names=None):
    rows = []
    for series in conn.scroll(query, fields=names or ["*"], batch_size=3, sort="series_id asc"):
        rows.append(dict(series["fields"], series_id=series["series_id"]))
    return pd.DataFrame(rows).set_index("series_id").sort_index(axis=1)


def main(url, user, key):
    conn = shooju.Connection(url, user, key, extra_params={"location": "catalog"})
    with conn.register_job("Plants", batch_size=7) as job:
        for number in range(12):
            fields = {"name": f"Plant {number}", "country": ["DE", "FR", "PL"][number % 3], "capacity": 50 * number}
            if number % 2:
                fields["tags"] = ["old", "new"][: number % 4]
            if number % 5 == 0:
                fields["owner"] = {"name": "E & Co", "since": 1999}
            job.write(rf'sid="users\{user}\plant {number}"', fields=fields)
    found = conn.scroll(rf"sid:users\{user}", fields=["name"], max_series=4, batch_size=2, sort="capacity desc")
    first = next(iter(found))
    everything = [series["fields"]["name"] for series in found]
    again = list(found)
    by_type = conn.shooju_api.search_series(
        f"sid:users\\{user} country=DE", fields=["name"], per_page=2, sort="capacity asc"
    )
    paged = []
    page = conn.shooju_api.search_series("country=(FR,PL)", fields=["name"], scroll=True, batch_size=3, sort="name asc")
    while page["series"]:
        paged += [series["fields"]["name"] for series in page["series"]]
        page = (
            conn.shooju_api.scroll_series(page["scroll_id"]) if len(paged) < page.get("total", 99) else {"series": []}
        )
    return {
        "counts": [count(conn, query) for query in ("", f"sid:users\\{user}", "country=DE", "not set=owner", "none")],
        "facets": facets(conn, f"sid:users\\{user}", ["country", "tags"]),
        "total": found.raw_response["total"],
        "scrolled": (first["fields"], everything, again),
        "all": fields_frame(conn, "country=(DE,FR)"),
        "some": fields_frame(conn, "capacity>=300", ["name", "capacity"]),
        "by type": by_type["series"],
        "paged": paged,
        "ids": sorted(series["series_id"] for series in conn.scroll("tags=old")),
        "formula": conn.get_series(rf'sid="users\{user}\plant 3"', fields=["=Name: {{name}} ({{country}})"])["fields"],
        "ping": conn.shooju_api.ping()["success"],
        "raw text": conn.raw.get(
            "/series",
            params={"query": "country=DE", "per_page": 0},
            deserializer=shooju.json_serializer,
            json_response=False,
        ).count('"total"'),
    }
