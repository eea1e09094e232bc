/** What one batch of records may become when it is decompressed: sixteen times what brokers take by default. */
export const batchMaxBytes = 16 * 1024 * 1024;

/** What may be made of one answer of a broker; the rest of it is fetched again. */
export class FetchBudget {
  bytes = 2 * batchMaxBytes;
  records = 50_000;

  get isUsedUp(): boolean {
    return this.bytes <= 0 || this.records <= 0;
  }
}
