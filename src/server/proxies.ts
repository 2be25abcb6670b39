/** What trusted proxies say of a request: where it comes from, and which address it was sent to. */
import { BlockList, isIP } from "node:net";
import { type Config, isHopCount } from "../config.ts";

/** `peer` is the other end of the connection, or null where that is not known. */
export interface Proxies {
  clientAddress(request: Request, peer: string | null): string | null;
  publicOrigin(request: Request, peer: string | null): string;
}

/**
 * Only what a trusted proxy says counts. Each adds to the end of the list of addresses, so the list is
 * read from there: the first address that is no trusted proxy is the client.
 */
export function proxiesOf(config: Pick<Config, "trustProxy" | "forwardedHeader">): Proxies {
  const { trustProxy, forwardedHeader } = config;
  if (trustProxy.length === 0)
    return {
      clientAddress: (_, peer) => plain(peer),
      publicOrigin: (request) => new URL(request.url).origin,
    };
  const [first = ""] = trustProxy;
  const isTrusted = isHopCount(first) ? hops(Number(first)) : networks(trustProxy);
  return {
    clientAddress(request, peer) {
      const header = request.headers.get(forwardedHeader) ?? "";
      const named = forwardedHeader === "forwarded" ? forwardedFor(header) : header.split(",");
      let client = plain(peer);
      for (const [hop, text] of named.reverse().entries()) {
        if (client === null || !isTrusted(client, hop)) return client;
        const address = plain(text);
        // What cannot be read was not written by a proxy that does its work.
        if (address === null) return client;
        client = address;
      }
      return client;
    },
    publicOrigin(request, peer) {
      const { origin, host } = new URL(request.url);
      const address = plain(peer);
      if (address === null || !isTrusted(address, 0)) return origin;
      const scheme = request.headers.get("x-forwarded-proto")?.split(",")[0]?.trim();
      const given = request.headers.get("x-forwarded-host")?.split(",")[0]?.trim() ?? host;
      const said = `${scheme === "https" || scheme === "http" ? scheme : "http"}://${given}`;
      return URL.canParse(said) && new URL(said).host === given.toLowerCase()
        ? new URL(said).origin
        : origin;
    },
  };
}

type Trust = (address: string, hop: number) => boolean;

const hops =
  (count: number): Trust =>
  (_, hop) =>
    hop < count;

function networks(entries: readonly string[]): Trust {
  const list = new BlockList();
  for (const entry of entries) {
    const [address = "", bits] = entry.split("/");
    const family = isIP(address) === 4 ? "ipv4" : "ipv6";
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return (address) => list.check(address, isIP(address) === 4 ? "ipv4" : "ipv6");
}

/** The `for` of each element of a Forwarded header (RFC 7239), in order. */
function forwardedFor(header: string): string[] {
  const elements = header.match(/(?:"(?:[^"\\]|\\.)*"|[^,"])+/g) ?? [];
  return elements.map((element) => {
    const value = /(?:^|;)\s*for\s*=\s*("(?:[^"\\]|\\.)*"|[^;,\s"]+)/i.exec(element)?.[1] ?? "";
    return value.replace(/^"(.*)"$/, "$1");
  });
}

/** An address without port, brackets and IPv4 in IPv6; null for anything else. */
function plain(text: string | null): string | null {
  const trimmed = text?.trim() ?? "";
  const bare =
    /^\[([^\]]*)\](?::\d+)?$/.exec(trimmed)?.[1] ??
    /^(\d+(?:\.\d+){3})(?::\d+)?$/.exec(trimmed)?.[1] ??
    trimmed;
  const mapped = /^::ffff:(\d+(?:\.\d+){3})$/i.exec(bare)?.[1] ?? bare;
  return isIP(mapped) === 0 ? null : mapped.toLowerCase();
}
