"""A POST of a small document to an address that a person gives; the address may hold a secret.

No sentence, log line or `repr` of this module contains more of it than the host.
"""

import json
import os
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

import fmnist
from fmnist.errors import ToldError, reason
from fmnist.notices.notice import Notice

VARIABLE: Final = "FMNIST_WEBHOOK"
"""Environment variable with an address that is told of all ends."""

PAUSES: Final = (2.0, 10.0)
"""Seconds between the tries."""

_SECONDS: Final = 10.0
_LONGEST: Final = 2000
_LONGEST_LABEL: Final = 63
_NO_HOST: Final = "The webhook's address has no valid host or port."
_TRY_AGAIN: Final = (408, 425, 429, 500, 502, 503, 504)


class WebhookError(ToldError):
    """An address that cannot be used, or a webhook that was not told."""


@dataclass(frozen=True)
class Webhook:
    """An address to tell.

    Attributes
    ----------
    address : str
        Ready to be asked; may hold a secret.
    host : str
        What people are shown of it.
    """

    address: str = field(repr=False)
    host: str

    @classmethod
    def parse(cls, text: str) -> "Webhook":
        """Read an address as a person writes it.

        Raises
        ------
        WebhookError
            If it is none of http or https, with a host and without a password.
        """
        address = text.strip()
        try:
            parts = urlsplit(address)
            host, _ = parts.hostname, parts.port
        except ValueError:  # which quotes it
            raise WebhookError(_NO_HOST) from None
        if parts.scheme not in ("http", "https") or not host:
            raise WebhookError(
                "Give the webhook's whole address, from https:// or http:// on, as its receiver "
                "shows it."
            )
        if parts.username is not None or parts.password is not None:
            raise WebhookError("The webhook's address has a user name in it; leave that out.")
        if not address.isascii() or not address.isprintable() or " " in address:
            raise WebhookError(
                "The webhook's address has spaces or letters that no address has; write them as "
                "%20 and the like, and a host with umlauts as xn--…"
            )
        if not _is_host(host):
            raise WebhookError(_NO_HOST)
        if len(address) > _LONGEST:
            raise WebhookError(f"The webhook's address has more than {_LONGEST} characters.")
        return cls(parts._replace(fragment="").geturl(), host)

    @classmethod
    def of_environment(cls) -> "Webhook | None":
        """The address in `FMNIST_WEBHOOK`; None if it is absent or empty.

        Raises
        ------
        WebhookError
            If it cannot be used.
        """
        text = os.environ.get(VARIABLE, "").strip()
        try:
            return cls.parse(text) if text else None
        except WebhookError as error:
            raise WebhookError(f"{VARIABLE}: {error}") from error


def _is_host(host: str) -> bool:
    """Whether names can be looked up: DNS has no empty part of one, and none that is longer."""
    labels = host.removesuffix(".").split(".")
    return all(0 < len(label) <= _LONGEST_LABEL for label in labels)


def send(
    webhook: Webhook,
    document: Mapping[str, Any],
    *,
    pauses: Iterable[float] = (),
    wait: Callable[[float], bool] = lambda _: False,
) -> None:
    """POST a document, and try again where it did not arrive.

    One that may have arrived, though no answer came, is not sent twice.

    Parameters
    ----------
    webhook : Webhook
    document : mapping
        Becomes JSON.
    pauses : iterable of float
        Seconds between the tries.
    wait : callable
        Waits for so many seconds; True if there are to be no more tries.

    Raises
    ------
    WebhookError
        If nobody has taken it.
    """
    body = json.dumps(document).encode()
    for pause in (*pauses, None):
        try:
            _post(webhook, body)
            return
        except _NotTakenError as error:
            if not error.again or pause is None or wait(pause):
                raise WebhookError(
                    f"The webhook at {webhook.host} was not told: {error}."
                ) from None  # the cause may quote the address


class _NotTakenError(Exception):
    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


