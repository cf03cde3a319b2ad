/**
 * How the `fetch` of each runtime fails, recorded once against the same servers on 127.0.0.1: Node 24, Deno, Bun, workerd
 * (miniflare) and Chromium. Addresses are replaced. Chromium and workerd tell hardly any two of them apart.
 *
 * `ended` and `reset` close the connection before a response, `cutHead` in the middle of its head, the other cuts in the
 * middle of a body; `garbage` is another protocol; `notTls` speaks no TLS where it is asked for.
 */

/** An error without its prototype. */
export interface Recorded {
  readonly name: string
  readonly message: string
  readonly code?: string
  readonly syscall?: string
  readonly retryable?: boolean
  readonly remote?: boolean
  readonly cause?: Recorded
}

/** Where it failed, the error, what it is, and whether the server may have seen the request. */
export type Row = readonly [phase: "head" | "body", error: Recorded, tag: string, written: boolean]

export const fetchFailures: Readonly<Record<string, Readonly<Record<string, Row>>>> = {
  node: {
    refused: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: { name: "Error", message: "connect ECONNREFUSED 127.0.0.1:1", code: "ECONNREFUSED", syscall: "connect" }
      },
      "ConnectRefused",
      false
    ],
    dns: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: {
          name: "Error",
          message: "getaddrinfo ENOTFOUND no-such-host.invalid",
          code: "ENOTFOUND",
          syscall: "getaddrinfo"
        }
      },
      "DnsFailure",
      false
    ],
    ended: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: { name: "SocketError", message: "other side closed", code: "UND_ERR_SOCKET" }
      },
      "ConnectionReset",
      true
    ],
    reset: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: { name: "Error", message: "read ECONNRESET", code: "ECONNRESET", syscall: "read" }
      },
      "ConnectionReset",
      true
    ],
    cutLength: [
      "body",
      {
        name: "TypeError",
        message: "terminated",
        cause: { name: "SocketError", message: "other side closed", code: "UND_ERR_SOCKET" }
      },
      "BodyCut",
      true
    ],
    cutLengthReset: [
      "body",
      {
        name: "TypeError",
        message: "terminated",
        cause: { name: "Error", message: "read ECONNRESET", code: "ECONNRESET", syscall: "read" }
      },
      "BodyCut",
      true
    ],
    cutChunked: [
      "body",
      {
        name: "TypeError",
        message: "terminated",
        cause: { name: "SocketError", message: "other side closed", code: "UND_ERR_SOCKET" }
      },
      "BodyCut",
      true
    ],
    cutHead: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: { name: "SocketError", message: "other side closed", code: "UND_ERR_SOCKET" }
      },
      "ConnectionReset",
      true
    ],
    garbage: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: {
          name: "HTTPParserError",
          message: "Response does not match the HTTP/1.1 protocol (Expected HTTP/, RTSP/ or ICE/)"
        }
      },
      "ProtocolError",
      true
    ],
    tls: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: {
          name: "Error",
          message:
            "self-signed certificate; if the root CA is installed locally, try running Node.js with --use-system-ca",
          code: "DEPTH_ZERO_SELF_SIGNED_CERT"
        }
      },
      "TlsFailure",
      false
    ],
    notTls: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: {
          name: "Error",
          message:
            "error:0A00010B:SSL routines:tls_validate_record_header:wrong version number:ssl/record/methods/tlsany_meth.c:77:",
          code: "ERR_SSL_WRONG_VERSION_NUMBER"
        }
      },
      "TlsFailure",
      false
    ]
  },
  deno: {
    refused: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: {
          name: "Error",
          message:
            "error sending request for url (http://127.0.0.1:1/): client error (Connect): tcp connect error: Connection refused (os error 111)"
        }
      },
      "ConnectRefused",
      false
    ],
    dns: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: {
          name: "Error",
          message:
            "error sending request for url (http://no-such-host.invalid/): client error (Connect): dns error: failed to lookup address information: Name or service not known"
        }
      },
      "DnsFailure",
      false
    ],
    ended: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: {
          name: "Error",
          message:
            "error sending request from 127.0.0.1:1 for http://127.0.0.1:1/ (127.0.0.1:1): client error (SendRequest): connection closed before message completed"
        }
      },
      "ConnectionReset",
      true
    ],
    reset: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: { name: "Error", message: "Connection reset by peer (os error 104)" }
      },
      "ConnectionReset",
      true
    ],
    cutLength: ["body", { name: "TypeError", message: "error reading a body from connection" }, "BodyCut", true],
    cutLengthReset: ["body", { name: "TypeError", message: "error reading a body from connection" }, "BodyCut", true],
    cutChunked: ["body", { name: "TypeError", message: "error reading a body from connection" }, "BodyCut", true],
    cutHead: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: {
          name: "Error",
          message:
            "error sending request from 127.0.0.1:1 for http://127.0.0.1:1/ (127.0.0.1:1): client error (SendRequest): connection closed before message completed"
        }
      },
      "ConnectionReset",
      true
    ],
    garbage: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: {
          name: "Error",
          message:
            "error sending request from 127.0.0.1:1 for http://127.0.0.1:1/ (127.0.0.1:1): client error (SendRequest): invalid HTTP version parsed"
        }
      },
      "ProtocolError",
      true
    ],
    tls: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: {
          name: "Error",
          message:
            "error sending request for url (https://127.0.0.1:1/): client error (Connect): invalid peer certificate: UnknownIssuer"
        }
      },
      "TlsFailure",
      false
    ],
    notTls: [
      "head",
      {
        name: "TypeError",
        message: "fetch failed",
        cause: {
          name: "Error",
          message:
            "error sending request for url (https://127.0.0.1:1/): client error (Connect): received corrupt message of type InvalidContentType"
        }
      },
      "TlsFailure",
      false
    ]
  },
  bun: {
    refused: [
      "head",
      {
        name: "TypeError",
        message: "ECONNREFUSED: Unable to connect. Is the computer able to access the url?",
        code: "ECONNREFUSED"
      },
      "ConnectRefused",
      false
    ],
    dns: [
      "head",
      {
        name: "TypeError",
        message: "getaddrinfo ENOTFOUND no-such-host.invalid",
        code: "ENOTFOUND",
        syscall: "getaddrinfo"
      },
      "DnsFailure",
      false
    ],
    ended: [
      "head",
      {
        name: "TypeError",
        message:
          "ECONNRESET: The socket connection was closed unexpectedly. For more information, pass `verbose: true` in the second argument to fetch()",
        code: "ECONNRESET"
      },
      "ConnectionReset",
      true
    ],
    reset: [
      "head",
      {
        name: "TypeError",
        message:
          "ECONNRESET: The socket connection was closed unexpectedly. For more information, pass `verbose: true` in the second argument to fetch()",
        code: "ECONNRESET"
      },
      "ConnectionReset",
      true
    ],
    cutLength: [
      "body",
      {
        name: "TypeError",
        message:
          "ECONNRESET: The socket connection was closed unexpectedly. For more information, pass `verbose: true` in the second argument to fetch()",
        code: "ECONNRESET"
      },
      "BodyCut",
      true
    ],
    cutLengthReset: [
      "body",
      {
        name: "TypeError",
        message:
          "ECONNRESET: The socket connection was closed unexpectedly. For more information, pass `verbose: true` in the second argument to fetch()",
        code: "ECONNRESET"
      },
      "BodyCut",
      true
    ],
    cutChunked: [
      "body",
      {
        name: "TypeError",
        message:
          "ECONNRESET: The socket connection was closed unexpectedly. For more information, pass `verbose: true` in the second argument to fetch()",
        code: "ECONNRESET"
      },
      "BodyCut",
      true
    ],
    cutHead: [
      "head",
      {
        name: "TypeError",
        message:
          "ECONNRESET: The socket connection was closed unexpectedly. For more information, pass `verbose: true` in the second argument to fetch()",
        code: "ECONNRESET"
      },
      "ConnectionReset",
      true
    ],
    garbage: [
      "head",
      {
        name: "TypeError",
        message:
          "Malformed_HTTP_Response fetching \"http://127.0.0.1:1/\". For more information, pass `verbose: true` in the second argument to fetch()",
        code: "Malformed_HTTP_Response"
      },
      "ProtocolError",
      true
    ],
    tls: [
      "head",
      { name: "TypeError", message: "certificate signature failure", code: "CERT_SIGNATURE_FAILURE" },
      "TlsFailure",
      false
    ],
    notTls: [
      "head",
      {
        name: "TypeError",
        message: "EPROTO: The TLS handshake failed. Does the server speak TLS on this port?",
        code: "EPROTO"
      },
      "TlsFailure",
      false
    ]
  },
  workerd: {
    refused: [
      "head",
      { name: "Error", message: "Network connection lost.", retryable: true, remote: true },
      "ConnectionReset",
      true
    ],
    dns: [
      "head",
      { name: "Error", message: "internal error; reference = 5psqs8gadoq16enahjjqq178", remote: true },
      "ConnectionReset",
      true
    ],
    ended: [
      "head",
      { name: "Error", message: "Network connection lost.", retryable: true, remote: true },
      "ConnectionReset",
      true
    ],
    reset: [
      "head",
      { name: "Error", message: "Network connection lost.", retryable: true, remote: true },
      "ConnectionReset",
      true
    ],
    cutLength: ["body", { name: "Error", message: "Network connection lost.", retryable: true }, "BodyCut", true],
    cutLengthReset: ["body", { name: "Error", message: "Network connection lost.", retryable: true }, "BodyCut", true],
    cutChunked: ["body", { name: "Error", message: "Network connection lost.", retryable: true }, "BodyCut", true],
    cutHead: [
      "head",
      { name: "Error", message: "Network connection lost.", retryable: true, remote: true },
      "ConnectionReset",
      true
    ],
    garbage: [
      "head",
      { name: "Error", message: "Network connection lost.", retryable: true, remote: true },
      "ConnectionReset",
      true
    ],
    tls: [
      "head",
      { name: "Error", message: "internal error; reference = 1ardsgi41um0rsvp8fvljurl", remote: true },
      "ConnectionReset",
      true
    ],
    notTls: [
      "head",
      { name: "Error", message: "internal error; reference = 9lq6ud0so0r4jq5r5tbfuu03", remote: true },
      "ConnectionReset",
      true
    ]
  },
  chromium: {
    refused: ["head", { name: "TypeError", message: "Failed to fetch" }, "ConnectionReset", true],
    dns: ["head", { name: "TypeError", message: "Failed to fetch" }, "ConnectionReset", true],
    ended: ["head", { name: "TypeError", message: "Failed to fetch" }, "ConnectionReset", true],
    reset: ["head", { name: "TypeError", message: "Failed to fetch" }, "ConnectionReset", true],
    cutLength: ["body", { name: "TypeError", message: "Failed to fetch" }, "BodyCut", true],
    cutLengthReset: ["body", { name: "TypeError", message: "Failed to fetch" }, "BodyCut", true],
    cutChunked: ["body", { name: "TypeError", message: "Failed to fetch" }, "BodyCut", true],
    cutHead: ["head", { name: "TypeError", message: "Failed to fetch" }, "ConnectionReset", true],
    garbage: ["head", { name: "TypeError", message: "Failed to fetch" }, "ConnectionReset", true],
    tls: ["head", { name: "TypeError", message: "Failed to fetch" }, "ConnectionReset", true],
    notTls: ["head", { name: "TypeError", message: "Failed to fetch" }, "ConnectionReset", true]
  }
}
