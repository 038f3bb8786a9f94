import { Button, type ButtonProps } from "@patternfly/react-core";
import { Link } from "wouter";

type Props = Omit<ButtonProps, "component" | "href"> & { href: string };

/** A link that looks like a button. One component for all: one made anew at each render would make
 * the link anew as well, and whoever had the keyboard on it would lose it at the next live update. */
export const LinkButton = (props: Props) => <Button {...props} component={Link} />;
