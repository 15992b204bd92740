"""Stored results: found, verified, and refused when a byte differs."""

import hashlib
import http.server
import json
import threading
from importlib import metadata

import pytest

from deqlab import artifact
from deqlab.artifact import load_artifact, record

NAME = "table.json"
DATA = b'{"answer": 42}\n'


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """An empty checkout with a manifest of one artifact."""
    folder = tmp_path / "artifacts"
    folder.mkdir()
    monkeypatch.setattr(artifact, "_CHECKOUT", folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("DEQLAB_SOURCE", raising=False)
    record(NAME, DATA, script="table.py")
    return folder


def test_every_artifact_of_this_checkout_is_the_one_in_the_manifest():
    manifest = json.loads((artifact._CHECKOUT / "manifest.json").read_text())
    files = {p.name for p in artifact._CHECKOUT.iterdir()} - {"manifest.json"}
    assert set(manifest["artifacts"]) == files
    for name, entry in manifest["artifacts"].items():
        assert len(load_artifact(name)) == entry["bytes"] <= 2 * 2**20
        assert (artifact._CHECKOUT.parent / entry["script"]).is_file()


def test_a_recorded_artifact_is_loaded(checkout):
    assert load_artifact(NAME) == DATA
    entry = json.loads((checkout / "manifest.json").read_text())["artifacts"][NAME]
    assert entry["sha256"] == hashlib.sha256(DATA).hexdigest()
    assert entry["script"] == "experiments/table.py"


def test_recording_again_changes_only_that_entry(checkout):
    record("other.json", b"1\n", script="other.py")
    record(NAME, b"2\n", script="table.py")
    assert load_artifact("other.json") == b"1\n"
    assert load_artifact(NAME) == b"2\n"


def test_one_changed_byte_is_refused(checkout):
    (checkout / NAME).write_bytes(DATA.replace(b"42", b"43"))
    with pytest.raises(ValueError, match="SHA-256"):
        load_artifact(NAME)


def test_an_unknown_name_is_refused(checkout):
    with pytest.raises(ValueError, match=r"the manifest has \['table.json'\]"):
        load_artifact("tables.json")


@pytest.mark.parametrize("as_url", [False, True])
def test_source_folder_is_used_where_the_checkout_lacks_the_file(
    checkout, tmp_path, monkeypatch, as_url
):
    source = tmp_path / "a clone"
    (source / "artifacts").mkdir(parents=True)
    (checkout / NAME).rename(source / "artifacts" / NAME)
    monkeypatch.setenv("DEQLAB_SOURCE", source.as_uri() if as_url else str(source))
    assert load_artifact(NAME) == DATA


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A repository on this machine in place of the project's; counts what is asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(200 if NAME in self.path else 404)
            self.end_headers()
            self.wfile.write(served["data"])

        def log_message(self, *_):
            pass

    served = {"data": DATA}
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        about = metadata.metadata("deqlab")
        about.replace_header("Version", "9.8.7")
        del about["Project-URL"]
        about["Project-URL"] = f"Repository, http://127.0.0.1:{httpd.server_port}/deqlab"
        monkeypatch.setattr(artifact.metadata, "metadata", lambda name: about)
        yield served, asked
        httpd.shutdown()


def test_download_is_verified_and_cached(checkout, server):
    _, asked = server
    (checkout / NAME).unlink()
    assert load_artifact(NAME) == DATA
    assert load_artifact(NAME) == DATA
    assert asked == [f"/deqlab/raw/v9.8.7/artifacts/{NAME}"]


def test_a_wrong_download_is_refused_and_not_cached(checkout, server):
    served, asked = server
    served["data"] = b"something else"
    (checkout / NAME).unlink()
    for _ in range(2):
        with pytest.raises(ValueError, match="SHA-256"):
            load_artifact(NAME)
    assert len(asked) == 2


def test_no_network_names_the_remedy(checkout, monkeypatch):
    (checkout / NAME).unlink()

    def refuse(*_, **__):
        raise OSError("no route")

    monkeypatch.setattr(artifact.urllib.request, "urlopen", refuse)
    with pytest.raises(OSError, match="point DEQLAB_SOURCE"):
        load_artifact(NAME)
