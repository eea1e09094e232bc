import type { AudienceChange } from "../directory.ts";

/**
 * Who may see whom after a history, told in the plainest way: everything that happened, one after the other, applied to
 * sets. What hides comes after what shows at the same moment.
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
  const happen = (change: AudienceChange) => {
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
  for (const change of history.toSorted((a, b) => a.at - b.at || hides(a) - hides(b))) happen(change);

  return (viewer, user) => {
    if (viewer === user) return false;
    if (blocks.has(pair(viewer, user)) || blocks.has(pair(user, viewer))) return false;
    if (contacts.has(pair(viewer, user)) && contacts.has(pair(user, viewer))) return true;
    return [...members.values()].some((group) => group.has(viewer) && group.has(user));
  };
}
