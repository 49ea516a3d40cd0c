// A certified OpenID provider for tests: node provider.mjs '{"port": 1, "clients": [...], "accounts": {...}, "keys": [...]}'.
// Whoever signs in as one of the accounts is that one, with any password. Prints a line when it answers.

import { generateKeyPairSync } from "node:crypto";
import { readFileSync, writeFileSync, existsSync } from "node:fs";
import Provider from "oidc-provider";

const settings = JSON.parse(process.argv[2]);

const MAKE = {
  RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  PS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }),
  EdDSA: () => generateKeyPairSync("ed25519"),
};

// A key is made once, and the same after a restart.
function key({ kid, alg, file }) {
  if (!existsSync(file)) {
    writeFileSync(file, JSON.stringify({ ...MAKE[alg]().privateKey.export({ format: "jwk" }), kid, alg, use: "sig" }));
  }
  return JSON.parse(readFileSync(file, "utf8"));
}

const account = (id) => settings.accounts[id] && {
  accountId: id,
  claims: async () => ({ sub: id, ...settings.accounts[id] }),
};

const claims = ["sub", ...new Set(Object.values(settings.accounts).flatMap(Object.keys))];
const provider = new Provider(`http://127.0.0.1:${settings.port}`, {
  clients: settings.clients,
  jwks: { keys: settings.keys.map(key) },
  findAccount: async (_context, id) => account(id),
  claims: { openid: claims },
  conformIdTokenClaims: false,
  cookies: { keys: ["of the tests"] },
  enabledJWA: { idTokenSigningAlgValues: ["RS256", "PS256", "ES256", "EdDSA"] },
  features: { devInteractions: { enabled: true } },
  ttl: { IdToken: settings.seconds ?? 3600 },
});

provider.listen(settings.port, "127.0.0.1", () => console.log("ready"));
