/** Narrows a collection by words, phase and labels; the server does it. */

import { SearchInput, Toolbar, ToolbarContent, ToolbarItem } from "@patternfly/react-core";
import { ToggleGroup, ToggleGroupItem } from "@patternfly/react-core";
import { useState } from "react";
import { PHASES } from "../api/documents";
import { useUrlState, type UrlState } from "../chrome/url-state";
import type { KindInfo } from "../kinds/kinds";

export function FilterBar({ info }: { info: KindInfo }) {
  const { get, put } = useUrlState();
  const [words, setWords] = useState(get("q"));
  const search = (wanted: string) => {
    setWords(wanted);
    put({ q: wanted, page: null });
  };
  return (
    <Toolbar>
      <ToolbarContent>
        <ToolbarItem>
          <SearchInput
            aria-label={`Filter ${info.plural} by name`}
            placeholder="Name"
            value={words}
            onChange={(_, value) => search(value)}
            onClear={() => search("")}
          />
        </ToolbarItem>
        <ToolbarItem>
          <ToggleGroup aria-label="Phase">
            {PHASES.map((phase) => (
              <ToggleGroupItem
                key={phase}
                text={phase}
                isSelected={get("phase") === phase}
                onChange={(_, chosen) => put({ phase: chosen ? phase : null, page: null })}
              />
            ))}
          </ToggleGroup>
        </ToolbarItem>
      </ToolbarContent>
    </Toolbar>
  );
}

/** In the API's language: what the address says by words, and what it says itself. */
export function filterOf(get: UrlState["get"]): string {
  const parts = [
    get("q") && `metadata.name : ${quoted(`*${get("q")}*`)}`,
    get("phase") && `status.phase = ${quoted(get("phase"))}`,
    get("filter") && `(${get("filter")})`,
  ];
  return parts.filter(Boolean).join(" AND ");
}

const quoted = (words: string): string => JSON.stringify(words);
