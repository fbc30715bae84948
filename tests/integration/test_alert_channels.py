"""Messages over the wire: a real mail server, and a server that answers as Slack does."""

import inspect
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from click.testing import CliRunner
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

import alerts.mail
import alerts.slack
from alerts.delivery import DeliveryError
from alerts.mail import Mail
from alerts.notices import Notice
from alerts.slack import Slack
from almanac.cli import cli
from almanac.settings import Settings
from tests.serving.published import note, publish

NOTICE = Notice("Numbers are not published", (("Cause", "2 failed checks"),))
SECRET = "T000/B000/a-secret"


class Webhook:
    """A server that keeps what is posted to it and answers what it was told to."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.answer: tuple[int, dict[str, str], bytes] = (200, {}, b"ok")
        self.silent = False

    @contextmanager
    def running(self) -> Iterator[str]:
        webhook, over = self, threading.Event()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                webhook.posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                if webhook.silent:
                    over.wait(30)
                    return
                status, headers, body = webhook.answer
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/services/{SECRET}"
        finally:
            over.set()
            server.shutdown()
            thread.join()
            server.server_close()


class Inbox:
    """What a mail server does with a message: keeps it, or refuses a recipient."""

    def __init__(self) -> None:
        self.kept: list[tuple[list[str], str]] = []
        self.refuses: Callable[[str], bool] = lambda address: False
        self.answer = "250 OK"

    async def handle_RCPT(
        self, server: Any, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.refuses(address):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Session, envelope: Envelope) -> str:
        if self.answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            self.kept.append((list(envelope.rcpt_tos), envelope.content.decode()))
        return self.answer


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1 and who vouches for it: itself."""

    authority: Path
    key: Path

    def options(self, scheme: str) -> dict[str, Any]:
        """How aiosmtpd is told to use it: with STARTTLS, or from the start."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.authority, self.key)
        if scheme == "smtp":
            return {"tls_context": context}
        return {"ssl_context": context, "auth_require_tls": False}


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail server of a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    found = Certificate(folder / "certificate.pem", folder / "key.pem")
    found.authority.write_bytes(made.public_bytes(Encoding.PEM))
    found.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return found


def own_context(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this test make contexts of its own: what authorities they know is remembered for all tests (`conftest`)."""
    monkeypatch.setattr(ssl, "create_default_context", inspect.unwrap(ssl.create_default_context))


@contextmanager
def mail_server(inbox: Inbox, **options: Any) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port, **options)
    controller.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        controller.stop()


