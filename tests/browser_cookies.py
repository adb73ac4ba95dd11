"""Cookies as browsers keep them: one that names no domain goes to the host that set it, and to no host below it."""

from __future__ import annotations

from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx


class BrowserCookies:
    """For a transport of httpx, whose own jar sends such cookies to every subdomain, which no browser does."""

    def __init__(self) -> None:
        strict = DefaultCookiePolicy(strict_ns_domain=DefaultCookiePolicy.DomainStrictNonDomain)
        self._cookies = httpx.Cookies(CookieJar(strict))

    def put_into(self, request: httpx.Request) -> None:
        """Send what belongs to this address, and nothing else."""
        request.headers.pop("Cookie", None)
        self._cookies.set_cookie_header(request)

    def take_from(self, response: httpx.Response, request: httpx.Request) -> None:
        """Keep what this answer sets."""
        response.request = request
        self._cookies.extract_cookies(response)
