import { send } from "../api/client.ts";
import { storedToken } from "../api/token.ts";
import { toastFailure } from "./Toast.tsx";
import "./twins.css";

export interface TwinLinkProps {
  /** As `apiUrl` makes it. */
  href: string;
  format: "json" | "csv" | "ndjson";
  /** What is there: `these rows`. */
  of: string;
}

/** The address of what the page shows, for programs: the same as JSON or CSV. */
export function TwinLink({ href, format, of }: TwinLinkProps) {
  return (
    <a
      href={href}
      target="_blank"
      rel="noreferrer"
      title={`The address of ${of} as ${format.toUpperCase()}`}
      onClick={(event) => {
        // A link cannot send the token; the page can.
        if (storedToken() === null) return;
        event.preventDefault();
        openWithToken(href).catch(toastFailure);
      }}
    >
      .{format}
    </a>
  );
}

export interface TwinLinksProps {
  /** The address in a format. */
  href: (format: "json" | "csv") => string;
  of: string;
}

/** Both of what the page shows. */
export function TwinLinks({ href, of }: TwinLinksProps) {
  return (
    <span className="twins">
      {(["json", "csv"] as const).map((format) => (
        <TwinLink key={format} href={href(format)} format={format} of={of} />
      ))}
    </span>
  );
}

async function openWithToken(href: string): Promise<void> {
  // Opened at once, while the browser still knows that a person asked for it.
  const tab = window.open("", "_blank");
  try {
    const text = await (await send(href)).text();
    const url = URL.createObjectURL(new Blob([text], { type: "text/plain;charset=utf-8" }));
    if (tab !== null) tab.location.href = url;
  } catch (error) {
    tab?.close();
    throw error;
  }
}
