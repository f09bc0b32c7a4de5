"""A program with one object of a Jama client, for doorjama_test.go. It makes the calls of
Jama's own py-jama-rest-client, which PyPI has and Debian has not: the same requests, the
same exceptions, the same lines in its log, written against its public interface.

    jama.py URL oauth|basic         id and secret are in ID and SECRET; each line on stdin
                                    is a call, and each line on stdout its result
"""

import logging
import os
import sys
import time

import requests

log = logging.getLogger("jama")


class Failure(Exception):
    """Any status but 2xx."""


class JamaClient:
    def __init__(self, host, credentials, oauth):
        self.host, self.credentials, self.oauth = host, credentials, oauth
        self.session = requests.Session()
        self.token, self.ends = None, 0
        if oauth:
            self.renew()

    def renew(self):
        """Ask for a token. If there is none, the last one is tried again."""
        asked = int(time.time())
        answer = requests.post(self.host + "/rest/oauth/token", auth=self.credentials, data={"grant_type": "client_credentials"})
        if answer.status_code in (200, 201):
            reply = answer.json()
            self.token, self.ends = reply["access_token"], asked + reply["expires_in"]
        else:
            log.error("Failed to retrieve OAuth Token")

    def get(self, resource, params):
        url = self.host + "/rest/v1/" + resource
        if not self.oauth:
            return self.session.get(url, auth=self.credentials, params=params)
        if self.ends - time.time() < 60:
            self.renew()
        return self.session.get(url, headers={"Authorization": "Bearer " + self.token}, params=params)

    def get_projects(self):
        answer = self.get("projects", {"startAt": 0, "maxResults": 20})
        status = answer.status_code
        if 200 <= status < 300:
            return answer.json()["data"]
        if status < 500:
            # Here its log has the product's message, and nothing but JSON is expected.
            log.error("API Client Error. Status: %s Message: %s", status, answer.json()["meta"]["message"])
        else:
            log.error("%s Server error. %s", status, answer.reason)
        raise Failure(status)


logging.basicConfig(stream=sys.stdout, format="log: %(message)s")
jama = JamaClient(sys.argv[1], (os.environ["ID"], os.environ["SECRET"]), sys.argv[2] == "oauth")
for line in sys.stdin:
    try:
        print([p["fields"]["name"] for p in jama.get_projects()], flush=True)
    except Exception as e:
        print(repr(e), flush=True)
