// Loaded into the proxy before it starts (`node --import`). Where a request fails, the proxy asks the hub for a page that
// says so (`--error-target`); where the hub is away too, it says two words and leaves it at that. A person gets a page
// here that asks again by itself. It is no page of `--error-path`, which configurable-http-proxy reads only where there
// is no hub to ask.

import { readFileSync } from "node:fs";
import { ConfigurableProxy } from "configurable-http-proxy";

const AWAY = 503;
const PAGE = readFileSync(new URL("503.html", import.meta.url));
const HEADERS = { "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store", "Retry-After": "3" };

const asItWas = ConfigurableProxy.prototype._handleProxyErrorDefault;
if (typeof asItWas !== "function") {
  throw new Error("configurable-http-proxy has no _handleProxyErrorDefault any more: images/proxy/hub_away.mjs");
}

// Not what was sent by a form, since asking again is not sending again; and no program is answered with a page.
const isVisit = (req) => req.method === "GET" && (req.headers.accept ?? "").includes("text/html");

ConfigurableProxy.prototype._handleProxyErrorDefault = function (code, kind, req, res) {
  if (code !== AWAY || kind !== "web" || !isVisit(req) || res.headersSent || res.writableEnded) {
    return asItWas.call(this, code, kind, req, res);
  }
  res.writeHead(code, HEADERS);
  res.end(PAGE);
};
