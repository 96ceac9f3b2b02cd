"""Where server and credentials come from, and what is said when they come from nowhere."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path

import pytest
import requests

from pandas_shooju.client import servers
from pandas_shooju.client.connection import Connection, connection_of, default_connection
from pandas_shooju.client.options import Options
from pandas_shooju.client.points import milli_tuple
from pandas_shooju.client.servers import server_url
from pandas_shooju.client.settings import Settings, resolve
from pandas_shooju.errors import AuthenticationError, ConfigurationError
from pandas_shooju.local import start


@pytest.fixture(autouse=True)
def env(no_settings):
    return no_settings


@pytest.fixture
def profiles(tmp_path):
    folder = tmp_path / "pandas-shooju"
    folder.mkdir()
    file = folder / "config.toml"
    file.write_text(
        '[default]\nserver = "alpha"\nuser = "pat"\napi_key = "profile-key"\n'
        '[work]\nserver = "https://work.example"\nemail = "pat@work.example"\ngoogle_oauth_token = "t"\n'
    )
    return file


def test_arguments_go_before_the_environment_and_that_before_the_profile(env, profiles):
    assert resolve() == Settings("alpha", "pat", "profile-key")
    env.setenv("SHOOJU_USER", "sam")
    env.setenv("SHOOJU_API_KEY", "env-key")
    assert resolve() == Settings("alpha", "sam", "env-key")
    env.setenv("SHOOJU_SERVER", "beta")
    assert resolve() == Settings("beta", "sam", "env-key")
    assert resolve(user="kim", api_key="arg-key") == Settings("beta", "kim", "arg-key")


def test_keys_go_to_no_other_server_than_the_one_they_stand_beside(env, profiles):
    env.setenv("SHOOJU_SERVER", "beta")
    env.setenv("SHOOJU_USER", "sam")
    env.setenv("SHOOJU_API_KEY", "env-key")
    with pytest.raises(ConfigurationError, match="no user and API key for the Shooju server 'gamma'"):
        resolve("gamma")
    assert resolve("alpha") == Settings("alpha", "pat", "profile-key")


def test_a_profile_is_named_by_the_environment(env, profiles):
    env.setenv("SHOOJU_PROFILE", "work")
    assert resolve() == Settings("https://work.example", email="pat@work.example", google_oauth_token="t")
    env.setenv("SHOOJU_PROFILE", "home")
    with pytest.raises(ConfigurationError, match=r"must be a profile in .* \(available: default, work\), got 'home'"):
        resolve()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("api_key = 'top-secret", "not TOML"),
        ("[default]\npassword = 'top-secret'", "remove or correct 'password'"),
        ("[default]\nuser = 1", "remove or correct 'user'"),
    ],
)
def test_a_profile_that_is_wrong_says_so_without_showing_it(profiles, text, says):
    profiles.write_text(text)
    with pytest.raises(ConfigurationError, match=says) as caught:
        resolve()
    assert "top-secret" not in str(caught.value)


def test_a_profile_needs_platformdirs_and_the_error_names_the_extra(env):
    env.setitem(sys.modules, "platformdirs", None)
    with pytest.raises(ConfigurationError, match="No Shooju server"):
        resolve()
    env.setenv("SHOOJU_PROFILE", "work")
    with pytest.raises(ConfigurationError, match=r"pandas-shooju\[local\]"):
        resolve()


def test_without_a_server_the_error_says_every_way_to_configure_one():
    with pytest.raises(ConfigurationError) as caught:
        Connection()
    for way in (
        "Connection(",
        "SHOOJU_SERVER",
        "SHOOJU_API_KEY",
        "google_oauth_token",
        "config.toml",
        '"local::memory:"',
    ):
        assert way in str(caught.value)
    with pytest.raises(ConfigurationError):
        default_connection()


def test_a_user_without_a_key_is_told_what_is_missing():
    with pytest.raises(ConfigurationError, match="no API key for the Shooju server 'alpha'"):
        Connection("alpha", "sam")


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "127.1.2.3", "[::1]:8000", "localhost:8000", "LOCALHOST"])
def test_a_server_on_this_machine_needs_no_key(env, host):
    assert resolve(f"http://{host}") == Settings(f"http://{host}", "local", "")
    assert resolve(f"http://{host}", "sam") == Settings(f"http://{host}", "sam", "")
    env.setenv("SHOOJU_USER", "sam")
    env.setenv("SHOOJU_API_KEY", "env-key")
    assert resolve(f"http://{host}") == Settings(f"http://{host}", "sam", "env-key")
    env.setenv("SHOOJU_SERVER", "alpha")  # the key is for that server
    assert resolve(f"http://{host}") == Settings(f"http://{host}", "local", "")


@pytest.mark.parametrize(
    "server",
    ["http://10.0.0.1", "http://127.0.0.1.example", "http://localhost.example", "http://a@example", "localhost",
     "[::2]", "http://127.0.0.1@alpha.example", "http://", "http://0.0.0.0", "http://[::"],
)  # fmt: skip
def test_every_other_server_needs_one(server):
    with pytest.raises(ConfigurationError, match="no user and API key"):
        resolve(server)


def test_calls_without_a_key_are_those_of_the_user(served):
    with (
        Connection(served.url) as nobody,
        Connection(served.url, "sam") as sam,
        Connection("local::memory:", "kim") as kim,
    ):
        for conn, name in ((nobody, "local"), (sam, "sam"), (kim, "kim")):
            job = conn.register_job("whose is it")
            assert conn.user == conn.raw.get(f"/jobs/{job.job_id}")["job"]["user"] == name


def test_a_server_on_this_machine_that_requires_a_key_says_so():
    with (
        start(user="sam", api_key="secret") as guarded,
        Connection(guarded.url) as conn,
        pytest.raises(AuthenticationError, match="check the user and the API key"),
    ):
        conn.register_job("without a key")


def test_email_and_token_from_the_environment_sign_in_at_the_first_call(env, proxy):
    from tests.client.faults import answer

    env.setenv("SHOOJU_EMAIL", "sam@desk.example")
    env.setenv("SHOOJU_GOOGLE_OAUTH_TOKEN", "token")
    conn = Connection(proxy.url, retry_delay=0)
    assert proxy.seen == []
    proxy.fail(answer(b'{"success": true, "user": "sam", "api_secret": "given"}'))
    assert conn.user == "sam"
    assert conn.raw.get("/status/ping")["success"]
    sign_in, ping = proxy.seen
    assert (sign_in.method, sign_in.path.split("?")[0]) == ("POST", "/api/1/auth/googleoauth")
    assert b"sam@desk.example" in sign_in.body
    assert "authorization" not in sign_in.headers
    assert "authorization" in ping.headers


def test_username_is_another_name_for_user():
    assert Connection("alpha", username="sam", api_key="k").user == "sam"
    with pytest.raises(ConfigurationError, match="must be the same"):
        Connection("alpha", user="sam", username="kim", api_key="k")


@pytest.mark.parametrize(
    "server",
    [
        "alpha.shooju.com",
        "alpha beta",
        "ftp://alpha",
        "http://",
        "127.0.0.1:80",
        "https://alpha.example?api_key=k",
        "http://alpha:99999",
    ],
)
def test_a_server_that_is_neither_name_nor_url_is_refused(server):
    with pytest.raises(ConfigurationError):
        Connection(server, "sam", "k")


@pytest.mark.parametrize(
    "server",
    ["http://sam:hunter2@alpha:99999", "http://sam:pass/hunter2@alpha", "http://sam:hunter2@[::1", "sam:hunter2@a"],
)
def test_a_server_that_is_refused_shows_no_password(server):
    with pytest.raises(ConfigurationError) as caught:
        Connection(server, "sam", "k")
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_names_and_urls_of_servers():
    assert server_url("httpfund") == "https://httpfund.shooju.com"
    assert server_url("https://alpha.example/") == "https://alpha.example"


def test_each_memory_server_is_a_store_of_its_own():
    with Connection("local::memory:") as one, Connection("local::memory:", "kim") as other:
        one.register_job("first").write("sid=a", points=[(0, 1)])
        assert one.get_series("sid=a") is not None
        assert other.get_series("sid=a") is None
        assert (one.user, other.user) == ("local", "kim")


def test_a_store_in_a_file_outlives_its_connection(tmp_path):
    server = f"local:{tmp_path / 'store.db'}"
    with Connection(server) as conn:
        conn.register_job("first").write("sid=a", points=[(0, 1.5)])
    with Connection(server) as conn:
        assert conn.get_series("sid=a", max_points=-1, serializer=milli_tuple)["points"] == [(0, 1.5)]


def test_two_embedded_servers_do_not_share_a_session():
    session = requests.Session()
    with Connection("local::memory:", requests_session=session) as conn:
        assert conn.raw.get("/status/ping")["success"]
        with pytest.raises(ConfigurationError, match="in use by another embedded server"):
            Connection("local::memory:", requests_session=session)


def test_a_missing_package_of_the_embedded_store_names_the_extra(env):
    env.setitem(sys.modules, "pandas_shooju.local", None)
    for name in [name for name in sys.modules if name.startswith("pandas_shooju.local.")]:
        env.delitem(sys.modules, name)
    env.setitem(sys.modules, "werkzeug.exceptions", None)
    env.delitem(sys.modules, "pandas_shooju.local")
    with pytest.raises(ConfigurationError, match=r'pip install "pandas-shooju\[local\]"'):
        Connection("local::memory:")


def test_the_default_connection_follows_the_settings(env):
    env.setenv("SHOOJU_SERVER", "local::memory:")
    first = default_connection()
    assert default_connection() is first
    env.setenv("SHOOJU_USER", "kim")
    assert default_connection() is not first
    assert default_connection().user == "kim"


def test_a_default_connection_that_was_closed_is_made_anew(env):
    env.setenv("SHOOJU_SERVER", "local::memory:")
    env.setenv("SHOOJU_USER", "lee")
    with default_connection() as closed:
        pass
    assert default_connection() is not closed
    assert default_connection().raw.get("/status/ping")["success"]


def test_a_server_is_named_instead_of_a_connection(env, profiles):
    with Connection("local::memory:") as own:
        assert connection_of(own) is own
        named = connection_of("local::memory:")
        assert named is not own
    assert connection_of(" local::memory: ") is named
    env.setenv("SHOOJU_SERVER", "local::memory:")
    assert connection_of(None) is named
    assert connection_of("alpha").user == "pat"
    with named:
        pass
    assert connection_of("local::memory:") is not named
    with pytest.raises(ConfigurationError, match="'gamma'"):
        connection_of("gamma")
    with pytest.raises(TypeError, match="connection must be a Connection, or the name or URL of a server, got 3"):
        connection_of(3)
    with pytest.raises(ValueError, match=r"connection must be .*, got ''"):
        connection_of("")


def test_the_embedded_store_is_never_a_silent_fallback(env):
    with pytest.raises(ConfigurationError):
        default_connection()


def test_settings_do_not_show_secrets():
    shown = repr(Settings("alpha", "sam", "top-secret")) + repr(
        Settings("a", email="e", google_oauth_token="top-secret")
    )
    assert "top-secret" not in shown


def test_the_client_knows_the_embedded_store_in_one_place():
    folder = Path(servers.__file__).parent
    knowing = {file.name for file in folder.glob("*.py") if "pandas_shooju.local" in file.read_text("utf-8")}
    assert knowing == {"servers.py"}


def test_options_are_checked():
    options = Options()
    with pytest.raises(TypeError, match="serializer"):
        options.point_serializer = "pd_series"
    options.point_serializer = milli_tuple
    assert "milli_tuple" in repr(options)
