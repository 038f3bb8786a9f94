/** Somebody else changed the object meanwhile: their change and mine brought together. */

import { Alert, Button, Radio } from "@patternfly/react-core";
import { Table, Tbody, Td, Th, Thead, Tr } from "@patternfly/react-table";
import { useState } from "react";
import { stringify } from "yaml";
import type { Draft } from "./drafts";
import { merge, taking, type Clash } from "./merge";

interface Props {
  base: Draft;
  mine: Draft;
  theirs: Draft;
  revision: number;
  /** The draft as it shall go on, based on their revision. */
  onSettled: (draft: Draft) => void;
}

export function Conflict({ base, mine, theirs, revision, onSettled }: Props) {
  const { draft, clashes } = merge(base, mine, theirs);
  const [taken, setTaken] = useState<ReadonlySet<string>>(new Set());
  const settle = () =>
    onSettled(clashes.filter((clash) => taken.has(keyOf(clash))).reduce(taking, draft));
  const choose = (clash: Clash, isTheirs: boolean) =>
    setTaken((before) => {
      const after = new Set(before);
      if (isTheirs) after.add(keyOf(clash));
      else after.delete(keyOf(clash));
      return after;
    });
  return (
    <Alert
      variant="warning"
      isInline
      className="edit-clash"
      title={`Somebody else changed it meanwhile, in revision ${revision}. Nothing of yours was written.`}
      actionLinks={
        <Button variant="primary" onClick={settle}>
          Go on with both changes
        </Button>
      }
    >
      {clashes.length === 0 ? (
        <p>Your change and theirs touch different fields, so both can stay. Look at them once more before you save.</p>
      ) : (
        <ClashTable clashes={clashes} taken={taken} choose={choose} />
      )}
    </Alert>
  );
}

interface ClashTableProps {
  clashes: Clash[];
  taken: ReadonlySet<string>;
  choose: (clash: Clash, isTheirs: boolean) => void;
}

function ClashTable({ clashes, taken, choose }: ClashTableProps) {
  return (
    <>
      <p>These fields were changed by both. Choose which shall be.</p>
      <Table aria-label="Fields that both changed" variant="compact" gridBreakPoint="grid-md">
        <Thead>
          <Tr>
            <Th>Field</Th>
            <Th>It was</Th>
            <Th>Mine</Th>
            <Th>Theirs</Th>
          </Tr>
        </Thead>
        <Tbody>
          {clashes.map((clash) => {
            const key = keyOf(clash);
            const side = (isTheirs: boolean, value: unknown) => (
              <Radio
                id={`${key}-${isTheirs ? "theirs" : "mine"}`}
                name={key}
                label={
                  <span className="clash-side">
                    <span className="pf-v6-u-screen-reader">{`${isTheirs ? "Theirs" : "Mine"} of ${key}: `}</span>
                    {shown(value)}
                  </span>
                }
                isChecked={taken.has(key) === isTheirs}
                onChange={() => choose(clash, isTheirs)}
              />
            );
            return (
              <Tr key={key}>
                <Td dataLabel="Field" className="mono">
                  {key}
                </Td>
                <Td dataLabel="It was" className="clash-side">
                  {shown(clash.base)}
                </Td>
                <Td dataLabel="Mine">{side(false, clash.mine)}</Td>
                <Td dataLabel="Theirs">{side(true, clash.theirs)}</Td>
              </Tr>
            );
          })}
        </Tbody>
      </Table>
    </>
  );
}

const keyOf = ({ path }: Clash): string => path.join(".");

const shown = (value: unknown): string => (value === undefined ? "not set" : stringify(value).trim());
