/** Takes files: chosen, or dropped on what it is around. Their texts are put one after the other. */

import { Alert, Button } from "@patternfly/react-core";
import { useRef, useState, type DragEvent, type ReactNode } from "react";

interface Props {
  text: string;
  setText: (text: string) => void;
  children: ReactNode;
}

/** As much as the controller takes in one request. */
const MOST_BYTES = 32 * 2 ** 20;

export function FileDrop({ text, setText, children }: Props) {
  const input = useRef<HTMLInputElement>(null);
  const [isOver, setOver] = useState(false);
  const [fault, setFault] = useState("");
  const take = async (files: File[]) => {
    const large = files.find(({ size }) => size > MOST_BYTES);
    setFault(large ? `${large.name} is larger than 32 MiB. Split it into several files.` : "");
    if (large || files.length === 0) return;
    try {
      const texts = await Promise.all(files.map(async (file) => titled(file.name, await file.text())));
      setText([text.trimEnd(), ...texts].filter(Boolean).join("\n---\n"));
    } catch {
      setFault("The browser could not read the file. Is it still there?");
    }
  };
  const over = (event: DragEvent) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    setOver(true);
  };
  const drop = (event: DragEvent) => {
    setOver(false);
    if (event.dataTransfer.files.length === 0) return;
    event.preventDefault();
    event.stopPropagation();
    void take([...event.dataTransfer.files]);
  };
  return (
    <>
      <div
        className={isOver ? "file-drop file-drop-over" : "file-drop"}
        onDragOver={over}
        onDragLeave={() => setOver(false)}
        onDropCapture={drop}
      >
        {children}
      </div>
      {fault && <Alert variant="danger" isInline isLiveRegion title={fault} />}
      <div className="file-actions">
        <input
          ref={input}
          type="file"
          accept=".yaml,.yml,.json,application/yaml"
          multiple
          hidden
          aria-label="Files of manifests"
          onChange={({ target }) => {
            void take([...(target.files ?? [])]);
            // The same file may be chosen once more, after it was changed.
            target.value = "";
          }}
        />
        <Button variant="secondary" onClick={() => input.current?.click()}>
          Choose files
        </Button>
        {text && (
          <Button variant="link" onClick={() => setText("")}>
            Clear
          </Button>
        )}
      </div>
    </>
  );
}

const titled = (name: string, text: string): string =>
  `# ${name}\n${text.replace(/^\s*---\s*\n/, "").trimEnd()}\n`;
