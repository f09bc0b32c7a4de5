"""Keeps one Jira issue for every item of a Jama Connect project, as a connector that
runs for weeks does: credhelper stays beside it, no secret is in its configuration,
and no token is held longer than a request.

    credhelper add jama --preset jama --url https://example.jamacloud.com --client-id ID
    credhelper add jira --preset jira-datacenter --url https://jira.example.com --client-id ID --set scopes=WRITE
    python3 sync.py --test https://example.jamacloud.com https://jira.example.com
    python3 sync.py --every 300 https://example.jamacloud.com https://jira.example.com

The same job as examples/sync has in Go. credhelper.py lies beside it.
"""

import argparse
import http.client
import json
import signal
import sys
import time

import credhelper

WORDS = {  # what a status means to whoever runs the job
    400: "the API does not understand us",
    401: "the API does not accept the token",
    403: "the API does not let this account do that",
    404: "there is nothing at this address",
    410: "the API has removed this call",
    429: "too many calls, and it would take too long to wait",
}
CORRELATION = ("X-AREQUESTID", "Atl-Traceid", "X-Request-Id", "X-Correlation-Id")
LATER = (8, 10)  # credhelper's exit codes for "unreachable" and "busy": docs/exit-codes.md


def one_line(text, most):
    """Make a text from outside fit for a log."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= most else text[:most] + "..."


def log(level, system, text):
    when = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    print("%s %-5s %s: %s" % (when, level, system, text), file=sys.stderr, flush=True)


class Trouble(Exception):
    """An error of one system, in terms of an administrator."""

    def __init__(self, system, code, text):
        super().__init__(text)
        self.system, self.code = system, code  # code is as credhelper's exit codes


def refusal(system, status, content=b"", headers=None):
    """The error for an API's response that is not a success."""
    unwell = status == 429 or status >= 500
    text = "%s (HTTP %d)" % (WORDS.get(status, "the API is not well" if unwell else "the API refused"), status)
    said = message(content)
    ids = [name + " " + one_line(headers[name], 64) for name in CORRELATION if headers and headers[name]]
    text += (": " + said if said else "") + (" [" + ids[0] + "]" if ids else "")
    text += "; try again later" if unwell else "; see why: credhelper test " + system.profile
    return Trouble(system, 8 if unwell else 11 if status in (401, 403) else 1, text)


def message(content):
    """What the API says for people: Jama in meta.message, Jira in errorMessages and
    errors, miniOrange's app in error.message."""
    try:
        body = json.loads(content)
        parts = [body.get("meta", {}).get("message", ""), body.get("message", "")] + body.get("errorMessages", [])
        parts += ["%s: %s" % pair for pair in body.get("errors", {}).items()]
        parts.append(body.get("error", {}).get("message", ""))
        return one_line(" ".join(parts), 200)
    except (ValueError, AttributeError, TypeError):
        return ""  # what cannot be read says nothing


