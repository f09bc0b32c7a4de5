"""Asks for a token and calls an API with requests-oauthlib, as its documentation has it
for client credentials: token_client.py TOKEN_URL URL, with ID and SECRET in the environment."""

import os
import sys

import requests_oauthlib
from oauthlib.oauth2 import BackendApplicationClient

session = requests_oauthlib.OAuth2Session(client=BackendApplicationClient(client_id=os.environ["ID"]))
session.fetch_token(token_url=sys.argv[1], client_id=os.environ["ID"], client_secret=os.environ["SECRET"])
print(requests_oauthlib.__version__, session.get(sys.argv[2]).text)
