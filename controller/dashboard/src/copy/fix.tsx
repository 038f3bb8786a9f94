/** What to do, in a sentence; its `commands` are copied by a click. */

import { ClipboardCopy } from "@patternfly/react-core";

export function Fix({ text }: { text: string }) {
  return text.split("`").map((part, index) =>
    index % 2 === 1 ? (
      <ClipboardCopy
        key={index}
        isReadOnly
        isCode
        variant="inline-compact"
        hoverTip="Copy"
        clickTip="Copied"
        copyAriaLabel={`Copy ${part}`}
      >
        {part}
      </ClipboardCopy>
    ) : (
      part
    ),
  );
}
