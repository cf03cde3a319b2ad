/** A self-signed certificate for 127.0.0.1 and localhost, made once a run. */
import { generate } from "selfsigned"

const made = await generate([{ name: "commonName", value: "localhost" }], {
  keyType: "ec",
  extensions: [{
    name: "subjectAltName",
    altNames: [{ type: 2, value: "localhost" }, { type: 7, ip: "127.0.0.1" }]
  }]
})

/** For the server. */
export const certificate = { key: made.private, cert: made.cert }

/** For a client that is to trust it. */
export const trust = { ca: made.cert }
