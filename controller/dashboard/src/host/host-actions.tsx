/** What a person can have done to the host; what the token may not do says so. */

import { Divider, Dropdown, DropdownItem, DropdownList, MenuToggle } from "@patternfly/react-core";
import { useState } from "react";
import type { Host } from "../api/documents";
import type { StoredObject } from "../api/objects";
import { LinkButton } from "../chrome/link-button";
import { infoOf, pathOf } from "../kinds/kinds";
import { DeleteDialog } from "../object/delete-dialog";
import { useMay, useMayWrite } from "../session/whoami";
import type { Notice } from "./operations";
import { ReleaseDialog } from "./release-dialog";
import { ReplaceDialog } from "./replace-dialog";
import { DecommissionDialog, StateDialog } from "./state-dialogs";
import { WithdrawDialog } from "./withdraw-dialog";

type Action = "release" | "withdraw" | "maintenance" | "active" | "decommission" | "replace" | "delete";

interface Props {
  host: Host;
  tell: (notice: Notice) => void;
}

interface Item {
  action: Action;
  title: string;
  says: string;
  may: boolean;
}

export function HostActions({ host, tell }: Props) {
  const [action, setAction] = useState<Action | null>(null);
  const [isOpen, setOpen] = useState(false);
  const groups = useActions(host);
  const mayWrite = useMayWrite("Host");
  const choose = (chosen: Action) => {
    setOpen(false);
    setAction(chosen);
  };
  return (
    <span className="page-actions">
      {mayWrite && (
        <LinkButton variant="secondary" href={`${pathOf("Host", host.metadata.name)}/edit`}>
          Edit
        </LinkButton>
      )}{" "}
      <Dropdown
        isOpen={isOpen}
        onOpenChange={setOpen}
        popperProps={{ position: "right" }}
        toggle={(ref) => (
          <MenuToggle ref={ref} isExpanded={isOpen} onClick={() => setOpen(!isOpen)}>
            Actions
          </MenuToggle>
        )}
      >
        {groups.map((items, index) => (
          <DropdownList key={items[0]?.action}>
            {index > 0 && <Divider component="li" />}
            {items.map(({ action: key, title, says, may }) => (
              <DropdownItem
                key={key}
                isAriaDisabled={!may}
                isDanger={may && (key === "decommission" || key === "delete")}
                description={may ? says : "The roles of this token do not allow it."}
                onClick={() => may && choose(key)}
              >
                {title}
              </DropdownItem>
            ))}
          </DropdownList>
        ))}
      </Dropdown>
      <Dialog action={action} host={host} tell={tell} close={() => setAction(null)} />
    </span>
  );
}

function useActions({ spec: { state } }: Host): Item[][] {
  const mayWrite = useMayWrite("Host");
  const mayOperate = useMay("operate");
  const mayEnrol = useMay("enrol");
  const change: Item =
    state === "active"
      ? { action: "maintenance", title: "Maintenance on …", says: "Send the host no change.", may: mayWrite }
      : { action: "active", title: state === "maintenance" ? "Maintenance off …" : "Make active again …", says: "The host follows the fleet again.", may: mayWrite };
  return [
    [
      { action: "release", title: "Release …", says: "Let it go on with what waits for you.", may: mayOperate },
      { action: "withdraw", title: "Withdraw grants …", says: "Take back what it was allowed.", may: mayOperate },
    ],
    [change, { action: "replace", title: "Replace machine …", says: "Another machine takes its place.", may: mayEnrol }],
    [
      { action: "decommission", title: "Decommission …", says: "Empty it and take it out of the fleet.", may: mayWrite },
      { action: "delete", title: "Delete …", says: "Out of intent at once, when nothing is on it.", may: mayWrite },
    ],
  ];
}

interface DialogOf extends Props {
  action: Action | null;
  close: () => void;
}

function Dialog({ action, host, tell, close }: DialogOf) {
  const { name } = host.metadata;
  const done = (notice: Notice) => {
    close();
    tell(notice);
  };
  switch (action) {
    case null:
      return null;
    case "release":
      return <ReleaseDialog name={name} close={close} done={done} />;
    case "withdraw":
      return <WithdrawDialog name={name} close={close} done={done} />;
    case "maintenance":
    case "active":
      return <StateDialog host={host} state={action} close={close} done={done} />;
    case "decommission":
      return <DecommissionDialog host={host} close={close} done={done} />;
    case "replace":
      return <ReplaceDialog name={name} close={close} />;
    case "delete":
      return <DeleteDialog info={infoOf("Host")} object={host as unknown as StoredObject} close={close} />;
  }
}
