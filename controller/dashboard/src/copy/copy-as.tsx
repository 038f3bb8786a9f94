/** What a person does here, as the command or the request that does the same elsewhere. */

import { Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import CopyIcon from "@patternfly/react-icons/dist/esm/icons/copy-icon";
import { useState } from "react";
import { shellWord } from "./shell";

export interface Request {
  method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** With its query, as it stands after the host: `/v1/segments/blue`. */
  path: string;
  /** A text is sent as it is, anything else as JSON. */
  body?: unknown;
  headers?: Record<string, string>;
}

interface Props {
  /** The same by the command line; none where it has no such verb. */
  cli?: string;
  request: Request;
  label?: string;
}

export function CopyAs({ cli, request, label = "Copy as" }: Props) {
  const [isOpen, setOpen] = useState(false);
  const [copied, setCopied] = useState("");
  const copy = (what: string, text: string) => {
    setOpen(false);
    void navigator.clipboard.writeText(text).then(
      () => setCopied(`${what} copied`),
      () => setCopied("The browser does not let this page copy"),
    );
  };
  return (
    <>
      <Dropdown
        isOpen={isOpen}
        onOpenChange={setOpen}
        popperProps={{ position: "right" }}
        toggle={(ref) => (
          <MenuToggle ref={ref} icon={<CopyIcon />} isExpanded={isOpen} onClick={() => setOpen(!isOpen)}>
            {label}
          </MenuToggle>
        )}
      >
        <DropdownList>
          {cli && <DropdownItem onClick={() => copy("Command", cli)}>ovsfleet command</DropdownItem>}
          <DropdownItem onClick={() => copy("Request", curl(request))}>curl request</DropdownItem>
        </DropdownList>
      </Dropdown>
      <span role="status" className="muted copied">
        {copied}
      </span>
    </>
  );
}

/** The token is named and not written out: commands end up in histories and tickets. */
export function curl({ method, path, body, headers = {} }: Request): string {
  const all = { ...(body !== undefined && { "Content-Type": "application/json" }), ...headers };
  const lines = [
    `curl -X ${method} ${shellWord(`${location.origin}${path}`)}`,
    '-H "Authorization: Bearer $OVSFLEET_TOKEN"',
    ...Object.entries(all).map(([name, value]) => `-H ${shellWord(`${name}: ${value}`)}`),
    ...(body === undefined ? [] : [`--data-binary ${shellWord(written(body))}`]),
  ];
  return lines.join(" \\\n  ");
}

/** A text is the body as it is; anything else is sent as JSON. */
const written = (body: unknown): string => (typeof body === "string" ? body : JSON.stringify(body));