class System:
    """One API with its profile. Every request carries the token that is good at that
    moment: helper.request renews a refused one and waits after a 429."""

    pause = 0.0  # seconds from one request to the next

    def __init__(self, helper, base):
        self.helper, self.base, self.last = helper, base.rstrip("/"), 0.0

    def __str__(self):
        return self.name + " " + self.base

    def call(self, method, path, body=None):
        """The answer's JSON and headers. Where credhelper itself cannot answer at the
        moment nothing was sent, so a POST is as safe to repeat as a GET."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if data else {})}
        for delay in (1, 2, None):
            time.sleep(max(0.0, self.last + self.pause - time.monotonic()))
            self.last = time.monotonic()
            try:
                with self.helper.request(method, self.base + path, data, headers, profile=self.profile) as answer:
                    content = answer.read()
                break
            except credhelper.HelperError as e:
                if e.code not in LATER or delay is None or (e.retry_after or 0) > 20:
                    raise Trouble(self, e.code, str(e)) from None
                time.sleep(max(delay, e.retry_after or 0))
            except (OSError, http.client.HTTPException) as e:  # the API did not answer
                raise Trouble(self, 8, one_line(str(getattr(e, "reason", e)), 200) + "; try again later") from None
        if answer.status >= 300:
            raise refusal(self, answer.status, content, answer.headers)
        try:
            return (json.loads(content) if content else None), answer.headers
        except ValueError:
            raise Trouble(self, 1, "the answer to %s is no JSON" % path) from None


class Jama(System):
    """Reads a project of Jama Connect (REST API v1, rest.jamasoftware.com)."""

    name, profile = "Jama Connect", "jama"
    # Below Jama's 10 calls a second, which all programs of an environment share, with
    # room for a call that is repeated with a new token.
    pause = 1 / 8

    def who(self):
        user = self.call("GET", "/rest/v1/users/current")[0]["data"]
        return "%s %s (%s)" % (user["firstName"], user["lastName"], user["username"])

    def pages(self, project, size):
        """All items, in lists of at most size."""
        start, total = 0, 1
        while start < total:
            answer, _ = self.call("GET", "/rest/v1/items?project=%d&startAt=%d&maxResults=%d" % (project, start, size))
            if not answer["data"]:  # somebody deleted some meanwhile
                return
            yield answer["data"]
            start, total = start + len(answer["data"]), answer["meta"]["pageInfo"]["totalResults"]


class Jira(System):
    """Writes to a project of Jira (REST API 2 of Data Center and of Cloud)."""

    name, profile = "Jira", "jira"

    def who(self):
        user = self.call("GET", "/rest/api/2/myself")[0]
        return "%s (%s)" % (user["displayName"], user.get("name") or user.get("accountId"))

    def find(self, key, labels):
        """The issues that have one of the labels, by label. A token that died a moment
        ago would find nothing, with 200, and every issue would be made a second time:
        so the answer must not be nobody's. Cloud has removed the old search, Data Center
        does not have the new one; Cloud's may not know yet what was made a moment ago, so
        leave a minute between two runs."""
        path = "/rest/api/2/search/jql" if "/ex/jira/" in self.base else "/rest/api/2/search"
        jql = "project = %s AND labels in (%s)" % (json.dumps(key), ", ".join(map(json.dumps, labels)))
        query = {"jql": jql, "fields": ["summary", "description", "labels"], "maxResults": 2 * len(labels)}
        for _ in range(2):
            answer, headers = self.call("POST", path, query)
            if headers["X-Seraph-LoginReason"] != "AUTHENTICATED_FAILED" and headers["X-AUSERNAME"] != "anonymous":
                return {label: issue for issue in answer["issues"] for label in issue["fields"]["labels"]}
            self.who()  # its 401 renews the token
        raise refusal(self, 401)

    def create(self, key, label, fields):
        more = {"project": {"key": key}, "issuetype": {"name": "Task"}, "labels": [label]}
        self.call("POST", "/rest/api/2/issue", {"fields": {**fields, **more}})

    def update(self, issue, fields):
        self.call("PUT", "/rest/api/2/issue/" + issue["key"], {"fields": fields})


def sync(jama, jira, options):
    """Goes through all items once. After an error the next run takes up where this one
    ended: what is done is found by its label."""
    seen = created = updated = 0
    for items in jama.pages(options.project, options.page):
        there = jira.find(options.key, ["jama-%d" % i["id"] for i in items])
        for item in items:
            label = "jama-%d" % item["id"]
            address = "%s/perspective.req#/items/%d?projectId=%d" % (jama.base, item["id"], options.project)
            fields = {
                "summary": one_line("%s %s" % (item["documentKey"], item["fields"]["name"]), 250),  # Jira takes 255
                "description": "Kept in Jama Connect: " + address,
            }
            if label not in there:
                jira.create(options.key, label, fields)
                created += 1
            elif any(there[label]["fields"].get(name) != fields[name] for name in fields):
                jira.update(there[label], fields)
                updated += 1
        seen += len(items)
    log("INFO", "sync", "%d items: %d created, %d updated" % (seen, created, updated))


def attempt(do):
    """0, or the exit code of what went wrong, which is in the log."""
    try:
        do()
        return 0
    except Trouble as e:
        log("ERROR", str(e.system), str(e))
        return e.code


def main():
    parser = argparse.ArgumentParser(description="Keeps a Jira issue for every item of a Jama Connect project.")
    parser.add_argument("--test", action="store_true", help="only say as whom both systems know us")
    parser.add_argument("--every", type=float, default=0, metavar="SECONDS", help="run again after this time, for ever")
    parser.add_argument("--project", type=int, default=1, help="id of Jama's project")
    parser.add_argument("--key", default="DEMO", help="key of Jira's project")
    parser.add_argument("--page", type=int, default=50, help="items asked for at once; Jama takes 50 at most")
    parser.add_argument("jama")
    parser.add_argument("jira")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as an exception, so that credhelper ends in order
    with credhelper.Helper() as helper:
        jama, jira = Jama(helper, options.jama), Jira(helper, options.jira)
        if options.test:
            codes = [attempt(lambda s=s: print("%s: connected as %s" % (s, s.who()), flush=True)) for s in (jama, jira)]
            return next(filter(None, codes), 0)
        while True:
            code = attempt(lambda: sync(jama, jira, options))
            if not options.every:
                return code
            time.sleep(options.every)


if __name__ == "__main__":
    sys.exit(main())