def _post(webhook: Webhook, body: bytes) -> None:
    """One try."""
    import http.client
    import urllib.error
    import urllib.request

    class NoRedirects(urllib.request.HTTPRedirectHandler):
        def http_error_302(
            self, req: object, fp: object, code: object, msg: object, headers: object
        ) -> None:
            """Follow none, nor read where to: it would be an address that nobody gave."""

        http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    request = urllib.request.Request(
        webhook.address,
        body,
        {
            "Content-Type": "application/json; charset=utf-8",
            # some receivers refuse Python's own name
            "User-Agent": f"fmnist/{fmnist.__version__}",
        },
    )
    try:
        # the answer's body is never read
        urllib.request.build_opener(NoRedirects).open(request, timeout=_SECONDS).close()
    except urllib.error.HTTPError as error:
        error.close()
        raise _NotTakenError(_status(error.code), again=error.code in _TRY_AGAIN) from None
    except urllib.error.URLError as error:
        raise _NotTakenError(_network(error.reason), again=True) from None
    except TimeoutError:
        raise _NotTakenError(f"no answer in {_SECONDS:.0f} seconds", again=False) from None
    except ConnectionError:
        raise _NotTakenError("the connection was closed without an answer", again=False) from None
    except UnicodeError:  # a host that DNS cannot have
        raise _NotTakenError("its host is not valid; check the address", again=False) from None
    except (OSError, ValueError, http.client.HTTPException):
        raise _NotTakenError("its answer is not HTTP; check the address", again=False) from None


def _status(code: int) -> str:
    if 300 <= code < 400:
        return f"it answers with a redirect ({code}), which is not followed; give the new address"
    if code in _TRY_AGAIN:
        return f"it answers {code}; try again later"
    return f"it answers {code}; check the address"


def _network(error: object) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate is not valid"
    if isinstance(error, ssl.SSLError):
        return "it does not speak https at this port"
    if isinstance(error, socket.gaierror):
        return "there is no such host, or no network"
    if isinstance(error, TimeoutError):
        return f"no connection in {_SECONDS:.0f} seconds"
    return reason(error) if isinstance(error, OSError) else "check the address"


class Notifier:
    """Tells webhooks in threads of its own, so that nothing waits for them.

    Every method may be called from any thread.

    Parameters
    ----------
    on_problem : callable
        Called in a thread with a sentence that says which webhook was not told, and why.
    pauses : iterable of float
        Seconds between the tries.
    """

    def __init__(
        self, on_problem: Callable[[str], None], *, pauses: Iterable[float] = PAUSES
    ) -> None:
        self._on_problem = on_problem
        self._pauses = tuple(pauses)
        self._closing = threading.Event()
        self._changed = threading.Condition()  # guards the two below
        self._telling = 0
        self._problems: dict[str, tuple[str, ...]] = {}

    def tell(
        self,
        read: Callable[[], Notice | None],
        webhooks: Callable[[Notice], Iterable[Webhook]],
    ) -> None:
        """Begin to tell webhooks of an end; where no thread can be started, tell them at once.

        Parameters
        ----------
        read : callable
            Returns what there is to tell, or None for nothing. Called in the thread.
        webhooks : callable
            Returns whom to tell it. Called in the thread.
        """
        thread = threading.Thread(
            target=self._tell, args=(read, webhooks, self._pauses), name="webhook", daemon=True
        )
        with self._changed:
            self._telling += 1
        try:
            thread.start()
        except RuntimeError:
            # There are too many threads, or Python 3.12 ends, where none starts any more. Those who
            # call this, the trainer and the sweeps, are waited for; so there is one try.
            self._tell(read, webhooks, ())

    def _tell(
        self,
        read: Callable[[], Notice | None],
        webhooks: Callable[[Notice], Iterable[Webhook]],
        pauses: Iterable[float],
    ) -> None:
        try:
            self._tell_all(read, webhooks, pauses)
        finally:
            with self._changed:
                self._telling -= 1
                self._changed.notify_all()

    def _tell_all(
        self,
        read: Callable[[], Notice | None],
        webhooks: Callable[[Notice], Iterable[Webhook]],
        pauses: Iterable[float],
    ) -> None:
        notice = read()
        if notice is None:
            return
        self.forget(notice.key)  # of an end before
        for webhook in webhooks(notice):
            try:
                send(webhook, notice.to_json(), pauses=pauses, wait=self._closing.wait)
            except WebhookError as error:
                self._remember(notice.key, str(error))
                self._on_problem(str(error))

    def _remember(self, key: str, problem: str) -> None:
        with self._changed:
            self._problems[key] = (*self._problems.get(key, ()), problem)

    def problems(self, key: str) -> tuple[str, ...]:
        """Why webhooks were not told when this ended last, a sentence each."""
        with self._changed:
            return self._problems.get(key, ())

    def forget(self, key: str) -> None:
        """Drop them."""
        with self._changed:
            self._problems.pop(key, None)

    def is_busy(self) -> bool:
        """Whether something is being told."""
        with self._changed:
            return self._telling > 0

    def wait(self, seconds: float) -> bool:
        """Wait until all is told; False if the time ran out."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._telling, seconds)

    def close(self, seconds: float) -> bool:
        """The same, without further tries."""
        self._closing.set()
        return self.wait(seconds)
