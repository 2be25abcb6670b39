import { Copy, ExternalLink } from "lucide-react";
import { IconButton } from "../parts/Button.tsx";
import { writeClipboard } from "../parts/grid/copy.ts";
import { toast, toastFailure } from "../parts/Toast.tsx";

const EXTENSIONS: Readonly<Record<string, string>> = {
  html: "html",
  json: "json",
  csv: "csv",
  ndjson: "ndjson",
};

/** A link in the three forms that people paste. */
export function ShareForms({ url, format }: { url: string; format: string }) {
  const forms = [
    { name: "URL", text: url },
    {
      name: "iframe",
      text: `<iframe src="${url.replaceAll("&", "&amp;").replaceAll('"', "&quot;")}" width="100%" height="400" loading="lazy" title="Shared rows"></iframe>`,
    },
    {
      name: "curl",
      text: `curl --fail --output rows.${EXTENSIONS[format] ?? "txt"} '${url.replaceAll("'", "'\\''")}'`,
    },
  ];
  return (
    <ul className="share-forms">
      {forms.map(({ name, text }) => (
        <li key={name}>
          <span className="share-form-name">{name}</span>
          <ShareText name={name} text={text} />
          <IconButton
            icon={Copy}
            label={`Copy the ${name}`}
            onClick={() =>
              writeClipboard(text).then(() => toast(`Copied the ${name}`), toastFailure)
            }
          />
          {name === "URL" ? (
            <a
              className="button button-icon button-plain"
              href={url}
              target="_blank"
              rel="noreferrer"
              aria-label="Open the link"
              title="Open the link"
            >
              <ExternalLink aria-hidden size={16} />
            </a>
          ) : null}
        </li>
      ))}
    </ul>
  );
}

/** Selected as a whole when it is clicked, for browsers that do not let us copy. */
function ShareText({ name, text }: { name: string; text: string }) {
  return (
    <input
      className="input input-small data"
      aria-label={name}
      readOnly
      value={text}
      onFocus={(event) => event.target.select()}
    />
  );
}
