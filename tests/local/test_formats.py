"""The embedded Shooju speaks every wire format, in both directions."""

import pytest

from pandas_shooju import formats
from pandas_shooju.local import open_app
from tests.local.conftest import Api


@pytest.mark.parametrize("name", formats.NAMES)
def test_each_format_is_read_and_answered(name):
    with open_app() as app:
        api = Api(app, format_name=name)
        api.put(r"users\local\a", [(0, 1.5), (1000, 2.5)], fields={"unit": "MW"})
        answer = api.raw("POST", "/series", {"series_queries": [{"query": r"sid=users\local\a"}]}, max_points=-1)
        assert answer.headers["Content-Type"] == formats.content_type(name)
        assert formats.sniff(answer.content) == name
        (series,) = formats.decode(answer.content, name).plain()["series"]
    assert series["points"].values.tolist() == [1.5, 2.5]
