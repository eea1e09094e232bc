/** All pages of a listing, one call each, as they come. */
export async function* pages<Page extends { readonly nextPageToken: string }>(
  ask: (pageToken: string) => Promise<Page>,
): AsyncGenerator<Page> {
  for (let pageToken: string | undefined; pageToken !== ""; ) {
    const page: Page = await ask(pageToken ?? "");
    yield page;
    pageToken = page.nextPageToken;
  }
}
