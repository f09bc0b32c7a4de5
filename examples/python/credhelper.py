"""Tokens from credhelper, for Python programs that run long. Copy this file.

    with credhelper.Helper() as helper:
        answer = helper.request("GET", "https://example.jamacloud.com/rest/v1/projects")
        print(answer.status, json.load(answer))

One credhelper runs beside the program and ends with it; threads may share it. Ask
before every request and keep no token: credhelper answers from its cache and knows
when the token ends. Python 3.8 or later and its standard library; the lines that
go to and fro are described in docs/dialects/lines.md.
"""

import email.utils
import itertools
import json
import queue
import subprocess
import threading
import time
import urllib.request


class HelperError(Exception):
    """No token. code is credhelper's exit code (docs/exit-codes.md), kind its word;
    retry_after is in seconds, None if nothing is known. Fit for a log as it is."""

    def __init__(self, message, code=1, kind="unclassified", hint="", retry_after=None, **_):
        super().__init__(message + (" (" + hint + ")" if hint else ""))
        self.code, self.kind, self.hint, self.retry_after = code, kind, hint, retry_after


class Credential:
    """A token and the headers that carry it. When printed, it shows neither."""

    def __init__(self, reply):
        self.profile, self.expires, self.token = reply["profile"], reply["expires"], reply["token"]
        self.headers = {name: ", ".join(values) for name, values in reply["headers"].items()}
        self.refresh_on = frozenset([401, *reply.get("refresh_on", ())])  # the API does not take the token

    def __repr__(self):
        return "<Credential of %s until %s>" % (self.profile, self.expires)


class _Child:
    """One run of credhelper, and the callers that wait for its replies."""

    def __init__(self, command):
        try:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        except OSError as e:
            raise HelperError("cannot start %s: %s" % (command[0], e.strerror), hint="is it installed?") from None
        self.lock, self.waiting, self.ended = threading.Lock(), {}, False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        try:
            for line in self.process.stdout:
                reply = json.loads(line)
                with self.lock:
                    box = self.waiting.pop(reply["id"], None)
                if box:
                    box.put(reply)
        except ValueError:
            self.process.kill()  # not what we started
        finally:
            with self.lock:
                self.ended = True
                for box in self.waiting.values():
                    box.put(None)
            self.end()

    def end(self):
        """Close its stdin, after which it answers pending requests, and wait for it."""
        try:
            self.process.stdin.close()
        except OSError:
            pass  # it is gone already
        self.process.wait()

    def ask(self, request):
        """The reply; None if the child ended before it came."""
        line, box = json.dumps(request).encode() + b"\n", queue.SimpleQueue()
        with self.lock:
            if self.ended:
                return None
            self.waiting[request["id"]] = box
        try:
            self.process.stdin.write(line)  # BufferedWriter: whole, and one thread at a time
            self.process.stdin.flush()
        except (OSError, ValueError):
            self.ended = True
            return None
        try:
            return box.get(timeout=10)  # credhelper itself answers within 8.3 s
        except queue.Empty:
            raise HelperError("credhelper does not answer", 8, "unreachable") from None


class Helper:
    """Credhelper as a child of this program."""

    def __init__(self, command=("credhelper", "serve", "--stdio")):
        self._command, self._ids, self._lock, self._child = list(command), itertools.count(1), threading.Lock(), None

    def get(self, uri=None, profile=None, min_ttl=None, refresh=False):
        """A Credential for a URL, or of a profile. With uri credhelper checks that the
        token belongs there; with profile alone you answer for where it goes."""
        return Credential(self._ask(uri=uri, profile=profile, min_ttl=min_ttl, refresh=refresh or None))

    def reject(self, credential):
        """Report a credential that the API refused; it is dropped if it is the current one."""
        self._ask(verb="reject", profile=credential.profile, refused=credential.token)

    def request(self, method, url, data=None, headers=(), profile=None, timeout=60):
        """Send bytes with the token of the URL; the answer, whatever its status, as urllib has it.
        Redirects are not followed: another origin must not see the token. Where the API
        does not take the token, one more try with a new one; a 429 is waited for."""
        renewed, pauses = False, iter((3, 5, 8, 13))
        while True:
            credential = self.get(uri=url, profile=profile)
            request = urllib.request.Request(url, data, {**dict(headers), **credential.headers}, method=method)
            answer = _opener.open(request, timeout=timeout)
            if answer.status in credential.refresh_on and not renewed:
                renewed = True
                self.reject(credential)
            elif answer.status == 429 and (pause := _pause(answer, next(pauses, None))) is not None:
                time.sleep(pause)
            else:
                return answer
            answer.close()

    def close(self):
        """End the child, after it has answered pending requests."""
        with self._lock:
            child, self._child = self._child, None
        if child:
            child.end()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _ask(self, **members):
        for _ in range(2):  # a child that died is replaced, once
            with self._lock:
                if self._child is None or self._child.ended:
                    self._child = _Child(self._command)
                child = self._child
            request = {"id": next(self._ids), **{k: v for k, v in members.items() if v is not None}}
            reply = child.ask(request)
            if reply is not None:
                break
        else:
            raise HelperError("credhelper ended without an answer", hint="it says why on stderr")
        if "error" in reply:
            raise HelperError(**reply["error"])
        return reply


class _AsTheyCome(urllib.request.HTTPErrorProcessor):
    """Return responses of any status; follow no redirect."""

    def http_response(self, request, response):
        return response

    https_response = http_response


_opener = urllib.request.build_opener(_AsTheyCome)


def _pause(answer, usual):
    """Seconds to wait after a 429, None to give up: what the server asks for, up to a
    minute, or else 3, 5, 8 and 13, as Jama advises; four times at most."""
    wanted = answer.headers.get("Retry-After", "")
    if usual is None or not wanted:
        return usual
    try:
        wanted = float(wanted) if wanted.isdigit() else email.utils.parsedate_to_datetime(wanted).timestamp() - time.time()
    except (TypeError, ValueError):
        return usual
    return max(0, wanted) if wanted <= 60 else None
