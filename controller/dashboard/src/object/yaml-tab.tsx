/** The object as a manifest, to read, copy or keep. */

import { Button, Card, CardBody, CardHeader } from "@patternfly/react-core";
import { saveFile } from "../chrome/save-file";
import { CopyAs } from "../copy/copy-as";
import { shellWord } from "../copy/shell";
import { YamlText } from "../edit/code-editor";
import { draftOf, manifestOf, yamlOf } from "../edit/drafts";
import type { TabProps } from "./tabs";
import "../edit/edit.css";

export function YamlTab({ info, object }: TabProps) {
  const { name, project } = object.metadata;
  const text = yamlOf(manifestOf(draftOf(object)));
  const query = info.ofProjects ? `?project=${encodeURIComponent(project)}` : "";
  return (
    <Card component="section" aria-label="YAML">
      <CardHeader
        actions={{
          hasNoOffset: true,
          actions: (
            <>
              <Button variant="secondary" onClick={() => saveFile(`${name}.yaml`, text, "application/yaml")}>
                Download
              </Button>
              <CopyAs
                cli={`ovsfleet get ${info.noun.replaceAll(" ", "-").toLowerCase()} ${shellWord(name)}${info.ofProjects ? ` --project ${shellWord(project)}` : ""} -o yaml`}
                request={{ method: "GET", path: `/v1/${info.collection}/${encodeURIComponent(name)}${query}` }}
              />
            </>
          ),
        }}
      />
      <CardBody>
        <YamlText label={`YAML of ${name}`} value={text} />
      </CardBody>
    </Card>
  );
}
