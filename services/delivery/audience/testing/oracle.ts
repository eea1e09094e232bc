import type { AudienceChange } from "../directory.ts";

/**
 * Who may see whom after a history, computed in the simplest way: all changes in order of time, applied to sets. At the
 * same time, a change that hides comes after one that shows.
 */
export function visibilityAfter(history: readonly AudienceChange[]): (viewer: string, user: string) => boolean {
  const members = new Map<string, Set<string>>();
  const contacts = new Set<string>();
  const blocks = new Set<string>();
  const membersOf = (conversationId: string) => {
    if (!members.has(conversationId)) members.set(conversationId, new Set());
    return members.get(conversationId) as Set<string>;
  };
  const pair = (one: string, other: string) => JSON.stringify([one, other]);
  const apply = (change: AudienceChange) => {
    switch (change.kind) {
      case "conversation":
        for (const participant of change.participants) membersOf(change.conversationId).add(participant);
        break;
      case "joined":
        membersOf(change.conversationId).add(change.userId);
        break;
      case "left":
        membersOf(change.conversationId).delete(change.userId);
        break;
      case "contact-added":
        contacts.add(pair(change.userId, change.contactId));
        break;
      case "contact-removed":
        contacts.delete(pair(change.userId, change.contactId));
        break;
      case "blocked":
        blocks.add(pair(change.userId, change.blockedId));
        contacts.delete(pair(change.userId, change.blockedId));
        break;
      case "unblocked":
        blocks.delete(pair(change.userId, change.blockedId));
        break;
    }
  };
  const hides = ({ kind }: AudienceChange) =>
    kind === "left" || kind === "contact-removed" || kind === "blocked" ? 1 : 0;
  for (const change of history.toSorted((a, b) => a.at - b.at || hides(a) - hides(b))) apply(change);

  return (viewer, user) => {
    if (viewer === user) return false;
    if (blocks.has(pair(viewer, user)) || blocks.has(pair(user, viewer))) return false;
    if (contacts.has(pair(viewer, user)) && contacts.has(pair(user, viewer))) return true;
    return [...members.values()].some((group) => group.has(viewer) && group.has(user));
  };
}
