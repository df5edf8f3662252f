"""The door for outgoing HTTP in the shape of a session of requests, for libraries that ask for one."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from . import egress


class Door(BaseAdapter):
    """Sends through `egress.fetch`; what that refuses is a ConnectionError here."""

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """One request; certificates are always checked, proxies never asked, and the time limit is the door's own."""
        body = request.body.encode() if isinstance(request.body, str) else request.body
        if not isinstance(body, bytes | None):
            raise TypeError("bodies that are read piece by piece")
        headers = {str(k): str(v) for k, v in request.headers.items() if str(k).lower() not in egress.OURS}
        try:
            answer = egress.fetch(request.url or "", method=request.method or "", body=body, headers=headers)
        except egress.EgressError as error:
            raise requests.ConnectionError(error.text, request=request) from error
        response = requests.Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers)
        response.encoding = requests.utils.get_encoding_from_headers(response.headers)
        response.raw = io.BytesIO(answer.body)
        response.url, response.request = request.url or "", request
        return response

    def close(self) -> None:
        """Nothing is kept open."""


class Session(requests.Session):
    """A session that knows no other way out and follows no redirect."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self.adapters.clear()
        for scheme in ("https://", "http://"):
            self.mount(scheme, Door())

    def get_redirect_target(self, resp: requests.Response) -> None:
        """A redirect is an answer like any other."""