class TestSlack:
    def test_a_message_arrives(self) -> None:
        webhook = Webhook()
        with webhook.running() as address:
            Slack(address).send(NOTICE)
        [posted] = webhook.posted
        assert posted["text"] == "Numbers are not published"
        assert "*Cause:* 2 failed checks" in posted["blocks"][1]["text"]["text"]

    @pytest.mark.parametrize(
        ("answer", "said", "wait"),
        [
            ((429, {"Retry-After": "90"}, b""), "429", timedelta(seconds=90)),
            ((429, {"retry-after": "999999"}, b""), "429", timedelta(hours=1)),
            ((500, {}, b"out of order"), "500: out of order", None),
            ((404, {}, b"no_service"), "404: no_service", None),
        ],
    )
    def test_what_it_refuses_is_told_with_its_reason(
        self, answer: tuple[int, dict[str, str], bytes], said: str, wait: timedelta | None
    ) -> None:
        webhook = Webhook()
        webhook.answer = answer
        with webhook.running() as address, pytest.raises(DeliveryError, match=said) as refused:
            Slack(address).send(NOTICE)
        assert refused.value.wait == wait
        assert len(webhook.posted) == 1

    def test_one_that_does_not_answer_is_left_and_its_address_is_not_told(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(alerts.slack, "TIMEOUT", 0.2)
        webhook = Webhook()
        webhook.silent = True
        with webhook.running() as address, pytest.raises(DeliveryError, match="was not reached") as refused:
            Slack(address).send(NOTICE)
        assert SECRET not in str(refused.value)


class TestMail:
    def test_a_message_arrives_at_everybody(self) -> None:
        inbox = Inbox()
        with mail_server(inbox) as address:
            Mail(f"smtp://{address}", "almanac@example.org", ["a@example.org", "b@example.org"]).send(NOTICE)
        [(to, content)] = inbox.kept
        assert to == ["a@example.org", "b@example.org"]
        assert "Subject: Almanac: Numbers are not published" in content
        assert "Cause: 2 failed checks" in content

    def test_one_wrong_address_keeps_nobody_else_from_knowing(self, caplog: pytest.LogCaptureFixture) -> None:
        inbox = Inbox()
        inbox.refuses = lambda address: address.startswith("b@")
        with mail_server(inbox) as address:
            Mail(f"smtp://{address}", "almanac@example.org", ["a@example.org", "b@example.org"]).send(NOTICE)
        assert [to for to, _ in inbox.kept] == [["a@example.org"]]
        assert "refused some recipients: 1 (550 no such user)" in caplog.text

    def test_a_server_that_refuses_says_why(self) -> None:
        inbox = Inbox()
        inbox.answer = "452 mailbox full"
        with mail_server(inbox) as address, pytest.raises(DeliveryError, match="452: mailbox full"):
            Mail(f"smtp://{address}", "almanac@example.org", ["a@example.org"]).send(NOTICE)
        inbox.refuses = lambda address: True
        with mail_server(inbox) as address, pytest.raises(DeliveryError, match="refused every recipient"):
            Mail(f"smtp://{address}", "almanac@example.org", ["a@example.org"]).send(NOTICE)

    def test_a_password_is_not_sent_in_the_clear(self) -> None:
        heard: list[str] = []

        def authenticate(*arguments: Any) -> AuthResult:
            assert isinstance(arguments[-1], LoginPassword)
            heard.append(arguments[-1].password.decode())
            return AuthResult(success=True)

        options = {"authenticator": authenticate, "auth_require_tls": False}
        with mail_server(Inbox(), **options) as address, pytest.raises(DeliveryError, match="in the clear"):
            Mail(f"smtp://almanac:hidden@{address}", "almanac@example.org", ["a@example.org"]).send(NOTICE)
        assert heard == []

    @pytest.mark.parametrize("scheme", ["smtp", "smtps"], ids=["starttls", "implicit"])
    def test_over_tls_a_password_and_the_message_arrive(
        self, scheme: str, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        own_context(monkeypatch)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
        inbox, heard = Inbox(), []

        def authenticate(server: SMTP, *arguments: Any) -> AuthResult:
            # Encrypted from the start, the server itself knows of no TLS.
            heard.append((arguments[-1].password.decode(), scheme == "smtps" or server.session.ssl is not None))
            return AuthResult(success=True)

        options = certificate.options(scheme) | {"authenticator": authenticate}
        with mail_server(inbox, **options) as address:
            Mail(f"{scheme}://almanac:hidden@{address}", "almanac@example.org", ["a@example.org"]).send(NOTICE)
        assert heard == [("hidden", True)]
        [(to, content)] = inbox.kept
        assert to == ["a@example.org"]
        assert "Cause: 2 failed checks" in content

    @pytest.mark.parametrize("scheme", ["smtp", "smtps"], ids=["starttls", "implicit"])
    def test_a_server_that_nobody_vouches_for_hears_neither(
        self, scheme: str, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        own_context(monkeypatch)
        inbox, heard = Inbox(), []

        def authenticate(*arguments: Any) -> AuthResult:
            heard.append(arguments[-1])
            return AuthResult(success=True)

        options = certificate.options(scheme) | {"authenticator": authenticate, "auth_require_tls": False}
        with (
            mail_server(inbox, **options) as address,
            pytest.raises(DeliveryError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            Mail(f"{scheme}://almanac:hidden@{address}", "almanac@example.org", ["a@example.org"]).send(NOTICE)
        assert heard == inbox.kept == []

    def test_one_that_is_not_there_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(alerts.mail, "TIMEOUT", 0.5)
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # and nobody listens
            url = f"smtp://127.0.0.1:{taken.getsockname()[1]}"
            with pytest.raises(DeliveryError, match="was not reached"):
                Mail(url, "almanac@example.org", ["a@example.org"]).send(NOTICE)


class TestTheCommand:
    def test_it_looks_lists_and_tries(self, tmp_path: Path) -> None:
        settings, inbox = Settings.for_home(tmp_path), Inbox()
        publish(settings)
        note(settings, succeeded=False, attempted_at=datetime.now(UTC), failed=("rows_are_usual",))
        with mail_server(inbox) as address:
            channels = {
                "ALMANAC_SMTP_URL": f"smtp://{address}",
                "ALMANAC_MAIL_FROM": "almanac@example.org",
                "ALMANAC_MAIL_TO": "a@example.org, b@example.org",
            }
            assert "mail: sent" in almanac(tmp_path, channels, "alerts", "test")
            assert "2 incidents opened, 0 closed, 2 messages sent" in almanac(tmp_path, channels, "alerts", "look")
            assert "0 incidents opened, 0 closed, 0 messages sent" in almanac(tmp_path, channels, "alerts", "look")
        assert len(inbox.kept) == 3
        listed = almanac(tmp_path, {}, "alerts", "list")
        assert "Numbers are not published" in listed
        assert "rows_are_usual" in listed
        assert "open" in listed

    def test_without_a_channel_a_trial_says_which_settings_there_are(self, tmp_path: Path) -> None:
        assert "ALMANAC_SLACK_WEBHOOK_URL" in almanac(tmp_path, {}, "alerts", "test", code=1)

    def test_one_that_takes_nothing_is_named(self, tmp_path: Path) -> None:
        webhook = Webhook()
        webhook.answer = (403, {}, b"invalid_token")
        with webhook.running() as address:
            said = almanac(tmp_path, {"ALMANAC_SLACK_WEBHOOK_URL": address}, "alerts", "test", code=1)
        assert "slack: Slack answered 403: invalid_token" in said
        assert SECRET not in said


def almanac(home: Path, environment: dict[str, str], *arguments: str, code: int = 0) -> str:
    """What the command prints."""
    done = CliRunner().invoke(cli, arguments, env={"ALMANAC_HOME": str(home), **environment})
    assert done.exit_code == code, done.output
    return done.output
