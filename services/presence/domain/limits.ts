export interface Limits {
  /** Bytes of UTF-8 of a user, device, instance or connection id. */
  readonly idMaxBytes: number;
  /** Sessions of one RegisterSessions, UnregisterSessions or RefreshSessions call. */
  readonly batchMaxSessions: number;
  /** User ids of one GetPresence, BatchGetUserDevices or WatchPresence call. */
  readonly queryMaxUsers: number;
  /** Devices that one user's record holds. */
  readonly userMaxDevices: number;
}

export const defaultLimits: Limits = {
  idMaxBytes: 128,
  batchMaxSessions: 1_000,
  queryMaxUsers: 10_000,
  userMaxDevices: 100,
};
