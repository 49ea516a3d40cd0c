"""A real OpenID provider (the certified `oidc-provider`) as a process, and a browser's way through its login."""

import base64
import hashlib
import html.parser
import json
import os
import secrets
import shutil
import subprocess
import urllib.parse
from pathlib import Path

import requests

from harness.server import free_port

SOURCE = Path(__file__).resolve().parent / "oidc"
INSTALL_SECONDS_MAX = 600
HOPS_MAX = 12
REDIRECT = "http://127.0.0.1:9/callback"  # Nobody answers there: the code is taken from the address.


def program() -> Path:
    """The provider, installed as its lock file says where cargo builds; a run without npm is a failure and no skip."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).resolve().parents[2] / "target"))
    folder = target / "tools" / "oidc"
    lock = (SOURCE / "package-lock.json").read_bytes()
    stamp = folder / "installed"
    if not stamp.is_file() or stamp.read_bytes() != lock:
        npm = shutil.which("npm")
        if npm is None:
            raise FileNotFoundError("no npm to install the OpenID provider of the tests with: install nodejs and npm")
        folder.mkdir(parents=True, exist_ok=True)
        for name in ["package.json", "package-lock.json"]:
            shutil.copy(SOURCE / name, folder / name)
        command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_SECONDS_MAX)
        assert done.returncode == 0, f"npm ci: {done.stdout}{done.stderr}"
        stamp.write_bytes(lock)
    shutil.copy(SOURCE / "provider.mjs", folder / "provider.mjs")
    return folder / "provider.mjs"


class OpenIdProvider:
    """A provider at one address; its keys may be others after a restart, as when an operator changes them."""

    def __init__(self, folder: Path, accounts: dict[str, dict], client_id: str = "store", alg: str = "RS256"):
        self.folder = folder
        self.port = free_port()
        self.accounts = accounts
        self.client = {
            "client_id": client_id,
            "client_secret": secrets.token_hex(32),
            "redirect_uris": [REDIRECT],
            "id_token_signed_response_alg": alg,
        }
        self.process: subprocess.Popen | None = None

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def config_url(self) -> str:
        return f"{self.issuer}/.well-known/openid-configuration"

    def start(self, *kids: str, seconds: int = 3600) -> "OpenIdProvider":
        """With these keys, of which the first one signs; tokens last so many seconds."""
        alg = self.client["id_token_signed_response_alg"]
        keys = [{"kid": kid, "alg": alg, "file": str(self.folder / f"key-{kid}.json")} for kid in kids]
        settings = {"port": self.port, "clients": [self.client], "accounts": self.accounts, "keys": keys, "seconds": seconds}
        with (self.folder / "provider.log").open("ab") as log:
            command = ["node", str(program()), json.dumps(settings)]
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
        line = self.process.stdout.readline()
        assert line == "ready\n", f"{line!r}\n{(self.folder / 'provider.log').read_text()}"
        return self

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process.stdout.close()
            self.process = None

    def restart(self, *kids: str, seconds: int = 3600) -> None:
        self.stop()
        self.start(*kids, seconds=seconds)

    def tokens(self, account: str) -> dict:
        """What somebody gets who signs in: the code flow, with its forms filled in."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "client_id": self.client["client_id"],
            "redirect_uri": REDIRECT,
            "response_type": "code",
            "scope": "openid",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        code = self._sign_in(f"{self.issuer}/auth?{urllib.parse.urlencode(query)}", account)
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": verifier}
        basic = (self.client["client_id"], self.client["client_secret"])
        answer = requests.post(f"{self.issuer}/token", data=form, auth=basic, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def id_token(self, account: str) -> str:
        return self.tokens(account)["id_token"]

    def _sign_in(self, url: str, account: str) -> str:
        browser = requests.Session()
        answer = browser.get(url, allow_redirects=False, timeout=10)
        for _ in range(HOPS_MAX):
            if answer.is_redirect:
                url = urllib.parse.urljoin(answer.url, answer.headers["location"])
                if url.startswith(REDIRECT):
                    return urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)["code"][0]
                answer = browser.get(url, allow_redirects=False, timeout=10)
            else:
                assert answer.status_code == 200, answer.text
                form = Form.of(answer.text)
                fields = form.fields | ({"login": account, "password": "any"} if "login" in form.fields else {})
                action = urllib.parse.urljoin(answer.url, form.action)
                answer = browser.post(action, data=fields, allow_redirects=False, timeout=10)
        raise AssertionError(f"the login of {account} does not end: {answer.text}")


class Form(html.parser.HTMLParser):
    """The form of a page: where it goes, and its fields."""

    def __init__(self):
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    @staticmethod
    def of(page: str) -> "Form":
        form = Form()
        form.feed(page)
        assert form.action, page
        return form

    def handle_starttag(self, tag, attributes):
        named = dict(attributes)
        if tag == "form":
            self.action = named.get("action", "")
        if tag == "input" and named.get("name"):
            self.fields[named["name"]] = named.get("value") or ""
