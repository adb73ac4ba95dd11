// The identity provider of the development cluster: `node provider.mjs IDENTITY.json`.
// People, their teams and passwords are read anew at each question, so that a test can change somebody's teams.

import { createPrivateKey, generateKeyPairSync, randomBytes, timingSafeEqual } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";

import { Provider } from "oidc-provider";

const file = process.argv[2];
const read = () => JSON.parse(readFileSync(file, "utf8"));
const { issuer, address, port, certificate, key, client, signing_key: signingKeyFile } = read();

// Kept beside the record: tokens stay provable when this process is started again.
if (!existsSync(signingKeyFile)) {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  writeFileSync(signingKeyFile, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
}
const signingKey = createPrivateKey(readFileSync(signingKeyFile)).export({ format: "jwk" });

const escape = (text) => String(text).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
const page = (title, body) => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{font:1rem/1.5 system-ui,sans-serif;max-width:24rem;margin:4rem auto;padding:0 1rem}
label,input,button{display:block;width:100%;box-sizing:border-box;font:inherit;margin:.3rem 0 .8rem;padding:.3rem}</style>
</head><body><main><h1>${escape(title)}</h1>${body}</main></body></html>`;

const signInPage = (uid, problem = "") =>
  page(
    "Example Lab",
    `${problem && `<p role="alert">${escape(problem)}</p>`}
<form method="post" action="/interaction/${escape(uid)}">
<label for="name">Name</label><input id="name" name="name" autocomplete="username" required autofocus>
<label for="password">Password</label><input id="password" name="password" type="password" autocomplete="current-password" required>
<button>Sign in</button></form>`,
  );

const isSame = (given, right) => {
  const [one, other] = [Buffer.from(String(given)), Buffer.from(right)];
  return one.length === other.length && timingSafeEqual(one, other);
};

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: client.id,
      client_secret: client.secret,
      redirect_uris: client.redirect_uris,
      post_logout_redirect_uris: client.post_logout_redirect_uris,
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "client_secret_post",
    },
  ],
  jwks: { keys: [{ ...signingKey, use: "sig", alg: "RS256", kid: "development" }] },
  cookies: { keys: [randomBytes(32).toString("hex")] },
  claims: {
    openid: ["sub"],
    profile: ["name", "preferred_username", "groups", "uid_number", "gid_number"],
    email: ["email", "email_verified"],
  },
  findAccount: (_ctx, subject) => {
    const person = read().people[subject];
    return (
      person && {
        accountId: subject,
        claims: () => ({
          sub: subject,
          name: person.name,
          preferred_username: subject,
          groups: person.groups,
          uid_number: person.uid_number,
          gid_number: person.gid_number,
          email: `${subject}@example.test`,
          email_verified: true,
        }),
      }
    );
  },
  // One client, the company's own: nobody is asked whether it may know who they are.
  loadExistingGrant: async (ctx) => {
    const grant = new ctx.oidc.provider.Grant({
      clientId: ctx.oidc.client.clientId,
      accountId: ctx.oidc.session.accountId,
    });
    grant.addOIDCScope("openid profile email");
    await grant.save();
    return grant;
  },
  issueRefreshToken: async () => true,
  pkce: { required: () => true },
  ttl: { AccessToken: 600, IdToken: 600, Grant: 86400, Interaction: 600, RefreshToken: 86400, Session: 43200 },
  interactions: { url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
  features: {
    devInteractions: { enabled: false },
    rpInitiatedLogout: {
      enabled: true,
      logoutSource: (ctx, form) => {
        // `form` is the provider's own, with the token that proves it is; its id is "op.logoutForm".
        const button = '<button autofocus type="submit" form="op.logoutForm" value="yes" name="logout">Sign out</button>';
        ctx.body = page("Sign out of Example Lab?", form + button);
      },
      postLogoutSuccessSource: (ctx) => {
        ctx.body = page("You are signed out", "");
      },
    },
  },
  renderError: (ctx, out) => {
    ctx.type = "html";
    ctx.body = page("That did not work", `<p>${escape(out.error)}: ${escape(out.error_description ?? "")}</p>`);
  },
});

const body = async (request) => {
  let text = "";
  for await (const part of request) {
    text += part;
    if (text.length > 10_000) throw new Error("too long");
  }
  return new URLSearchParams(text);
};

const interaction = async (request, reply) => {
  const { uid } = await provider.interactionDetails(request, reply);
  reply.setHeader("Content-Type", "text/html; charset=utf-8");
  reply.setHeader("Cache-Control", "no-store");
  if (request.method !== "POST") {
    reply.end(signInPage(uid));
    return;
  }
  const form = await body(request);
  const name = form.get("name") ?? "";
  const { people } = read();
  const person = Object.hasOwn(people, name) ? people[name] : undefined;
  if (!person || !isSame(form.get("password"), person.password)) {
    reply.statusCode = 403;
    reply.end(signInPage(uid, "Name or password is wrong."));
    return;
  }
  await provider.interactionFinished(request, reply, { login: { accountId: name } }, { mergeWithLastSubmission: false });
};

const main = provider.callback();
createServer({ cert: readFileSync(certificate), key: readFileSync(key) }, (request, reply) => {
  if (!request.url.startsWith("/interaction/")) {
    main(request, reply);
    return;
  }
  interaction(request, reply).catch((error) => {
    console.error(`${request.method} an interaction: ${error.name}: ${error.message}`);
    reply.statusCode = 400;
    reply.setHeader("Content-Type", "text/html; charset=utf-8");
    reply.end(page("That did not work", "<p>This sign-in is too old. Begin again.</p>"));
  });
}).listen(port, address, () => console.log(`${issuer} answers on ${address}:${port}`));
